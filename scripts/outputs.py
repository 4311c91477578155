"Execute notebooks (those named, or all) in place, so that the outputs they show come from the code they hold."
import base64
import io
import subprocess
import sys
from pathlib import Path

import nbformat
from PIL import Image

def slim(output):
    "Large pictures as JPEG, no wider than a page shows them: a photo-like PNG is ten times the size."
    png = output.get('data', {}).get('image/png')
    if png and len(png) > 40_000:
        with Image.open(io.BytesIO(base64.b64decode(png))) as im, io.BytesIO() as f:
            if im.height > 300: im.thumbnail((640, 2000), Image.LANCZOS) # grids of images; curves are wide and low
            im.convert('RGB').save(f, 'JPEG', quality=50, optimize=True)
            del output['data']['image/png']
            output['data']['image/jpeg'] = base64.b64encode(f.getvalue()).decode()
    return output

def chatter(output):
    "Progress bars and what libraries say to the error stream are no documentation."
    shown = str(output.get('data', ''))
    return output.get('name') == 'stderr' or '<progress' in shown or '<style>' in shown

def tidy(path):
    nb = nbformat.read(path, 4)
    for cell in nb.cells:
        if cell.cell_type == 'code': cell.outputs = [slim(o) for o in cell.outputs if not chatter(o)]
    nbformat.write(nb, path)

def all_notebooks():
    folders = [Path('nbs'), *(Path('nbs', wing) for wing in ('io', 'metrics', 'run', 'system', 'tools'))]
    return [f for folder in folders for f in sorted(folder.glob('*.ipynb'))]

for path in [Path(a) for a in sys.argv[1:]] or all_notebooks():
    subprocess.run([sys.executable, '-m', 'papermill', path, path, '--cwd', path.parent, '-k', 'python3'], check=True)
    tidy(path)
subprocess.run([Path(sys.executable).with_name('nbdev_clean')], check=True)
