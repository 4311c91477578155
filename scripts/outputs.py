"Execute the notebooks in place, so that the outputs they show come from the code they hold. Names as arguments, or all."
import subprocess
import sys
from pathlib import Path

for nb in [Path(a) for a in sys.argv[1:]] or sorted(Path('nbs').glob('*.ipynb')):
    subprocess.run([sys.executable, '-m', 'papermill', nb, nb, '--cwd', 'nbs', '-k', 'python3'], check=True)
subprocess.run([Path(sys.executable).with_name('nbdev_clean')], check=True)
