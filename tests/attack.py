"""Attack the product as a stranger would: the page, archives, names, hostile files. Everything stays on this machine and ends by itself.

    python tests/attack.py [WORD] [--long]     # only the attacks whose name has the word; --long tries more of each
"""
import argparse, contextlib, faulthandler, os, shutil, signal, sys, tempfile, time, traceback
from pathlib import Path

ROOT = Path(tempfile.mkdtemp(prefix='attack-'))
ATTACKS = [] # name, function: it raises AssertionError where the attack succeeds

def attack(name):
    "Register a function as an attack; it takes a folder of its own and whether to try more."
    def register(func):
        ATTACKS.append((name, func))
        return func
    return register

# archives and names that come from outside

# hostile files

# the page

# run folders from elsewhere

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('word', nargs='?', default='')
    p.add_argument('--long', action='store_true')
    args,start,failed = p.parse_args(),time.time(),0
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
