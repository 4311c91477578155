"""Attack the product as a stranger would: the page, archives, names, hostile files.
Everything stays on this machine and ends by itself.

    python tests/attack.py [WORD] [--long]     # only the attacks whose name has the word; --long tries more of each
"""
import argparse, atexit, contextlib, faulthandler, gzip, http.server, io, json, os, re, resource, shutil, signal
import socket, subprocess, sys, tarfile, tempfile, threading, time, traceback, zipfile
import urllib.error, urllib.request
from pathlib import Path

import numpy as np
from PIL import Image

from cyclegan_nbdev.core import DataError

ROOT = Path(tempfile.mkdtemp(prefix='attack-'))
ATTACKS = [] # name, function: it raises AssertionError where the attack succeeds

def attack(name):
    "Register a function as an attack; it takes a folder of its own and whether to try more."
    def register(func):
        ATTACKS.append((name, func))
        return func
    return register

# archives and names that come from outside

def command(run, *argv):
    "Exit code and printed text of a command, run in this process."
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try: code = run([str(a) for a in argv]) or 0
        except SystemExit as e: code = e.code or 0
        except Exception: code = 99; traceback.print_exc(file=said)
    return code,said.getvalue()

def network_file(path):
    "A small generator."
    from cyclegan_nbdev.core import Options
    from cyclegan_nbdev.io.checkpoint import save_network
    from cyclegan_nbdev.networks import architecture, build_network
    o = Options(ngf=2, gl_num=1, image_size=32)
    save_network(path, build_network(architecture(o, 'G_A')), 'G_A', o)
    return path

LIMITED = '''
import sys, time
from cyclegan_nbdev.system import files
files.SILENCE,files.MOST_SECONDS,files.MOST_BYTES,files.MOST_LISTED = 1,3,8_000_000,8_000_000
from cyclegan_nbdev.core import DataError
from cyclegan_nbdev.io.pictures import find_images, read_picture
import resource
for url in sys.argv[1:]:
    start = time.time()
    try:
        if url.endswith('/'): find_images(url)
        else: read_picture(url)
        said = 'nothing'
    except DataError as e: said = str(e)
    print(round(time.time() - start), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss//1024, said, flush=True)
'''

class Hostile(http.server.BaseHTTPRequestHandler):
    "A web server that is silent, endless, slow, or sends a bomb, as its path says; each answer ends after a minute."
    def log_message(self, *args): pass
    def do_HEAD(self):
        if 'silent' in self.path: time.sleep(20)
        self.send_response(200)
        self.send_header('Content-Type', 'text/html' if self.path.endswith('/') else 'image/png')
        if 'huge' in self.path: self.send_header('Content-Length', str(10**15))
        if 'bomb' in self.path: self.send_header('Content-Encoding', 'gzip')
        self.end_headers()
    def do_GET(self):
        try:
            self.do_HEAD()
            end = time.time() + 60
            bomb = gzip.compress(bytes(200_000_000)) if 'bomb' in self.path else b''
            if bomb: self.wfile.write(bomb)
            while time.time() < end and not bomb:
                self.wfile.write(b'<a href="x.png">' if 'drip' in self.path else b'<a href="x.png">'*10_000)
                if 'drip' in self.path: time.sleep(.2)
        except OSError: pass # the client has gone

@attack('download: servers that never answer, never end, drip, or send bombs')
def downloads_without_end(folder, long):
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Hostile)
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        names = ['silent.png', 'endless.png', 'huge.png', 'bomb.png', 'drip.png',
                 'silent/', 'endless/', 'bomb/', 'drip/']
        urls = [f'http://127.0.0.1:{server.server_port}/{name}' for name in names]
        command = [sys.executable, '-W', 'ignore', '-c', LIMITED, *urls]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    finally: server.shutdown(); server.server_close()
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == len(urls), done.stdout + done.stderr[-2000:]
    for url,line in zip(urls, lines):
        seconds,megabytes,said = line.split(' ', 2)
        assert url in said and said != 'nothing' and int(seconds) <= 10, line
        assert int(megabytes) < 1000, line

def evil_archives(folder):
    "Archives whose members want to be elsewhere, one to a folder, each with an honest picture."
    buffer = io.BytesIO()
    Image.new('RGB', (24, 16), 'red').save(buffer, 'PNG')
    png = buffer.getvalue()
    names = ['../../../x.png', 'a/../../../../y.png', 'C:\\x.png', 'C:/x.png', '..\\..\\x.png', 'in\\..\\..\\x.png',
             'nul.png', 'in/AUX.png', '.. /x.png', '\\\\host\\share\\x.png']
    for i,name in enumerate(names):
        (folder/str(i)).mkdir(parents=True)
        with tarfile.open(folder/str(i)/'0.tar', 'w') as t:
            for member in ('ok.png', name):
                info = tarfile.TarInfo(member)
                info.size = len(png)
                t.addfile(info, io.BytesIO(png))
        with zipfile.ZipFile(folder/str(i)/'evil.zip', 'w') as z:
            for member in ('ok.png', name): z.writestr(member, png)
        for url in (f'file://{folder}/{i}', f'tar://::{folder}/{i}/0.tar', f'zip://::{folder}/{i}/evil.zip'):
            yield name,url

def predict(source, net, out):
    "Exit code and output of `cyclegan_predict`."
    from cyclegan_nbdev import cli
    return command(cli.predict, '--input', source, '--G_A_ckpt', net, '--outputs_dir', out, '--platform', 'CPU')

@attack('archives: members that leave the output folder')
def members_that_leave(folder, long):
    net = network_file(folder/'G_A.safetensors')
    (folder/'deep/er').mkdir(parents=True)
    for name,url in evil_archives(folder/'deep/archives'):
        before = {*folder.rglob('*')}
        code,said = predict(url, net, folder/'deep/er/out')
        made = {*folder.rglob('*.png')} - before
        refused = code == 1 and 'is not a safe name' in said.splitlines()[-1] and 'Traceback' not in said and not made
        hidden = code == 0 and {p.name for p in made} <= {'ok.png'} # a name that begins with a dot is left out
        assert refused or (hidden and name.startswith(('..\\', '.. '))), f'{name} {url}: {code} {said} {made}'
        shutil.rmtree(folder/'deep/er/out', ignore_errors=True)

