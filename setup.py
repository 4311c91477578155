"Configure setuptools from settings.ini, and add the papermill notebooks to the wheel."
import json
import re
from configparser import ConfigParser
from pathlib import Path
from shlex import split

from setuptools import find_namespace_packages, setup
from setuptools.command.build_py import build_py

config = ConfigParser(delimiters=['='])
config.read('settings.ini', encoding='utf-8')
cfg = config['DEFAULT']
extras = {k.removesuffix('_requirements'): split(v) for k,v in cfg.items() if k.endswith('_requirements')}

def long_description():
    "The README with links that also work away from the repository."
    text = Path('README.md').read_text(encoding='utf-8')
    def absolute(kind): return rf'\1{cfg["git_url"]}/{kind}/{cfg["branch"]}/'
    text = re.sub(r'(!\[[^]]*\]\()(?!https?:)', absolute('raw'), text)
    return re.sub(r'(\]\()(?!https?:|#)', absolute('blob'), text)

class BuildWithNotebooks(build_py):
    "Add the papermill notebooks, without outputs, to the package: an installed package has no clone beside it."
    def run(self):
        super().run()
        if self.editable_mode: return
        folder = Path(self.build_lib, cfg['lib_name'], 'notebooks')
        folder.mkdir(parents=True, exist_ok=True)
        for name in split(cfg['papermill_notebooks']):
            nb = json.loads(Path('nbs', name).read_text(encoding='utf-8'))
            for cell in nb['cells']:
                if cell['cell_type'] == 'code': cell.update(outputs=[], execution_count=None)
            (folder/name).write_text(json.dumps(nb, indent=1, ensure_ascii=False), encoding='utf-8')

setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'],
    author=cfg['author'], author_email=cfg['author_email'],
    long_description=long_description(), long_description_content_type='text/markdown',
    classifiers=['Development Status :: 3 - Alpha', 'Framework :: Jupyter',
                 'Intended Audience :: Developers', 'Intended Audience :: Science/Research',
                 'Operating System :: MacOS', 'Operating System :: POSIX :: Linux',
                 *(f'Programming Language :: Python :: 3{minor}' for minor in ('', '.11', '.12', '.13', '.14')),
                 'Topic :: Scientific/Engineering :: Artificial Intelligence',
                 'Topic :: Scientific/Engineering :: Image Processing', 'Typing :: Typed'],
    packages=find_namespace_packages(include=['cyclegan_nbdev*']),
    package_data={'cyclegan_nbdev': ['py.typed', 'palettes/*.json', 'templates/*']},
    cmdclass={'build_py': BuildWithNotebooks},
    python_requires=f'>={cfg["min_python"]}',
    install_requires=split(cfg['requirements']),
    extras_require=extras,
    entry_points={'console_scripts': cfg['console_scripts'].split(),
                  'nbdev': ['cyclegan_nbdev=cyclegan_nbdev._modidx:d']},
)
