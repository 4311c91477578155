"""Training and prediction from object stores that run on this machine: `python tests/stores.py`.

It needs s3fs, 'moto[server]', gcsfs and gcp-storage-emulator; a store without its packages is skipped."""
import logging
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault('OMP_NUM_THREADS', '1')
TINY = dict(image_size=32, ngf=4, gl_num=1, ndf=4, dl_num=2, max_epoch=2, platform='CPU', seed=1)
results = []

@contextmanager
def s3():
    "Amazon's protocol, by moto."
    import s3fs
    from moto.server import ThreadedMotoServer
    server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)
    server.start()
    address = 'http://{}:{}'.format(*server.get_host_and_port())
    os.environ |= dict(AWS_ENDPOINT_URL=address, AWS_ACCESS_KEY_ID='nobody', AWS_SECRET_ACCESS_KEY='nothing',
                       AWS_DEFAULT_REGION='us-east-1')
    fs = s3fs.S3FileSystem()
    fs.mkdir('bucket')
    try: yield fs
    finally: server.stop()

@contextmanager
def gs():
    "Google's, by gcp-storage-emulator."
    import gcsfs
    from gcp_storage_emulator.server import create_server
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
    server = create_server('127.0.0.1', port, in_memory=True, default_bucket='bucket')
    server.start()
    os.environ['STORAGE_EMULATOR_HOST'] = f'http://127.0.0.1:{port}'
    # the emulator has no gRPC, which gcsfs would try for a minute
    os.environ['GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT'] = 'false'
    try: yield gcsfs.GCSFileSystem()
    finally: server.stop()

def cli(command, code=0, **options):
    words = [str(w) for k,v in options.items() for w in (f'--{k}', v)]
    env = os.environ | dict(PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')]))
    done = subprocess.run([sys.executable, '-m', 'cyclegan_nbdev.cli', command, *words], capture_output=True, text=True,
                          env=env)
    assert done.returncode == code, done.stderr[-2000:]
    return done.stdout + done.stderr

def trained(out, dataroot):
    from safetensors.torch import load_file
    cli('train', dataroot=dataroot, outputs_dir=out, cache_dir=out/'cache', **TINY)
    return load_file(out/'ckpt/G_A_2.safetensors')

def upload(fs, tmp):
    "The scenes as files, as shards and as a zip."
    fs.put(str(tmp/'scenes'), 'bucket/scenes', recursive=True)
    for d in 'AB':
        for k in (0, 1):
            with tarfile.open(tmp/'shard.tar', 'w') as t:
                for f in sorted((tmp/f'scenes/train{d}').iterdir())[6*k:6*k+6]: t.add(f, f.name)
            fs.put(str(tmp/'shard.tar'), f'bucket/shards/train{d}/{k}.tar')
    fs.put(shutil.make_archive(tmp/'scenes', 'zip', tmp/'scenes'), 'bucket/scenes.zip')

def check(store, tmp, plain):
    name = store.__name__
    try:
        with store() as fs:
            upload(fs, tmp)
            for url in (f'{name}://bucket/scenes', f'{name}://bucket/shards', f'zip://::{name}://bucket/scenes.zip'):
                there = trained(tmp/name/url.replace('/', '_'), url)
                assert all((there[k] == plain[k]).all() for k in plain), f'{url}: other weights'
            said = cli('predict', input=f'{name}://bucket/scenes/testA', G_A_ckpt=tmp/'plain/ckpt/G_A_2.safetensors',
                       outputs_dir=tmp/name, platform='CPU')
            assert '3 images' in said and len([*(tmp/name/'predict').rglob('*.png')]) == 3, said
            assert 'no such folder' in cli('train', 2, dataroot=f'{name}://bucket/lost', outputs_dir=tmp/'lost', **TINY)
    except ImportError as e: print(f'skipped {name}: {e}')
    except AssertionError as e: results.append(False); print(f'FAIL {name}: {e}', flush=True)
    else:
        results.append(True)
        trained_alike = 'files, shards and a zip train to the weights of the plain folder'
        print(f'ok   {name}: {trained_alike}; 3 images translated', flush=True)

if __name__ == '__main__':
    logging.disable() # the servers tell every request
    sys.path.insert(0, str(ROOT))
    from cyclegan_nbdev.io.scenes import make_demo_scenes
    with tempfile.TemporaryDirectory() as d:
        tmp = Path(d)
        make_demo_scenes(tmp/'scenes', 32, n_train=12, n_test=3, progress=False)
        plain = trained(tmp/'plain', tmp/'scenes')
        for store in (s3, gs): check(store, tmp, plain)
    print(f'{sum(results)} of {len(results)}')
    sys.exit(0 if all(results) else 1)