@attack('archives: members of all kinds')
def members_of_all_kinds(folder, long):
    net = network_file(folder/'G_A.safetensors')
    png = io.BytesIO()
    Image.new('RGB', (24, 16), 'red').save(png, 'PNG')
    # shards with members of equal names
    for i,names in enumerate((['./in/a.png', 'b.png'], ['b.png', 'B.png', 'link.png', 'fifo.png'])):
        (folder/'shards').mkdir(exist_ok=True)
        with tarfile.open(folder/f'shards/{i}.tar', 'w') as t:
            for name in names:
                info = tarfile.TarInfo(name)
                if name == 'link.png': info.type,info.linkname = tarfile.SYMTYPE,str(ROOT/'secret.png')
                if name == 'fifo.png': info.type = tarfile.FIFOTYPE
                if info.type == tarfile.REGTYPE: info.size = len(png.getvalue())
                t.addfile(info, io.BytesIO(png.getvalue()))
    out = folder/'out'
    code,said = predict(f'file://{folder}/shards', net, out)
    made = sorted(p.relative_to(out/'predict/fake_B').as_posix() for p in out.rglob('*.png'))
    assert code == 1 and 'link.png' in said and 'fifo.png' in said and '2 of 6 images failed' in said, said
    assert len(made) == 4 and len({m.lower() for m in made}) == 4 and 'in/a.png' in made, made

@attack('results: forged records')
def forged_records(folder, long):
    from cyclegan_nbdev.predict import RECORD
    net = network_file(folder/'G_A.safetensors')
    (folder/'in').mkdir()
    Image.new('RGB', (24, 16), 'red').save(folder/'in/a.png')
    victim = folder/'victim.txt'
    victim.write_text('mine')
    def forge(i, record):
        to = folder/f'out{i}/predict/fake_B'
        to.mkdir(parents=True)
        Image.new('RGB', (24, 16), 'blue').save(to/'a.png')
        record(to/RECORD)
        code,said = predict(folder/'in', net, folder/f'out{i}')
        with Image.open(to/'a.png') as im: return code,said,im.getpixel((5, 5)) == (0, 0, 255)
    texts = ['', '["a.png", null]', '["a.png", 3]', '{"a.png": 1}', '['*200_000, '["a.png", "' + 'f'*32 + '"]',
             '["a.png", NaN]', '9'*10_000, '\0\xff["a.png"', '[["a.png"], 1]\n'*1000]
    for i,text in enumerate(texts):
        code,said,old = forge(i, lambda p: p.write_text(text + '\n', encoding='latin-1'))
        kept = code == 1 and old and 'is no result of an earlier run' in said
        replaced = code == 0 and '1 of them replaced' in said and not old
        assert (kept or replaced) and 'Traceback' not in said, (text[:30], said)
    makers = (os.mkfifo, os.mkdir, lambda p: p.symlink_to(victim), lambda p: p.symlink_to('/dev/zero'))
    for i,make in enumerate(makers, len(texts)):
        code,said,_ = forge(i, make)
        assert code == 1 and len(said.splitlines()) <= 4 and 'Traceback' not in said, said
    assert victim.read_text() == 'mine'

@attack('run folders that name servers, evaluated and reported')
def foreign_addresses(folder, long):
    from cyclegan_nbdev import cli
    from cyclegan_nbdev.core import Options
    asked = []
    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)
        do_HEAD = do_GET
        def log_message(self, *args): pass
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        (folder/'ckpt').mkdir()
        for role in ('G_A', 'G_B'): network_file(folder/f'ckpt/{role}_1.safetensors')
        for name in ('dataroot', 'palette', 'extractor', 'cache_dir', 'G_A_ckpt'):
            url = f'http://127.0.0.1:{server.server_port}/{name}'
            (folder/'config.json').write_text(json.dumps(Options().as_dict() | {name:url}))
            for run,argv in ((cli.evaluate, ('--run_dir', folder)), (cli.report, (folder,))):
                code,said = command(run, *argv)
                assert code in (0, 1, 2) and 'Traceback' not in said, said
                assert not asked, f'{run.__name__} has asked for {asked}'
    finally:
        server.shutdown()
        server.server_close()

# hostile files

def peak_mib():
    "Peak memory of this process."
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024

def in_a_line(reader, path, *words, seconds=10, mib=300):
    "Check that a reader refuses a file with a one-line error, quickly and without much memory."
    from cyclegan_nbdev.core import CycleGANError
    before = peak_mib()
    start = time.monotonic()
    try: reader(path)
    except CycleGANError as e: said = str(e)
    else: raise AssertionError(f'{path} was read')
    assert said.isprintable() and len(said) < 2000 and all(w in said for w in words), said
    took = time.monotonic() - start
    more = peak_mib() - before
    assert took < seconds and more < mib, f'{path}: {took:.0f} s, {more:.0f} MiB'

def small_network(folder):
    "A network file and its header."
    from cyclegan_nbdev.core import Options
    from cyclegan_nbdev.io.checkpoint import read_header, save_network
    from cyclegan_nbdev.networks import architecture, build_network
    o = Options(ngf=2, gl_num=1, ndf=2, dl_num=1, image_size=32)
    save_network(folder/'G_A.safetensors', build_network(architecture(o, 'G_A')), 'G_A', o, 1)
    return folder/'G_A.safetensors',read_header(folder/'G_A.safetensors')

