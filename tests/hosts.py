"""Two hosts on one machine: `python tests/hosts.py` (root on Linux; nothing leaves the namespaces).

They are network namespaces joined by a virtual cable, which is pulled for 20 seconds and for good."""
import csv
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault('OMP_NUM_THREADS', '1')
results = []
TINY = dict(image_size=32, ngf=4, gl_num=1, ndf=4, dl_num=2, platform='CPU', seed=3, max_epoch=30, print_iter=5,
            save_imgs=False, keep_checkpoints=1)
HOSTS = [f'cyclegan{os.getpid()}{k}' for k in 'ab']
CABLE = [f'cg{os.getpid()}{k}' for k in 'ab']
ADDRESS = ['10.77.0.1', '10.77.0.2']

def ip(*words): subprocess.run(['ip', *words], check=True, capture_output=True, text=True)

@contextmanager
def two_hosts():
    """Namespaces with an end of a cable each. They give up after nine unanswered attempts (some 100 s), not after
    Linux's sixteen (some 15 minutes)."""
    try:
        for h in HOSTS: ip('netns', 'add', h)
        ip('link', 'add', CABLE[0], 'netns', HOSTS[0], 'type', 'veth', 'peer', 'name', CABLE[1], 'netns', HOSTS[1])
        for h,c,a in zip(HOSTS, CABLE, ADDRESS):
            ip('-n', h, 'addr', 'add', f'{a}/24', 'dev', c)
            for dev in ('lo', c): ip('-n', h, 'link', 'set', dev, 'up')
            ip('netns', 'exec', h, 'sh', '-c', 'echo 8 > /proc/sys/net/ipv4/tcp_retries2')
        yield
    finally:
        for h in HOSTS: subprocess.run(['ip', 'netns', 'del', h], capture_output=True)

def plug(state):
    for h,c in zip(HOSTS, CABLE): ip('-n', h, 'link', 'set', c, state)

def start(host, out, scenes, **more):
    "torchrun on one of the hosts, as one would type it there."
    options = TINY | dict(dataroot=scenes, cache_dir=scenes.parent/f'cache{host}', outputs_dir=out) | more
    words = [str(w) for k,v in options.items() for w in (f'--{k}', v)]
    launcher = ['torch.distributed.run', '--nnodes', '2', '--nproc-per-node', '1', '--max-restarts', '3',
                '--rdzv-backend', 'c10d', '--rdzv-endpoint', f'{ADDRESS[0]}:29400', '--rdzv-id', '1',
                '--rdzv-conf', f'is_host={1-host},join_timeout=60', '--local-addr', ADDRESS[host]]
    train = ['-m', 'cyclegan_nbdev.cli', 'train', *words]
    command = ['ip', 'netns', 'exec', HOSTS[host], sys.executable, '-m', *launcher, *train]
    env = os.environ | dict(PYTHONPATH=str(ROOT), GLOO_SOCKET_IFNAME=CABLE[host])
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=env)

def rows(out): return list(csv.DictReader(open(out/'history.csv'))) if (out/'history.csv').exists() else []

def weights(out):
    from safetensors.torch import load_file
    files = {r:load_file(out/f'ckpt/{r}_{TINY["max_epoch"]}.safetensors') for r in ('G_A', 'G_B', 'D_A', 'D_B')}
    return {f'{r}.{k}':v for r,tensors in files.items() for k,v in tensors.items()}

def until(condition, ps):
    while not condition():
        ended = [p for p in ps if p.poll() is not None]
        assert not ended, '\n'.join(p.communicate()[0][-3000:] for p in ended)
        time.sleep(.1)

def run(tmp, name, away=0):
    "A run on both hosts, its cable pulled for `away` seconds; what they said, and how long it took."
    since,out = time.time(),tmp/name
    ps = [start(k, out, tmp/'scenes') for k in (0, 1)]
    if away:
        until(lambda: len(rows(out)) > 5, ps)
        plug('down')
        pulled = len(rows(out))
        time.sleep(away)
        stood = len(rows(out))
        plug('up')
        assert stood <= pulled + 1, 'the run went on without the cable'
    said = [p.communicate(timeout=300)[0] for p in ps]
    return [p.returncode for p in ps],said,time.time()-since

def check(name, func):
    start = time.time()
    try: said = func()
    except (AssertionError, subprocess.TimeoutExpired) as e:
        results.append(False)
        print(f'FAIL {name}: {e}', flush=True)
    else: results.append(True); print(f'ok   {name}: {said} ({time.time()-start:.0f} s)', flush=True)

def whole(tmp):
    codes,said,took = run(tmp, 'whole')
    assert codes == [0, 0], [s[-1500:] for s in said]
    assert len(rows(tmp/'whole')) == len({r['step'] for r in rows(tmp/'whole')}) == 60
    return f'{rows(tmp/"whole")[-1]["step"]} steps, written once'

def pulled(tmp):
    codes,said,took = run(tmp, 'pulled', 20)
    assert codes == [0, 0], [s[-1500:] for s in said]
    a,b = weights(tmp/'whole'),weights(tmp/'pulled')
    assert all((a[k] == b[k]).all() for k in a), 'other weights'
    again = said[0].count('continuing the run')
    return f'20 s without a cable; {"restarted" if again else "no restart"}, the same weights'

def cut(tmp):
    ps,ended = [start(k, tmp/'cut', tmp/'scenes', max_epoch=10_000) for k in (0, 1)],{}
    try:
        until(lambda: len(rows(tmp/'cut')) > 5, ps)
        plug('down')
        since = time.time()
        while len(ended) < 2:
            assert time.time() - since < 600, f'after 10 minutes {len(ended)} of 2 hosts have ended'
            for k,p in enumerate(ps):
                if p.poll() is not None: ended.setdefault(k, time.time() - since)
            time.sleep(.5)
    finally:
        for p in ps: p.kill()
    said = [p.communicate()[0] for p in ps]
    assert all(p.returncode for p in ps) and 'another process of the run has ended' in said[0], said[0][-3000:]
    # it has lost the other process and torchrun's store, and dies of what it notices first
    reasons = 'another process of the run has ended', 'The connection to the C10d store has failed'
    assert any(r in said[1] for r in reasons), said[1][-3000:]
    return f'the hosts ended after {ended[0]:.0f} and {ended[1]:.0f} s'

if __name__ == '__main__':
    try:
        with two_hosts(): pass
    except (OSError, subprocess.CalledProcessError) as e:
        print(f'skipped: network namespaces are not permitted here ({str(getattr(e, "stderr", "") or e).strip()})')
        sys.exit()
    sys.path.insert(0, str(ROOT))
    from cyclegan_nbdev.io.scenes import make_demo_scenes
    with tempfile.TemporaryDirectory() as d, two_hosts():
        tmp = Path(d)
        make_demo_scenes(tmp/'scenes', 32, n_train=20, n_test=3, progress=False)
        check('a run on two hosts', lambda: whole(tmp))
        check('a cable pulled for 20 s', lambda: pulled(tmp))
        check('a cable pulled for good', lambda: cut(tmp))
    print(f'{sum(results)} of {len(results)}')
    sys.exit(0 if all(results) else 1)
