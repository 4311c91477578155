"""Give the commands and the Python API what they cannot use: each case ends with the right result, or with one line that says what to do.

    python tests/bad_input.py [WORD]        # only the cases whose name has the word

A refusal has the right exit code, one line that names the file or the option, no traceback, and leaves every folder as it was.
"""
import contextlib, dataclasses, faulthandler, io, json, math, os, pickle, shutil, signal, struct, subprocess, sys, tempfile, time, traceback, warnings, zipfile, zlib
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from PIL import Image, ImageCms
from tifffile import imwrite
import cyclegan_nbdev.train # noqa: F401 # imported once
from cyclegan_nbdev import cli, core
from cyclegan_nbdev.io import pictures, scenes
from cyclegan_nbdev.io.palette import Palette
from cyclegan_nbdev.io.checkpoint import load_network, read_header, save_network
from cyclegan_nbdev.core import DataError, OptionError, Options
from cyclegan_nbdev.networks import architecture, build_network
from cyclegan_nbdev.predict import Translator
from cyclegan_nbdev.run.resume import load_state, save_state

ROOT = Path(tempfile.mkdtemp(prefix='bad-input-'))
OUT = ROOT/'out' # every case may write here; a refusal must not
CASES = [] # name, what to do: it returns what is wrong, or nothing
TINY = dict(image_size=32, ngf=4, gl_num=1, ndf=4, dl_num=2, max_epoch=1, platform='CPU', seed=5, outputs_dir=OUT, cache_dir=ROOT/'cache', dataroot=ROOT/'scenes')
COMMANDS = dict(train=cli.train, predict=cli.predict, info=cli.info, aligned=cli.prepare_aligned, cityscapes=cli.prepare_cityscapes, scenes=cli.demo_scenes, sweep=cli.sweep, evaluate=cli.evaluate)
PROGS = dict(train='cyclegan_train', predict='cyclegan_predict', info='cyclegan_info', aligned='cyclegan_prepare_aligned', cityscapes='cyclegan_prepare_cityscapes', scenes='cyclegan_demo_scenes', sweep='cyclegan_sweep', evaluate='cyclegan_evaluate')

# ways to ask, and what must come of it

def call(command, argv):
    "Run a command here; its exit code, what it printed, and its complaints."
    out,err,code = io.StringIO(),io.StringIO(),0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings(): # warnings seen before are said again
        try: COMMANDS[command]([str(a) for a in argv])
        except SystemExit as e: code = e.code or 0
        except Exception: code = 99; traceback.print_exc()
    return code,out.getvalue(),err.getvalue()

def tree(*folders):
    "All files there are, in some folders or everywhere, with their sizes; of the cache only what should not be there."
    return {(str(p), p.lstat().st_size if not p.is_dir() else 0) for top in folders or [ROOT] for p in Path(top).rglob('*') if 'cache' not in p.parts or p.name.startswith('.')}

WRITTEN = ('first', 'mixed', 'more', 'left', 'predict left', 'out') # folders of cases that may write
def untouched(before): return lambda: sorted(p for p,_ in tree() ^ before if not {*WRITTEN} & {*Path(p).relative_to(ROOT).parts})[:5]

def argv_of(options): return [w for k,v in options.items() for w in (f'--{k}', *(v if isinstance(v, list) else [v]))]

def is_refusal(command, result, code, words):
    "What is wrong with a refusal."
    got,out,err = result
    lines,prog = err.splitlines(),PROGS[command]
    if got != code: return f'exit code {got}, wanted {code}: {out}{err}'
    if not lines or not lines[-1].startswith(f'{prog}: ') or 'Traceback' in err: return f'no line of {prog}: {err}'
    if len(lines) > 1 + (command == 'predict' and 'images failed' in lines[-1]): return f'{len(lines)} lines: {err}'
    if missing := [w for w in words if str(w) not in err]: return f'{missing} not named: {err}'

def refused(name, command, options, code, *words):
    "A case: the command refuses, and nothing is written."
    def do():
        folders = {OUT, options.get('outputs_dir', OUT) if isinstance(options, dict) else OUT}
        before = OUT.exists(),tree(*folders)
        wrong = is_refusal(command, call(command, options if isinstance(options, list) else argv_of(options)), code, words)
        after = OUT.exists(),tree(*folders)
        return wrong or (after != before and f'changed: {sorted(after[1] ^ before[1])[:5]}')
    CASES.append((f'{command}: {name}', do))

def works(name, command, options, check=lambda: None):
    "A case: the command does it, without a word of complaint; `check` returns what is wrong with the result."
    def do():
        code,out,err = call(command, options if isinstance(options, list) else argv_of(options))
        return f'exit code {code}: {out}{err}' if code or err else check()
    CASES.append((f'{command}: {name}', do))

def raises(name, func, error, *words):
    "A case of the Python API: one line that has the words, and nothing is written."
    def do():
        try: res = func()
        except error as e:
            said = str(e)
            return ('\n' in said or not all(str(w) in said for w in words)) and f'{words} wanted in one line: {said}'
        except Exception: return traceback.format_exc()
        return f'{res!r} instead of {error.__name__}'
    CASES.append((f'API: {name}', do))

def gives(name, func):
    "A case of the Python API: `func` returns what is wrong."
    CASES.append((f'API: {name}', func))

# fixtures

def photo(size=(20, 16)): return scenes.street_scene(1, 32)[0].resize(size)
def network(path, role='G_A', **options):
    torch.manual_seed(0)
    o = Options.of({k:v for k,v in TINY.items() if k not in ('outputs_dir', 'cache_dir', 'dataroot')} | options)
    save_network(path, build_network(architecture(o, role)), role, o, 1)
    return path

def forge(path, header, tensors=None):
    "A network file whose header says something else."
    tensors = tensors if tensors is not None else safetensors.torch.load_file(ROOT/'nets/G_A.safetensors')
    safetensors.torch.save_file(tensors, path, {'cyclegan_nbdev': header if isinstance(header, str) else json.dumps(header)})
    return path

def setup():
    scenes.make_demo_scenes(ROOT/'scenes', 32, n_train=2, n_test=1, progress=False)
    for d in ('nets', 'img', 'cache', 'bad'): (ROOT/d).mkdir()
    for role in ('G_A', 'G_B', 'D_A', 'D_B'): network(ROOT/f'nets/{role}.safetensors', role)
    network(ROOT/'nets/unet.safetensors', model='unet', gl_num=2)
    network(ROOT/'nets/wide.safetensors', ngf=8)

# images

def one_image(name, path, *words):
    "An image that cannot be read: by predict, in a training folder, and by the Python API."
    G = ROOT/'nets/G_A.safetensors'
    refused(name, 'predict', dict(input=path, G_A_ckpt=G, outputs_dir=OUT, platform='CPU'), 1, '1 of 1 images failed', *words)
    raises(name, lambda: pictures.read_picture(path), DataError, *words)

def trained_on(name, path, *words):
    root = ROOT/'sets'/f'{len(CASES)}'
    shutil.copytree(ROOT/'scenes', root)
    os.rename(path, root/'trainA'/path.name) if path.parent.name == 'move' else shutil.copy(path, root/'trainA'/path.name, follow_symlinks=False)
    refused(f'{name} in trainA', 'train', TINY | dict(dataroot=root), 1, *words)

