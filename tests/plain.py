"""The papermill chapters, run as after a plain `pip install .`: what that does not install cannot be imported.

    python tests/plain.py
"""
import json, os, re, subprocess, sys, tempfile, time
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
SMALL = dict(image_size=32, ngf=4, gl_num=1, ndf=4, dl_num=2, max_epoch=1, max_dataset_size=8, platform='CPU')
AFTER = 20 # seconds that the cells behind a run's result may take

def installed_by(requirements):
    "The distributions that these requirements bring, by name."
    found,todo = set(),[Requirement(r) for r in requirements]
    while todo:
        r = todo.pop()
        name = re.sub(r'[-_.]+', '-', r.name).lower()
        if (r.marker and not r.marker.evaluate({'extra': ''})) or (name, *r.extras) in found: continue
        found.add((name, *r.extras))
        try: needs = distribution(name).requires or ()
        except PackageNotFoundError: continue
        for n in map(Requirement, needs):
            wanted = n.marker is None or any(n.marker.evaluate({'extra': e}) for e in ('', *r.extras))
            if wanted:
                n.marker = None
                todo.append(n)
    return {name for name,*_ in found}

BLOCK = '''
from importlib.machinery import PathFinder
find_spec = PathFinder.find_spec.__func__
def find_installed(cls, name, path=None, target=None):
    "Whatever a plain installation does not bring is not found."
    return None if name.partition('.')[0] in MISSING else find_spec(cls, name, path, target)
PathFinder.find_spec = classmethod(find_installed)
'''

def missing_modules():
    "The modules here that a plain installation would not have."
    from configparser import ConfigParser
    config = ConfigParser(delimiters=['='])
    config.read(ROOT/'settings.ini')
    kept = installed_by(config['DEFAULT']['requirements'].split()) | {'cyclegan-nbdev', 'pip', 'setuptools'}
    def names(dists): return {re.sub(r'[-_.]+', '-', d).lower() for d in dists}
    return sorted(m for m,dists in packages_distributions().items() if not names(dists) & kept)

def seconds_after(nb, words):
    "What the cells behind the one that has these words took together."
    at = next(i for i,c in enumerate(nb['cells']) if words in ''.join(c['source']))
    took = [c['metadata'].get('papermill', {}).get('duration') or 0 for c in nb['cells']]
    return sum(took[at+1:])

def chapter(name, env, work, parameters, result, *wanted):
    "Execute a chapter with papermill; what is wrong, or nothing."
    out = work/f'{name}.ipynb'
    command = [sys.executable, '-m', 'papermill', ROOT/f'nbs/{name}.ipynb', out, '--cwd', work]
    words = [str(w) for k,v in parameters.items() for w in ('-p', k, v)]
    done = subprocess.run([*map(str, command), *words], env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode: return done.stdout[-9000:]
    gone = [f for f in wanted if not (work/f).exists()]
    if gone: return f'not written: {gone}'
    after = seconds_after(json.loads(out.read_text()), result)
    print(f'     {name}: {after:.0f} s behind the result')
    # three times the usual, for a busy machine
    if after > 3*AFTER: return f'{after:.0f} s behind the result, which should be about {AFTER}'

def main():
    failed,start = 0,time.time()
    with tempfile.TemporaryDirectory() as d:
        work = Path(d)
        (work/'block').mkdir()
        missing = missing_modules()
        (work/'block/sitecustomize.py').write_text(f'MISSING = {set(missing)!r}\n{BLOCK}')
        env = dict(os.environ, PYTHONPATH=f'{work}/block:{ROOT}', XDG_CACHE_HOME=f'{work}/cache')
        run,student = work/'run',work/'student'
        networks = {k:run/f'ckpt/{k}_1.safetensors' for k in ('G_A', 'G_B')}
        teachers = dict(GT_A_ckpt=networks['G_A'], GT_B_ckpt=networks['G_B'], t_ngf=4, t_gl_num=1)
        chapters = [ # name, parameters, the cell with the result, what must be written
            ('04_train', SMALL | dict(outputs_dir=run), 'train(given)',
             'run/config.json', 'run/history.csv', 'run/imgs/1_grid.png', 'run/ckpt/G_A_1.safetensors'),
            ('07_evaluate', dict(run_dir=run), 'evaluate(**', 'run/evaluation_results.txt', 'run/report.html'),
            ('05_distill', SMALL | teachers | dict(outputs_dir=student), 'run(given', 'student/ckpt/G_A_1.safetensors')]
        for name,parameters,result,*wanted in chapters:
            wrong = chapter(name, env, work, parameters, result, *wanted)
            if wrong:
                failed += 1
                print(f'FAIL {name}: {wrong}', flush=True)
    done = f'{len(chapters)-failed} of {len(chapters)} chapters run after a plain installation'
    print(f'{done}, without {len(missing)} modules that are here ({time.time()-start:.0f} s)')
    sys.exit(1 if failed else 0)

if __name__ == '__main__': main()
