"""Do a newcomer's tasks in a fresh clone with the README's own commands, made small.

A command is found in the README by its first words, so it is tried exactly as the README gives it. `DIR`, `D`, `N`,
`F`, `G` and `photo.jpg` stand for files and folders that are made here. Options are added behind a command: of an
option given twice, the last counts. The script prints each command, and `N passed, N failed` at the end."""
import argparse
import csv
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
arguments.add_argument('--venv', action='store_true',
                       help='also make a new virtual environment, as `make demo` does (downloads gigabytes)')
arguments.add_argument('--keep', action='store_true', help='keep the clone')
SMALL = dict(image_size=32, ngf=4, gl_num=1, ndf=4, dl_num=2)
OPTIONS = [w for k,v in (SMALL | dict(platform='CPU')).items() for w in (f'--{k}', str(v))]

class Newcomer:
    "A fresh clone, its README and a shell."
    def __init__(self, work, venv):
        self.clone,self.venv = work/'clone',venv
        subprocess.run(['git', 'clone', '-q', ROOT, self.clone], check=True)
        self.readme = (self.clone/'README.md').read_text()
        self.bin = self.clone/'.venv/bin' if venv else Path(sys.executable).parent
        path = f"{self.bin}:{os.environ['PATH']}"
        self.env = dict(os.environ, PATH=path, MPLBACKEND='agg', XDG_CACHE_HOME=str(work/'cache'))
        if not venv: self.env['PYTHONPATH'] = str(self.clone) # the clone's code with this environment's libraries

    def told(self, begins, language='bash'):
        "The README's command that begins so, or its code block that does; without its comment."
        blocks = re.findall(rf'```{language}\n(.*?)```', self.readme, re.S)
        lines = [line for b in blocks for line in b.splitlines()]
        if language == 'bash': found = [line for line in lines if line.startswith(begins)]
        else: found = [b for b in blocks if begins in b]
        if len(found) != 1: raise AssertionError(f'the README has {len(found)} times: {begins}')
        return found[0].split(' #')[0].strip() if language == 'bash' else found[0]

    def words(self, command):
        "A command of the README as words, with what its letters stand for."
        stand = dict(
            DIR='scenes',
            D='scenes',
            N='named',
            F='outputs/ckpt/G_A_5.safetensors',
            G='outputs/ckpt/G_B_5.safetensors')
        return [re.sub(r'^(DIR|[DNFG])(?=/|$)', lambda m: stand[m[1]], w.strip("'")) for w in command.split()]

    def do(self, *command, ok=True, timeout=1800):
        "Run it, and say so."
        words = [str(w) for w in command]
        print('     $ ' + ' '.join(w if len(w) < 200 else f'{w[:60]!r}…' for w in words), flush=True)
        p = subprocess.run(words, cwd=self.clone, env=self.env, timeout=timeout, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if ok and p.returncode: raise AssertionError(f'exit code {p.returncode}: {p.stdout[-1500:]}')
        return p.stdout

    def there(self, *paths):
        missing = [p for p in paths if not (self.clone/p).exists()]
        if missing: raise AssertionError(f'not written: {missing}')

def train_demo(c):
    make = [*c.told('make demo').split(), f"ARGS={' '.join(OPTIONS)} --max_epoch 1"]
    c.do(*make, *([] if c.venv else ['-o', f'{c.bin.parent}/.installed', f'VENV={c.bin.parent}']))
    c.there('outputs/imgs/0_grid.png', 'outputs/imgs/1_grid.png', 'outputs/ckpt/G_A_1.safetensors')
    c.there('outputs/report.html')
    shutil.rmtree(c.clone/'outputs')

def train_own(c):
    c.do('cyclegan_demo_scenes', '--outputs_dir', 'scenes', '--size', 40, '--n_train', 12, '--n_test', 4)
    shutil.copy(c.clone/'scenes/testA/00000.png', c.clone/'photo.png')
    c.do('python', '-c', "from PIL import Image; Image.open('photo.png').resize((61, 47)).save('photo.jpg')")
    parameters = SMALL | dict(platform='CPU', outputs_dir='notebook')
    more = [word for name,value in parameters.items() for word in ('-p', name, value)]
    c.do(*c.words(c.told('papermill nbs/04_train.ipynb out.ipynb -p dataroot')), *more)
    c.there('out.ipynb', 'notebook/ckpt/G_A_5.safetensors')
    c.do(*c.words(c.told('cyclegan_train --dataroot DIR')), *OPTIONS)
    c.there('outputs/config.json', 'outputs/history.csv', 'outputs/imgs/5_grid.png')
    c.there('outputs/ckpt/G_A_5.safetensors', 'outputs/ckpt/G_B_5.safetensors')
    code = c.told('cyclegan_learner(dls, o)', 'python').replace("'DIR'", "'scenes'")
    size = 'image_size=128, ngf=32, max_epoch=5'
    small_size = "image_size=32, ngf=4, gl_num=1, ndf=4, dl_num=2, max_epoch=1, platform='CPU'"
    assert size in code
    c.do('python', '-c', code.replace(size, small_size))

def resume(c):
    command = [*c.words(c.told('cyclegan_train --dataroot DIR')), *OPTIONS, '--outputs_dir', 'stopped']
    print('     $ ' + ' '.join(command) + '    (killed in its third epoch, then again)')
    p = subprocess.Popen(command, cwd=c.clone, env=c.env, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    end = time.time() + 300
    second = c.clone/'stopped/ckpt/G_A_2.safetensors'
    while not second.exists() and p.poll() is None and time.time() < end: time.sleep(.02)
    p.send_signal(signal.SIGKILL)
    p.wait()
    if (c.clone/'stopped/ckpt/G_A_5.safetensors').exists(): raise AssertionError('it was not stopped')
    c.do(*command)
    c.there('stopped/ckpt/G_A_5.safetensors')
    if list(c.clone.glob('stopped.*')): raise AssertionError('it began anew')
    steps = [int(l.split(',')[1]) for l in (c.clone/'stopped/history.csv').read_text().splitlines()[1:]]
    if steps != sorted(set(steps)) or steps[-1] != 60: raise AssertionError(f'steps of history.csv: {steps}')

def predict_one(c):
    c.do(*c.words(c.told('cyclegan_predict --run_dir outputs --input')))
    c.there('outputs/predict/fake_B/photo.jpg')
    c.do('python', '-c', c.told('Translator.from_run', 'python'))
    size = c.do('python', '-c', "from PIL import Image; print(*Image.open('label.png').size)").split()
    if size != ['61', '47']: raise AssertionError(f'a picture of 61 × 47 became one of {size}')
    shutil.rmtree(c.clone/'outputs/predict')

def evaluate(c):
    c.do(*c.words(c.told('cyclegan_predict --run_dir outputs --dataroot')))
    c.do(*c.words(c.told('cyclegan_evaluate')))
    if 'Mean pixel accuracy' not in (c.clone/'evaluation_results.txt').read_text(): raise AssertionError('no scores')
    c.there('evaluation_confusion.png', 'evaluation_worst.png')

def distil(c):
    c.do(*c.words(c.told('cyclegan_train --kd')), *OPTIONS, '--ngf', 2)
    c.there('student/ckpt/G_A_5.safetensors')

def export_and_run(c):
    c.do(*c.words(c.told('cyclegan_export')))
    (c.clone/'label.png').unlink()
    without_torch = "import sys; sys.modules['torch'] = sys.modules['cyclegan_nbdev'] = None\n"
    c.do('python', '-c', without_torch + c.told('onnxruntime.InferenceSession', 'python'))
    c.there('label.png')

ASK_PAGE = """
import sys
from gradio_client import Client, handle_file
client = Client(sys.argv[1], verbose=False)
answer = client.predict(handle_file('photo.jpg'), 'A', api_name='/translate')
assert '61 × 47 pixels' in answer[-1], answer
"""

def open_page(c):
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    command = [*c.words(c.told('cyclegan_app')), '--port', str(port)]
    print('     $ ' + ' '.join(command))
    p = subprocess.Popen(command, cwd=c.clone, env=c.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        line = next((l for l in p.stdout if 'the page is at' in l), None)
        if not line: raise AssertionError('the page did not open')
        url = re.search(r'http\S+', line)[0]
        if b'<html' not in urllib.request.urlopen(url).read(): raise AssertionError('no page')
        c.do('python', '-c', ASK_PAGE, url)
    finally:
        p.terminate()
        p.wait(20)

CHECK_OPTION = """
import sys
from cyclegan_nbdev.cli import train_parser
from cyclegan_nbdev.core import Options
options = train_parser().parse(sys.argv[1:])
options.pop('dry_run', None)
Options.of(options)
"""

def table(c):
    "Every command and option that the tutorial tells those who come from elsewhere."
    cells = json.loads((c.clone/'nbs/tutorials/coming_from_elsewhere.ipynb').read_text())['cells']
    section = '\n'.join(''.join(cell['source']) for cell in cells)
    here = [r.split('|')[2] for r in section.splitlines() if r.startswith('| ') and not r.startswith('| |')]
    codes = [code for cell in here for code in re.findall('`(.*?)`', cell)]
    commands = [x for x in codes if x.startswith('cyclegan_')]
    options = [x for x in codes if x.startswith('--')]
    if len(commands) < 5 or len(options) < 5:
        raise AssertionError(f'only {commands} and {options} were found in the table')
    for x in commands:
        words = c.words(x)
        if x.startswith('cyclegan_train'):
            words += [*OPTIONS, '--max_epoch', 1]
            if '--outputs_dir' not in x: words += ['--outputs_dir', 'more']
        c.do(*words)
    c.there('named/report.html', 'named/ckpt/G_A_1.safetensors')
    elsewhere = ('--logger wandb',) # a service
    all_of_them = [w for x in options if x not in elsewhere for w in x.split()]
    short = ['--load_size', 36, '--n_epochs', 1, '--max_epoch', 1, '--outputs_dir', 'options']
    c.do('cyclegan_train', '--dataroot', 'scenes', *all_of_them, *OPTIONS, *short)
    for x in options: c.do('python', '-c', CHECK_OPTION, *x.split())

def everything_named(c):
    "The README names every chapter and tutorial, 10_cli every command, and CONTRIBUTING every notebook."
    commands = re.findall(r'(cyclegan_\w+)=', (c.clone/'settings.ini').read_text())
    chapters = [f.stem for f in sorted((c.clone/'nbs').glob('[0-9]*.ipynb'))]
    wings = ('io', 'metrics', 'run', 'system', 'tools')
    rooms = [f'{wing}/{f.stem}' for wing in wings for f in sorted((c.clone/'nbs'/wing).glob('*.ipynb'))]
    tutorials = [f.name for f in sorted((c.clone/'nbs/tutorials').glob('*.ipynb'))]
    where,cli = (c.clone/'CONTRIBUTING.md').read_text(),(c.clone/'nbs/10_cli.ipynb').read_text()
    missing = [x for x in chapters if f'| [{x}](' not in c.readme]
    missing += [x for x in tutorials if x not in c.readme]
    missing += [x for x in commands if f'`{x}`' not in cli]
    missing += [x for x in chapters + rooms if f'[{x}](nbs/{x}.ipynb)' not in where]
    if missing or min(len(commands), len(chapters), len(rooms)) < 10: raise AssertionError(f'not named: {missing}')

# what a newcomer does in the first hour beside the README

def rates(c, folder):
    "The learning rates of a run, as history.csv has them."
    with open(c.clone/folder/'history.csv', newline='') as f: return {row['lr'] for row in csv.DictReader(f)}

def says(text, *words):
    missing = [w for w in words if w not in text]
    if missing: raise AssertionError(f'not said: {missing}; said: {text[-1500:]}')

def own_run(c, folder, *more, **kwargs):
    return c.do('cyclegan_train', '--dataroot', 'scenes', *OPTIONS, '--outputs_dir', folder, *more, **kwargs)

def longer(c):
    own_run(c, 'tried', '--max_epoch', 1)
    for n in (2, 4): c.do('cyclegan_train', '--outputs_dir', 'tried', '--resume', '--max_epoch', n)
    if rates(c, 'tried') != {'0.0002'}: raise AssertionError(f'learning rates {rates(c, "tried")}')

def start_from(c):
    own_run(c, 'falling', '--max_epoch', 2, '--n_epochs', 1)
    refusal = c.do('cyclegan_train', '--outputs_dir', 'falling', '--resume', '--max_epoch', 4, ok=False)
    says(refusal, 'start_from=')
    c.do('cyclegan_train', '--start_from', 'falling', '--outputs_dir', 'next', '--max_epoch', 1)
    c.there('next/ckpt/G_A_1.safetensors')

def finished(c):
    says(own_run(c, 'next', '--start_from', 'falling', '--max_epoch', 1), 'it is finished')
    if list(c.clone.glob('next.*')): raise AssertionError('the finished run was put aside')

def failing_start(c):
    said = own_run(c, 'falling', '--seed', 99, '--logger', 'wandb', ok=False)
    says(said, 'wandb', 'not installed')
    if list(c.clone.glob('falling.*')): raise AssertionError('the run before was put aside')

def flags(c):
    says(c.do('cyclegan_train', '--dry_run'), 'parameters', 'memory')
    says(c.do('cyclegan_train', '--kd', ok=False), 'teacher_run')

def options_file(c):
    options = SMALL | dict(platform='CPU', max_epoch=7)
    (c.clone/'mine.yaml').write_text('\n'.join(f'{k}: {v}' for k,v in options.items()))
    typed = '--dataroot', 'scenes', '--outputs_dir', 'from_file', '--max_epoch', 1
    c.do('cyclegan_train', '--config', 'mine.yaml', *typed)
    c.there('from_file/ckpt/G_A_1.safetensors')
    (c.clone/'odd.yaml').write_text('nfg: 3')
    says(c.do('cyclegan_train', '--config', 'odd.yaml', ok=False), 'did you mean ngf?')

def older_names(c):
    c.do('cyclegan_demo_scenes', '--output_dir', 'older', '--size', 32, '--n_train', 2, '--n_test', 1)
    c.there('older/trainA/00001.png')
    says(c.do('cyclegan_evaluate', '--cityscapes_dir', 'older/testB', '--result_dir', 'older/testB'), '100.0')

WRONG_FLOATS = """
import numpy as np
from cyclegan_nbdev.predict import Translator
translate = Translator.from_run('outputs')
print(translate)
translate(np.zeros((32, 32, 3)) + 127.)
"""

def floats(c):
    says(c.do('python', '-c', WRONG_FLOATS, ok=False), 'Translator(', 'wanted floating point in [0, 1]')

FASTAI = """
from fastai.vision.all import SaveModelCallback
from cyclegan_nbdev.all import *
o = Options(dataroot='scenes', image_size=32, ngf=4, gl_num=1, ndf=4, dl_num=2, max_epoch=1, platform='CPU')
learn = cyclegan_learner(unpaired_dls(o), o)
learn.summary()
try: learn.add_cb(SaveModelCallback())
except CycleGANError as e: print(e)
fit(learn, o, cbs=SaveModelCallback(monitor='C_A'))
try: cyclegan_learner(o, learn.dls)
except OptionError as e: print(e)
"""

def fastai_user(c): says(c.do('python', '-c', FASTAI), "monitor='C_A'", 'dls comes first')

def papermill_log(c):
    parameters = SMALL | dict(platform='CPU', outputs_dir='logged', dataroot='scenes', max_epoch=1)
    words = [word for name,value in parameters.items() for word in ('-p', name, value)]
    says(c.do('papermill', '--log-output', 'nbs/04_train.ipynb', 'logged.ipynb', *words), 'epoch 1/1, step 12')

TASKS = {
    'train the demo': train_demo,
    'train on folders of your own': train_own,
    'resume a run that was stopped': resume,
    'predict one picture': predict_one,
    'evaluate': evaluate,
    'distil': distil,
    'export to ONNX and run it without PyTorch': export_and_run,
    'open the page': open_page,
    'the commands for those who come from elsewhere': table,
    'everything is named': everything_named,
    'a longer run keeps its learning rate': longer,
    "a new run from another's networks": start_from,
    'a finished run says so': finished,
    'a start that fails moves nothing': failing_start,
    'flags without a value': flags,
    'options from a file': options_file,
    'older names of options': older_names,
    'floating-point pictures out of range': floats,
    "fastai's callbacks": fastai_user,
    'progress of a papermill run': papermill_log}

def main():
    args,results = arguments.parse_args(),[]
    work = Path(tempfile.mkdtemp(prefix='newcomer-'))
    try:
        c = Newcomer(work, args.venv)
        log = subprocess.run(['git', 'log', '-1', '--format=%h %s'], cwd=c.clone, capture_output=True, text=True)
        print(f'clone of {log.stdout.strip()}')
        for name,task in TASKS.items():
            start,wrong = time.time(),None
            try: task(c)
            except Exception as e: wrong = str(e) or repr(e)
            results.append(not wrong)
            print(f"{'FAIL' if wrong else 'ok  '} {name} ({time.time()-start:.0f} s)", flush=True)
            if wrong: print('     ' + wrong.replace('\n', '\n     '), flush=True)
    finally:
        if args.keep: print(f'the clone is in {work}')
        else: shutil.rmtree(work)
    print(f'{sum(results)} passed, {len(results)-sum(results)} failed')
    sys.exit(0 if all(results) else 1)

if __name__ == '__main__': main()
