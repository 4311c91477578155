"""Harm training runs in every way that machines do; each must go on to the weights of an undisturbed run, to the bit.

    python tests/faults.py [--kills 120] [--seed 0]

Runs are forks of this process, killed with SIGKILL at random moments: by the clock, before and after renaming, while
flushing, with a file half written, while the cache of decoded images is built. Where the disk is full (a small tmpfs as
root, a limit on file sizes otherwise), read-only, or loses a file, the run must end with one line, with nothing
half-written, and go on when the cause is gone. Run folders are copied, renamed, moved, spoilt, and used from
containers.
"""
import argparse, ctypes, errno, fcntl, hashlib, os, random, resource, shutil, signal, stat, subprocess, sys, tempfile
import time, traceback
from pathlib import Path

import safetensors.torch
import cyclegan_nbdev.train # noqa: F401 # imported once, used by the forks
from PIL import Image
from cyclegan_nbdev import cli, data
from cyclegan_nbdev.core import OptionError
from cyclegan_nbdev.io import cache as cache_room, scenes as scenes_room
from cyclegan_nbdev.run import folder as folder_room, resume
from cyclegan_nbdev.io.checkpoint import load_network
from cyclegan_nbdev.io.scenes import make_demo_scenes
from cyclegan_nbdev.system import files

ROOT = Path(tempfile.mkdtemp(prefix='faults-'))
TINY = dict(image_size=32, ngf=4, gl_num=1, ndf=4, dl_num=2, max_epoch=2, n_epochs=1, ema=.9, pool_size=3, print_iter=3,
            platform='CPU', seed=5, save_state_minutes=0, keep_checkpoints=1, dataroot=ROOT/'scenes',
            cache_dir=ROOT/'cache')
survived,failed = 0,[]

def start(prepare=lambda: None, usual=TINY, **options):
    "Run cyclegan_train in a fork; its process id."
    argv = [str(w) for k,v in (usual | options).items() for w in (f'--{k}', v)]
    sys.stdout.flush()
    if (pid := os.fork()): return pid
    code = 99
    try:
        log = os.open(ROOT/f'log-{os.getpid()}', os.O_WRONLY | os.O_CREAT)
        for fd in (1, 2): os.dup2(log, fd)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        prepare()
        cli.train(argv)
        code = 0
    except SystemExit as e: code = e.code or 0
    except BaseException: traceback.print_exc()
    finally:
        sys.stdout.flush(); sys.stderr.flush()
        os._exit(code)

def end(pid):
    "Wait; exit code (negative: the signal) and what was printed."
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    log = ROOT/f'log-{pid}'
    return code, log.read_text(errors='replace') if log.exists() else ''

def run(prepare=lambda: None, usual=TINY, **options): return end(start(prepare, usual, **options))

def fingerprint(folder):
    "Of all weights that a run ended with, and of its history."
    h = hashlib.sha256()
    for f in sorted((folder/'ckpt').glob('*_2.safetensors')):
        for k,v in sorted(safetensors.torch.load(f.read_bytes()).items()):
            h.update(f'{f.name} {k}'.encode() + v.numpy().tobytes())
    rows = (folder/'history.csv').read_text().splitlines()
    return h.hexdigest(), [','.join(w for i,w in enumerate(r.split(',')) if i != 3) for r in rows] # all but the time

def whole(folder):
    "What is not whole in a run folder, whatever happened to it."
    for f in folder.rglob('*'):
        if any(part.startswith('.') for part in f.relative_to(folder).parts) or not f.is_file(): continue
        try:
            if f.name == resume.STATE: resume.load_state(f)
            elif f.suffix == '.safetensors': load_network(f)
            elif f.suffix in ('.png', '.jpg'): Image.open(f).load()
            elif f.name == 'config.json': resume.Options.load(f)
        except Exception as e: return f'{f.name}: {e!r}'

def check(what, wrong):
    "Count a fault as survived, unless something is wrong."
    global survived
    if wrong: failed.append(f'{what}: {wrong}'); print('FAIL', failed[-1][:2000], flush=True)
    else: survived += 1

# ways to be killed

def die(): os.kill(os.getpid(), signal.SIGKILL)

