"Sweeps that are stopped, killed, or shared by the jobs of configs/slurm.sh and configs/kubernetes.yaml."
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pandas as pd
import psutil
import yaml

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ['PYTHONPATH'] = str(ROOT)
SMALL = dict(image_size=32, ngf=4, gl_num=1, ndf=4, dl_num=2, max_dataset_size=10, platform='CPU', need_dropout=False)
results = []

def check(name, func, tmp):
    start = time.time()
    try: said = func(tmp)
    except AssertionError as e: results.append(False); print(f'FAIL {name}: {e}', flush=True)
    else: results.append(True); print(f'ok   {name}: {said} ({time.time()-start:.0f} s)', flush=True)

def short_notebook(tmp):
    "04_train up to its run."
    nb = nbformat.read(ROOT/'nbs/04_train.ipynb', 4)
    nb.cells = nb.cells[:1 + next(i for i,c in enumerate(nb.cells) if 'learn = train(given)' in c.source)]
    nbformat.write(nb, tmp/'short.ipynb')
    return str(tmp/'short.ipynb')

def plan(tmp, name, max_epoch, **grid):
    common = SMALL | dict(max_epoch=max_epoch, print_iter=5)
    path = tmp/f'{name}.yaml'
    path.write_text(yaml.safe_dump(dict(outputs_dir=str(tmp/name), common=common, grid=grid)))
    return str(path)

def start(*command, **env):
    return subprocess.Popen([str(c) for c in command], cwd=ROOT, env=os.environ | env, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

def sweep(*words, **env): return start(sys.executable, '-m', 'cyclegan_nbdev.cli', 'sweep', *words, **env)

def stopped(tmp):
    "SIGTERM, kill -9, then to the end: the run goes on, and its weights are those of a run that nobody stopped."
    from safetensors.torch import load_file
    config,notebook = plan(tmp, 'stopped', 60, seed=[0]),short_notebook(tmp)
    for k,sig in enumerate((signal.SIGTERM, signal.SIGKILL)):
        p,history = sweep('--config', config, '--notebook', notebook),tmp/'stopped/seed=0/history.csv'
        rows = lambda: len(history.read_text().splitlines()) if history.exists() else 0
        before = rows()
        while rows() < before + 10:
            assert p.poll() is None, p.communicate()[0][-2000:]
            time.sleep(.05)
        kernels = psutil.Process(p.pid).children(recursive=True)
        p.send_signal(sig)
        said = p.communicate(timeout=60)[0]
        assert p.returncode == (-9 if sig == signal.SIGKILL else 143), (p.returncode, said[-2000:])
        assert not psutil.wait_procs(kernels, 20)[1], 'a kernel outlives its sweep'
        assert not (tmp/'stopped/seed=0.ipynb').exists()
    p = sweep('--config', config, '--notebook', notebook)
    said = p.communicate()[0]
    assert p.returncode == 0, said[-2000:]
    shown = (tmp/'stopped/seed=0.ipynb').read_text()
    assert 'continuing the run' in shown, shown[-3000:]
    straight = sweep('--config', plan(tmp, 'straight', 60, seed=[0]), '--notebook', notebook)
    straight.communicate()
    a,b = (load_file(tmp/d/'seed=0/ckpt/G_A_60.safetensors') for d in ('stopped', 'straight'))
    assert all((a[k] == b[k]).all() for k in a), 'other weights'
    assert not [*(tmp/'stopped').rglob('.cyclegan-tmp-*')], 'something half-written'
    return 'continued twice, to the same weights'

def shared(tmp):
    "The commands of both batch systems, two jobs each, side by side."
    config,notebook = plan(tmp, 'shared', 1, lr=[.0002, .0004], seed=[0, 1]),short_notebook(tmp)
    bin = tmp/'.venv/bin'
    bin.mkdir(parents=True)
    # a function in place of the installed command
    (bin/'activate').write_text(f'cyclegan_sweep() {{ {sys.executable} -m cyclegan_nbdev.cli sweep "$@"; }}\n')
    text = (ROOT/'configs/slurm.sh').read_text()
    text = text.replace('exec cyclegan_sweep', 'cyclegan_sweep').replace('source .venv', f'source {tmp}/.venv')
    first = start('bash', '-c', text, 'slurm', '--config', config, '--notebook', notebook,
                  SLURM_ARRAY_TASK_ID='5', SLURM_ARRAY_TASK_MIN='5', SLURM_ARRAY_TASK_COUNT='2')
    job = yaml.safe_load((ROOT/'configs/kubernetes.yaml').read_text())['spec']
    command = job['template']['spec']['containers'][0]['command']
    assert command[0] == 'cyclegan_sweep' and command[-2:] == ['--count', str(job['completions'])]
    assert job['completionMode'] == 'Indexed'
    words = [c.replace('/cyclegan_nbdev', str(ROOT)) for c in command[1:]]
    words = [w.replace('$(JOB_COMPLETION_INDEX)', '3') for w in words]
    last = sweep(*words, '--config', config, '--notebook', notebook) # the fourth run
    said = first.communicate()[0] + last.communicate()[0]
    assert first.returncode == last.returncode == 0, said[-3000:]
    table = pd.read_csv(tmp/'shared/table.csv')
    assert [*table.state] == ['done', 'open', 'done', 'done'], table
    rest = sweep('--config', config, '--notebook', notebook)
    said = rest.communicate()[0]
    assert said.count('done already') == 3 and rest.returncode == 0, said[-2000:]
    assert [*pd.read_csv(tmp/'shared/table.csv').state] == ['done']*4 and (tmp/'shared/sweep.png').exists()
    return '4 runs by 3 commands, none made twice'

if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as d:
        check('stopped and continued', stopped, Path(d))
        check('shared by jobs', shared, Path(d))
    print(f'{sum(results)} of {len(results)}')
    sys.exit(0 if all(results) else 1)
