"Execute the notebooks in place, so that the outputs they show come from the code they hold. Names as arguments, or all."
import subprocess
import sys
from pathlib import Path

import nbformat

for path in [Path(a) for a in sys.argv[1:]] or sorted(Path('nbs').glob('*.ipynb')):
    subprocess.run([sys.executable, '-m', 'papermill', path, path, '--cwd', 'nbs', '-k', 'python3'], check=True)
    nb = nbformat.read(path, 4)
    for cell in nb.cells: # progress bars and the chatter of libraries are not documentation
        if cell.cell_type == 'code': cell.outputs = [o for o in cell.outputs if o.get('name') != 'stderr' and '<progress' not in str(o.get('data', ''))
                                                     and '<style>' not in str(o.get('data', ''))]
    nbformat.write(nb, path)
subprocess.run([Path(sys.executable).with_name('nbdev_clean')], check=True)