def at_call(module, name, n, after=False, half=False):
    "Be killed in the n-th call of a function: before it, after it, or with its file half written."
    def prepare():
        real,calls = getattr(module, name),[0]
        def wrapped(*args, **kwargs):
            calls[0] += 1
            if calls[0] == n and not after and not half: die()
            res = real(*args, **kwargs)
            if calls[0] == n and half: os.truncate(args[1], os.path.getsize(args[1])//2)
            if calls[0] == n: die()
            return res
        setattr(module, name, wrapped)
    return prepare

def a_kill(rng, decoding):
    "A random way to be killed: its name, what the fork prepares, seconds to wait before killing it from outside."
    n = rng.randint(1, 30)
    ways = [('at a moment', None, rng.uniform(0, 1.6)),
            ('before renaming', at_call(os, 'replace', n), None),
            ('after renaming', at_call(os, 'replace', n, True), None),
            ('while flushing', at_call(os, 'fsync', n), None),
            ('in a file', at_call(safetensors.torch, 'save_file', n, half=True), None),
            ('while pruning', at_call(os, 'unlink', n, True), None)]
    cache = [('while decoding', at_call(cache_room, '_decode', rng.randint(1, 20)), None),
             ('before the cache is renamed', at_call(os, 'rename', rng.randint(1, 2)), None),
             ('after the cache is renamed', at_call(os, 'rename', 1, True), None)]
    return rng.choice(cache if decoding else ways)

def unlike(code, said, folder, wanted):
    "What is wrong with a run that should have ended with the weights and the history of an undisturbed one."
    if code: return f'exit code {code}: {said}'
    return '' if fingerprint(folder) == wanted else 'other weights or another history'

def kills(n, rng, wanted):
    "Kill runs n times, again and again until each ends."
    done = runs = 0
    while done < n:
        runs += 1
        folder,cache = ROOT/f'run{runs}',ROOT/f'cache{runs}'
        while True:
            name,prepare,wait = a_kill(rng, rng.random() < .2 and not cache.exists())
            pid = start(prepare or (lambda: None), outputs_dir=folder, cache_dir=cache)
            if wait is not None:
                time.sleep(wait)
                os.kill(pid, signal.SIGKILL)
            code,said = end(pid)
            if code == -signal.SIGKILL: done += 1; check(f'killed {name}', whole(folder))
            elif code: return check(f'killed {name}', f'exit code {code}: {said}')
            if code == 0 or done >= n: break
        if code: code,said = run(outputs_dir=folder, cache_dir=cache)
        check(f'run {runs} after its kills', unlike(code, said, folder, wanted))
        left = [p.name for where in (folder, cache) for p in where.rglob('.*')]
        check('nothing left over', left and f'{left}')

def stops(n, rng, wanted):
    "Ctrl-C and SIGTERM at random moments."
    for i in range(n):
        number,code,folder = rng.choice((signal.SIGINT, signal.SIGTERM)),0,ROOT/f'stop{i}'
        pid = start(outputs_dir=folder)
        while not (folder/'history.csv').exists() and not os.waitpid(pid, os.WNOHANG)[0]: time.sleep(.01)
        time.sleep(rng.uniform(0, .3))
        os.kill(pid, number)
        code,said = end(pid)
        line = said.strip().splitlines()[-1] if said else ''
        saved_itself = code == 128+number and 'the run is saved' in line and 'Traceback' not in said
        wrong = code and not saved_itself and f'exit code {code}: {said}'
        if code and not wrong: code,said = run(outputs_dir=folder)
        check(number.name, wrong or unlike(code, said, folder, wanted))

# what people do with run folders

def saved(n, then=lambda: None):
    "Be killed right after the n-th state is saved: six for an epoch of five steps."
    def prepare():
        then()
        at_call(resume, 'save_state', n, after=True)()
    return prepare

def contents(folder):
    files = [p for p in folder.rglob('*') if p.is_file()]
    return {p.relative_to(folder):(p.read_bytes(), p.stat().st_mtime_ns) for p in files}

def continued(what, folder, result, wanted):
    "The run must have gone on, in this folder, to the weights and the history of an undisturbed one."
    code,said = result
    begun_again = not code and 'continuing the run in' not in said
    check(what, f'it was begun again: {said}' if begun_again else unlike(code, said, folder, wanted))
    check(f'{what}: nothing put aside', [*folder.parent.glob(f'{folder.name}.*')] and 'a folder beside it')

def other_places(wanted, short):
    "Run folders that were copied, renamed, moved to another disk or linked, and runs continued from another folder."
    half = ROOT/'begun/outputs'
    half.parent.mkdir()
    relative = dict(dataroot='../scenes', cache_dir='../cache', outputs_dir='outputs') # begun with these, from there
    code,said = run(saved(3, lambda: os.chdir(half.parent)), **relative)
    check('a run with relative paths', code != -signal.SIGKILL and said)
    there = ROOT/'copied/outputs'
    shutil.copytree(half, there)
    before = contents(half)
    from_there = run(lambda: os.chdir(there.parent), {}, resume=True) # in ./outputs, with its options
    continued('a copy', there, from_there, wanted)
    check('and the original', contents(half) != before and 'was changed')
    if not short:
        shutil.copytree(half, ROOT/'renamed')
        continued('a renamed run', ROOT/'renamed', run(outputs_dir=ROOT/'renamed'), wanted)
    disk = Path(tempfile.mkdtemp(dir='/dev/shm' if os.access('/dev/shm', os.W_OK) else None))
    try:
        shutil.move(half, disk/'run')
        (ROOT/'linked').symlink_to(disk/'run')
        continued('a moved and linked run', ROOT/'linked', run(outputs_dir=ROOT/'linked'), wanted)
        check('the link', (not (ROOT/'linked').is_symlink()) and 'is none any more')
    finally: shutil.rmtree(disk)
    latin = ROOT/os.fsdecode(b'caf\xe9') # not UTF-8
    code,said = run(saved(8), outputs_dir=latin)
    check('a name that is not UTF-8', code != -signal.SIGKILL and said)
    continued('and the same again', latin, run(outputs_dir=latin), wanted)

def in_a_container():
    "Be a process of a container: with another process id, on a machine of the same name."
    new_processes = 0x20000000
    if ctypes.CDLL(None, use_errno=True).unshare(new_processes): os._exit(77)
    for _ in range(2): # the first process cannot kill itself
        if (pid := os.fork()): os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)