@attack('network files whose tables and headers are long, nested or absurd')
def long_headers(folder, long):
    import safetensors.torch
    from cyclegan_nbdev.io.checkpoint import load_network, read_header
    from cyclegan_nbdev.io.foreign import read_tensors
    path,header = small_network(folder)
    weights = safetensors.torch.load_file(path)
    for n in (24_000_000, 95_000_000)[:1 + long]:
        for inside in (b'[', b'{"a":'):
            (folder/'x.safetensors').write_bytes(n.to_bytes(8, 'little') + b'{"a":' + inside*(n//len(inside)))
            for reader in (load_network, read_header, read_tensors):
                in_a_line(reader, folder/'x.safetensors', 'its table of tensors has')
    for text in ('['*500_000, '{"a":'*100_000, '{"architecture":' + '9'*100_000 + '}'):
        safetensors.torch.save_file(weights, folder/'y.safetensors', {'cyclegan_nbdev': text})
        for reader in (load_network, read_header): in_a_line(reader, folder/'y.safetensors', 'y.safetensors')
    lies = [('image_size', 10**12), ('image_size', True), ('epoch', 10**400), ('domains', 3), ('domains', ['A']*10**4),
            ('options', []), ('options', {'dataroot': 3}), ('assumed', ['x']), ('source', {})]
    for change in (dict(ngf=10**12), dict(gl_num=10**9), dict(in_planes=2**62), dict(kind='unet', gl_num=10**9),
                   dict(kind='patch', dl_num=10**9), dict(widths=[2**60]*5), dict(slope=1e999)):
        lies.append(('architecture', header['architecture'] | change))
    for k,v in lies:
        safetensors.torch.save_file(weights, folder/'z.safetensors', {'cyclegan_nbdev': json.dumps(header | {k:v})})
        for reader in (load_network, read_header): in_a_line(reader, folder/'z.safetensors', 'z.safetensors')

@attack('headers with escapes, markup or megabytes of text')
def odd_texts(folder, long):
    import safetensors.torch
    from cyclegan_nbdev.io.checkpoint import read_header
    path,header = small_network(folder)
    for text in ('\x1b]0;title\x07', 'a\nb\r\x00', '\u202egnp', '\ud800', 'x'*900_000):
        odd = header | dict(domains=[text, text], version=text, normalisation=text, source=text, role=text,
                            options=dict(dataroot=text, more=text))
        if len(text) >= 10**5: odd = header | dict(domains=[text, 'B']) # a header has a limit of its own
        weights = safetensors.torch.load_file(path)
        safetensors.torch.save_file(weights, folder/'odd.safetensors', {'cyclegan_nbdev': json.dumps(odd)})
        h = read_header(folder/'odd.safetensors')
        texts = [*h['domains'], h['version'] or '', h['normalisation'], h.get('source', ''), h['role'] or '',
                 *map(str, h['options'].values())]
        assert all(t.isprintable() and len(t) <= 500 for t in texts), h

@attack('pickles that never end')
def endless_pickles(folder, long):
    from cyclegan_nbdev.io.checkpoint import read_header
    # each tuple holds the one before twice, or 200 times
    chain = b'K\1q\0' + b''.join(bytes([104, i, 104, i, 0x86, 113, i+1]) for i in range(60))
    wide = b'K\1q\0' + b''.join(b'(' + bytes([104, i])*200 + b't' + bytes([113, i+1]) for i in range(8))
    for name,built,last in (('chain', chain, 60), ('wide', wide, 8)):
        pickled = b'\x80\2' + built + b'}' + bytes([104, last]) + b'K\1s.'
        (folder/f'{name}.pth').write_bytes(pickled)
        with zipfile.ZipFile(folder/f'{name}2.pth', 'w') as z:
            z.writestr('archive/data.pkl', pickled)
            z.writestr('archive/version', '3\n')
        for f in (f'{name}.pth', f'{name}2.pth'): in_a_line(read_header, folder/f, 'a pickle of more than')
    (folder/'steps.pth').write_bytes(b'\x80\2' + b'N'*20_000_000 + b'.')
    in_a_line(read_header, folder/'steps.pth', 'a pickle of more than', seconds=20)

@attack('MindSpore files with millions of fields')
def many_fields(folder, long):
    from cyclegan_nbdev.io.checkpoint import read_header
    def field(n, b): # of a protobuf message
        length = b''
        size = len(b)
        while size > 127:
            length += bytes([size & 127 | 128])
            size >>= 7
        return bytes([n << 3 | 2]) + length + bytes([size]) + b
    size = 50_000_000
    tensor = field(1, b'\1'*size) + field(2, b'Float32') + field(3, bytes(4))
    files = dict(
        zeros=b'\n' + bytes(size),
        inside=field(1, bytes(size)),
        deeper=field(1, field(1, b'w') + field(2, bytes(size))),
        dims=field(1, field(1, b'conv.weight') + field(2, tensor)),
        empty=field(1, b'')*(size//2))
    for name,b in files.items():
        (folder/f'{name}.ckpt').write_bytes(b)
        in_a_line(read_header, folder/f'{name}.ckpt', f'{name}.ckpt')

@attack('pipes, folders and devices given as a network, a sweep or a pretrained folder')
def no_files(folder, long):
    from cyclegan_nbdev.io.checkpoint import load_network, read_header
    from cyclegan_nbdev.tools.hub import Generators, cyclegan
    from cyclegan_nbdev.tools.sweep import sweep_runs
    os.mkfifo(folder/'pipe.safetensors')
    (folder/'a folder').mkdir()
    os.mkfifo(folder/'a folder/config.json')
    small_network(folder/'a folder')
    for path in (folder/'pipe.safetensors', folder/'a folder', '/dev/zero', '/dev/ptmx', '/dev/stdin'):
        for reader in (load_network, read_header, sweep_runs): in_a_line(reader, path, str(path))
    in_a_line(Generators.from_pretrained, folder/'a folder', 'config.json')
    os.remove(folder/'a folder/G_A.safetensors')
    os.mkfifo(folder/'a folder/G_A.safetensors')
    in_a_line(cyclegan, folder/'a folder')

@attack('sweeps that expand without end')
def sweeps(folder, long):
    from cyclegan_nbdev.tools.sweep import sweep_runs
    laughs = ['      - &l0 [1,1,1,1,1,1,1,1,1,1]'] # each line repeats the one before ten times
    for i in range(1, 10):
        ten = ','.join([f'*l{i-1}']*10)
        laughs.append(f'      - &l{i} [{ten}]')
    many = f'grid: {{seed: {[*range(1000)]}, ngf: {[*range(1, 1001)]}}}'
    files = dict(
        laughs=('grid:\n  lr:\n    -\n' + '\n'.join(laughs), 'alias'),
        digits=('grid: {seed: [' + '9'*5000 + ']}', 'digits'),
        hex=('grid: {seed: [0x' + 'f'*5000 + ']}', 'digits'),
        brackets=('['*20_000, 'nested'),
        long=('x'*2_000_000, 'MB'),
        many=(many, '1,000,000 runs'),
        text=(f'grid: {{extractor: [{"x"*90_000}]}}', 'a name of'))
    for name,(text,word) in files.items():
        (folder/f'{name}.yaml').write_text(text)
        in_a_line(sweep_runs, folder/f'{name}.yaml', word)

# the page

PAGE = {} # the page that all attacks below share; the first one starts it
REFUSED = 'this page reads only what was uploaded to it' # the same answer for every path that was not uploaded
IMG = '<img src=http://elsewhere.example/x onerror=alert(1)>'

def post(url, body=None, timeout=30, **headers):
    "Status and text of an answer."
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    headers = {'Content-Type':'application/json', **headers}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=timeout) as r:
            return r.status,r.read().decode(errors='replace')
    except urllib.error.HTTPError as e: return e.code,e.read().decode(errors='replace')

def hostile_run(folder):
    "A run folder whose network files are full of markup and whose grids are no pictures."
    import safetensors.torch
    from cyclegan_nbdev.core import Options
    from cyclegan_nbdev.networks import architecture, build_network
    o = Options(ngf=4, gl_num=1, image_size=32)
    for d in ('ckpt', 'imgs'): (folder/d).mkdir(parents=True)
    for role in ('G_A', 'G_B'):
        net = build_network(architecture(o, role))
        header = dict(package='cyclegan_nbdev', version=IMG, role=role, architecture=net.arch, epoch=1, image_size=32,
                      domains=[IMG, f'![]({IMG})'], options=dict(dataroot=f'/x/{IMG}', seed=0, more=IMG),
                      source=f'{IMG}![x](http://elsewhere.example/y)')
        file = folder/f'ckpt/{role}_1.safetensors'
        safetensors.torch.save_file(net.state_dict(), file, {'cyclegan_nbdev':json.dumps(header)})
    Image.new('RGB', (40, 20)).save(folder/'imgs/0_grid.png')
    os.mkfifo(folder/'imgs/1_grid.png')
    (folder/'imgs/2_grid.png').symlink_to('/dev/zero')
    (folder/'imgs/²_grid.png').write_bytes(b'')
    (folder/'imgs/secret.png').symlink_to(ROOT/'secret.png')
    return folder

def page():
    "Start the page as a user would, with a `gs` on its path that leaves a trace if Ghostscript is called."
    if PAGE: return PAGE['url']
    random = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    Image.fromarray(random).save(ROOT/'secret.png')
    (ROOT/'bin').mkdir()
    (ROOT/'bin/gs').write_text(f'#!/bin/sh\necho started >> {ROOT}/gs.log\n')
    (ROOT/'bin/gs').chmod(0o755)
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    options = dict(platform='CPU', port=port, run_dir=hostile_run(ROOT/'run'), max_seconds=4, max_upload=2,
                   max_total=300, host_names='demo.example')
    command = [sys.executable, '-m', 'cyclegan_nbdev.cli', 'app']
    for k,v in options.items(): command += [f'--{k}', str(v)]
    env = {**os.environ, 'PATH':f'{ROOT}/bin:{os.environ["PATH"]}', 'TMPDIR':str(ROOT), 'OMP_NUM_THREADS':'1'}
    env.pop('GRADIO_TEMP_DIR', None)
    p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=open(ROOT/'page.log', 'w'), text=True, env=env)
    def end():
        p.terminate()
        try: p.wait(20)
        except subprocess.TimeoutExpired: p.kill(); p.wait()
    atexit.register(end)
    line = p.stdout.readline()
    assert 'the page is at' in line, (line, (ROOT/'page.log').read_text()[-1500:])
    PAGE.update(url=re.search(r'http\S+', line)[0], process=p)
    return PAGE['url']

def upload(data, name='x.png'):
    "Upload a file to the page; the path that the page gives it."
    lines = [b'--b',
             f'Content-Disposition: form-data; name="files"; filename="{name}"'.encode(),
             b'Content-Type: image/png',
             b'',
             data,
             b'--b--',
             b'']
    headers = {'Content-Type':'multipart/form-data; boundary=b'}
    code,text = post(f'{page()}gradio_api/upload', b'\r\n'.join(lines), **headers)
    assert code == 200, (code, text)
    return json.loads(text)[0]

META = dict(meta={'_type':'gradio.FileData'})

def ask(api, *data, timeout=30):
    "Call an endpoint of the page and return its final answer."
    code,text = post(f'{page()}gradio_api/call/{api}', dict(data=data), timeout)
    if code != 200: return text
    return post(f'{page()}gradio_api/call/{api}/{json.loads(text)["event_id"]}', timeout=timeout)[1]

def png(w=24, h=16, mode='RGB'):
    with io.BytesIO() as f:
        Image.new(mode, (w, h)).save(f, 'PNG')
        return f.getvalue()

def works():
    "Check that the page still translates an uploaded picture."
    said = ask('translate', dict(path=upload(png()), **META), 'A')
    assert 'event: complete' in said and ' 16 pixels in ' in said, said[:500]

@attack('page: files that nobody uploaded')
def files_of_others(folder, long):
    fifo = folder/'fifo'
    os.mkfifo(fifo)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(folder/'socket'))
    page()
    here = [f'{ROOT}/secret.png', f'{ROOT}/nothing.png', str(fifo), str(folder/'socket'),
            f'{ROOT}/run/imgs/secret.png', f'{ROOT}/run/imgs/0_grid.png', f'{ROOT}/page.log',
            '/dev/ptmx', '/dev/zero', '/dev/stdin', '/etc/passwd', '/proc/self/environ',
            'run/imgs/0_grid.png', '.', '', '\0', 'x'*5000, '~/x.png',
            'http://127.0.0.1:9/x.png', 'https://127.0.0.1:9/x.png',
            f'file://{ROOT}/secret.png', f'file={ROOT}/secret.png',
            f'{Path(upload(png())).parent}/../../../secret.png']
    start = time.time()
    answers = set()
    for path in here:
        for more in ({}, META, dict(META, url=f'file://{path}'), dict(META, orig_name=path, is_stream=True)):
            file = dict(path=path, **more)
            answers.add(ask('translate', file, 'A'))
            answers.add(ask('translate_many', [file], 'A'))
            answers.add(ask('epoch', file))
            body = dict(data=[file, 'A'], fn_index=1, session_hash='x', param_0=dict(path=path))
            for api in ('queue/join', 'run/translate', 'run/epoch', 'call/v2/translate'):
                answers.add(post(f'{page()}gradio_api/{api}', body)[1])
    assert len(answers) == 1 and REFUSED in [*answers][0], answers
    assert time.time()-start < 60
    sock.close()
    works()

@attack('page: data that is not an upload')
def strange_data(folder, long):
    strange = (5, 'x', True, [], {}, [[]], {'url':'http://127.0.0.1:9/x'}, {'path':None}, {'path':None, **META},
               {'path':upload(png()), 'meta':7})
    for given in strange:
        answers = (ask('translate', given, 'A'), ask('translate', given, given), ask('epoch', given),
                   ask('translate_many', given, 'A'), ask('translate_many', [given], 'A'))
        for said in answers:
            assert str(ROOT) not in said.replace(f'{ROOT}/run', '') or 'event: complete' in said, said[:500]
    for i in (-1, 1e300, 99, 2.5): assert 'Traceback' not in ask('epoch', i)
    assert 'pipe' in ask('epoch', 1) and str(ROOT) not in ask('epoch', 1).replace('file=', '')
    works()

@attack('page: URLs of files')
def addresses(folder, long):
    url = page()
    mine = upload(png())
    assert post(f'{url}gradio_api/file={mine}')[0] == 200
    paths = (ROOT/'secret.png', ROOT/'nothing.png', ROOT/'run/imgs/0_grid.png', ROOT/'run/imgs/secret.png',
             f'{mine}/../../../../secret.png', f'{mine}%2f..%2f..%2f..%2f..%2fsecret.png',
             '/etc/passwd', '%2Fetc%2Fpasswd', '/etc/%70asswd', '/dev/zero', '..', '', '%00', 'config.json',
             'http://127.0.0.1:9/')
    answers = {post(f'{url}gradio_api/file={path}') for path in paths}
    assert len(answers) == 1 and [*answers][0][0] == 403 and REFUSED in [*answers][0][1], answers
    routes = ('process_recording', 'component_server', 'proxy=http://127.0.0.1:9', 'stream/x', 'run-history/buckets',
              'run-history/connect', 'file/etc/passwd', 'deep_link', 'dev/reload', 'vibe-code',
              'custom_component/1/client/x/y', 'profiling/traces')
    for route in routes:
        for body in (None, {}): assert post(f'{url}gradio_api/{route}', body)[0] == 403, route
    assert post(f'{url}monitoring')[0] == 403
    said = post(f'{url}gradio_api/run/translate', dict(data=[None, 'A']))[1]
    assert 'does not accept direct' in said, 'a request can bypass the queue'

@attack('page: foreign host names and origins')
def names(folder, long):
    url = page()
    port = re.search(r':(\d+)', url[5:])[1]
    for host in (f'127.0.0.1:{port}', f'localhost:{port}', f'[::1]:{port}', 'demo.example'):
        assert post(f'{url}config', Host=host)[0] == 200, host
    requests = [('config', None), ('gradio_api/call/translate', dict(data=[None, 'A'])), ('gradio_api/upload', b'')]
    hosts = ('evil.example', f'evil.example:{port}', '10.0.0.1', 'localhost.evil.example', '127.0.0.1.evil.example',
             'demo.example.evil.example', '127.0.0.1@evil.example', '')
    for host in hosts:
        for path,body in [('', None), *requests]:
            code,text = post(f'{url}{path}', body, Host=host)
            assert code in (400, 403) and 'does not go by the name' in text, (host, path, code, text)
    origins = ('http://evil.example', 'null', 'http://localhost:1', f'https://evil.example:{port}',
               f'http://127.0.0.1:{port}.evil.example')
    for origin in origins:
        for path,body in requests:
            code,text = post(f'{url}{path}', body, Origin=origin)
            assert code == 403 and 'other pages' in text, (origin, path, code, text)
    for origin in (f'http://127.0.0.1:{port}', 'https://demo.example'):
        assert post(f'{url}config', Origin=origin)[0] == 200, origin

@attack('page: markup in network files and in names')
def markup(folder, long):
    components = json.loads(post(f'{page()}config')[1])['components']
    shown = [json.dumps(c['props'].get('value')) for c in components if c['type'] in ('html', 'markdown')]
    assert any('&lt;img' in v for v in shown), shown
    assert not any('<img' in v or '<script' in v for v in shown), shown
    name = f'{IMG}.png'.replace('"', '')
    said = ask('translate', dict(path=upload(b'words', name), **META), IMG)
    assert '<img' not in said, said

@attack('page: few bytes, many pixels')
def many_pixels(folder, long):
    wide = upload(png(13000, 13000, '1'), 'wide.png')
    start = time.time()
    said = ask('translate', dict(path=wide, **META), 'A')
    assert '13000' in said and 'megapixels' in said and time.time()-start < 5, said
    tall = [dict(path=upload(png(7900, 8000, '1'), f'{i}.png'), **META) for i in range(6)]
    start = time.time()
    said = ask('translate_many', tall, 'A')
    assert '379 megapixels together; this page takes up to 300 at once' in said and time.time()-start < 5, said
    works()

@attack('page: requests that take too long')
def for_ever(folder, long):
    def timed(api, given):
        "The answer of an endpoint, and after how many seconds it came."
        start = time.time()
        said = ask(api, given, 'A', timeout=90)
        return said,time.time() - start
    large = dict(path=upload(png(6000, 6000, '1')), **META)
    said,took = timed('translate', large)
    assert 'stopped after 4 s, the longest that this page works on one request' in said and took < 40, (took, said)
    with io.BytesIO() as f:
        Image.new('L', (7900, 7900), 128).save(f, 'JPEG', progressive=True)
        jpeg = f.getvalue()
    last_scan = jpeg[jpeg.rindex(b'\xff\xda'):-2]
    scans = jpeg[:-2] + last_scan*9000 + jpeg[-2:] # each is decoded over all pixels
    said,took = timed('translate', dict(path=upload(scans, 'scans.jpg'), **META))
    assert 'more than 100 scans' in said and took < 10, (took, said)
    four = [dict(path=upload(png(5000, 5000, '1'), f'{i}.png'), **META) for i in range(4)]
    said,took = timed('translate_many', four)
    assert 'stopped after 4 s' in said and took < 40, (took, said)
    works()

@attack('page: files that are no pictures, or damaged')
def no_pictures(folder, long):
    eps = b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\nshowpage\n'
    noise = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    damaged = {f'x.{end}':eps for end in ('png', 'jpg', 'tif', 'eps')}
    damaged |= {'empty.png':b'', 'words.png':b'words', 'a'*90 + '.png':b'words', 'x.svg':b'<svg/>',
                'x.gz':gzip.compress(bytes(10**6))}
    for kind in ('PNG', 'JPEG', 'TIFF', 'WEBP', 'GIF', 'BMP'):
        with io.BytesIO() as f:
            Image.fromarray(noise).save(f, kind)
            data = f.getvalue()
        damaged[f'half_{kind}.{kind.lower()}'] = data[:len(data)//2]
        damaged[f'head_{kind}.{kind.lower()}'] = data[:40]
    for name,data in damaged.items():
        given = dict(path=upload(data, name), **META)
        for said in (ask('translate', given, 'A'), ask('translate_many', [given], 'B')):
            assert 'event: error' in said and 'not a readable image' in said, (name, said)
            assert str(ROOT) not in said and '/gradio' not in said, (name, said)
    assert not (ROOT/'gs.log').exists(), 'Ghostscript was started'
    works()

@attack('page: still running, and nothing of ours in its log')
def together(folder, long):
    page()
    log = (ROOT/'page.log').read_text()
    assert PAGE['process'].poll() is None, log[-3000:]
    assert 'cyclegan_nbdev/' not in log, log[-3000:] # Gradio may log its own tracebacks, but none is ours

# the report of a run from elsewhere

HISTORY = '''epoch,step,lr,ms_per_step,G,D,G_A,G_B,C_A,C_B,idt_A,idt_B
1,100,.0002,40,9,.5,.4,.4,2,3,1,1
1,200,.0002,40,7,.4,.3,.3,2,2,1,1
'''
SCORES = '''epoch,images,mean_pixel_acc,mean_class_acc,mean_class_iou,kid
0,4,.1,.05,.02,.3
1,4,.5,.3,.2,.1
'''
CONFUSION = '''true \\ found,road,sky
road,8,2
sky,1,9
'''
GENERATOR_FIGURES = ('differs', 'wanted', 'depends', 'brightness', 'checkerboard')
DISCRIMINATOR_FIGURES = ('real', 'fake', 'differs', 'gradient')
FIGURES = [*(f'G_A_{k}' for k in GENERATOR_FIGURES), *(f'D_B_{k}' for k in DISCRIMINATOR_FIGURES),
           *(f'G_B_{k}' for k in GENERATOR_FIGURES), *(f'D_A_{k}' for k in DISCRIMINATOR_FIGURES)]
MONITOR = ','.join(['epoch', 'step', 'images', 'layout', 'checkerboard', *FIGURES]) + '\n'
MONITOR += '1,200,8' + ',.5'*(len(FIGURES) + 2) + '\n'
RUN = dict(history=HISTORY, scores=SCORES, confusion=CONFUSION, monitor=MONITOR)
SHARES = dict(mean_pixel_acc=.75, mean_class_acc=.625, mean_class_iou=None,
              class_acc=dict(road=1., sky=.5), class_iou=dict(road=.5, sky=.5))
PROTOCOL = dict(generator='G_A_1.safetensors', true='testB', palette='toy', images=4)
EVALUATED = dict(protocol=PROTOCOL, scores=SHARES, official=SHARES, ceiling=SHARES, ceiling_official=SHARES,
                 confusion=[[4, 0], [2, 2]], distances=None)
DISTANCE = dict(name='kid', n_generated=4, n_real=5, real='testB', extractor='x', resizing='none', subsets='all')

def plain_run(folder):
    "A small run folder with every file that a report reads."
    from cyclegan_nbdev.core import Options
    (folder/'imgs').mkdir(parents=True)
    o = Options(max_epoch=1, palette='cityscapes', outputs_dir=str(folder))
    (folder/'config.json').write_text(json.dumps(o.as_dict()))
    for name,text in RUN.items(): (folder/f'{name}.csv').write_text(text)
    (folder/'distance.json').write_text(json.dumps(DISTANCE))
    (folder/'evaluation_results.json').write_text(json.dumps(EVALUATED))
    for name in ('imgs/0_grid', 'imgs/1_grid', 'imgs/1_worst', 'evaluation_worst'):
        Image.new('RGB', (60, 20)).save(folder/f'{name}.png')
    return folder

def written(folder, limit=20):
    "The report page of a run, which must be written within `limit` seconds."
    from cyclegan_nbdev.tools.report import report
    def late(*_): raise AssertionError('the report hangs')
    old = signal.signal(signal.SIGALRM, late)
    signal.alarm(limit)
    try: return report(folder).read_text(encoding='utf-8')
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)

def special(path, kind):
    "Replace a file by a pipe, a folder, a socket or a link."
    path.unlink(missing_ok=True)
    if kind == 'pipe': os.mkfifo(path)
    elif kind == 'folder': path.mkdir()
    elif kind == 'socket':
        here = os.getcwd()
        os.chdir(path.parent) # a socket's name must be short
        try: socket.socket(socket.AF_UNIX).bind(path.name)
        finally: os.chdir(here)
    else: path.symlink_to(kind)

def many_classes(n=1000):
    "A confusion matrix of n classes, full of ones."
    head = 'a,' + ','.join(map(str, range(n)))
    ones = ','.join('1'*n)
    return '\n'.join([head, *(f'{i},{ones}' for i in range(n))])

TABLES = {
    'empty': '',
    'one line': 'epoch\n',
    'no columns': '\n\n\n',
    'strange columns': 'a,b\n1,2\n',
    'words in the middle': 'epoch,step,ms_per_step,kid\n1,1,5,.1\nx,y,z,w\n2,2,5,.1\n',
    'a large field': f'epoch,step,kid\n1,2,{"9"*200_000}\n2,3,.1\n',
    'a large word': f'epoch,step,kid\n1,2,{"x"*200_000}\n2,3,.1\n',
    'nan and inf': 'epoch,step,ms_per_step,kid,G_A\nnan,nan,nan,nan,nan\n'
                   'inf,inf,inf,inf,inf\n-inf,1,0,1,1\n1,1,1,1,1\n',
    'huge': 'epoch,step,ms_per_step,kid,G_A\n1e308,1e308,1e308,1e308,1e308\n'
            '1,1,1e308,1e308,1e308\n2,2,1e308,-1e308,-1e308\n',
    'negative': 'epoch,step,ms_per_step,kid,G_A\n-1,-1,-1,-1,-1\n-1,-1,0,0,0\n',
    'long rows': 'epoch,step,kid\n1,2,3,4,5,6\n1,2,3,4,5\n',
    'short rows': 'epoch,step,kid\n1\n1\n1\n',
    'null bytes': 'epoch,step\n\0,\0\n1,1\n',
    'quotes': 'epoch,step\n"1,1\n2,2\n',
    'markup': 'epoch,step,<img src=x>,kid\n1,1,1,.1\n1,2,1,.1\n',
    'binary': bytes(range(256)),
    'ragged': 'a,b,c\nb,1\nc,1,2,3,4\n',
    'not square': 'a,b,c\nb,1,2\n',
    'negative counts': 'a,b,c\nb,-1,2\nc,1,1\n',
    'no numbers': 'a,b,c\nb,x,y\nc,1,1\n',
    'many digits': f'a,b,c\nb,{"9"*5000},1\nc,1,1\n',
    'many classes': many_classes()}
RESULTS = EVALUATED | DISTANCE
TEXTS = {
    'empty': '',
    'cut': '{"a":',
    'deep': '['*200_000,
    'deep objects': '{"a":'*100_000,
    'a list': '[]',
    'a number': '3',
    'null': 'null',
    'an object': '{}',
    'binary': bytes(range(256)),
    'many digits': '9'*5000,
    'lists for all': json.dumps({k:[] for k in RESULTS}),
    'numbers for all': json.dumps({k:1e308 for k in RESULTS}),
    'nan': '{"protocol":NaN, "name":NaN}',
    'ragged': json.dumps(EVALUATED | dict(confusion=[[1], [2, 3], 'x'])),
    'booleans': json.dumps(EVALUATED | dict(confusion=[[True, False], [1, 2]])),
    'words': json.dumps(EVALUATED | dict(scores=dict(SHARES, mean_pixel_acc='x'))),
    'distances': json.dumps(EVALUATED | dict(distances={'x':1}))}

@attack('report page: pipes, folders and devices in place of files')
def report_of_none(folder, long):
    names = ['history.csv', 'scores.csv', 'monitor.csv', 'confusion.csv', 'distance.json', 'evaluation_results.json',
             '.lock', 'imgs/1_grid.png', 'imgs/1_worst.png', 'evaluation_worst.png']
    assert '<h2>Left out' not in written(plain_run(folder/'whole'))
    for name in names:
        for i,kind in enumerate(('pipe', 'folder', 'socket', '/dev/zero', '/dev/ptmx', 'nothing', '.')):
            run = plain_run(folder/f'{name.replace("/", "_")}{i}')
            special(run/name, kind)
            page = written(run)
            assert name == 'evaluation_worst.png' or f'<li>{name}: ' in page, (name, kind)
    for kind in ('pipe', '/dev/zero', 'folder'):
        run = plain_run(folder/f'config{kind.replace("/", "")}')
        special(run/'config.json', kind)
        with contextlib.suppress(DataError):
            written(run)
            raise AssertionError(f'config.json: {kind}')

@attack('report page: malformed tables and texts')
def report_of_nonsense(folder, long):
    tables = [(name, TABLES) for name in ('history.csv', 'scores.csv', 'monitor.csv', 'confusion.csv')]
    # a text can be wrong in the ways of a table too
    texts = [(name, TABLES | TEXTS) for name in ('distance.json', 'evaluation_results.json', '.lock')]
    for name,kinds in tables + texts:
        for kind,text in kinds.items():
            run = plain_run(folder/f'{name}_{kind.replace(" ", "_")}')
            (run/name).write_bytes(text if isinstance(text, bytes) else text.encode())
            try: page = written(run)
            except Exception as e: raise AssertionError(f'{name}, {kind}: {type(e).__name__}: {e}') from e
            assert '<img src=x>' not in page and '<h2>Options' in page, (name, kind)

@attack('report page: huge pictures and odd names')
def report_of_pictures(folder, long):
    run = plain_run(folder/'run')
    Image.new('1', (20000, 20000)).save(run/'imgs/2_grid.png')
    Image.new('1', (10000, 10000)).save(run/'imgs/3_grid.png')
    Image.new('L', (1, 60000)).save(run/'imgs/4_grid.png')
    Image.new('L', (60000, 1)).save(run/'imgs/5_grid.png')
    for epoch in ('²', '-1', '9'*100, '٣', '<img src=x>', '6'): (run/f'imgs/{epoch}_grid.png').write_bytes(b'')
    (run/'imgs/7_grid.png').write_bytes(b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n')
    page = written(run)
    for i in (2, 3, 6, 7): assert f'<li>imgs/{i}_grid.png: ' in page, i
    assert '<img src=x>' not in page
    before_options = page.split('<footer>')[0].split('<h2>Options')[0]
    assert str(folder) not in before_options

@attack('report page: markup in every text it shows')
def report_of_markup(folder, long):
    from cyclegan_nbdev.core import Options
    bad = '<img src=x onerror="document.title=1">\'"</script><script>alert(1)</script>'
    run = plain_run(folder/'<img src=x>')
    def everywhere(o):
        "The same structure with markup for every text and whole number."
        if isinstance(o, dict): return {k:everywhere(v) for k,v in o.items()}
        return bad if isinstance(o, (str, int)) else o
    (run/'config.json').write_text(json.dumps(Options(dataroot=bad, palette=bad, max_epoch=2).as_dict()))
    (run/'distance.json').write_text(json.dumps(everywhere(DISTANCE) | dict(name='kid')))
    scores = SHARES | dict(class_acc={bad:1, 'b':2})
    texts = ('extractor', 'resizing', 'real', 'n_real', 'generated', 'n_generated', 'subsets')
    distances = dict(frechet=1, kernel=1, kernel_std=1) | dict.fromkeys(texts, bad)
    results = EVALUATED | dict(protocol=everywhere(PROTOCOL), scores=scores, distances=distances)
    (run/'evaluation_results.json').write_text(json.dumps(results))
    (run/'confusion.csv').write_text(f'x,{bad.replace(",", "")},b\na,1,2\nb,3,4\n')
    (run/'history.csv').write_text(f'epoch,step,{bad}\n1,1,1\n')
    for has_confusion in (True, False):
        page = written(run)
        assert '<img src=x' not in page
        assert page.count('<script') == page.count('</script') == 1
        assert 'images made by G_A against' in page and 'label maps made by' in page
        (run/'confusion.csv').unlink(missing_ok=True)

@attack('report page: names that are not UTF-8')
def report_of_names(folder, long):
    from cyclegan_nbdev.core import Options
    run = plain_run(Path(os.fsdecode(os.fsencode(folder) + b'/\xff\xfe')))
    o = Options(dataroot=os.fsdecode(b'\xff'), max_epoch=2)
    (run/'config.json').write_text(json.dumps(o.as_dict()))
    (run/'imgs'/os.fsdecode(b'\xff_grid.png')).write_bytes(b'')
    assert 'udcff' in written(run)

# run folders from elsewhere

TINY = dict(image_size=32, ngf=4, gl_num=1, ndf=4, dl_num=2, max_epoch=2, n_epochs=1, platform='CPU', seed=5,
            save_imgs=False)

def a_run(folder):
    "A run folder of one epoch, as somebody might send it, and the options it was started with."
    from cyclegan_nbdev.io.scenes import make_demo_scenes
    from cyclegan_nbdev.train import train
    data = make_demo_scenes(folder/'scenes', 32, n_train=2, n_test=2, progress=False)
    folders = dict(dataroot=str(data), cache_dir=str(folder/'cache'), outputs_dir=str(folder/'run'))
    given = TINY | folders | dict(lr_policy='constant')
    with contextlib.redirect_stdout(io.StringIO()): train(given | dict(max_epoch=1))
    return folder/'run', given

def answer(given):
    "The error line of a training that is refused, or `trained`."
    from cyclegan_nbdev.core import CycleGANError
    from cyclegan_nbdev.train import train
    with contextlib.redirect_stdout(io.StringIO()):
        try: train(given)
        except CycleGANError as e: return str(e)
    return 'trained'

@attack('run folder: links and pipes in place of our files')
def linked(folder, long):
    run,given = a_run(folder)
    outside = folder/'outside'
    outside.mkdir()
    (outside/'G_A_1.safetensors').write_text('theirs')
    victim = folder/'victim.txt'
    victim.write_text('untouched')
    again = given | dict(resume=True)
    for name in ('.lock', 'history.csv', 'config.json', 'monitor.csv', 'state.safetensors', 'ckpt', 'imgs', 'log'):
        for kind in ('link', 'pipe') if long else ('link',):
            hostile = folder/f'hostile {name} {kind}'
            shutil.copytree(run, hostile)
            old = hostile/name
            is_folder = old.is_dir()
            if is_folder: shutil.rmtree(old)
            else: old.unlink(missing_ok=True)
            if kind == 'pipe': os.mkfifo(old)
            else: old.symlink_to(outside if is_folder else victim)
            said = answer(again | dict(outputs_dir=str(hostile), keep_checkpoints=1))
            if is_folder or name == '.lock': assert 'outputs_dir=' in said and name in said, said
            assert victim.read_text() == 'untouched', name
            assert [p.name for p in outside.iterdir()] == ['G_A_1.safetensors'], name

@attack('run folder: no path or URL in it is written to or requested')
def forged(folder, long):
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from cyclegan_nbdev.run.resume import load_state, save_state
    from cyclegan_nbdev.train import load_learner
    asked = []
    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)
        do_HEAD = do_GET
        def log_message(self, *_): pass
    server = HTTPServer(('127.0.0.1', 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f'http://127.0.0.1:{server.server_port}/x'
    run,given = a_run(folder)
    state = load_state(run/'state.safetensors')
    names = ('dataroot', 'palette', 'extractor', 'G_A_ckpt', 'D_B_ckpt')
    taken = folder/'taken'
    forgeries = [('cache_dir', str(taken)), ('outputs_dir', str(taken)), ('logger', 'wandb')]
    forgeries += [(name, url) for name in names]
    for only_config in (False, True) if long else (False,):
        for name,value in forgeries:
            hostile = folder/f'forged {name} {only_config}'
            shutil.copytree(run, hostile)
            forged = state['options'] | {name:value}
            (hostile/'config.json').write_text(json.dumps(forged))
            if only_config: (hostile/'state.safetensors').unlink()
            else: save_state(hostile/'state.safetensors', state | dict(options=forged))
            said = answer(dict(resume=True, outputs_dir=str(hostile), max_epoch=2))
            wanted = 'trained' if name == 'outputs_dir' else f'give {name} again to confirm it'
            assert wanted in said, (name, said)
            assert not taken.exists(), name
    try: load_learner(folder/'forged dataroot False')
    except ValueError as e: assert 'give dataroot again' in str(e), e
    server.shutdown()
    assert not asked, asked

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('word', nargs='?', default='')
    p.add_argument('--long', action='store_true')
    args = p.parse_args()
    start = time.time()
    failed = 0
    mine = [a for a in ATTACKS if args.word in a[0]]
    for i,(name,func) in enumerate(mine):
        folder = ROOT/str(i)
        folder.mkdir()
        faulthandler.dump_traceback_later(600 if args.long else 120, exit=True) # an attack that hangs has succeeded
        try: func(folder, args.long)
        except Exception:
            failed += 1
            print(f'FAIL {name}: {traceback.format_exc()[-1500:]}', flush=True)
        faulthandler.cancel_dump_traceback_later()
    shutil.rmtree(ROOT, ignore_errors=True)
    print(f'{len(mine)-failed} of {len(mine)} attacks held off ({time.time()-start:.0f} s)')
    sys.exit(1 if failed or not mine else 0)

if __name__ == '__main__': main()
