"""Make the pictures of nbs/index.ipynb from runs.

    python scripts/pictures.py RUN NAME    # rows of RUN's first and last sample grid, into nbs/images/NAME.png
"""
import sys
from pathlib import Path

from PIL import Image

run,name = Path(sys.argv[1]),sys.argv[2]
grids = sorted((run/'imgs').glob('*_grid.png'), key=lambda p: int(p.stem.split('_')[0]))
first,last = Image.open(grids[0]),Image.open(grids[-1])
TITLE,GAP = 18,2 # as in image_grid
row = (last.height - TITLE + GAP)//4 # a grid has four rows
before = first.crop((0, 0, first.width, TITLE + row - GAP))
after = last.crop((0, TITLE, last.width, TITLE + 3*row - GAP))
picture = Image.new('RGB', (last.width, before.height + 3*GAP + after.height), 'white')
picture.paste(before, (0, 0))
picture.paste(after, (0, before.height + 3*GAP))
Path('nbs/images').mkdir(exist_ok=True)
picture.save(f'nbs/images/{name}.png', optimize=True)