def containers(wanted, short):
    "Runs in containers that share folders and are killed with them."
    code,said = run(lambda: (in_a_container(), saved(4)()), outputs_dir=ROOT/'contained')
    if code == 77: return print('not tried: containers (needs root)')
    check('a container that is killed', code != -signal.SIGKILL & 255 and f'exit code {code}: {said}')
    continued('its run, outside', ROOT/'contained', run(outputs_dir=ROOT/'contained'), wanted)
    if short: return
    code,said = run(saved(4), outputs_dir=ROOT/'outside')
    from_inside = run(in_a_container, outputs_dir=ROOT/'outside')
    continued('a run from outside, in a container', ROOT/'outside', from_inside, wanted)

def late(wanted, short):
    "Killed between the last save and the end: the run is finished, not trained again."
    folder = ROOT/'late'
    code,said = run(saved(12), outputs_dir=folder)
    check('killed after the last save', (code != -signal.SIGKILL or fingerprint(folder) != wanted) and said)
    for what in ('the same again', 'and once more')[:1 if short else 2]:
        code,said = run(outputs_dir=folder)
        as_expected = 'it is finished' in said and not (ROOT/'late.1').exists()
        check(what, (code or not as_expected) and f'exit code {code}: {said}')
    check('its networks', fingerprint(folder) != wanted and 'are others')

def spoilt(wanted, short):
    "A history that is gone, garbled or a link; a state with a flipped bit; other images of the same names and sizes."
    half = ROOT/'half'
    run(saved(8), outputs_dir=half)
    victim = ROOT/'victim.txt'
    victim.write_text('untouched')
    ways = dict(gone=lambda f: f.unlink(),
                emptied=lambda f: f.write_bytes(b''),
                garbled=lambda f: f.write_bytes(b'\xff\0,\n"'),
                link=lambda f: (f.unlink(), f.symlink_to(victim)))
    for name in ('garbled', 'link') if short else ways:
        shutil.copytree(half, ROOT/name)
        ways[name](ROOT/name/'history.csv')
        continued(f'history.csv: {name}', ROOT/name, run(outputs_dir=ROOT/name), wanted)
    check('and where the link led', victim.read_text() != 'untouched' and 'was written')
    state = bytearray((half/resume.STATE).read_bytes())
    state[-1000] ^= 4
    shutil.copytree(half, ROOT/'flipped')
    (ROOT/'flipped'/resume.STATE).write_bytes(state)
    refused('a flipped bit', run(outputs_dir=ROOT/'flipped'), 1, resume.STATE, 'checksum', 'resume=False')
    shutil.copytree(ROOT/'scenes', ROOT/'green')
    for f in (ROOT/'green/trainA').iterdir(): Image.new('RGB', Image.open(f).size, 'green').save(f)
    refused('other images', run(outputs_dir=half, dataroot=ROOT/'green'), 2, 'dataroot=', 'contents', 'resume=False')
    continued('and the right ones again', half, run(outputs_dir=half), wanted)

