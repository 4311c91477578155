"""Runs in many processes, held against one: `python tests/distributed.py`.

`--long` adds four processes, accelerate, a cache and predictions of `--images N` with a kill each, and ten kills under
torchrun's restarts."""
import argparse
import csv
import math
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

def start(*command):
    env = os.environ | dict(PYTHONPATH=str(ROOT), PYTHONFAULTHANDLER='1')
    return subprocess.Popen([sys.executable, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, cwd=ROOT, env=env)

def torchrun(n, *command, options=()):
    "Start `command` in n processes."
    return start('-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', n, *options, *command)

def end(p, code=0):
    "Wait for a process; what it said."
    said = p.communicate()[0]
    # what the processes said comes before the launcher's summary
    processes_said = said.split('torch.distributed.elastic.multiprocessing.errors.ChildFailedError')[0]
    assert (p.returncode == 0) == (code == 0), processes_said[-6000:]
    return said

def words(**options): return [w for k,v in options.items() for w in (f'--{k}', v)]
def train(n, options=(), **given):
    return torchrun(n, '-m', 'cyclegan_nbdev.cli', 'train', *words(**given), options=options)
def history(folder): return list(csv.DictReader(open(folder/'history.csv')))

def weights(folder, epoch):
    from safetensors.torch import load_file
    files = {role:load_file(folder/f'ckpt/{role}_{epoch}.safetensors') for role in ('G_A', 'G_B', 'D_A', 'D_B')}
    return {f'{role}.{k}':v for role,tensors in files.items() for k,v in tensors.items()}

def farthest(a, b): return max((a[k]-b[k]).abs().max().item() for k in a)

def fit_in_double(folder, scenes, batch_size):
    "50 steps in float64, inside each process; the first one writes its weights."
    import torch
    from cyclegan_nbdev.data import unpaired_dls
    from cyclegan_nbdev.core import Options
    from cyclegan_nbdev.system.devices import seed_everything
    from cyclegan_nbdev.system.ranks import join_ranks, process_group, rank
    from cyclegan_nbdev.train import cyclegan_learner, fit
    from cyclegan_nbdev.losses import CycleGANLoss
    from fastai.callback.core import Callback
    class Single(CycleGANLoss): # fastai's recorder takes no other
        def forward(self, *args): return super().forward(*args).float()
    class Doubles(Callback):
        def before_batch(self): self.learn.xb = tuple(x.double() for x in self.xb)
    o = Options(dataroot=scenes, cache_dir=str(Path(scenes).parent/'cache'), batch_size=batch_size, max_epoch=5,
                use_random=False, pool_size=0, **TINY)
    with process_group(o.platform):
        seed_everything(o.seed)
        learn = cyclegan_learner(unpaired_dls(o), o, [Doubles()])
        learn.model.double()
        learn.loss_func = Single(o)
        join_ranks(learn, cpu=True)
        with learn.no_bar(), learn.no_logging(): fit(learn, o)
        if rank() == 0: torch.save(learn.model.state_dict(), folder)
    # a thread that outlives Python's own end aborts the process
    left = [f for f in Path('/proc/self/task').glob('*/comm') if 'gloo' in f.read_text()]
    assert not left, f'{len(left)} threads of gloo are left'

def cache_in_process(folder, cache_dir):
    "Build a cache, inside each process, which tells what it decodes."
    import cyclegan_nbdev.io.cache as cache_room
    from cyclegan_nbdev.io.pictures import find_images
    from cyclegan_nbdev.system.ranks import process_group
    real,log = cache_room._decode,open(f'{cache_dir}.{os.getpid()}.log', 'a')
    def decode(path, **kwargs):
        time.sleep(.02)
        print(path, file=log, flush=True)
        return real(path, **kwargs)
    cache_room._decode = decode
    with process_group('CPU'):
        since = time.time()
        cache = cache_room.ImageCache(find_images(folder), cache_dir=cache_dir, together=True)
        print(f'{len(cache)} images in {time.time()-since:.1f} s')

def check(name, func):
    if args.only not in name: return
    start = time.time()
    try: said = func()
    except AssertionError as e: results.append(False); print(f'FAIL {name}: {e}', flush=True)
    else: results.append(True); print(f'ok   {name}: {said} ({time.time()-start:.0f} s)', flush=True)

def equal_weights(tmp, n, batch):
    import torch
    def run(m, out):
        return end(torchrun(m, __file__, '--fit', tmp/out, '--scenes', tmp/'scenes', '--batch_size', batch//m))
    run(1, 'one.pt'); run(n, 'many.pt')
    a,b = (torch.load(tmp/f, weights_only=True) for f in ('one.pt', 'many.pt'))
    d = farthest(a, b)
    assert d < 1e-9, f'the weights differ by {d:.1e}'
    return f'float64, 50 steps of {batch} images: weights differ by at most {d:.1e}'

def product_run(tmp, n):
    "What n processes write is what one writes with the global batch."
    o = dict(dataroot=tmp/'scenes', cache_dir=tmp/'cache', max_epoch=3, n_epochs=1, print_iter=4, **TINY)
    many,one,steps = tmp/f'by{n}',tmp/f'batches{n}',math.ceil(20/n)
    said = end(train(n, outputs_dir=many, **o))
    end(train(1, outputs_dir=one, batch_size=n, **o))
    rows,alone = history(many),history(one)
    def schedule(rows): return [(r['epoch'], r['step'], r['lr']) for r in rows]
    assert schedule(rows) == schedule(alone) and rows[0]['lr'] != rows[-1]['lr'], (rows, alone)
    assert [int(r['step']) for r in rows] == [e*steps + k for e in range(3) for k in [*range(4, steps, 4), steps]], rows
    assert said.count('the run is in') == 1 and said.count(f'step {3*steps},') == 1, said
    files = [{str(f.relative_to(d)) for f in d.rglob('*') if f.is_file()} for d in (many, one)]
    assert files[0] == files[1], files[0] ^ files[1]
    return (f'{len(rows)} lines of history, written once; epochs, steps, learning rates and files of one process '
            'with the global batch')

def resumed(tmp):
    "SIGTERM to all; the same command with 2 processes ends with the weights of an uninterrupted run, with 1 it ends."
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
    o = TINY | dict(dataroot=tmp/'scenes', cache_dir=tmp/'cache', max_epoch=200, print_iter=2, save_state_minutes=.02,
                    save_imgs=False, keep_checkpoints=2)
    launcher = '--max-restarts', str(kills+2), '--monitor-interval', '0.2'
    p = train(2, outputs_dir=tmp/'restarted', options=launcher, **o)
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

def logged(cache_dir):
    logs = sorted(cache_dir.parent.glob(f'{cache_dir.name}.*.log'))
    return [line for f in logs for line in f.read_text().splitlines()]

def many_images(tmp):
    "A folder of `--images` small pictures, no two alike."
    from PIL import Image
    folder = tmp/'many'
    if not folder.exists():
        folder.mkdir()
        for i in range(args.images):
            Image.new('RGB', (16, 16), (i % 256, i//256 % 256, i//65536)).save(folder/f'{i:06}.png')
    return folder

def cache_together(tmp):
    "A cache built by 2 processes, one of them killed: the next 2 decode what is missing, each image once."
    from cyclegan_nbdev.io.cache import _read_index
    n,folder,cache = args.images,many_images(tmp),tmp/'many_cache'
    begin = lambda: torchrun(2, __file__, '--cache', folder, '--cache_dir', cache)
    p = begin()
    while len(logged(cache)) < n/3: time.sleep(.02)
    os.kill(child_of(p)[-1], signal.SIGKILL)
    end(p, 1)
    before,parts = logged(cache),[d for d in sorted(cache.glob('*/*')) if _read_index(d) is not None]
    kept = sum(len(_read_index(d)) for d in parts)
    assert 0 < kept < n, kept
    for f in tmp.glob('many_cache.*.log'): f.unlink()
    said,again = end(begin()),logged(cache)
    assert said.count(f'{n} images') == 2, said
    assert len(again) == len(set(again)) == n - kept, (len(again), len(set(again)), kept)
    said,again = end(begin()),logged(cache)
    assert said.count(f'{n} images') == 2 and len(again) == n - kept
    return (f'{len(before):,} of {n:,} images decoded when one was killed, {kept:,} of them in whole parts; '
            f'then {n-kept:,}, each once; opened again: {said.strip().splitlines()[-1]}')

def predicted_together(tmp):
    "Images translated by 2 processes, one of them killed: the next 2 do the rest, no result is written twice."
    from cyclegan_nbdev.io.checkpoint import save_network
    from cyclegan_nbdev.core import Options
    from cyclegan_nbdev.networks import architecture, build_network
    from cyclegan_nbdev.predict import read_record
    n,folder,to = args.images,many_images(tmp),tmp/'translated/predict/fake_B'
    o = Options(ngf=2, gl_num=1)
    save_network(tmp/'G_A.safetensors', build_network(architecture(o, 'G_A')), 'G_A', o)
    options = words(input=folder, G_A_ckpt=tmp/'G_A.safetensors', outputs_dir=tmp/'translated', platform='CPU')
    begin = lambda: torchrun(2, '-m', 'cyclegan_nbdev.cli', 'predict', *options)
    made = lambda: {f.name:f.stat().st_mtime_ns for f in to.glob('*.png') if not f.name.startswith('.')}
    p = begin()
    while len(made()) < n/4: assert p.poll() is None, p.communicate()[0][-3000:]; time.sleep(.02)
    os.kill(child_of(p)[-1], signal.SIGKILL)
    end(p, 1)
    known = read_record(to)
    before = {k:t for k,t in made().items() if k in known} # what a killed process has just written is made anew
    assert len(before) < n
    said,after = end(begin()),made()
    assert len(after) == n and all(after[k] == t for k,t in before.items()), len(after)
    assert f'{n-len(before)} images' in said and f'{len(before)} skipped' in said, said[-2000:]
    assert not [*(tmp/'translated').rglob('.cyclegan-tmp-*')], 'something half-written'
    return f'{len(before):,} of {n:,} when one was killed; then {said.strip().splitlines()[-1]}'

def by_accelerate(tmp):
    "accelerate's launcher, and its word for the precision."
    o = dict(dataroot=tmp/'scenes', cache_dir=tmp/'cache', max_epoch=2, print_iter=4, **TINY)
    def accelerate(*options, **given):
        train = ['-m', 'cyclegan_nbdev.cli', 'train', *words(**given, **o)]
        return start('-m', 'accelerate.commands.launch', *options, *train)
    two = '--multi_gpu', '--num_processes', 2, '--main_process_port', 0
    end(accelerate(*two, '--mixed_precision', 'bf16', outputs_dir=tmp/'accelerate'))
    end(train(2, outputs_dir=tmp/'bf16', precision='bf16', **o)); end(train(2, outputs_dir=tmp/'fp32', **o))
    a,b,c = (weights(tmp/d, 2) for d in ('accelerate', 'bf16', 'fp32'))
    assert farthest(a, b) == 0 and farthest(a, c) > 0, (farthest(a, b), farthest(a, c))
    said = end(accelerate('--num_processes', 1, '--mixed_precision', 'fp16', outputs_dir=tmp/'fp16'), 1)
    assert "cyclegan_train: precision='fp16'" in said, said[-2000:]
    return '2 processes with --mixed_precision bf16: the weights of torchrun with --precision bf16'

def from_notebook(tmp):
    "The cell of system/ranks with accelerate's notebook_launcher, in a notebook."
    import nbformat
    o = TINY | dict(dataroot=str(tmp/'scenes'), cache_dir=str(tmp/'cache'), max_epoch=3, print_iter=4,
                    outputs_dir=str(tmp/'notebook'))
    cell = f"""from accelerate import notebook_launcher
def run():
    from cyclegan_nbdev.train import train
    train({o})
notebook_launcher(run, num_processes=2, rdzv_backend='c10d', rdzv_endpoint='localhost:0')"""
    kernel = dict(name='python3', display_name='python3', language='python')
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)], metadata=dict(kernelspec=kernel))
    nbformat.write(nb, tmp/'launch.ipynb')
    done = subprocess.run([sys.executable, '-m', 'papermill', tmp/'launch.ipynb', tmp/'launched.ipynb'],
                          capture_output=True, text=True, env=os.environ | dict(PYTHONPATH=str(ROOT)))
    assert done.returncode == 0, done.stderr[-3000:]
    end(train(2, **o | dict(outputs_dir=tmp/'launched')))
    d = farthest(weights(tmp/'notebook', 3), weights(tmp/'launched', 3))
    assert [r['step'] for r in history(tmp/'notebook')] == [r['step'] for r in history(tmp/'launched')] and d == 0, d
    return 'the weights of torchrun with 2 processes'

if __name__ == '__main__':
    p = argparse.ArgumentParser()
    p.add_argument('--long', action='store_true')
    for name in ('--only', '--fit', '--scenes', '--cache', '--cache_dir'): p.add_argument(name, default='')
    p.add_argument('--images', type=int, default=2000)
    p.add_argument('--batch_size', type=int)
    args = p.parse_args()
    if args.fit: sys.exit(fit_in_double(args.fit, args.scenes, args.batch_size))
    if args.cache: sys.exit(cache_in_process(args.cache, args.cache_dir))
    sys.path.insert(0, str(ROOT))
    from cyclegan_nbdev.io.scenes import make_demo_scenes
    with tempfile.TemporaryDirectory() as d:
        tmp = Path(d)
        make_demo_scenes(tmp/'scenes', 32, n_train=20, n_test=3, progress=False)
        check('weights of 2 processes', lambda: equal_weights(tmp, 2, 2))
        check('a run in 2 processes', lambda: product_run(tmp, 2))
        if args.long:
            check('weights of 4 processes', lambda: equal_weights(tmp, 4, 4))
            check('a run in 3 processes', lambda: product_run(tmp, 3))
            check('interrupted and resumed', lambda: resumed(tmp))
            check('one process killed', lambda: killed(tmp))
            check('by accelerate', lambda: by_accelerate(tmp))
            check('a cache in 2 processes', lambda: cache_together(tmp))
            check('predictions in 2 processes', lambda: predicted_together(tmp))
            check('from a notebook', lambda: from_notebook(tmp))
            check('restarted by torchrun', lambda: restarts(tmp, 10))
    print(f'{sum(results)} of {len(results)}')
    sys.exit(0 if all(results) else 1)
