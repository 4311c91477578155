"Everything about the package is in settings.ini; this file hands it to setuptools, and the papermill notebooks to the wheel."
import json
from configparser import ConfigParser
from pathlib import Path
from shlex import split

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

config = ConfigParser(delimiters=['='])
config.read('settings.ini', encoding='utf-8')
cfg = config['DEFAULT']
extras = {k.removesuffix('_requirements'): split(v) for k,v in cfg.items() if k.endswith('_requirements')}

class BuildWithNotebooks(build_py):
    "Puts the papermill notebooks, without outputs, into the package: who installs it has no clone."
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
    author=cfg['author'], author_email=cfg['author_email'], url=cfg['git_url'], license='Apache-2.0',
    long_description=Path('README.md').read_text(encoding='utf-8'), long_description_content_type='text/markdown',
    classifiers=['Development Status :: 3 - Alpha', 'Intended Audience :: Developers',
                 'Intended Audience :: Science/Research', 'Programming Language :: Python :: 3',
                 'Topic :: Scientific/Engineering :: Image Processing'],
    project_urls={'Documentation': cfg['doc_host'] + cfg['doc_baseurl']},
    packages=find_packages(include=['cyclegan_nbdev*']),
    package_data={'cyclegan_nbdev': ['py.typed', 'palettes/*.json']}, cmdclass={'build_py': BuildWithNotebooks},
    python_requires=f'>={cfg["min_python"]}', install_requires=split(cfg['requirements']), extras_require=extras,
    entry_points={'console_scripts': cfg['console_scripts'].split(),
                  'nbdev': ['cyclegan_nbdev=cyclegan_nbdev._modidx:d']},
)