def reader_gone(wanted, short):
    "Whoever read what a run prints has enough (`| head -1`): the run goes on to its end."
    argv = [str(w) for k,v in (TINY | dict(outputs_dir=ROOT/'head')).items() for w in (f'--{k}', v)]
    command = [sys.executable, '-u', '-m', 'cyclegan_nbdev.cli', 'train', *argv]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        p.stdout.readline()
        p.stdout.close()
        said = p.stderr.read()
    check('and it is said', b'the work goes on' not in said and f'{said}')
    check('nobody reads', unlike(p.returncode, said, ROOT/'head', wanted))

def orphans(wanted, short):
    "The processes of `device_num` end with the one that started them, saved; a restart while they run gives one line."
    if short: return
    options = TINY | dict(outputs_dir=ROOT/'both', device_num=2, max_epoch=400)
    argv = [str(w) for k,v in options.items() for w in (f'--{k}', v)]
    command = [sys.executable, '-m', 'cyclegan_nbdev.cli', 'train', *argv]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (ROOT/'both/state.safetensors').exists() and first.poll() is None: time.sleep(.1)
    again = subprocess.run(command, capture_output=True, text=True)
    refused('a second start', (again.returncode, again.stdout + again.stderr), 2, 'in use by the run with')
    first.kill()
    first.wait()
    before,now,until = None,'running',time.time() + 60
    while now != before or (now == 'running' and time.time() < until):
        time.sleep(1)
        before,now = now,folder_room.run_status(ROOT/'both')
    check('orphans', now != 'stopped' and f'they are {now}')

# what a file system cannot do, and what a user does not have

def poor_disks(wanted):
    "File systems without locks, and such that flush nothing or only what may be written: one notice, and it goes on."
    def always(fd): return True
    def folders(fd): return stat.S_ISDIR(os.fstat(fd).st_mode)
    def read_only(fd): return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY # as Windows
    def fails(module, name, number, when):
        def prepare():
            real = getattr(module, name)
            def wrapped(fd, *args):
                if when(fd): raise OSError(number, os.strerror(number))
                return real(fd, *args)
            setattr(module, name, wrapped)
        return prepare
    cases = [('flock', fcntl, n, always, 'has no locks') for n in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)]
    cases += [('fsync', os, errno.EINVAL, folders, 'a power cut may cost'),
              ('fsync', os, errno.EBADF, read_only, 'a power cut may cost'),
              ('fsync', os, errno.ENOTSUP, always, 'a power cut may cost')]
    for name,module,number,when,words in cases:
        folder = ROOT/f'{name}-{number}'
        code,said = run(fails(module, name, number, when), outputs_dir=folder)
        wrong = said.count(words) != 1 and f'not one notice: {said}'
        check(f'{name}: {errno.errorcode[number]}', unlike(code, said, folder, wanted) or wrong)

def command(name, **options):
    words = [str(w) for k,v in options.items() for w in (f'--{k}', v)]
    return [Path(sys.executable).parent/f'cyclegan_{name}', *words]

def no_home():
    "A user without an entry in the list of users and without HOME, as containers have them."
    def homeless(**options):
        user = ['unshare', '-U', '--map-user=12345', '--map-group=12345', 'env', '-u', 'HOME', '-u', 'XDG_CACHE_HOME']
        done = subprocess.run([*user, *command('train', **options)], capture_output=True, text=True)
        return done.returncode,done.stdout + done.stderr
    if subprocess.run(['unshare', '-U', '--map-user=12345', 'true'], capture_output=True).returncode:
        return print('not tried: a user without a home (needs user namespaces)')
    options = TINY | dict(outputs_dir=ROOT/'homeless', max_epoch=1)
    refused('no home', homeless(**{k:v for k,v in options.items() if k != 'cache_dir'}), 1, 'no home', 'give cache_dir')
    code,said = homeless(**options)
    check('no home, but a cache', (code or 'Traceback' in said) and said)

