"""The rules of the house: imports run downwards, lines fit a page, and outputs are those of the code.

    python tests/house.py [imports|widths|outputs ...]    # what breaks these rules, one line each; without names all
"""
import ast, json, re, sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT/'cyclegan_nbdev'
CHAPTERS = ['core', 'data', 'networks', 'losses', 'train', 'distill', 'predict', 'evaluate', 'export', 'app', 'cli']
# and the last chapter that each may import
WINGS = {'io':'losses', 'metrics':'losses', 'system':'losses', 'run':'losses', 'tools':'export'}
WIDTH = 120
OUTPUT_BYTES = 700_000 # of one notebook

def name_of(path):
    "The module's name below the package."
    return '.'.join(path.relative_to(PACKAGE).with_suffix('').parts)

def modules():
    "The package's modules by name."
    files = [p for p in sorted(PACKAGE.rglob('*.py')) if p.name not in ('__init__.py', '_modidx.py')]
    return {name_of(p):p for p in files}

def imported(name, path, known):
    "The modules of the package that a module imports, also inside its functions."
    package = ['cyclegan_nbdev', *name.split('.')[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import): found = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[:len(package) - node.level + 1] if node.level else []
            base = '.'.join([*above, *([node.module] if node.module else [])])
            found = [base, *(f'{base}.{a.name}' for a in node.names)]
        else: continue
        for f in found:
            short = f.removeprefix('cyclegan_nbdev.')
            if f.startswith('cyclegan_nbdev.') and short in known: yield short

def upwards(name, other):
    "Whether `name` must not import `other`."
    top,wing = other in CHAPTERS,name.split('.')[0]
    if not top: return False
    if wing in WINGS: return CHAPTERS.index(other) > CHAPTERS.index(WINGS[wing])
    return name in CHAPTERS and CHAPTERS.index(other) >= CHAPTERS.index(name)

def imports():
    "Circles, imports upwards, and modules that have no shelf."
    known = modules()
    graph = {name:{o for o in imported(name, path, known) if o != name} for name,path in known.items()}
    for name in known:
        shelved = name in CHAPTERS or name.split('.')[0] in WINGS or name == 'all'
        if not shelved: yield f'{name}: neither a chapter nor in a wing'
        for other in sorted(graph[name]):
            if upwards(name, other): yield f'{name} imports {other}, which stands above it'
    try: TopologicalSorter(graph).prepare()
    except CycleError as e: yield f'a circle of imports: {" -> ".join(e.args[1])}'

def widths():
    "Lines of code wider than a page."
    scripts = [p for d in ('tests', 'scripts') for p in sorted((ROOT/d).glob('*.py'))]
    for path in [*modules().values(), *scripts, ROOT/'setup.py', ROOT/'hubconf.py']:
        for i,line in enumerate(path.read_text().splitlines(), 1):
            if len(line) <= WIDTH or line.startswith('__all__'): continue
            yield f'{path.relative_to(ROOT)}:{i}: {len(line)} characters'
    for path,nb in notebooks():
        for i,cell in enumerate(nb['cells']):
            made_of_options = 'parameters' in cell['metadata'].get('tags', [])
            if cell['cell_type'] != 'code' or made_of_options: continue
            wide = [len(l) for l in ''.join(cell['source']).splitlines() if len(l) > WIDTH]
            if wide: yield f'{path.relative_to(ROOT)}, cell {i}: {len(wide)} lines of up to {max(wide)} characters'

def notebooks():
    for path in sorted((ROOT/'nbs').rglob('*.ipynb')):
        if '.ipynb_checkpoints' not in path.parts: yield path, json.loads(path.read_text())

DRAWS = re.compile(r'plt\.show|plt\.subplots|show_batch\(|show_results\(|show_grid\(|^display\((?!Markdown)|plot_\w+\(',
                   re.M)
def outputs():
    "Cells that draw and show no picture, tables of options that are not today's, and notebooks that are too large."
    from cyclegan_nbdev.core import ExportOptions, Options
    options = {*Options.__dataclass_fields__, *ExportOptions.__dataclass_fields__}
    for path,nb in notebooks():
        shown,name = 0,path.relative_to(ROOT)
        for i,cell in enumerate(nb['cells']):
            if cell['cell_type'] != 'code': continue
            source = ''.join(cell['source'])
            data = [o.get('data', {}) for o in cell['outputs']]
            hidden = re.match(r'#\|\s*(export|exports|hide)\b', source) or re.search(r'^def |^class ', source, re.M)
            pictures = [k for d in data for k in d if k.startswith('image/') or k == 'text/html']
            if DRAWS.search(source) and not hidden and not pictures:
                yield f'{name}, cell {i}: it draws, and shows no picture'
            for table in (''.join(d.get('text/markdown', '')) for d in data):
                rows = re.findall(r'^\| `(\w+)` \|', table, re.M)
                today = {*Options.__dataclass_fields__} if len(rows) < len(options) else options
                odd = {*rows} ^ today
                if len(rows) > 40 and odd:
                    yield f'{name}, cell {i}: its table of options is not today\'s: {", ".join(sorted(odd))}'
            shown += len(json.dumps(cell['outputs']))
        if shown > OUTPUT_BYTES: yield f'{name}: {shown//1000} KB of outputs'

def main():
    rules = dict(imports=imports, widths=widths, outputs=outputs)
    wrong = [line for name in sys.argv[1:] or rules for line in rules[name]()]
    for line in wrong: print(line)
    print(f'{len(modules())} modules and {len([*notebooks()])} notebooks, {len(wrong)} breaches of the rules')
    sys.exit(1 if wrong else 0)

if __name__ == '__main__': main()
