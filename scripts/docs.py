"""Check every link, anchor, picture and name in the notebooks' prose and the other documents. With a folder as
argument, also write all notebooks there as HTML and check that the builder of the documentation site can read them.

Prints what is wrong, one line each, and how many links were looked at."""
import importlib
import re
import sys
import unicodedata
import warnings
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat

ROOT = Path(__file__).resolve().parent.parent

def documents():
    yield from sorted((ROOT/'nbs').rglob('*.ipynb'))
    yield from sorted(ROOT.glob('*.md'))

def prose(path):
    "The markdown of a document, code blocks left out."
    text = path.read_text(encoding='utf-8')
    if path.suffix == '.ipynb':
        cells = nbformat.reads(text, 4).cells
        text = '\n\n'.join(c.source for c in cells if c.cell_type == 'markdown')
    return re.sub(r'^ *(```|~~~).*?^ *\1', '', text, flags=re.M | re.S)

def slug(heading):
    "The anchor that GitHub and pandoc make of a heading."
    words = re.sub(r'!?\[(.*?)\]\(.*?\)', r'\1', heading).replace('`', '').replace('*', '')
    kept = ''.join(c for c in unicodedata.normalize('NFC', words).lower() if c.isalnum() or c in ' -_')
    return kept.strip().replace(' ', '-')

def anchors(path): return {slug(m[1]) for m in re.finditer(r'^#{1,6} +(.*?)(?: *#*)$', prose(path), re.M)}

def wrong_link(path, link):
    "What is wrong with a link in a document, or nothing."
    url = urlsplit(link)
    if url.scheme in ('http', 'https', 'mailto'): return '' if url.netloc or url.scheme == 'mailto' else 'no host'
    if url.scheme: return f'scheme {url.scheme}'
    target = (path.parent/unquote(url.path)).resolve() if url.path else path
    if not target.exists(): return 'no such file'
    if not target.is_relative_to(ROOT): return 'outside of the repository'
    has_headings = target.suffix in ('.ipynb', '.md')
    if url.fragment and has_headings and unquote(url.fragment) not in anchors(target):
        return f'no such heading in {target.name}'
    return ''

def links(text):
    text = re.sub(r'`[^`\n]*`', lambda m: m[0] if '](' in m[0] else '', text) # code is not a link
    yield from (m[1] for m in re.finditer(r'\]\(([^()\s]+(?:\([^()]*\))?[^()\s]*)(?: "[^"]*")?\)', text))
    yield from (m[1] for m in re.finditer(r'(?:src|href)="([^"]+)"', text))

def wrong_name(name):
    "What is wrong with a dotted name of the package, or nothing."
    parts = name.split('.')
    for k in range(len(parts), 0, -1):
        try: at = importlib.import_module('.'.join(parts[:k]))
        except ModuleNotFoundError: continue
        for p in parts[k:]:
            if not hasattr(at, p): return f'there is no {p} in {".".join(parts[:k])}'
            at = getattr(at, p)
        return ''
    return 'no such module'

def check():
    wrong,n = [],0
    for path in documents():
        text,where = prose(path),path.relative_to(ROOT)
        for link in links(text):
            n += 1
            if said := wrong_link(path, link): wrong.append(f'{where}: {link}: {said}')
        for name in set(re.findall(r'`(cyclegan_nbdev(?:\.\w+)+)', text)):
            n += 1
            if said := wrong_name(name): wrong.append(f'{where}: {name}: {said}')
        for name in set(re.findall(r'(?<![\w./-])((?:nbs|tests|scripts|configs)/[\w./-]+\.\w+)', text)):
            n += 1
            if not (ROOT/name).exists(): wrong.append(f'{where}: {name}: no such file')
        for name in set(re.findall(r'`make ([a-z-]+)', text)):
            n += 1
            makefile = (ROOT/'Makefile').read_text()
            if not re.search(rf'^{name}:', makefile, re.M): wrong.append(f'{where}: make {name}: no such target')
    return wrong,n

def wrong_for_site(path):
    "What keeps nbdev_docs, which runs a notebook's exported cells and those that import, from taking it; or nothing."
    from execnb.nbio import read_nb
    from nbdev.processors import FilterDefaults
    warnings.filterwarnings('ignore', 'Found cells containing imports and other code')
    try: FilterDefaults()(read_nb(path))
    except Exception as e:
        details = ' '.join(str(e).split())[:200]
        return f'{path.relative_to(ROOT)}: nbdev_docs: {e.__cause__ or e}: {details}'

WIDE = ( # a wide table scrolls
    '<style>table{display:block;width:fit-content;max-width:100%;overflow-x:auto}'
    '.highlight{margin-bottom:1em}</style></head>')

def is_shown(cell): return cell.cell_type != 'raw' and not cell.source.startswith(('#| hide', '#| default_exp'))

def render(out):
    "All notebooks as HTML, with links from one to the other; what is wrong with them for the site."
    from nbconvert import HTMLExporter
    exporter = HTMLExporter(embed_images=True)
    wrong = []
    for path in sorted((ROOT/'nbs').rglob('*.ipynb')):
        if said := wrong_for_site(path): wrong.append(said)
        nb = nbformat.read(path, 4)
        nb.cells = [c for c in nb.cells if is_shown(c)]
        html,_ = exporter.from_notebook_node(nb, {'metadata':{'path':str(path.parent), 'name':path.stem}})
        to = out/path.relative_to(ROOT/'nbs').with_suffix('.html')
        to.parent.mkdir(parents=True, exist_ok=True)
        html = re.sub(r'(href="(?!https?:)[^"]*)\.ipynb', r'\1.html', html)
        to.write_text(html.replace('</head>', WIDE, 1), encoding='utf-8')
    return wrong

if __name__ == '__main__':
    wrong,n = check()
    if sys.argv[1:]: wrong += render(Path(sys.argv[1]).resolve())
    print(*wrong, sep='\n', end='\n' if wrong else '')
    print(f'{n} links, pictures and names, {len(wrong)} wrong')
    sys.exit(1 if wrong else 0)