def ctrl_c_at_once(n, rng):
    "Ctrl-C while a command is still importing: no traceback of ours."
    for _ in range(n):
        here = command('train', **TINY | dict(outputs_dir=ROOT/'at once'))
        p = subprocess.Popen(here, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(rng.uniform(.05, 3))
        p.send_signal(signal.SIGINT)
        said = p.communicate()[0]
        ours = p.returncode not in (0, 130, -signal.SIGINT) or str(Path(cli.__file__).parent) in said
        check('Ctrl-C at once', ours and f'exit code {p.returncode}: {said}')

def half_folders():
    "A data set whose command is killed or ended is not there, or refused; the same command makes it."
    def made(to, where, number=0):
        if not (pid := os.fork()):
            os.chdir(where)
            for fd in (1, 2): os.dup2(os.open(os.devnull, os.O_WRONLY), fd)
            real,calls = scenes_room.street_scene,[0]
            def drawn(*args):
                calls[0] += 1
                if number and calls[0] == 7: os.kill(os.getpid(), number)
                return real(*args)
            scenes_room.street_scene = drawn
            try: cli.demo_scenes(['--output_dir', to, '--size', '16', '--n_train', '5', '--n_test', '1'])
            except SystemExit as e: os._exit(e.code)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    place = ROOT/'placed'
    place.mkdir()
    for number,code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 143)):
        got = made('new', place, number)
        there = got != code or (place/'new').exists()
        check(f'a folder, {number.name}', there and f'exit code {got}, {[*place.rglob("*")]}')
        failed_again = made('new', place) or {p.name for p in place.iterdir()} != {'new'}
        check('and again', failed_again and f'{[*place.iterdir()]}')
        check('a folder that holds something', made('new', place) != 1 and 'not refused')
        shutil.rmtree(place/'new')
        here = place/number.name
        here.mkdir()
        made('.', here, number)
        def refusal():
            try: files.check_dataroot(here)
            except OptionError as e: return str(e)
        words = 'is unfinished' if number == signal.SIGKILL else 'has no subfolder'
        check(f'the current folder, {number.name}', words not in str(refusal()) and f'{refusal()}, {[*here.iterdir()]}')
        check('and again', made('.', here) != (number == signal.SIGKILL) and 'not refused')
        shutil.rmtree(here)

def shared_by_containers():
    "What a process is writing stays, whatever its host and its process id are called elsewhere."
    with files.temporary(ROOT/'shared', folder=True) as tmp:
        if not (pid := os.fork()):
            in_a_container()
            files.remove_leftovers(ROOT)
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 77: return
        check('a folder shared by containers', not tmp.exists() and 'lost a live file')

# what the disk does

def refused(what, result, code, *words):
    "The run must have ended with one line of these words."
    got,said = result
    lines = said.strip().splitlines()
    last = lines[-1] if lines else ''
    ours = last.startswith('cyclegan_train: ') and 'Traceback' not in said
    ok = got == code and ours and all(str(w) in last for w in words)
    check(what, '' if ok else f'exit code {got}: {said}')

def limit_files(size):
    "No file may grow past `size` bytes."
    def prepare():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return prepare

def mounted(size):
    "A small file system; None where it may not be mounted."
    disk = ROOT/'disk'
    disk.mkdir(exist_ok=True)
    done = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', disk], capture_output=True)
    return disk if done.returncode == 0 else None