def unreadable_images():
    d = ROOT/'img'
    whole = {}
    for end in ('png', 'jpg', 'tif', 'webp', 'bmp', 'ppm'): photo().save(d/f'whole.{end}'); whole[end] = (d/f'whole.{end}').read_bytes()
    for end,b in whole.items():
        for tenth in range(1, 10):
            f = d/f'cut{tenth}.{end}'
            f.write_bytes(b[:len(b)*tenth//10])
            refused(f'{end} cut after {tenth} tenths', 'predict', dict(input=f, G_A_ckpt=ROOT/'nets/G_A.safetensors', outputs_dir=OUT, platform='CPU'), 1, f, 'repair or remove it')
        raises(f'{end} cut in half', lambda f=d/f'cut5.{end}': pictures.read_picture(f), DataError, f'cut5.{end}')
        trained_on(f'{end} cut in half', d/f'cut5.{end}', f'cut5.{end}', 'repair or remove it')
    for end in sorted(pictures.IMAGE_EXTENSIONS):
        (d/f'empty{end}').write_bytes(b''); (d/f'text{end}').write_text('no image at all\n'*9)
        one_image(f'empty {end}', d/f'empty{end}', f'empty{end}', 'repair or remove it')
        one_image(f'text as {end}', d/f'text{end}', f'text{end}', 'repair or remove it')
    trained_on('an empty file', d/'empty.png', 'empty.png', 'repair or remove it')
    trained_on('a text file', d/'text.jpg', 'text.jpg', 'repair or remove it')
    bomb = whole['png'][:16] + struct.pack('>II', 60000, 60000) + whole['png'][24:]
    (d/'bomb.png').write_bytes(bomb[:29] + struct.pack('>I', zlib.crc32(bomb[12:29])) + bomb[33:])
    one_image('a decompression bomb', d/'bomb.png', 'bomb.png')
    trained_on('a decompression bomb', d/'bomb.png', 'bomb.png')
    imwrite(d/'bomb.tif', np.zeros((1, 1), np.float32), shape=(1, 1))
    b = (d/'bomb.tif').read_bytes()
    for code in (256, 257): # width and height
        i = b.index(struct.pack('<HH', code, 3)) if struct.pack('<HH', code, 3) in b else b.index(struct.pack('<HH', code, 4))
        b = b[:i] + struct.pack('<HHII', code, 4, 1, 200_000) + b[i+12:]
    (d/'bomb.tif').write_bytes(b)
    one_image('a TIFF bomb', d/'bomb.tif', 'bomb.tif')
    for name,x in dict(nan=np.full((9, 9), np.nan, np.float32), over=np.full((9, 9), 2, np.float32), under=np.full((9, 9), -1, np.float32),
                       complex=np.ones((9, 9), np.complex64), five=np.ones((9, 9, 5), np.uint8), volume=np.ones((2, 9, 9, 3), np.float32)).items():
        imwrite(d/f'{name}.tif', x, photometric='minisblack')
        one_image(f'TIFF {name}', d/f'{name}.tif', f'{name}.tif')
    (d/'link.png').symlink_to(d/'nowhere.png'); (d/'loop.png').symlink_to(d/'loop.png'); (d/'folder.png').mkdir(); os.mkfifo(d/'pipe.png')
    for name in ('link', 'loop', 'pipe'): one_image(f'{name}.png', d/f'{name}.png', f'{name}.png')
    one_image('a missing image', d/'none.png', 'none.png', 'no such file')
    raises('a folder as an image', lambda: pictures.read_picture(d/'folder.png'), DataError, 'folder.png', 'folder')
    one_image('/dev/zero', Path('/dev/zero'), '/dev/zero')
    odd = d/'two\nlines\x1b[31m.png'
    odd.write_bytes(b'x')
    one_image('a bad image with an odd name', odd, 'two\\nlines\\x1b[31m.png')
    trained_on('a bad image with an odd name', odd, 'two\\nlines\\x1b[31m.png')
    raises('a name with a null', lambda: pictures.read_picture('a\0b.png'), DataError, 'a\\x00b.png')
    refused('a name that is too long', 'predict', dict(input=d/('x'*300 + '.png'), G_A_ckpt=ROOT/'nets/G_A.safetensors', outputs_dir=OUT, platform='CPU'), 1, 'xxx.png')
    raises('a name that is too long', lambda: pictures.read_picture(d/('x'*300 + '.png')), DataError, 'xxx.png')

def readable_images():
    d = ROOT/'img/good'
    d.mkdir(parents=True)
    im,rgba = photo(),photo().convert('RGBA')
    rgba.putalpha(Image.linear_gradient('L').resize(im.size))
    def same(name, path, size=im.size, mode='RGB', input=None):
        to = OUT/'predict/fake_B'/(path.name if path.suffix.lower() in pictures.WRITABLE else path.with_suffix('.png').name)
        def check():
            if [*OUT.rglob('.cyclegan-tmp-*')]: return 'temporary files are left'
            if not to.exists(): return f'no {to}'
            with Image.open(to) as r:
                r.load()
                if (r.size, r.mode) != (size, mode): return f'{r.size} {r.mode}, wanted {size} {mode}'
        works(name, 'predict', dict(input=input or path, G_A_ckpt=ROOT/'nets/G_A.safetensors', outputs_dir=OUT, platform='CPU'), check)
    def saved(name, im, **kwargs): im.save(d/name, **kwargs); return d/name
    def tiff(name, x, **kwargs): imwrite(d/name, x, **kwargs); return d/name
    for end in ('png', 'jpg', 'jpeg', 'tif', 'tiff', 'webp', 'bmp', 'ppm'): same(end, saved(f'a.{end}', im))
    same('PNG named .jpg', saved('wrong.jpg', im, format='PNG')); same('JPEG named .png', saved('wrong.png', im, format='JPEG'))
    same('GIF', saved('a.gif', im))
    same('CMYK', saved('cmyk.jpg', im.convert('CMYK'))); same('CMYK TIFF', saved('cmyk.tif', im.convert('CMYK')))
    same('YCbCr', saved('ycc.jpg', im.convert('YCbCr'))); same('1 bit', saved('bit.png', im.convert('1')))
    same('palette', saved('p.png', im.quantize(16))); same('palette with transparency', saved('pt.png', im.quantize(16), transparency=3), mode='RGBA')
    same('grey', saved('l.png', im.convert('L'))); same('grey with alpha', saved('la.png', im.convert('LA')), mode='RGBA'); same('RGBA', saved('rgba.png', rgba), mode='RGBA')
    for size in ((1, 1), (1, 4000), (4000, 1), (2, 3), (7, 7), (33, 1)): same(f'{size[0]}x{size[1]}', saved(f's{size[0]}x{size[1]}.png', photo(size)), size)
    for n in range(1, 9):
        exif = Image.Exif()
        exif[274] = n
        same(f'EXIF orientation {n}', saved(f'turned{n}.jpg', im, exif=exif), im.size if n < 5 else im.size[::-1])
    deep = (np.asarray(im).astype(np.uint16)*257)
    def is_deep(): return None if pictures.read_picture(next((OUT/'predict/fake_B').glob('[!.]*'))).pixels.dtype == np.uint16 else 'not 16 bits'
    for name,path in dict(png16=pictures, tif16=tiff('d.tif', deep, photometric='rgb'), float=tiff('f.tif', (deep/65535).astype(np.float32), photometric='rgb'), grey16=tiff('g.tif', deep[...,0])).items():
        if name == 'png16': pictures.save_picture(path := d/'d.png', pictures.Picture(deep))
        works(name, 'predict', dict(input=path, G_A_ckpt=ROOT/'nets/G_A.safetensors', outputs_dir=OUT, platform='CPU'), is_deep)
    for name in ('ünï çødé 漢字 😀', 'two\nlines', 'a b', "quote'\"", '$(x)`y`;z', '%d%s', 'x'*250, '..a', 'a.b.c', '{0}'): same(f'named {name[:20]!r}', saved(f'{name}.png', im))
    same('named --help', saved('--help.png', im), input=f'{d}/--help.png')
    (d/'linked.png').symlink_to(d/'a.png')
    same('a link to an image', d/'linked.png')
    def mixed():
        f = OUT.with_name('mixed'); f.mkdir()
        im.save(f/'good.png'); (f/'bad.png').write_bytes(b'x'); (f/'folder.png').mkdir(); os.mkfifo(f/'pipe.png'); (f/'gone.png').symlink_to('nowhere')
        code,out,err = call('predict', argv_of(dict(input=f, G_A_ckpt=ROOT/'nets/G_A.safetensors', outputs_dir=OUT, platform='CPU')))
        made = sorted(p.name for p in OUT.rglob('[!.]*') if p.is_file())
        return (code != 1 or made != ['good.png'] or '1 of 2 images failed' not in err) and f'{code} {made} {err}'
    CASES.append(('predict: one bad image among good ones', mixed))

# pictures that would be read as something else, and label maps that are none

def in_another_profile(path):
    "A picture of pure green whose profile says that green is red."
    icc = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes())
    n = int.from_bytes(icc[128:132], 'big')
    table = {bytes(icc[i:i+4]):i for i in range(132, 132 + 12*n, 12)}
    for name,other in ((b'rXYZ', b'gXYZ'), (b'gXYZ', b'rXYZ')): icc[table[name]:table[name]+4] = other
    Image.new('RGB', (16, 16), (0, 255, 0)).save(path, icc_profile=bytes(icc))
    return path

def bent_pictures():
    d = ROOT/'img/bent'
    d.mkdir(parents=True)
    ramp = np.linspace(0, 1, 64).reshape(8, 8)
    def tiff(name, x, **kwargs):
        imwrite(d/name, x, **({} if 'photometric' in kwargs else dict(photometric='minisblack')) | kwargs)
        return d/name
    for name,kind in dict(int8=np.int8, int16=np.int16, int32=np.int32, uint32=np.uint32, uint64=np.uint64).items():
        path = tiff(f'{name}.tif', (ramp*100).astype(kind))
        one_image(f'TIFF of {name}', path, f'{name} pixels; save them as uint8, uint16 or floating point from 0 to 1')
    trained_on('CT of int16', d/'int16.tif', 'int16 pixels')
    three = [photo().rotate(a) for a in (0, 9, 18)]
    for ending,word in dict(gif='frames', png='frames', webp='frames', tif='pages').items():
        three[0].save(d/f'three.{ending}', save_all=True, append_images=three[1:])
        one_image(f'three in one .{ending}', d/f'three.{ending}', f'it has 3 {word}; save each as a file of its own')
    trained_on('three pages', d/'three.tif', 'it has 3 pages')
    for name,b in dict(eps=b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n', pdf=b'%PDF-1.4\n', svg=b'<svg/>').items():
        for ending in ('png', 'jpg', 'tif'):
            (d/f'{name}.{ending}').write_bytes(b)
            one_image(f'{name} named .{ending}', d/f'{name}.{ending}', 'not a readable image')
    Image.new('1', (14_000, 14_000)).save(d/'huge.png')
    one_image('196 megapixels', d/'huge.png', 'more than the limit of 179 megapixels', 'CYCLEGAN_MAX_MEGAPIXELS')
    G = ROOT/'nets/G_A.safetensors'
    deep = tiff('deep.tif', np.full((16, 16, 3), 30_000, np.uint16), photometric='rgb')
    shutil.copy(deep, d/'deep.jpg')
    refused('16 bits in a file named .jpg', 'predict', dict(input=d/'deep.jpg', G_A_ckpt=G, outputs_dir=OUT, platform='CPU'), 1, '16 bits do not fit .jpg')
    faded = photo().convert('RGBA')
    faded.putalpha(100)
    faded.save(d/'faded.png')
    refused('transparency as jpg', 'predict', dict(input=d/'faded.png', G_A_ckpt=G, outputs_dir=OUT, platform='CPU', format='jpg'), 1, 'transparency does not fit .jpg')
    green = in_another_profile(d/'green.png')
    kept = network(ROOT/'nets/kept.safetensors', colour_profile='keep')
    colours = lambda net: Translator.from_file(net, 'CPU').read(green).pixels[0,0].tolist()
    gives('colours in another profile', lambda: (got := colours(G)) != [255, 0, 0] and got)
    gives('colours that are kept', lambda: (got := colours(kept)) != [0, 255, 0] and got)
    dim = ROOT/'sets/dim'
    for side in 'AB':
        (dim/f'train{side}').mkdir(parents=True)
        imwrite(dim/f'train{side}/0.tif', (ramp.repeat(8, 0).repeat(8, 1)*4095).astype(np.uint16), photometric='minisblack')
    def told():
        code,out,err = call('train', argv_of(TINY | dict(dataroot=dim, in_planes=1)))
        return (code or 'between 0 and 4095, 6.2% of what 16 bits hold' not in out + err) and f'{code} {out} {err}'
    CASES.append(('train: 12 bits in 16 are told', told))

def label_maps():
    d = ROOT/'maps'
    city = Palette.load('cityscapes')
    label = scenes.street_scene(0, 32)[1]
    made = dict(colours=label, ids=Image.fromarray(city.nearest(label)), photos=scenes.street_scene(0, 32)[0],
                facades=Palette.load('facades').paint(city.nearest(label) % 12))
    for name,im in made.items():
        (d/name).mkdir(parents=True)
        im.save(d/name/'0.png')
    def scored(name): return dict(cityscapes_dir=d/name, result_dir=d/'colours', outputs_dir=OUT)
    works('label maps', 'evaluate', scored('colours'))
    refused('class numbers', 'evaluate', scored('ids'), 1, 'ids/0.png: it is grey with numbers from', 'class numbers')
    refused('photos as label maps', 'evaluate', scored('photos'), 1, 'photos/0.png: ', 'are A and B swapped?')
    refused('another palette', 'evaluate', scored('facades'), 1, 'facades/0.png: ', 'another palette?')
    swapped = ROOT/'sets/swapped'
    for split in ('train', 'test'):
        for side,other in (('A', 'B'), ('B', 'A')): shutil.copytree(ROOT/f'scenes/{split}{side}', swapped/f'{split}{other}')
    refused('A and B swapped', 'train', TINY | dict(dataroot=swapped, palette='cityscapes'), 1, 'testB', 'are A and B swapped?')
    pipe = ROOT/'bad/pipe.json'
    os.mkfifo(pipe)
    raises('a pipe as a palette', lambda: Palette.load(pipe), DataError, 'a pipe or a device')

def arrays():
    t = Translator.from_file(ROOT/'nets/G_A.safetensors', 'CPU')
    for name,x in {'None':None, 'a number':3, 'a dict':{}, 'an array of one axis':np.zeros(4), 'seven channels':np.zeros((4, 4, 7)), 'text in an array':np.array([['a']]),
                   'whole numbers':np.zeros((4, 4, 3), np.int64), 'true or false':np.zeros((4, 4, 3), bool), 'a tensor of four channels':torch.zeros(4, 8, 8),
                   'a tensor of whole numbers':torch.zeros(3, 8, 8, dtype=torch.int64), 'no rows':np.zeros((0, 4, 3), np.uint8), 'an empty tensor':torch.zeros(0, 3, 8, 8), 'no columns':torch.zeros(3, 8, 0),
                   'NaN':np.full((4, 4, 3), np.nan, np.float32)}.items(): raises(f'Translator of {name}', lambda x=x: t(x), DataError)
    outside = {'floats of 0 to 255':np.full((4, 4, 3), 200.), 'an array in [-1, 1]':np.full((4, 4, 3), -.5),
               'a tensor in [-1, 1]':torch.full((3, 8, 8), -.5)}
    for name,x in outside.items():
        raises(f'Translator of {name}', lambda x=x: t(x), DataError, 'wanted floating point in [0, 1]')
    for x in (np.zeros((1, 1), np.uint8), np.zeros((5, 3, 4), np.uint16), torch.zeros(2, 3, 1, 9), torch.zeros(3, 6, 6, dtype=torch.uint8)):
        gives(f'Translator of {tuple(x.shape)} {x.dtype}', lambda x=x: None if (y := t(x)).dtype == x.dtype and y.shape[:2] == x.shape[:2] else f'{y.shape} {y.dtype}')

# folders

def folders():
    d,train,G = ROOT/'sets',lambda root, **o: TINY | dict(dataroot=root) | o,ROOT/'nets/G_A.safetensors'
    def make(name, *subs):
        for s in subs or ['']: (d/name/s).mkdir(parents=True, exist_ok=True)
        return d/name
    refused('dataroot is missing', 'train', train(d/'nowhere'), 2, 'dataroot=', 'no such folder')
    refused('dataroot is a file', 'train', train(ROOT/'img/whole.png'), 2, 'dataroot=')
    refused('dataroot is empty', 'train', train(make('empty')), 2, 'dataroot=', 'trainA')
    refused('only trainA', 'train', train(make('onlyA', 'trainA')), 2, 'dataroot=', 'trainB')
    refused('only trainB', 'train', train(make('onlyB', 'trainB')), 2, 'dataroot=', 'trainA')
    refused('both folders empty', 'train', train(make('bothempty', 'trainA', 'trainB')), 1, 'trainA', 'no images')
    for name,file in dict(hidden='.x.png', texts='a.txt', other='a.PNG.bak').items():
        root = make(name, 'trainA', 'trainB')
        for s in 'AB': shutil.copy(ROOT/'scenes/trainA/00000.png', root/f'train{s}'/file)
        refused(f'only {file} in it', 'train', train(root), 1, 'trainA', 'no images')
    root = make('trainB empty', 'trainB')
    shutil.copytree(ROOT/'scenes/trainA', root/'trainA')
    refused('trainB is empty', 'train', train(root), 1, 'trainB', 'no images')
    root = make('one', 'trainA/deep/deeper', 'trainB')
    shutil.copy(ROOT/'scenes/trainA/00000.png', root/'trainA/deep/deeper/UP.PNG'); shutil.copy(ROOT/'scenes/trainA/00001.png', root/'trainB/b.png')
    has = lambda: not (OUT/'ckpt/G_A_1.safetensors').exists() and 'no checkpoint'
    works('one image each', 'train', train(root), has)
    works('testA without testB', 'train', train(make('one', 'testA')), has)
    odd = make('an odd\nname; é', 'trainA', 'trainB')
    for s in 'AB': shutil.copy(ROOT/f'scenes/train{s}/00000.png', odd/f'train{s}/ü\n.png')
    works('an odd folder', 'train', train(odd), has)
    (d/'linkroot').symlink_to(ROOT/'scenes')
    works('dataroot is a link', 'train', train(d/'linkroot'), has)
    refused('outputs_dir is a file', 'train', TINY | dict(outputs_dir=ROOT/'img/whole.png'), 2, 'outputs_dir=')
    refused('outputs_dir below a file', 'train', TINY | dict(outputs_dir=ROOT/'img/whole.png/x'), 2, 'outputs_dir=')
    refused('outputs_dir in /proc', 'train', TINY | dict(outputs_dir='/proc/x/y'), 2, 'outputs_dir=')
    refused('cache_dir is a file', 'train', TINY | dict(cache_dir=ROOT/'img/whole.png'), 1, 'cache_dir', 'whole.png')
    refused('cache_dir in /proc', 'train', TINY | dict(cache_dir='/proc/x'), 1, 'cache_dir', '/proc/x')
    for s in ('trainA', 'trainB'): refused(f'dry run without {s}', 'train', train(make('empty' if s == 'trainA' else 'onlyA'), dry_run=True), 2, 'dataroot=', s)
    p = dict(G_A_ckpt=G, outputs_dir=OUT, platform='CPU')
    refused('dataroot is missing', 'predict', p | dict(dataroot=d/'nowhere'), 2, 'dataroot=', 'no such folder')
    refused('no testA', 'predict', p | dict(dataroot=d/'onlyB'), 2, 'dataroot=', 'testA')
    refused('testA is empty', 'predict', p | dict(dataroot=d/'one'), 1, 'testA', 'no images')
    refused('input is an empty folder', 'predict', p | dict(input=d/'empty'), 1, 'empty', 'no images')
    refused('a pattern without matches', 'predict', p | dict(input=f'{d}/*.nothing'), 1, '*.nothing', 'no image')
    refused('no input', 'predict', p, 2, 'dataroot')
    refused('both inputs', 'predict', p | dict(input=d/'one', dataroot=ROOT/'scenes'), 2, 'dataroot')
    refused('outputs_dir is a file', 'predict', p | dict(dataroot=ROOT/'scenes', outputs_dir=ROOT/'img/whole.png'), 1, 'whole.png')
    refused('outputs_dir in /proc', 'predict', p | dict(dataroot=ROOT/'scenes', outputs_dir='/proc/x'), 1, '/proc/x')
    for name,root in dict(missing=d/'nowhere', empty=d/'empty', file=ROOT/'img/whole.png').items():
        refused(f'input_dir: {name}', 'aligned', dict(input_dir=root, output_dir=OUT), 2, 'input_dir=')
        refused(f'gtFine_dir: {name}', 'cityscapes', dict(gtFine_dir=root, leftImg8bit_dir=root, output_dir=OUT), 2, 'gtFine_dir=')
    pairs = make('pairs', 'train')
    photo((40, 20)).save(pairs/'train/a.png'); (pairs/'train/b.png').write_bytes((ROOT/'img/whole.png').read_bytes()[:200])
    refused('a damaged pair', 'aligned', dict(input_dir=pairs, output_dir=OUT), 1, 'b.png', 'repair or remove it')
    thin = make('thin', 'train')
    photo((40, 20)).save(thin/'train/a.png'); photo((1, 20)).save(thin/'train/b.png')
    refused('a pair too narrow', 'aligned', dict(input_dir=thin, output_dir=OUT), 1, 'b.png', 'narrow')
    refused('output_dir is a file', 'aligned', dict(input_dir=make('fine', 'train'), output_dir=ROOT/'img/whole.png'), 1, 'whole.png')
    photo((40, 20)).save(d/'fine/train/a.png')
    works('a pair', 'aligned', dict(input_dir=d/'fine', output_dir=OUT), lambda: [Image.open(OUT/f'train{s}/a.png').size for s in 'AB'] != [(20, 20)]*2 and 'other sizes')
    gt,photos = make('gt', 'train/x', 'val/x'),make('photos', 'train/x', 'val/x')
    for s in ('train', 'val'): photo().save(gt/s/'x/x_1_gtFine_color.png')
    refused('no photos', 'cityscapes', dict(gtFine_dir=gt, leftImg8bit_dir=make('no photos'), output_dir=OUT), 2, 'leftImg8bit_dir=', 'x_1')
    for s in ('train', 'val'): photo().save(photos/s/'x/x_1_leftImg8bit.png')
    works('whole', 'cityscapes', dict(gtFine_dir=gt, leftImg8bit_dir=photos, output_dir=OUT, size=16), lambda: Image.open(OUT/'testA/x_1.jpg').size != (16, 16) and 'other size')
    spoilt = make('photos2', 'train/x', 'val/x')
    photo().save(spoilt/'train/x/x_1_leftImg8bit.png'); (spoilt/'val/x/x_1_leftImg8bit.png').write_bytes(b'x')
    refused('a damaged photo', 'cityscapes', dict(gtFine_dir=gt, leftImg8bit_dir=spoilt, output_dir=OUT), 1, 'x_1_leftImg8bit.png', 'repair or remove it')
    refused('output_dir is a file', 'scenes', dict(output_dir=ROOT/'img/whole.png', n_train=1, n_test=1), 1, 'whole.png')
    refused('output_dir in /proc', 'scenes', dict(output_dir='/proc/x', n_train=1, n_test=1), 1, '/proc/x')

# what is in a data set

def data_sets():
    "Broken images, hidden folders, links, other endings, long pictures."
    def copy(name):
        shutil.copytree(ROOT/'scenes', ROOT/'sets'/name)
        return ROOT/'sets'/name
    trained = lambda: not (OUT/'ckpt/G_A_1.safetensors').exists() and 'no checkpoint'
    train = lambda root, **o: TINY | dict(dataroot=root) | o
    broken = copy('broken')
    for f in ('trainA/x.png', 'trainA/y.png', 'trainB/z.jpg', 'testA/00000.png'): (broken/f).write_bytes(b'no image')
    refused('all broken images at once', 'train', train(broken), 1, '4 of 9 images', 'trainA/x.png', 'trainA/y.png', 'trainB/z.jpg', 'testA/00000.png', 'skip_broken=True')
    refused('the same from the cache', 'train', train(broken), 1, '4 of 9 images', 'trainA/x.png', 'testA/00000.png')
    refused('nothing left of testA', 'train', train(broken, skip_broken=True), 1, 'testA', 'none of its images')
    many = copy('many broken')
    for i in range(12): (many/f'trainB/x{i:02}.png').write_bytes(b'no image')
    refused('a dozen broken images', 'train', train(many), 1, 'x09.png', 'and 2 more')
    def left_out():
        code,out,err = call('train', argv_of(train(many, skip_broken=True)))
        return f'{code} {out} {err}' if code or err or 'skip_broken: 12 of 18 images are left out' not in out else trained()
    CASES.append(('train: skip_broken leaves them out', left_out))
    mixed = copy('mixed kinds')
    for d in ('.ipynb_checkpoints', '@eaDir'): (mixed/'trainA'/d).mkdir(); (mixed/'trainA'/d/'x.png').write_bytes(b'no image')
    for f in ('a.txt', 'b.md', 'c.txt'): (mixed/'trainA'/f).write_text('x')
    (mixed/'trainA/up').symlink_to('..'); (mixed/'trainB/self').symlink_to('self')
    def counted():
        code,out,err = call('train', argv_of(train(mixed)))
        line = f'{mixed}/trainA: 3 files with other endings left out (.txt, .md)'
        return f'{code} {out} {err}' if code or err or out.count('with other endings') != 1 or line not in out else trained()
    CASES.append(('train: what is left out of a folder is counted', counted))
    deep = copy('deep')
    (deep/'trainA'/'/'.join('d'*300)).mkdir(parents=True)
    refused('folders 300 deep', 'train', train(deep), 1, 'trainA', 'more than 200 folders in each other')
    long = copy('long')
    for d in 'AB': photo((1800, 64)).save(long/f'train{d}/long.png')
    for o in (dict(image_size=32), dict(image_size=64), dict(image_size=32, model='unet', gl_num=3)):
        for dry in ((), ('--dry_run', 'True')):
            refused(f'a long picture by scale_width {o} {dry}', 'train', [*argv_of(train(long, preprocess='scale_width', **o)), *dry], 1, 'long.png', 'scale_width_and_crop')
    works('a long picture by scale_width_and_crop', 'train', train(long, preprocess='scale_width_and_crop'), trained)
    odd = ROOT/'sets'/os.fsdecode(b'caf\xe9')
    shutil.copytree(ROOT/'scenes', odd)
    (odd/'trainA/00000.png').rename(odd/'trainA'/os.fsdecode(b'\xff.png'))
    works('names that are not UTF-8', 'train', train(odd), trained)

def prepared():
    "Prepared data sets: no source is lost, none is mixed up, and nothing is poured into another data set."
    same = ROOT/'sets/same names/train'
    same.mkdir(parents=True)
    for k in range(10):
        for ending,colour in (('png', 10*k), ('jpg', 10*k + 100), ('bmp', 10*k + 150)): Image.new('L', (64, 32), colour).save(same/f'{k}.{ending}')
    def pairs():
        found = [{p.relative_to(OUT/f'train{d}') for p in (OUT/f'train{d}').rglob('*.png')} for d in 'AB']
        if found[0] != found[1] or len(found[0]) != 30: return f'{found}'
        mixed = [p for p in found[0] if abs(int(pictures.read_picture(OUT/'trainA'/p).pixels.mean()) - int(pictures.read_picture(OUT/'trainB'/p).pixels.mean())) > 4]
        return mixed and f'{mixed} come from different sources'
    works('sources of one name', 'aligned', dict(input_dir=same.parent, output_dir=OUT), pairs)
    full = ROOT/'sets/full'
    shutil.copytree(ROOT/'scenes', full)
    refused('a folder that holds a data set', 'aligned', dict(input_dir=same.parent, output_dir=full), 1, 'sets/full: holds files already')
    refused('a folder that holds a data set', 'scenes', dict(output_dir=full, n_train=1, n_test=1), 1, 'sets/full: holds files already')
    refused('results among the sources', 'aligned', dict(input_dir=same.parent, output_dir=same/'out'), 2, 'output_dir=', 'whose images are read')
    deep = ROOT/'sets/deep pair/train'
    deep.mkdir(parents=True)
    pictures.save_picture(deep/'a.png', pictures.Picture(np.zeros((4, 8, 3), np.uint16)))
    refused('16 bits as jpg', 'aligned', dict(input_dir=deep.parent, output_dir=OUT, format='jpg'), 1, 'a.png', '16 bits do not fit .jpg')
    def killed():
        "A process that is killed leaves nothing that can be trained on, and nothing in the way of the next."
        to = ROOT/'left/killed'
        to.parent.mkdir(exist_ok=True)
        for wait in (.2, .5):
            argv = [sys.executable, '-m', 'cyclegan_nbdev.cli', 'demo_scenes', *map(str, argv_of(dict(output_dir=to, n_train=10_000, n_test=1, size=32)))]
            p = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not [*to.parent.glob('.cyclegan-tmp-*/*/*')]: time.sleep(.02)
            time.sleep(wait)
            p.kill(); p.wait()
            for left in to.parent.glob('.cyclegan-tmp-*'): shutil.rmtree(left)
            if wrong := is_refusal('train', call('train', argv_of(TINY | dict(dataroot=to))), 2, ['dataroot=']): return wrong
        code,out,err = call('scenes', argv_of(dict(output_dir=to, n_train=1, n_test=1, size=32)))
        left = sorted(p.name for p in to.iterdir())
        return (code or left != ['testA', 'testB', 'trainA', 'trainB']) and f'{code} {err} {left}'
    CASES.append(('scenes: killed in the middle', killed))

# options

def options():
    for f in dataclasses.fields(Options):
        kind,optional = core._type_of(f)
        m,name = f.metadata,f.name
        bad = ['']
        if m['choices']:
            first = next(iter(m['choices']))
            bad += ['nonsense', first.lower() + 'x', first.swapcase()]
        elif kind is bool: bad += ['maybe', '1', '2'] + ([] if optional else ['None'])
        elif kind in (int, float):
            bad += ['NaN', '-inf', 'one', '1,5', '0x10', '1e999'] + ([] if optional else ['None']) + (['1.5', '1e3'] if kind is int else ['inf'])
            if m['lo'] is not None: bad.append(m['lo'] - (1 if kind is int else 1e-9))
            if m['hi'] is not None: bad.append(m['hi'] + (1 if kind is int else 1e-6))
            if m['above'] is not None: bad.append(m['above'])
            for v in (m['lo'], m['hi']): # the limits themselves
                if v is not None and name not in ('device_num', 'dl_num', 'gl_num', 'image_size', 'load_size'):
                    gives(f'{name}={v}, its limit', lambda name=name,v=v: getattr(Options.of(dict(max_epoch=200) | {name: v}), name) != v and 'not taken')
            for v in (True, [], {}, b'1', object(), 1j, math.nan): raises(f'{name}={type(v).__name__}', lambda name=name,v=v: Options.of({name: v}), OptionError, f'{name}=')
        for v in bad: refused(f'{name}={v}', 'train', TINY | {name: v}, 2, name)
    runs = [dict(ngf=1), dict(ndf=1), dict(dl_num=1), dict(slope=0), dict(slope=1), dict(init_gain=1e-30), dict(n_epochs=0), dict(lr=1e-30), dict(beta1=0), dict(beta1=.9999), dict(lambda_A=0, lambda_B=0),
            dict(lambda_idt=0), dict(pool_size=0), dict(ema=.999999), dict(print_iter=1), dict(print_iter=10**9), dict(seed=0), dict(seed=2**32-1), dict(image_size=12, dl_num=1), dict(image_size=36),
            dict(batch_size=5), dict(max_dataset_size=1), dict(keep_checkpoints=1), dict(save_checkpoint_epochs=10**9), dict(save_state_minutes=0), dict(in_planes=1), dict(load_size=32, preprocess='resize_and_crop'),
            dict(gan_mode='wgangp'), dict(gan_mode='hinge'), dict(norm_mode='batch'), dict(use_random=False)]
    for o in runs: works(' '.join(f'{k}={v}' for k,v in o.items()), 'train', TINY | o, lambda: not (OUT/'ckpt/G_A_1.safetensors').exists() and 'no checkpoint')
    together = [(dict(platform='Ascend'), 'platform='), (dict(model='unet', gl_num=9), 'gl_num='), (dict(model='unet', gl_num=1), 'gl_num='),
                (dict(model='unet', image_size=33), 'image_size='), (dict(image_size=34), 'image_size='), (dict(dl_num=5), 'dl_num='), (dict(load_size=16), 'load_size='), (dict(kd=True), 'kd='), (dict(kd=True, GT_A_ckpt='x'), 'kd=')]
    for o,word in together: refused(' '.join(f'{k}={v}' for k,v in o.items()), 'train', TINY | o, 2, word)
    many = {k:v for k,v in TINY.items() if k != 'dataroot'}
    refused('channels the demo has not', 'train', many | dict(in_planes=7), 2, 'in_planes=')
    refused('channels the files have not', 'train', TINY | dict(in_planes=7), 1, 'trainA', 'in_planes=7')
    refused('far too many channels', 'train', TINY | dict(ngf=200_000), 2, 'ngf=', 'lower it')
    refused('crop from smaller images', 'train', TINY | dict(image_size=64, preprocess='crop', dl_num=2), 1, '00000.png', 'image_size=64')
    for argv,words in {('--nfg', '3'): ['nfg', 'did you mean ngf'], ('--ngf',): ['ngf'], ('--ng', '3'): ['--ng', 'ngf'], ('stray',): ['stray'], ('--ngf', '3', '--ngf=x'): ['ngf='], ('--dry_run', 'yes'): ['dry_run'],
                       ('--a\nb', '3'): ['unknown option']}.items(): refused(' '.join(argv), 'train', [*argv_of(TINY), *argv], 2, *words)
    for given,word in (({'nfg': 3}, 'did you mean ngf'), ({3: 4}, '3'), ({'': 1}, 'unknown')): raises(f'Options.of({given})', lambda given=given: Options.of(given), OptionError, word)
    G,wrong = ROOT/'nets/G_A.safetensors',dict(image_size=['7', '-1', '1.5', 'one', 'NaN'], batch_size=['0', '-1', 'x', '1.5'], quality=['0', '101', 'x'], bits=['7', '32', 'x'], format=['gif', 'PNG', 'x', ''],
        memory=['0', '-1', 'nan', 'x'], platform=['gpu', 'TPU', ''], device_id=['x', '-1', '1.5'], pairs=['x', '1'], overwrite=['x', ''], outputs_dir=[''], input=[''], G_A_ckpt=[''])
    for k,values in wrong.items():
        for v in values: refused(f'{k}={v}', 'predict', dict(input=ROOT/'scenes/testA', G_A_ckpt=G, outputs_dir=OUT, platform='CPU') | {k: v}, 2, k)
    for o in (dict(image_size=8), dict(batch_size=1000), dict(quality=1, format='jpg'), dict(quality=100, format='webp'), dict(memory=1e-9), dict(memory='inf'), dict(bits=16), dict(pairs=True)):
        works(' '.join(f'{k}={v}' for k,v in o.items()), 'predict', dict(input=ROOT/'scenes/testA', G_A_ckpt=G, outputs_dir=OUT, platform='CPU') | o, lambda: not any((OUT/'predict/fake_B').glob('[!.]*')) and 'nothing')
    refused('bits=16 in a jpg', 'predict', dict(input=ROOT/'scenes/testA', G_A_ckpt=G, outputs_dir=OUT, bits=16, format='jpg'), 2, 'bits=')
    for k,values in dict(size=['0', '-1', 'x', '1.5', ''], n_train=['0', '-1', 'x'], n_test=['-1', 'x'], seed=['-1', 'x'], output_dir=['']).items():
        for v in values: refused(f'{k}={v}', 'scenes', dict(output_dir=OUT, n_train=1, n_test=1, size=8) | {k: v}, 2, k)
    for k,values in dict(left=['C', ''], format=['xyz', '', '../x'], input_dir=['']).items():
        for v in values: refused(f'{k}={v}', 'aligned', dict(input_dir=ROOT/'sets/fine', output_dir=OUT) | {k: v}, 2, k)
    for k,values in dict(size=['0', '-1', 'x'], photo_format=['xyz', ''], label_format=['xyz', '']).items():
        for v in values: refused(f'{k}={v}', 'cityscapes', dict(gtFine_dir=ROOT/'sets/gt', leftImg8bit_dir=ROOT/'sets/photos', output_dir=OUT) | {k: v}, 2, k)
    for c in PROGS: refused('no such option', c, ['--nonsense', '3', *(['x'] if c == 'info' else [])], 2, 'nonsense') if c in ('train', 'info') else refused('nothing given', c, [], 2)

# network files

class _Hostile:
    def __reduce__(self): return os.system, (f'touch {ROOT}/pwned',)

def checkpoints():
    d,nets = ROOT/'bad',ROOT/'nets'
    whole = (nets/'G_A.safetensors').read_bytes()
    def everywhere(name, path, *words, commands=('info', 'predict', 'train', 'API')):
        if 'info' in commands: refused(name, 'info', [path], 1, *words)
        if 'predict' in commands: refused(name, 'predict', dict(input=ROOT/'scenes/testA', G_A_ckpt=path, outputs_dir=OUT, platform='CPU'), 2, 'G_A_ckpt=', *words)
        if 'train' in commands: refused(name, 'train', TINY | dict(G_A_ckpt=path), 2, 'G_A_ckpt=', *words)
        if 'API' in commands: raises(name, lambda: load_network(path), DataError, *words)
    def file(name, b): (d/name).write_bytes(b); return d/name
    everywhere('empty', file('empty.safetensors', b''), 'empty.safetensors')
    everywhere('text', file('text.safetensors', b'hello\n'*9), 'text.safetensors')
    everywhere('missing', d/'none.safetensors', 'none.safetensors', 'no such file')
    (d/'folder.safetensors').mkdir(); os.mkfifo(d/'pipe.safetensors'); (d/'link.safetensors').symlink_to('nowhere')
    for name in ('folder', 'pipe', 'link'): everywhere(name, d/f'{name}.safetensors', f'{name}.safetensors')
    for tenth in range(1, 10): everywhere(f'cut after {tenth} tenths', file(f'cut{tenth}.safetensors', whole[:len(whole)*tenth//10]), f'cut{tenth}.safetensors', commands=('info', 'predict') if tenth != 5 else ('info', 'predict', 'train', 'API'))
    everywhere('hostile pickle', file('evil.pth', pickle.dumps(_Hostile())), 'evil.pth')
    torch.save({'a': _Hostile()}, d/'evil2.pth')
    everywhere('hostile pickle in a zip', d/'evil2.pth', 'evil2.pth')
    everywhere('old pickle', file('evil0.pth', pickle.dumps(_Hostile(), 0)), 'evil0.pth')
    torch.save([torch.zeros(3)], d/'list.pth'); torch.save({'a': 3}, d/'numbers.pth'); torch.save({}, d/'nothing.pth'); torch.save({'x.weight': torch.zeros(3, 3)}, d/'linear.pth')
    for name in ('list', 'numbers', 'nothing', 'linear'): everywhere(f'a PyTorch file of {name}', d/f'{name}.pth', f'{name}.pth', commands=('info', 'predict'))
    with zipfile.ZipFile(d/'bomb.pth', 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('archive/data.pkl', bytes(10**7))
    everywhere('a zip bomb', d/'bomb.pth', 'bomb.pth', commands=('info', 'predict'))
    for at in (0, 8, 20): everywhere(f'PyTorch file cut at {at}', file(f'cut{at}.pth', (d/'linear.pth').read_bytes()[:len((d/'linear.pth').read_bytes())//2+at]), f'cut{at}.pth', commands=('info',))
    header = read_header(nets/'G_A.safetensors')
    arch = header['architecture']
    forged = {'no JSON':'{', 'a list':'[]', 'a number':'3', 'null':'null', 'deep':'['*100_000, 'no architecture':{**header, 'architecture':None}, 'NaN slope':{**header, 'architecture':{**arch, 'slope':math.nan}}}
    for k,v in [('kind', 'vgg'), ('kind', None), ('kind', []), ('kind', 'patch'), ('kind', 'unet'), ('ngf', 8), ('ngf', -4), ('ngf', 0), ('ngf', '4'), ('ngf', 4.5), ('ngf', 10**12), ('ngf', True), ('gl_num', -1), ('gl_num', 10**9), ('gl_num', None),
                ('in_planes', 0), ('in_planes', '3'), ('in_planes', []), ('norm_mode', 'x'), ('norm_mode', 3), ('norm_mode', []), ('pad_mode', 'x'), ('pad_mode', None), ('slope', 'x'), ('slope', []), ('slope', 1e400), ('slope', -1), ('slope', None),
                ('need_dropout', 'x'), ('unknown', 1), ('affine', True), ('crop_end', 'x')]: forged[f'{k}={v!r}'] = {**header, 'architecture':{**arch, k:v}}
    for k in arch: forged[f'without {k}'] = {**header, 'architecture':{i:v for i,v in arch.items() if i != k}}
    for k,v in [('role', []), ('role', {}), ('role', 3), ('role', 'state'), ('role', 'G_C'), ('role', None)]: forged[f'{k}={v!r}'] = {**header, k:v}
    for i,(name,h) in enumerate(forged.items()):
        path = forge(d/f'forged{i}.safetensors', h)
        command = (dict(input=ROOT/'scenes/testA', G_A_ckpt=path, outputs_dir=OUT, platform='CPU'))
        def one(path=path, command=command, name=name): # whatever it says: the same answer everywhere, never a traceback
            for c,o in (('predict', argv_of(command)), ('train', argv_of(TINY | dict(G_A_ckpt=path)))):
                shutil.rmtree(OUT, ignore_errors=True)
                result = call(c, o)
                if result[0] == 0 and name in HARMLESS: continue
                if wrong := is_refusal(c, result, 2, ['G_A_ckpt=', path.name]): return wrong
                if OUT.exists(): return 'something was written'
        CASES.append((f'forged header: {name}', one))
    big = struct.pack('<Q', 2**62) + b'{' + bytes(100)
    everywhere('a header longer than the file', file('long.safetensors', big), 'long.safetensors')
    everywhere('a header of 100 MB', file('long2.safetensors', struct.pack('<Q', 10**8) + b'{' + bytes(1000)), 'long2.safetensors')
    for i,text in enumerate((b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,999]}}', b'{"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}}', b'{"a":{"dtype":"X9","shape":[4],"data_offsets":[0,16]}}',
                             b'{"a":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,16]}}', b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}', b'{"__metadata__":{"cyclegan_nbdev":3}}', b'{}')):
        everywhere(f'forged tensor table {i}', file(f'table{i}.safetensors', struct.pack('<Q', len(text)) + text + bytes(16)), f'table{i}.safetensors', commands=('info', 'API'))
    w = safetensors.torch.load_file(nets/'G_A.safetensors')
    k = next(iter(w))
    for name,x in dict(fewer={n:v for n,v in w.items() if n != k}, other={**w, k:w[k][:1]}, more={**w, 'x.weight':w[k].clone()}, renamed={('x' if n == k else n):v for n,v in w.items()}).items():
        everywhere(f'{name} tensors', forge(d/f'{name}.safetensors', header, x), f'{name}.safetensors', commands=('predict', 'train', 'API'))
    for name,v in dict(nan=math.nan, inf=math.inf).items():
        everywhere(f'weights of {name}', forge(d/f'{name}.safetensors', header, {n:torch.full_like(x, v) for n,x in w.items()}), f'{name}.safetensors', 'finite', commands=('predict', 'train', 'API'))
    p = lambda **o: dict(input=ROOT/'scenes/testA', outputs_dir=OUT, platform='CPU') | o
    refused('the other direction', 'predict', p(G_A_ckpt=nets/'G_B.safetensors'), 2, 'G_A_ckpt=', 'B to A', 'G_B_ckpt')
    refused('a discriminator', 'predict', p(G_A_ckpt=nets/'D_A.safetensors'), 2, 'G_A_ckpt=', 'discriminator')
    refused('no network', 'predict', dict(dataroot=ROOT/'scenes', outputs_dir=OUT), 2, 'G_A_ckpt')
    for name,o in {'the other direction':dict(G_A_ckpt=nets/'G_B.safetensors'), 'a discriminator for G_B':dict(G_B_ckpt=nets/'D_B.safetensors'), 'a generator for D_A':dict(D_A_ckpt=nets/'G_A.safetensors'),
                   'the other domain':dict(D_A_ckpt=nets/'D_B.safetensors'), 'another width':dict(G_A_ckpt=nets/'wide.safetensors'), 'another kind':dict(G_A_ckpt=nets/'unet.safetensors')}.items():
        refused(name, 'train', TINY | o, 2, f'{next(iter(o))}=', next(iter(o.values())))
    kd = lambda **o: TINY | dict(kd=True, GT_A_ckpt=nets/'G_A.safetensors', GT_B_ckpt=nets/'G_B.safetensors', t_ngf=4, t_gl_num=1) | o
    works('two teachers', 'train', kd(), lambda: not (OUT/'ckpt/G_A_1.safetensors').exists() and 'no checkpoint')
    for name,o,word in (('teachers swapped', dict(GT_A_ckpt=nets/'G_B.safetensors'), 'GT_A_ckpt='), ('a missing teacher', dict(GT_B_ckpt=d/'none'), 'GT_B_ckpt='), ('a wider teacher', dict(t_ngf=64), 't_ngf='), ('a deeper teacher', dict(t_gl_num=9), 't_gl_num='),
                        ('a cut teacher', dict(GT_A_ckpt=d/'cut5.safetensors'), 'GT_A_ckpt='), ('a discriminator as teacher', dict(GT_A_ckpt=nets/'D_A.safetensors'), 'GT_A_ckpt='), ('a pickle as teacher', dict(GT_A_ckpt=d/'evil.pth'), 'GT_A_ckpt=')):
        refused(name, 'train', kd(**o), 2, word)
    ms = Path(__file__).resolve().parent.parent/'nbs/fixtures/mindspore_D.ckpt'
    b = ms.read_bytes()
    for tenth in range(1, 10): everywhere(f'MindSpore file cut after {tenth} tenths', file(f'cut{tenth}.ckpt', b[:len(b)*tenth//10]), f'cut{tenth}.ckpt', commands=('info', 'API'))
    CASES.append(('no pickle has run', lambda: (ROOT/'pwned').exists() and 'a pickle ran'))

def other_files():
    "Networks of other runtimes and in wrappings, and headers with odd fields."
    d,nets = ROOT/'bad',ROOT/'nets'
    def everywhere(name, path, *words):
        refused(name, 'info', [path], 1, path.name, *words)
        refused(name, 'predict', dict(input=ROOT/'scenes/testA', G_A_ckpt=path, outputs_dir=OUT, platform='CPU'), 2, 'G_A_ckpt=', path.name, *words)
        refused(name, 'train', TINY | dict(D_A_ckpt=path), 2, 'D_A_ckpt=', path.name, *words)
    for end,b,words in (('mindir', b'\n\x050.1.1\x12\tMindSpore*\x05main', 'a MindIR model'), ('onnx', b'\x08\x0a\x12\x07pytorch', 'an ONNX model'), ('xml', b'<?xml version="1.0"?>\n<net/>', 'an OpenVINO model'),
                        ('pte', b'\x18\0\0\0ET12', 'an ExecuTorch program'), ('pth.gz', b'\x1f\x8b\x08\0', 'a compressed file'), ('htm.pth', b'<!DOCTYPE html>', 'a web page')):
        (d/f'other.{end}').write_bytes(b + bytes(30))
        everywhere(f'.{end} as a network', d/f'other.{end}', words, 'give the network file that it was made from')
    with zipfile.ZipFile(d/'other.zip', 'w') as z: z.write(nets/'G_A.safetensors', 'G_A.safetensors')
    torch.export.save(torch.export.export(torch.nn.Conv2d(1, 1, 1), (torch.zeros(1, 1, 4, 4),)), d/'other.pt2')
    everywhere('a zip as a network', d/'other.zip', 'a zip archive')
    everywhere('.pt2 as a network', d/'other.pt2', 'an exported PyTorch program')
    everywhere('a run folder as a network', ROOT/'scenes', 'a folder')
    w = load_network(nets/'G_A.safetensors')[0].state_dict()
    torch.save(dict(state_dict=w, epoch=3, optimizer=dict(state={}, betas=(.5, .999))), d/'wrapped.pth')
    works('a wrapped state dict', 'predict', dict(input=ROOT/'scenes/testA', G_A_ckpt=d/'wrapped.pth', outputs_dir=OUT, platform='CPU'), lambda: not [*OUT.rglob('*.png')] and 'nothing written')
    torch.save(dict(G_A=w, G_B=w), d/'both.pth')
    everywhere('two networks in a file', d/'both.pth', 'several networks (G_A, G_B)')
    safetensors.torch.save_file({f'down.{i}.weight':torch.ones(1, 1, 4, 4) for i in range(3)} | {'up.weight':torch.ones(1, 1, 4, 4)}, d/'down_up.safetensors')
    everywhere('tensors named up.weight', d/'down_up.safetensors', 'expected a resnet or U-Net')
    header = read_header(nets/'G_A.safetensors')
    for k,v in (('domains', 3), ('domains', ['A']), ('domains', [1, 2]), ('options', []), ('options', dict(dataroot=3)), ('epoch', True), ('epoch', 'x'), ('image_size', 10**12), ('image_size', 33), ('source', {}), ('assumed', ['x'])):
        everywhere(f'a header with {k}={v!r}', forge(d/f'odd{len(CASES)}.safetensors', header | {k:v}), f'{k}=')
    odd = forge(d/'texts.safetensors', header | dict(domains=['a\n\x1b[31m', 'x'*10**5]))
    def told():
        code,out,err = call('info', [odd])
        return (code or err or '\\u001b' in out or len(out) > 5000) and f'{code} {out[:500]} {err}'
    CASES.append(('info: texts of a header', told))
    fixture = Path(__file__).resolve().parent.parent/'nbs/fixtures/mindspore_D.ckpt'
    def slope():
        code,out,err = call('train', argv_of(TINY | dict(ndf=load_network(fixture)[1]['architecture']['ndf'], dl_num=load_network(fixture)[1]['architecture']['dl_num'], image_size=64, slope=.5, D_A_ckpt=fixture)))
        if code or 'does not tell its slope; taken: slope=0.5' not in out: return f'{code} {out} {err}'
        return {r:read_header(OUT/f'ckpt/{r}_1.safetensors')['architecture'].get('slope', .2) for r in ('D_A', 'D_B')} != dict(D_A=.5, D_B=.2) and 'another slope'
    CASES.append(("train: the slope of MindSpore's discriminators", slope))

# what a header may say without harm: it agrees with the tensors, or says less than it might
HARMLESS = ('role=None', "role='G_C'", "role='state'", 'without in_planes', 'without slope', 'without pad_mode', 'without norm_mode', 'without need_dropout')

# runs to continue, and their configs

def runs():
    first = ROOT/'first'
    code,out,err = call('train', argv_of(TINY | dict(outputs_dir=first)))
    assert code == 0, out + err
    whole = (first/'state.safetensors').read_bytes()
    def folder(name, **files):
        (f := ROOT/'runs'/name).mkdir(parents=True)
        for k,b in files.items(): (f/{'state':'state.safetensors', 'config':'config.json'}[k]).write_bytes(b if isinstance(b, bytes) else b.encode())
        return f
    go = lambda f, **o: dict(outputs_dir=f, resume=True, max_epoch=2, cache_dir=ROOT/'cache') | o
    for tenth in range(0, 10): refused(f'state cut after {tenth} tenths', 'train', go(folder(f'cut{tenth}', state=whole[:len(whole)*tenth//10])), 1, 'state.safetensors', 'resume=False begins anew')
    refused('state is text', 'train', go(folder('text', state='hello')), 1, 'state.safetensors')
    refused('a network as state', 'train', go(folder('net', state=(ROOT/'nets/G_A.safetensors').read_bytes())), 1, 'state.safetensors')
    (folder('dir')/'state.safetensors').mkdir()
    refused('state is a folder', 'train', go(ROOT/'runs/dir'), 1, 'state.safetensors')
    os.mkfifo(folder('pipe')/'state.safetensors')
    refused('state is a pipe', 'train', go(ROOT/'runs/pipe'), 1, 'state.safetensors')
    state = load_state(first/'state.safetensors')
    def changed(name, **values):
        shutil.copytree(first, ROOT/'runs'/name)
        save_state(ROOT/'runs'/name/'state.safetensors', {k:v for k,v in (state | values).items() if v is not Ellipsis})
        return ROOT/'runs'/name
    for k in state: refused(f'state without {k}', 'train', go(changed(f'no-{k}', **{k:...})), 1, 'state.safetensors', 'resume=False begins anew')
    for k,v in [('options', 3), ('options', {'nfg':3}), ('options', {}), ('options', dict(state['options'], ngf='x')), ('epoch', 'x'), ('epoch', -1), ('epoch', None), ('batch', 'x'), ('batch', 10**9), ('batch', -1), ('n_batches', 0), ('n_batches', None), ('rng', 3), ('rng', [3, [1], None]),
                ('ranks', []), ('ranks', 3), ('ranks', [{}]), ('weights', {}), ('weights', 3), ('callbacks', {}), ('callbacks', 3), ('optimizer', {}), ('optimizer', 3), ('lrs', []), ('lrs', 'x'), ('recorder', {}), ('recorder', None), ('images', 3), ('train_iter', 'x'), ('pct_train', 'x')]:
        word = 'dataroot=' if k == 'images' else 'state.safetensors'
        refused(f'state with {k}={str(v)[:20]}', 'train', go(changed(f'{k}-{len(CASES)}', **{k:v})), 2 if k == 'images' else 1, word)
    with safetensors.safe_open(first/'state.safetensors', 'pt') as f: head = json.loads(f.metadata()['cyclegan_nbdev'])
    tensors = safetensors.torch.load_file(first/'state.safetensors')
    for name,h in {'no header':'null', 'a list':'[]', 'another version':{**head, 'version':'99.0'}, 'no state':{k:v for k,v in head.items() if k != 'state'}, 'a tensor that is missing':{**head, 'state':{'dict':[['options', {'tensor':'x'}]]}}, 'no JSON':'{'}.items():
        folder(name)
        safetensors.torch.save_file(tensors, ROOT/'runs'/name/'state.safetensors', {'cyclegan_nbdev':h if isinstance(h, str) else json.dumps(h)})
        refused(f'state: {name}', 'train', go(ROOT/'runs'/name), 1, 'state.safetensors', 'resume=False begins anew')
    for name,o in dict(ngf=dict(ngf=8), lr=dict(lr=.1), image_size=dict(image_size=40), batch_size=dict(batch_size=2), seed=dict(seed=6), gan_mode=dict(gan_mode='hinge'), ema=dict(ema=.5), model=dict(model='unet', gl_num=2)).items():
        shutil.copytree(first, ROOT/'runs'/f'as-{name}')
        refused(f'resume with another {name}', 'train', go(ROOT/'runs'/f'as-{name}', **o), 2, f'{name}=', 'resume')
    refused('nothing more to do', 'train', go(first, max_epoch=1), 2, 'max_epoch=')
    refused('nothing to continue', 'train', go(OUT), 2, 'resume=', 'no run to continue')
    shutil.copytree(first, ROOT/'runs/more')
    works('more epochs', 'train', go(ROOT/'runs/more', n_epochs=1), lambda: not (ROOT/'runs/more/ckpt/G_A_2.safetensors').exists() and 'no checkpoint')
    good = json.loads((first/'config.json').read_text())
    configs = {'empty':'', 'no JSON':'{', 'a list':'[]', 'null':'null', 'a number':'3', 'text':'"x"', 'deep':'['*100_000, 'bytes':b'\xff\xfe\0\0', 'twice':'{}{}', 'an unknown option':{**good, 'nfg':3}, 'a wrong type':{**good, 'ngf':'x'}, 'a list as value':{**good, 'ngf':[4]},
               'out of limits':{**good, 'ngf':-1}, 'NaN':json.dumps({**good, 'lr':math.nan}), 'infinite':json.dumps({**good, 'lr':math.inf}), 'true':{**good, 'ngf':True}, 'impossible together':{**good, 'dl_num':9}, 'huge':json.dumps({**good, 'ngf':0}).replace('"ngf": 0', '"ngf": ' + '9'*5000),
               'null where none may be':{**good, 'ngf':None}, 'cut':json.dumps(good)[:200]}
    for name,c in configs.items():
        f = folder(f'config {name}', config=c if isinstance(c, (str, bytes)) else json.dumps(c))
        refused(f'config.json: {name}', 'train', go(f), 1, 'config.json')
        raises(f'config.json: {name}', lambda f=f: Options.load(f/'config.json'), DataError, 'config.json')
    (folder('config dir')/'config.json').mkdir(); os.mkfifo(folder('config pipe')/'config.json')
    for name in ('dir', 'pipe'): refused(f'config.json is a {name}', 'train', go(ROOT/f'runs/config {name}'), 1, 'config.json')
    raises('a missing config.json', lambda: Options.load(ROOT/'none.json'), DataError, 'none.json', 'no such file')
    left = folder('left')
    (left/'imgs/.cyclegan-tmp-0123456789abcdef').mkdir(parents=True)
    works('what a killed run left is swept', 'train', TINY | dict(outputs_dir=left), lambda: [*left.rglob('.cyclegan-tmp-*')] and 'it is still there')
    own = ROOT/'left/own' # a folder that holds the user's files and no run yet
    (own/'imgs/.tmp-keep').mkdir(parents=True)
    (own/'.tmp-notes').write_text('my own')
    def is_kept(): return None if (own/'.tmp-notes').exists() and (own/'imgs/.tmp-keep').exists() else 'it is gone'
    works('what begins with .tmp- is the user\'s own', 'train', TINY | dict(outputs_dir=own), is_kept)
    (ROOT/'predict left/predict/fake_B').mkdir(parents=True); (ROOT/'predict left/predict/fake_B/.cyclegan-tmp-0123456789abcdef').mkdir()
    works('what a killed run left is swept', 'predict', dict(input=ROOT/'scenes/testA', G_A_ckpt=ROOT/'nets/G_A.safetensors', outputs_dir=ROOT/'predict left', platform='CPU'), lambda: [*(ROOT/'predict left').rglob('.cyclegan-tmp-*')] and 'it is still there')

# a few as processes of their own

def processes():
    def process(name, code, words, command, *argv):
        def do():
            done = subprocess.run([sys.executable, '-m', 'cyclegan_nbdev.cli', command, *map(str, argv)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
            return is_refusal(command, (done.returncode, done.stdout, done.stderr), code, words) or (OUT.exists() and 'something was written')
        CASES.append((f'process: {name}', do))
    process('an unknown option', 2, ['did you mean ngf'], 'train', '--nfg', '3')
    process('a bad image', 1, ['cut5.png'], 'predict', '--input', ROOT/'img/cut5.png', '--G_A_ckpt', ROOT/'nets/G_A.safetensors', '--outputs_dir', OUT)
    process('a hostile pickle', 1, ['evil.pth'], 'info', ROOT/'bad/evil.pth')
    process('a bad image in trainA', 1, ['cut5.png'], 'train', *argv_of(TINY | dict(dataroot=next(p for p in (ROOT/'sets').glob('*') if (p/'trainA/cut5.png').exists()))))

NOW = [] # the case that is tried
def elsewhere():
    "URLs and shards."
    d,G = ROOT/'far',ROOT/'nets/G_A.safetensors'
    def zipped(name, **more):
        shutil.copytree(ROOT/'scenes', d/name)
        for f,b in more.items(): (d/name/'trainA'/f'{f}.png').write_bytes(b)
        return f"zip://::{shutil.make_archive(d/name, 'zip', d/name)}"
    d.mkdir()
    (d/'text.zip').write_text('no archive')
    (d/'shards/trainA').mkdir(parents=True); (d/'shards/trainB').mkdir(); (d/'shards/trainA/0.tar').write_text('no archive'); (d/'shards/trainB/0.tar').write_text('no archive')
    refused('no archive', 'train', TINY | dict(dataroot=f'zip://::{d}/text.zip'), 1, 'text.zip')
    refused('no such archive', 'train', TINY | dict(dataroot=f'zip://::{d}/none.zip'), 1, 'none.zip')
    refused('a broken image in an archive', 'train', TINY | dict(dataroot=zipped('broken', x=b'no image')), 1, 'trainA/x.png', 'repair or remove it')
    refused('a broken shard', 'train', TINY | dict(dataroot=f'file://{d}/shards'), 1, '0.tar')
    refused('an unknown kind of URL', 'train', TINY | dict(dataroot='nothing://x'), 1, 'nothing://x')
    refused('no such host', 'train', TINY | dict(dataroot='http://127.0.0.1:9/x'), 1, 'http://127.0.0.1:9/x')
    refused('an archive without the folders', 'train', TINY | dict(dataroot=f"zip://trainA::{d}/broken.zip"), 2, 'dataroot', 'trainA')
    refused('no images in it', 'predict', dict(input=f'file://{d}/shards/trainB/none', G_A_ckpt=G, outputs_dir=OUT, platform='CPU'), 1, 'trainB/none')
    works('from an archive', 'predict', dict(input=f'zip://testA::{d}/broken.zip', G_A_ckpt=G, outputs_dir=OUT, platform='CPU'), lambda: not [*OUT.rglob('*.png')] and 'nothing written')

def sweeps():
    def plan(name, text):
        (ROOT/f'bad/{name}.yaml').write_text(text)
        return dict(config=ROOT/f'bad/{name}.yaml', notebook=ROOT/'nets/G_A.safetensors') # never executed
    refused('no file', 'sweep', dict(config=ROOT/'none.yaml'), 1, 'none.yaml: no such file')
    for name,text,code,words in (('not yaml', 'grid: [', 1, 'not YAML'), ('a list', '- 1', 1, 'not a sweep'), ('empty', '', 1, 'not a sweep'), ('no grid', 'common: {ngf: 8}', 2, 'grid'), ('one value', 'grid: {lr: 0.1}', 2, 'list of values'),
                                 ('unknown option', 'grid: {l_r: [0.1]}', 2, 'did you mean lr'), ('impossible', 'grid: {lr: [0.1, -1]}', 2, 'lr=-1'), ('nested', 'grid: {lr: [[0.1]]}', 2, 'lr='), ('folder', 'common: {outputs_dir: x}\ngrid: {lr: [1]}', 2, 'outputs_dir'),
                                 ('number', 'grid: {7: [1]}', 2, '7'), ('outputs', 'outputs_dir: [1]\ngrid: {lr: [1]}', 2, 'outputs_dir'), ('odd part', '7: 1\ngrid: {lr: [1]}', 2, '7')):
        refused(name, 'sweep', plan(name, text), code, words)
    refused('index', 'sweep', plan('good', 'grid: {lr: [0.1]}') | dict(index=1), 2, 'index=1')

def _hung(*_):
    faulthandler.dump_traceback(sys.__stderr__)
    print(f'FAIL {NOW}: it hangs', flush=True, file=sys.__stdout__)
    os._exit(1)

def main():
    word,start,failed = ' '.join(sys.argv[1:]),time.time(),0
    setup()
    for part in (unreadable_images, readable_images, bent_pictures, label_maps, arrays, folders, data_sets, prepared, options, checkpoints, other_files, runs, elsewhere, sweeps, processes): part()
    CASES.append(('nothing else was written', untouched(tree())))
    signal.signal(signal.SIGALRM, _hung)
    mine = [c for c in CASES if word in c[0]]
    for name,do in mine:
        shutil.rmtree(OUT, ignore_errors=True)
        NOW[:] = [name]
        signal.alarm(120)
        try: wrong = do()
        except Exception: wrong = traceback.format_exc()
        signal.alarm(0)
        if wrong: failed += 1; print(f'FAIL {name}: {str(wrong)[-700:]}', flush=True)
    shutil.rmtree(ROOT, ignore_errors=True)
    print(f'bad input answered rightly in {len(mine)-failed} of {len(mine)} cases ({time.time()-start:.0f} s)')
    sys.exit(1 if failed or not mine else 0)

if __name__ == '__main__': main()
