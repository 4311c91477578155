"Make README.md from nbs/index.ipynb: its text and code, without quarto."
import re
import sys
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

root = Path(sys.argv[1] if len(sys.argv) > 1 else '.')
nb = nbformat.read(root/'nbs/index.ipynb', 4)
nb.cells = [c for c in nb.cells if not c.source.startswith('#| hide')]
text,_ = MarkdownExporter().from_notebook_node(nb)
text = re.sub(r'^#\| .*\n', '', text, flags=re.M)
text = re.sub(r'\]\((?!https?:|#|\.\./)', '](nbs/', text).replace('](../', '](') # links as seen from the top
note = '<!-- made from nbs/index.ipynb by `make readme`; edit there -->\n\n'
(root/'README.md').write_text(note + re.sub(r'\n{3,}', '\n\n', text).strip() + '\n')