def disk_full(wanted, short):
    sizes = 2000, 20_000, 60_000, 100_000 # the log, the pictures, the networks, the state
    for size in sizes[1::2] if short else sizes:
        result = run(limit_files(size), outputs_dir=ROOT/f'limit{size}', cache_dir=ROOT/f'limit-cache{size}')
        refused(f'files of at most {size} bytes', result, 1, 'cannot be written')
        check('and what is there', whole(ROOT/f'limit{size}'))
        code,said = run(outputs_dir=ROOT/f'limit{size}', cache_dir=ROOT/f'limit-cache{size}')
        check('and afterwards', unlike(code, said, ROOT/f'limit{size}', wanted))
    disk = mounted('2m')
    if not disk: return print('not tried: a full file system and a read-only one (mounting needs root)')
    try:
        for left in (10, 300) if short else (10, 80, 150, 220, 290, 360, 430, 500):
            (disk/'filler').write_bytes(bytes((2048-left)*1024))
            result = run(outputs_dir=disk/'run')
            if result[0] == 0: break # there was room enough
            code = result[0] if result[0] in (1, 2) else 1
            refused(f'a disk with {left} KiB left', result, code, 'cannot be written', 'No space left')
            check('and what is there', whole(disk/'run'))
        (disk/'filler').unlink()
        code,said = run(outputs_dir=disk/'run')
        check('a disk with room again', unlike(code, said, disk/'run', wanted))
        subprocess.run(['mount', '-o', 'remount,ro', disk], check=True)
        refused('a read-only folder', run(outputs_dir=disk/'run'), 2, 'outputs_dir=', 'Read-only')
        refused('a read-only parent', run(outputs_dir=disk/'new'), 2, 'outputs_dir=', 'Read-only')
        refused('a read-only cache', run(outputs_dir=ROOT/'ro', cache_dir=disk/'cache'), 1, 'cache', 'Read-only')
        check('and nothing is left', (ROOT/'ro').exists() and 'a run folder')
    finally: subprocess.run(['umount', disk])

def vanishing():
    "A file goes between listing and reading, or while it is decoded."
    gone = ROOT/'scenes/trainA/00003.png'
    kept = gone.read_bytes()
    for module,name in ((data, "find_images"), (cache_room, "_decode")):
        def prepare():
            real = getattr(module, name)
            def wrapped(*args, **kwargs):
                if name == 'find_images': res = real(*args, **kwargs); gone.unlink(missing_ok=True); return res
                gone.unlink(missing_ok=True)
                return real(*args, **kwargs)
            setattr(module, name, wrapped)
        result = run(prepare, outputs_dir=ROOT/'gone', cache_dir=ROOT/f'gone-{name}')
        refused(f'a file that vanishes in {name}', result, 1, gone)
        check('and nothing is left', (ROOT/'gone').exists() and 'a run folder')
        gone.write_bytes(kept)
        os.utime(gone, ns=(10**18, 10**18))

def two_runs(wanted):
    "The second run is refused, the first does not notice."
    first = start(outputs_dir=ROOT/'two')
    while not (ROOT/'two/config.json').exists(): time.sleep(.01)
    refused('a second run', run(outputs_dir=ROOT/'two'), 2, 'outputs_dir=', f'process id {first}')
    code,said = end(first)
    check('and the first', (code and said) or (fingerprint(ROOT/'two') != wanted and 'other weights'))

def clocks(wanted):
    "A clock that runs backwards, and files from the future."
    def prepare():
        real = time.time
        begin = real()
        time.time = lambda: 2*begin - real() - 1e6
    for f in (ROOT/'scenes').rglob('*.png'): os.utime(f, (4e9, 4e9))
    code,said = run(prepare, outputs_dir=ROOT/'clock', cache_dir=ROOT/'clock-cache')
    check('a clock that goes back', (code and said) or (fingerprint(ROOT/'clock') != wanted and 'other weights'))

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--kills', type=int, default=120)
    p.add_argument('--seed', type=int, default=0)
    args = p.parse_args()
    rng = random.Random(args.seed)
    make_demo_scenes(TINY['dataroot'], 32, n_train=5, n_test=2, progress=False)
    code,said = run(outputs_dir=ROOT/'straight')
    if code: sys.exit(said)
    wanted = fingerprint(ROOT/'straight')
    vanishing()
    kills(args.kills, rng, wanted)
    stops(max(2, args.kills//12), rng, wanted)
    two_runs(wanted)
    short = args.kills < 100
    for part in (other_places, containers, late, spoilt, reader_gone, orphans, disk_full): part(wanted, short)
    poor_disks(wanted)
    no_home()
    ctrl_c_at_once(max(3, args.kills//6), rng)
    half_folders()
    shared_by_containers()
    clocks(wanted)
    shutil.rmtree(ROOT, ignore_errors=True)
    print(f'faults survived {survived} of {survived + len(failed)}')
    sys.exit(1 if failed else 0)

if __name__ == '__main__': main()
