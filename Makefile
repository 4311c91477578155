# make demo   sets up .venv and trains on generated street scenes (ARGS="--max_epoch 2" adds options)
# make test   sets up .venv and runs the checks that every commit must pass
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test app-test faults release-check report readme outputs clean

demo: $(VENV)/.ready
	$(BIN)/cyclegan_train --platform CPU --outputs_dir outputs $(ARGS)
	@echo "look at outputs/imgs: the _grid.png of each epoch shows A -> B -> A and B -> A -> B"

test: $(VENV)/.ready
	$(BIN)/python scripts/check.py

# training runs killed, out of disk, locked out: minutes
faults: $(VENV)/.ready
	$(BIN)/python tests/faults.py

# the web page in a real Chromium (Debian: apt install chromium chromium-driver); RUN=a run folder
app-test: $(VENV)/.ready
	$(BIN)/python tests/app_browser.py $(if $(RUN),--run_dir $(RUN)) --shots outputs/page

# what a newcomer does, with the README's commands in a fresh clone; VENV_TOO=--venv also in a new environment
release-check: $(VENV)/.ready
	$(BIN)/python scripts/release_check.py $(VENV_TOO)

# the same run as a notebook with curves and pictures: out.ipynb
report: $(VENV)/.ready
	$(BIN)/papermill nbs/04_train.ipynb out.ipynb -p platform CPU

# after editing nbs/index.ipynb
readme: $(VENV)/.ready
	$(BIN)/python scripts/readme.py

# run all notebooks anew, long runs included, and keep what they show
outputs: $(VENV)/.ready
	$(BIN)/python scripts/outputs.py

$(VENV)/.ready: settings.ini setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else "cyclegan_nbdev needs Python 3.10 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info _docs _proc
