"The checks that every commit must pass; prints a line for each and closes with `N passed, N failed`."
import filecmp
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
results = []

def run(*command, cwd=ROOT):
    "Run a command; its exit code and all it printed."
    words = [str(c) for c in command]
    done = subprocess.run(words, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout

def check(name, func):
    "Run one check: `func` returns what is wrong, or nothing."
    start = time.time()
    try: wrong = func()
    except Exception as e: wrong = repr(e)
    results.append(not wrong)
    print(f"{'FAIL' if wrong else 'ok  '} {name} ({time.time()-start:.0f} s)", flush=True)
    if wrong: print('     ' + wrong.strip()[-6000:].replace('\n', '\n     '), flush=True)

NO_SOURCES = ('.git', '.venv', 'outputs*', 'runs', '.mypy_cache', '__pycache__', '.ipynb_checkpoints', '*.egg-info')

def source_files(top, parts):
    "Python files, notebooks and documents in some parts of a copy of the repository, as paths below its `top`."
    for part in parts:
        for f in [top/part, *(top/part).rglob('*')]:
            if not f.is_file() or '.ipynb_checkpoints' in f.parts: continue
            if f.suffix in ('.py', '.ipynb', '.md'): yield f.relative_to(top)

def is_same(one, other): return one.exists() and other.exists() and filecmp.cmp(one, other, shallow=False)

def drift(command, parts, remedy):
    "What `command` would change in `parts`, found in a copy."
    with tempfile.TemporaryDirectory() as d:
        copy = Path(d)/ROOT.name
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NO_SOURCES))
        code,said = run(*command, cwd=copy)
        if code: return said
        files = {*source_files(ROOT, parts), *source_files(copy, parts)}
        changed = [str(f) for f in sorted(files) if not is_same(ROOT/f, copy/f)]
        return f"{', '.join(changed)}: run {remedy} and commit" if changed else ''

def types():
    code,said = run(BIN/'mypy')
    return said if code else ''

def lint():
    code,said = run(BIN/'ruff', 'check', '--quiet')
    return said if code else ''

def sources():
    "The notebooks that the package is made of: chapters first, then the wings."
    folders = [ROOT/'nbs', *(ROOT/'nbs'/wing for wing in ('io', 'metrics', 'run', 'system', 'tools'))]
    return [nb for folder in folders for nb in sorted(folder.glob('*.ipynb'))]

def notebook(nb):
    code,said = run(BIN/'nbdev_test', '--path', nb)
    return said if code else ''

TINY = dict(image_size=32, ngf=4, gl_num=1, ndf=4, dl_num=2, max_epoch=1, max_dataset_size=8, platform='CPU')
SMALL = [word for name,value in TINY.items() for word in ('-p', name, value)]

def papermill(nb, d, *parameters):
    return run(BIN/'papermill', f'nbs/{nb}.ipynb', d/'out.ipynb', *parameters)

def papermill_refuses(name, value, words):
    with tempfile.TemporaryDirectory() as d:
        code,said = papermill('04_train', Path(d), *SMALL, '-p', 'outputs_dir', Path(d)/'run', '-p', name, value)
        last = said.strip().splitlines()[-1]
        if code == 0 or words not in last or (Path(d)/'run').exists():
            return f'expected a refusal with "{words}" before any work, got exit code {code}: {said}'

def tutorial(nb):
    "A tutorial in its short form."
    with tempfile.TemporaryDirectory() as d:
        code,said = run(BIN/'papermill', nb, Path(d)/'out.ipynb', '-k', 'python3', '-p', 'short', True)
        return said if code else ''

def script(*command):
    "Run a test script and pass on the line that says how many cases it tried."
    code,said = run(sys.executable, *command)
    if code: return said
    print('     ' + said.strip().splitlines()[-1], flush=True)

if __name__ == '__main__':
    check('clean notebooks', lambda: drift([BIN/'nbdev_clean'], ['nbs'], 'nbdev_clean'))
    check('package follows notebooks', lambda: drift([BIN/'nbdev_export'], ['cyclegan_nbdev'], 'nbdev_export'))
    make_readme = [sys.executable, ROOT/'scripts/readme.py']
    check('README follows index', lambda: drift(make_readme, ['README.md'], 'make readme'))
    check('types', types)
    check('lint', lint)
    check('imports run downwards', lambda: script('tests/house.py', 'imports'))
    for nb in sources(): check(f'nbdev_test {nb.relative_to(ROOT/"nbs")}', lambda: notebook(nb))
    check('links and names in the documents', lambda: script('scripts/docs.py'))
    check('bad input', lambda: script('tests/bad_input.py'))
    check('attacks', lambda: script('tests/attack.py'))
    check('fuzzed readers', lambda: script('tests/fuzz.py', '--examples', '100'))
    check('exports', lambda: script('tests/exports.py'))
    check('faults, a few', lambda: script('tests/faults.py', '--kills', '2'))
    check('many processes', lambda: script('tests/distributed.py'))
    check('papermill runs of 04_train, 07_evaluate and 05_distill, as after a plain installation',
          lambda: script('tests/plain.py'))
    check('papermill refuses an unknown option', lambda: papermill_refuses('nfg', 32, 'did you mean ngf?'))
    check('papermill refuses an impossible value', lambda: papermill_refuses('model', 'vgg', 'allowed: resnet, unet'))
    for nb in sorted((ROOT/'nbs/tutorials').glob('*.ipynb')): check(f'tutorial {nb.name}', lambda: tutorial(nb))
    print(f'{sum(results)} passed, {len(results)-sum(results)} failed')
    sys.exit(0 if all(results) else 1)
