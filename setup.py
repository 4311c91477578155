"Everything about the package is in settings.ini; this file only hands it to setuptools."
from configparser import ConfigParser
from pathlib import Path
from shlex import split

from setuptools import find_packages, setup

config = ConfigParser(delimiters=['='])
config.read('settings.ini', encoding='utf-8')
cfg = config['DEFAULT']
extras = {k.removesuffix('_requirements'): split(v) for k,v in cfg.items() if k.endswith('_requirements')}

setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'],
    author=cfg['author'], author_email=cfg['author_email'], url=cfg['git_url'], license='Apache-2.0',
    long_description=Path('README.md').read_text(encoding='utf-8'), long_description_content_type='text/markdown',
    classifiers=['Development Status :: 3 - Alpha', 'Intended Audience :: Developers', 'Intended Audience :: Science/Research',
                 'Programming Language :: Python :: 3', 'Topic :: Scientific/Engineering :: Image Processing'],
    project_urls={'Documentation': cfg['doc_host'] + cfg['doc_baseurl']},
    packages=find_packages(include=['cyclegan_nbdev*']), package_data={'cyclegan_nbdev': ['py.typed', 'palettes/*.json']},
    python_requires=f'>={cfg["min_python"]}', install_requires=split(cfg['requirements']), extras_require=extras,
    entry_points={'console_scripts': cfg['console_scripts'].split(), 'nbdev': ['cyclegan_nbdev=cyclegan_nbdev._modidx:d']},
)
