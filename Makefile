# make demo   sets up .venv and trains on generated street scenes (ARGS="--max_epoch 2" adds options)
# make test   sets up .venv and runs the checks that every commit must pass
# TORCH=cpu   takes PyTorch's CPU builds, which are gigabytes smaller than the CUDA builds
PYTHON ?= python3
TORCH ?=
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)

.PHONY: demo test app-test faults release-check report readme outputs constraints clean

demo: $(VENV)/.installed
	$(BIN)/cyclegan_train --platform CPU --outputs_dir outputs $(ARGS)
	@$(BIN)/cyclegan_report outputs

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
report: $(VENV)/.installed
	$(BIN)/papermill nbs/04_train.ipynb out.ipynb -p platform CPU

# after editing nbs/index.ipynb
readme: $(VENV)/.ready
	$(BIN)/python scripts/readme.py

# run all notebooks anew, long runs included, and keep what they show
outputs: $(VENV)/.ready
	$(BIN)/python scripts/outputs.py

# the versions that make test installs: renew them from a new environment with the newest of everything
constraints:
	rm -rf $(VENV)
	: > constraints.txt
	$(MAKE) $(VENV)/.ready
	$(BIN)/python -m pip freeze --exclude-editable > constraints.txt

# uv installs where there is one, and TORCH=cpu brings it; pip does otherwise
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check $(QUIET)
ifneq ($(UV)$(TORCH),)
INSTALL = $(if $(UV),$(UV),$(BIN)/uv) pip install --python $(BIN)/python $(if $(TORCH),--torch-backend $(TORCH))
endif
QUIET := $(if $(CI),--quiet)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "cyclegan_nbdev needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(if $(TORCH),$(if $(UV),,$(BIN)/python -m pip install --quiet --disable-pip-version-check uv))

$(VENV)/.installed: settings.ini setup.py pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing cyclegan_nbdev and PyTorch into $(VENV): up to a few gigabytes, some minutes"
	$(INSTALL) -e . $(if $(TORCH),,-c constraints.txt)
	@touch $@

$(VENV)/.ready: $(VENV)/.installed
	@echo "installing what the checks need"
	$(INSTALL) -e '.[dev]' $(if $(TORCH),,-c constraints.txt)
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info _docs _proc
