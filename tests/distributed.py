"Runs in many processes, held against one: `python tests/distributed.py`; `--long` adds four processes and ten kills under torchrun's restarts."
import argparse
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault('OMP_NUM_THREADS', '1')
results = []

TINY = dict(image_size=32, ngf=4, gl_num=1, ndf=4, dl_num=2, platform='CPU', seed=3)

def torchrun(n, *command, options=()):
    "Start `command` in n processes."
    return subprocess.Popen([sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', str(n), *options, *map(str, command)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=os.environ | dict(PYTHONPATH=str(ROOT)))

def end(p, code=0):
    "Wait for a process; what it said."
    said = p.communicate()[0]
    assert (p.returncode == 0) == (code == 0), said[-2000:]
    return said

def words(**options): return [w for k,v in options.items() for w in (f'--{k}', v)]
def train(n, options=(), **given): return torchrun(n, '-m', 'cyclegan_nbdev.cli', 'train', *words(**given), options=options)
def history(folder): return list(csv.DictReader(open(folder/'history.csv')))

def weights(folder, epoch):
    from safetensors.torch import load_file
    return {f'{r}.{k}':v for r in ('G_A', 'G_B', 'D_A', 'D_B') for k,v in load_file(folder/f'ckpt/{r}_{epoch}.safetensors').items()}

def farthest(a, b): return max((a[k]-b[k]).abs().max().item() for k in a)

def fit_in_double(folder, scenes, batch_size):
    "50 steps in float64, inside each process; the first one writes its weights."
    import torch
    from cyclegan_nbdev.batches import unpaired_dls
    from cyclegan_nbdev.core import Options, seed_everything
    from cyclegan_nbdev.ranks import join_ranks, process_group, rank
    from cyclegan_nbdev.train import cyclegan_learner, fit
    from cyclegan_nbdev.losses import CycleGANLoss
    from fastai.callback.core import Callback
    class Single(CycleGANLoss): # fastai's recorder takes no other
        def forward(self, *args): return super().forward(*args).float()
    class Doubles(Callback):
        def before_batch(self): self.learn.xb = tuple(x.double() for x in self.xb)
    o = Options(dataroot=scenes, cache_dir=str(Path(scenes).parent/'cache'), batch_size=batch_size, max_epoch=5, use_random=False, pool_size=0, **TINY)
    with process_group(o.platform):
        seed_everything(o.seed)
        learn = cyclegan_learner(unpaired_dls(o), o, [Doubles()])
        learn.model.double()
        learn.loss_func = Single(o)
        join_ranks(learn, cpu=True)
        with learn.no_bar(), learn.no_logging(): fit(learn, o)
        if rank() == 0: torch.save(learn.model.state_dict(), folder)

def check(name, func):
    if args.only not in name: return
    start = time.time()
    try: said = func()
    except AssertionError as e: results.append(False); print(f'FAIL {name}: {e}', flush=True)
    else: results.append(True); print(f'ok   {name}: {said} ({time.time()-start:.0f} s)', flush=True)

def equal_weights(tmp, n, batch):
    import torch
    def run(m, out): return end(torchrun(m, __file__, '--fit', tmp/out, '--scenes', tmp/'scenes', '--batch_size', batch//m))
    run(1, 'one.pt'); run(n, 'many.pt')
    a,b = (torch.load(tmp/f, weights_only=True) for f in ('one.pt', 'many.pt'))
    d = farthest(a, b)
    assert d < 1e-9, f'the weights differ by {d:.1e}'
    return f'float64, 50 steps of {batch} images: weights differ by at most {d:.1e}'

def product_run(tmp):
    o = dict(dataroot=tmp/'scenes', cache_dir=tmp/'cache', max_epoch=3, print_iter=4, **TINY)
    said = end(train(2, outputs_dir=tmp/'two', **o))
    rows = history(tmp/'two')
    assert [r['step'] for r in rows] == ['4', '8', '10', '14', '18', '20', '24', '28', '30'], rows # 20 images, 2 processes
    assert said.count('the run is in') == 1 and said.count('step 30,') == 1, said
    return f'{len(rows)} lines of history, written once'

def resumed(tmp):
    "SIGTERM to all; the same command with 2 processes ends with the weights of an uninterrupted run, with 1 it ends well."
    o = dict(dataroot=tmp/'scenes', cache_dir=tmp/'cache', max_epoch=6, print_iter=2, **TINY)
    end(train(2, outputs_dir=tmp/'straight', **o))
    for n,name in ((2, 'same'), (1, 'other')):
        p = train(2, outputs_dir=tmp/name, **o)
        while not (tmp/name/'history.csv').exists() or len(history(tmp/name)) < 7: # in the second epoch
            assert p.poll() is None, p.communicate()[0][-3000:]
            time.sleep(.05)
        p.send_signal(signal.SIGTERM)
        said = end(p, 1)
        assert 'the run is saved' in said, said[-3000:]
        said = end(train(n, outputs_dir=tmp/name, **o))
        assert 'continuing the run' in said, said[-3000:]
    d = farthest(weights(tmp/'straight', 6), weights(tmp/'same', 6))
    assert d == 0, f'after the interruption the weights differ by {d:.1e}'
    assert all(v.isfinite().all() for v in weights(tmp/'other', 6).values())
    return '2 processes go on bit for bit, 1 goes on too'

def child_of(p):
    "Process numbers of the ranks."
    out = subprocess.run(['pgrep', '-P', str(p.pid)], stdout=subprocess.PIPE, text=True).stdout.split()
    return list(map(int, out))

def killed(tmp):
    "kill -9 for one process: the other ends by itself, and says why."
    o = dict(dataroot=tmp/'scenes', cache_dir=tmp/'cache', max_epoch=200, print_iter=2, **TINY)
    p = train(2, outputs_dir=tmp/'killed', **o)
    while not (tmp/'killed/history.csv').exists() or len(history(tmp/'killed')) < 3: time.sleep(.05)
    os.kill(child_of(p)[-1], signal.SIGKILL)
    since = time.time()
    said = end(p, 1)
    took = time.time()-since
    assert took < 60, f'it took {took:.0f} s'
    assert 'another process of the run has ended' in said, said[-3000:]
    return f'the run ended after {took:.0f} s'

def restarts(tmp, kills):
    "torchrun starts a run again after every kill; it ends whole."
    o = dict(dataroot=tmp/'scenes', cache_dir=tmp/'cache', max_epoch=200, print_iter=2, save_state_minutes=.02, save_imgs=False, keep_checkpoints=2, **TINY)
    p = train(2, outputs_dir=tmp/'restarted', options=('--max-restarts', str(kills+2), '--monitor-interval', '0.2'), **o)
    rng,file = random.Random(0),tmp/'restarted/history.csv'
    for done in range(kills):
        since = time.time()
        while not file.exists() or file.stat().st_mtime < since: # until it trains again
            assert p.poll() is None, f'the run ended after {done} kills: ' + p.communicate()[0][-2000:]
            time.sleep(.05)
        time.sleep(rng.uniform(0, 2))
        os.kill(rng.choice(child_of(p)), signal.SIGKILL)
        time.sleep(1) # until torchrun has noticed
    said = end(p)
    assert 'the run is in' in said and weights(tmp/'restarted', 200), said[-3000:]
    return f'{kills} kills at random moments, continued {said.count("continuing the run")} times'

if __name__ == '__main__':
    p = argparse.ArgumentParser()
    p.add_argument('--long', action='store_true'); p.add_argument('--only', default=''); p.add_argument('--fit'); p.add_argument('--scenes'); p.add_argument('--batch_size', type=int)
    args = p.parse_args()
    if args.fit: sys.exit(fit_in_double(args.fit, args.scenes, args.batch_size))
    sys.path.insert(0, str(ROOT))
    from cyclegan_nbdev.data import make_demo_scenes
    with tempfile.TemporaryDirectory() as d:
        tmp = Path(d)
        make_demo_scenes(tmp/'scenes', 32, n_train=20, n_test=3, progress=False)
        check('weights of 2 processes', lambda: equal_weights(tmp, 2, 2))
        check('a run in 2 processes', lambda: product_run(tmp))
        if args.long:
            check('weights of 4 processes', lambda: equal_weights(tmp, 4, 4))
            check('interrupted and resumed', lambda: resumed(tmp))
            check('one process killed', lambda: killed(tmp))
            check('restarted by torchrun', lambda: restarts(tmp, 10))
    print(f'{sum(results)} of {len(results)}')
    sys.exit(0 if all(results) else 1)
