"""Give the commands and the Python API what they cannot use: each case ends with the right result, or with one line
that says what to do.

    python tests/bad_input.py [WORD]        # only the cases whose name has the word; or with pytest: -k png, --lf

A refusal has the right exit code, one line that names the file or the option, no traceback, and leaves every folder as
it was.
"""
import atexit, contextlib, dataclasses, faulthandler, io, json, math, os, pickle, shutil, signal, struct, subprocess
import sys, tempfile, time, traceback, warnings, zipfile, zlib
from functools import cache, partial
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
FILE = ROOT/'img/whole.png' # a file where a folder is wanted
MINDSPORE = Path(__file__).resolve().parent.parent/'nbs/fixtures/mindspore_D.ckpt'
CASES = [] # name, what to do: it returns what is wrong, or nothing
NOW = [] # the case that is tried
TINY = dict(image_size=32, ngf=4, gl_num=1, ndf=4, dl_num=2, max_epoch=1, platform='CPU', seed=5, outputs_dir=OUT,
            cache_dir=ROOT/'cache', dataroot=ROOT/'scenes')
COMMANDS = dict(
    train=cli.train,
    predict=cli.predict,
    info=cli.info,
    aligned=cli.prepare_aligned,
    cityscapes=cli.prepare_cityscapes,
    scenes=cli.demo_scenes,
    sweep=cli.sweep,
    evaluate=cli.evaluate)
PROGS = dict(
    train='cyclegan_train',
    predict='cyclegan_predict',
    info='cyclegan_info',
    aligned='cyclegan_prepare_aligned',
    cityscapes='cyclegan_prepare_cityscapes',
    scenes='cyclegan_demo_scenes',
    sweep='cyclegan_sweep',
    evaluate='cyclegan_evaluate')

# ways to ask, and what must come of it

def call(command, argv):
    "Run a command in this process; return its exit code and what it wrote to stdout and stderr."
    out,err = io.StringIO(),io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings(): # warn again
        try: COMMANDS[command]([str(a) for a in argv])
        except SystemExit as e: code = e.code or 0
        except Exception:
            code = 99
            traceback.print_exc()
    return code,out.getvalue(),err.getvalue()

def tree(*folders):
    "All files in some folders (default: everywhere) with their sizes; of the cache only what should not be there."
    paths = [p for top in folders or [ROOT] for p in Path(top).rglob('*')]
    paths = [p for p in paths if 'cache' not in p.parts or p.name.startswith('.')]
    return {(str(p), 0 if p.is_dir() else p.lstat().st_size) for p in paths}

WRITTEN = {'first', 'mixed', 'more', 'left', 'predict left', 'out'} # folders of cases that may write
def changes(before):
    "Files that changed since `before`, outside the folders that cases may write to."
    changed = sorted(path for path,_ in tree() ^ before)
    return [p for p in changed if not WRITTEN & {*Path(p).relative_to(ROOT).parts}][:5]

def argv_of(options):
    "The command line of some options; nothing happens to what is a command line already."
    if isinstance(options, list): return options
    argv = []
    for name,value in options.items():
        argv.append(f'--{name}')
        argv += value if isinstance(value, list) else [value]
    return argv

def is_refusal(command, result, code, words):
    "What is wrong with a refusal."
    got,out,err = result
    lines = err.splitlines()
    prog = PROGS[command]
    if got != code: return f'exit code {got}, wanted {code}: {out}{err}'
    if not lines or not lines[-1].startswith(f'{prog}: ') or 'Traceback' in err: return f'no line of {prog}: {err}'
    if len(lines) > 1 + (command == 'predict' and 'images failed' in lines[-1]): return f'{len(lines)} lines: {err}'
    missing = [w for w in words if str(w) not in err]
    if missing: return f'{missing} not named: {err}'

def case(name):
    "A function that is a case: it returns what is wrong, or nothing."
    def add(do): CASES.append((name, do))
    return add

def refused(name, command, options, code, *words):
    "A case: the command refuses, and nothing is written."
    folders = {OUT}
    if isinstance(options, dict): folders.add(options.get('outputs_dir', OUT))
    @case(f'{command}: {name}')
    def do():
        existed,before = OUT.exists(),tree(*folders)
        wrong = is_refusal(command, call(command, argv_of(options)), code, words)
        if wrong: return wrong
        changed = sorted(tree(*folders) ^ before)
        kept = next((p for p,_ in changed if p.endswith('/.cyclegan-results')), '') # what may be replaced next time
        changed = [(p, n) for p,n in changed if not kept.startswith(p)]
        if changed or OUT.exists() != existed and not kept: return f'changed: {changed[:5]}'

def works(name, command, options, check=lambda: None):
    "A case: the command does it, without a word of complaint; `check` returns what is wrong with the result."
    @case(f'{command}: {name}')
    def do():
        code,out,err = call(command, argv_of(options))
        return f'exit code {code}: {out}{err}' if code or err else check()

def raises(name, func, error, *words):
    "A case of the Python API: one line that has the words."
    @case(f'API: {name}')
    def do():
        try: res = func()
        except error as e:
            message = str(e)
            if '\n' in message or not all(str(w) in message for w in words):
                return f'{words} wanted in one line: {message}'
        except Exception: return traceback.format_exc()
        else: return f'{res!r} instead of {error.__name__}'

def gives(name, func):
    "A case of the Python API: `func` returns what is wrong."
    CASES.append((f'API: {name}', func))

# fixtures

def photo(size=(20, 16)): return scenes.street_scene(1, 32)[0].resize(size)

def network(path, role='G_A', **options):
    "Save a new network of a role."
    torch.manual_seed(0)
    folders = ('outputs_dir', 'cache_dir', 'dataroot')
    o = Options.of({k:v for k,v in TINY.items() if k not in folders} | options)
    save_network(path, build_network(architecture(o, role)), role, o, 1)
    return path

def forge(path, header, tensors=None):
    "A network file whose header says something else."
    if tensors is None: tensors = safetensors.torch.load_file(ROOT/'nets/G_A.safetensors')
    text = header if isinstance(header, str) else json.dumps(header)
    safetensors.torch.save_file(tensors, path, {'cyclegan_nbdev': text})
    return path

def setup():
    scenes.make_demo_scenes(ROOT/'scenes', 32, n_train=2, n_test=1, progress=False)
    for d in ('nets', 'img', 'cache', 'bad'): (ROOT/d).mkdir()
    for role in ('G_A', 'G_B', 'D_A', 'D_B'): network(ROOT/f'nets/{role}.safetensors', role)
    network(ROOT/'nets/unet.safetensors', model='unet', gl_num=2)
    network(ROOT/'nets/wide.safetensors', ngf=8)

def train_options(dataroot, **more): return TINY | dict(dataroot=dataroot) | more

def generator_options(**more):
    "Options of `predict` without any images."
    return dict(G_A_ckpt=ROOT/'nets/G_A.safetensors', outputs_dir=OUT, platform='CPU') | more

def predict_options(**more): return generator_options(input=ROOT/'scenes/testA') | more

def aligned_options(input_dir, **more): return dict(input_dir=input_dir, output_dir=OUT) | more

def cityscapes_options(labels, photos, **more):
    return dict(gtFine_dir=labels, leftImg8bit_dir=photos, output_dir=OUT) | more

def checkpoint_missing():
    if not (OUT/'ckpt/G_A_1.safetensors').exists(): return 'no checkpoint'

def image_missing():
    if not [*OUT.rglob('*.png')]: return 'nothing written'

def words_of(options): return ' '.join(f'{k}={v}' for k,v in options.items())

# images

def one_image(name, path, *words):
    "An image that cannot be read, by predict and by the Python API."
    refused(name, 'predict', generator_options(input=path), 1, '1 of 1 images failed', *words)
    raises(name, partial(pictures.read_picture, path), DataError, *words)

def trained_on(name, path, *words):
    "An image that cannot be read, in a training folder."
    root = ROOT/'sets'/f'{len(CASES)}'
    shutil.copytree(ROOT/'scenes', root)
    shutil.copy(path, root/'trainA'/path.name, follow_symlinks=False)
    refused(f'{name} in trainA', 'train', train_options(root), 1, *words)

def png_bomb(png):
    "A PNG whose header says 60,000 x 60,000 pixels."
    header = png[12:16] + struct.pack('>II', 60000, 60000) + png[24:29]
    return png[:12] + header + struct.pack('>I', zlib.crc32(header)) + png[33:]

def tiff_bomb(path):
    "A TIFF whose tags say 200,000 x 200,000 pixels."
    imwrite(path, np.zeros((1, 1), np.float32), shape=(1, 1))
    b = path.read_bytes()
    for code in (256, 257): # width and height
        short,long = struct.pack('<HH', code, 3),struct.pack('<HH', code, 4)
        i = b.index(short if short in b else long)
        b = b[:i] + struct.pack('<HHII', code, 4, 1, 200_000) + b[i+12:]
    path.write_bytes(b)

def unreadable_images():
    d = ROOT/'img'
    whole = {}
    for end in ('png', 'jpg', 'tif', 'webp', 'bmp', 'ppm'):
        photo().save(d/f'whole.{end}')
        whole[end] = (d/f'whole.{end}').read_bytes()
    for end,b in whole.items():
        for tenth in range(1, 10):
            f = d/f'cut{tenth}.{end}'
            f.write_bytes(b[:len(b)*tenth//10])
            name = f'{end} cut after {tenth} tenths'
            refused(name, 'predict', generator_options(input=f), 1, f, 'repair or remove it')
        half = d/f'cut5.{end}'
        raises(f'{end} cut in half', partial(pictures.read_picture, half), DataError, half.name)
        trained_on(f'{end} cut in half', half, half.name, 'repair or remove it')
    for end in sorted(pictures.IMAGE_EXTENSIONS):
        empty,text = d/f'empty{end}',d/f'text{end}'
        empty.write_bytes(b'')
        text.write_text('no image at all\n'*9)
        one_image(f'empty {end}', empty, empty.name, 'repair or remove it')
        one_image(f'text as {end}', text, text.name, 'repair or remove it')
    trained_on('an empty file', d/'empty.png', 'empty.png', 'repair or remove it')
    trained_on('a text file', d/'text.jpg', 'text.jpg', 'repair or remove it')
    (d/'bomb.png').write_bytes(png_bomb(whole['png']))
    one_image('a decompression bomb', d/'bomb.png', 'bomb.png')
    trained_on('a decompression bomb', d/'bomb.png', 'bomb.png')
    tiff_bomb(d/'bomb.tif')
    one_image('a TIFF bomb', d/'bomb.tif', 'bomb.tif')
    pixels = dict(
        nan=np.full((9, 9), np.nan, np.float32),
        over=np.full((9, 9), 2, np.float32),
        under=np.full((9, 9), -1, np.float32),
        complex=np.ones((9, 9), np.complex64),
        five=np.ones((9, 9, 5), np.uint8),
        volume=np.ones((2, 9, 9, 3), np.float32))
    for name,x in pixels.items():
        imwrite(d/f'{name}.tif', x, photometric='minisblack')
        one_image(f'TIFF {name}', d/f'{name}.tif', f'{name}.tif')
    (d/'link.png').symlink_to(d/'nowhere.png')
    (d/'loop.png').symlink_to(d/'loop.png')
    (d/'folder.png').mkdir()
    os.mkfifo(d/'pipe.png')
    for name in ('link', 'loop', 'pipe'): one_image(f'{name}.png', d/f'{name}.png', f'{name}.png')
    one_image('a missing image', d/'none.png', 'none.png', 'no such file')
    raises('a folder as an image', partial(pictures.read_picture, d/'folder.png'), DataError, 'folder.png', 'folder')
    one_image('/dev/zero', Path('/dev/zero'), '/dev/zero')
    odd = d/'two\nlines\x1b[31m.png'
    odd.write_bytes(b'x')
    one_image('a bad image with an odd name', odd, 'two\\nlines\\x1b[31m.png')
    trained_on('a bad image with an odd name', odd, 'two\\nlines\\x1b[31m.png')
    raises('a name with a null', partial(pictures.read_picture, 'a\0b.png'), DataError, 'a\\x00b.png')
    long = d/('x'*300 + '.png')
    refused('a name that is too long', 'predict', generator_options(input=long), 1, 'xxx.png')
    raises('a name that is too long', partial(pictures.read_picture, long), DataError, 'xxx.png')

def readable_images():
    d = ROOT/'img/good'
    d.mkdir(parents=True)
    im,rgba = photo(),photo().convert('RGBA')
    rgba.putalpha(Image.linear_gradient('L').resize(im.size))
    def same(name, path, size=im.size, mode='RGB', input=None):
        "The translation has the size and the mode of the input."
        written = path if path.suffix.lower() in pictures.WRITABLE else path.with_suffix('.png')
        to = OUT/'predict/fake_B'/written.name
        def check():
            if [*OUT.rglob('.cyclegan-tmp-*')]: return 'temporary files are left'
            if not to.exists(): return f'no {to}'
            with Image.open(to) as r:
                r.load()
                if (r.size, r.mode) != (size, mode): return f'{r.size} {r.mode}, wanted {size} {mode}'
        works(name, 'predict', generator_options(input=input or path), check)
    def saved(name, im, **kwargs):
        im.save(d/name, **kwargs)
        return d/name
    def tiff(name, x, **kwargs):
        imwrite(d/name, x, **kwargs)
        return d/name
    for end in ('png', 'jpg', 'jpeg', 'tif', 'tiff', 'webp', 'bmp', 'ppm'): same(end, saved(f'a.{end}', im))
    same('PNG named .jpg', saved('wrong.jpg', im, format='PNG'))
    same('JPEG named .png', saved('wrong.png', im, format='JPEG'))
    same('GIF', saved('a.gif', im))
    same('CMYK', saved('cmyk.jpg', im.convert('CMYK')))
    same('CMYK TIFF', saved('cmyk.tif', im.convert('CMYK')))
    same('YCbCr', saved('ycc.jpg', im.convert('YCbCr')))
    same('1 bit', saved('bit.png', im.convert('1')))
    same('palette', saved('p.png', im.quantize(16)))
    same('palette with transparency', saved('pt.png', im.quantize(16), transparency=3), mode='RGBA')
    same('grey', saved('l.png', im.convert('L')))
    same('grey with alpha', saved('la.png', im.convert('LA')), mode='RGBA')
    same('RGBA', saved('rgba.png', rgba), mode='RGBA')
    for size in ((1, 1), (1, 4000), (4000, 1), (2, 3), (7, 7), (33, 1)):
        name = f'{size[0]}x{size[1]}'
        same(name, saved(f's{name}.png', photo(size)), size)
    for n in range(1, 9):
        exif = Image.Exif()
        exif[274] = n
        same(f'EXIF orientation {n}', saved(f'turned{n}.jpg', im, exif=exif), im.size if n < 5 else im.size[::-1])
    deep = np.asarray(im).astype(np.uint16)*257
    pictures.save_picture(d/'d.png', pictures.Picture(deep))
    deep_images = dict(
        png16=d/'d.png',
        tif16=tiff('d.tif', deep, photometric='rgb'),
        float=tiff('f.tif', (deep/65535).astype(np.float32), photometric='rgb'),
        grey16=tiff('g.tif', deep[...,0]))
    def not_deep():
        written = next((OUT/'predict/fake_B').glob('[!.]*'))
        if pictures.read_picture(written).pixels.dtype != np.uint16: return 'not 16 bits'
    for name,path in deep_images.items(): works(name, 'predict', generator_options(input=path), not_deep)
    odd_names = ['ünï çødé 漢字 😀', 'two\nlines', 'a b', "quote'\"", '$(x)`y`;z', '%d%s', 'x'*250, '..a', 'a.b.c', '{0}']
    for name in odd_names: same(f'named {name[:20]!r}', saved(f'{name}.png', im))
    same('named --help', saved('--help.png', im), input=f'{d}/--help.png')
    (d/'linked.png').symlink_to(d/'a.png')
    same('a link to an image', d/'linked.png')
    @case('predict: one bad image among good ones')
    def mixed():
        f = ROOT/'mixed'
        f.mkdir()
        im.save(f/'good.png')
        (f/'bad.png').write_bytes(b'x')
        (f/'folder.png').mkdir()
        os.mkfifo(f/'pipe.png')
        (f/'gone.png').symlink_to('nowhere')
        code,out,err = call('predict', argv_of(generator_options(input=f)))
        written = sorted(p.name for p in OUT.rglob('[!.]*') if p.is_file())
        if code != 1 or written != ['good.png'] or '1 of 2 images failed' not in err: return f'{code} {written} {err}'

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
    def tiff(name, x, photometric='minisblack'):
        imwrite(d/name, x, photometric=photometric)
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
    documents = dict(
        eps=b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n',
        pdf=b'%PDF-1.4\n',
        svg=b'<svg/>')
    for name,b in documents.items():
        for ending in ('png', 'jpg', 'tif'):
            (d/f'{name}.{ending}').write_bytes(b)
            one_image(f'{name} named .{ending}', d/f'{name}.{ending}', 'not a readable image')
    Image.new('1', (14_000, 14_000)).save(d/'huge.png')
    one_image('196 megapixels', d/'huge.png', 'more than the limit of 179 megapixels', 'CYCLEGAN_MAX_MEGAPIXELS')
    deep = tiff('deep.tif', np.full((16, 16, 3), 30_000, np.uint16), photometric='rgb')
    shutil.copy(deep, d/'deep.jpg')
    misnamed = generator_options(input=d/'deep.jpg')
    refused('16 bits in a file named .jpg', 'predict', misnamed, 1, '16 bits do not fit .jpg')
    faded = photo().convert('RGBA')
    faded.putalpha(100)
    faded.save(d/'faded.png')
    as_jpg = generator_options(input=d/'faded.png', format='jpg')
    refused('transparency as jpg', 'predict', as_jpg, 1, 'transparency does not fit .jpg')
    green = in_another_profile(d/'green.png')
    def another_colour(net, wanted):
        got = Translator.from_file(net, 'CPU').read(green).pixels[0,0].tolist()
        if got != wanted: return got
    kept = network(ROOT/'nets/kept.safetensors', colour_profile='keep')
    gives('colours in another profile', partial(another_colour, ROOT/'nets/G_A.safetensors', [255, 0, 0]))
    gives('colours that are kept', partial(another_colour, kept, [0, 255, 0]))
    dim = ROOT/'sets/dim'
    twelve_bits = (ramp.repeat(8, 0).repeat(8, 1)*4095).astype(np.uint16)
    for side in 'AB':
        (dim/f'train{side}').mkdir(parents=True)
        imwrite(dim/f'train{side}/0.tif', twelve_bits, photometric='minisblack')
    @case('train: 12 bits in 16 are told')
    def told():
        code,out,err = call('train', argv_of(train_options(dim, in_planes=1)))
        if code or 'between 0 and 4095, 6.2% of what 16 bits hold' not in out + err: return f'{code} {out} {err}'

def label_maps():
    d = ROOT/'maps'
    city = Palette.load('cityscapes')
    photo,label = scenes.street_scene(0, 32)
    images = dict(
        colours=label,
        ids=Image.fromarray(city.nearest(label)),
        photos=photo,
        facades=Palette.load('facades').paint(city.nearest(label) % 12))
    for name,im in images.items():
        (d/name).mkdir(parents=True)
        im.save(d/name/'0.png')
    def scored(name): return dict(cityscapes_dir=d/name, result_dir=d/'colours', outputs_dir=OUT)
    works('label maps', 'evaluate', scored('colours'))
    refused('class numbers', 'evaluate', scored('ids'), 1, 'ids/0.png: it is grey with numbers from', 'class numbers')
    refused('photos as label maps', 'evaluate', scored('photos'), 1, 'photos/0.png: ', 'are A and B swapped?')
    refused('another palette', 'evaluate', scored('facades'), 1, 'facades/0.png: ', 'another palette?')
    swapped = ROOT/'sets/swapped'
    for split in ('train', 'test'):
        shutil.copytree(ROOT/f'scenes/{split}A', swapped/f'{split}B')
        shutil.copytree(ROOT/f'scenes/{split}B', swapped/f'{split}A')
    labels_in_A = train_options(swapped, palette='cityscapes')
    refused('A and B swapped', 'train', labels_in_A, 1, 'testB', 'are A and B swapped?')
    pipe = ROOT/'bad/pipe.json'
    os.mkfifo(pipe)
    raises('a pipe as a palette', partial(Palette.load, pipe), DataError, 'a pipe or a device')

def arrays():
    t = Translator.from_file(ROOT/'nets/G_A.safetensors', 'CPU')
    no_images = {
        'None':None,
        'a number':3,
        'a dict':{},
        'an array of one axis':np.zeros(4),
        'seven channels':np.zeros((4, 4, 7)),
        'text in an array':np.array([['a']]),
        'whole numbers':np.zeros((4, 4, 3), np.int64),
        'true or false':np.zeros((4, 4, 3), bool),
        'a tensor of four channels':torch.zeros(4, 8, 8),
        'a tensor of whole numbers':torch.zeros(3, 8, 8, dtype=torch.int64),
        'no rows':np.zeros((0, 4, 3), np.uint8),
        'an empty tensor':torch.zeros(0, 3, 8, 8),
        'no columns':torch.zeros(3, 8, 0),
        'NaN':np.full((4, 4, 3), np.nan, np.float32)}
    for name,x in no_images.items(): raises(f'Translator of {name}', partial(t, x), DataError)
    outside = {
        'floats of 0 to 255':np.full((4, 4, 3), 200.),
        'an array in [-1, 1]':np.full((4, 4, 3), -.5),
        'a tensor in [-1, 1]':torch.full((3, 8, 8), -.5)}
    for name,x in outside.items():
        raises(f'Translator of {name}', partial(t, x), DataError, 'wanted floating point in [0, 1]')
    def changes_kind(x):
        y = t(x)
        if y.dtype != x.dtype or y.shape[:2] != x.shape[:2]: return f'{y.shape} {y.dtype}'
    images = [np.zeros((1, 1), np.uint8), np.zeros((5, 3, 4), np.uint16), torch.zeros(2, 3, 1, 9),
              torch.zeros(3, 6, 6, dtype=torch.uint8)]
    for x in images: gives(f'Translator of {tuple(x.shape)} {x.dtype}', partial(changes_kind, x))

# folders

def folders():
    d = ROOT/'sets'
    def make(name, *subs):
        for s in subs or ['']: (d/name/s).mkdir(parents=True, exist_ok=True)
        return d/name
    refused('dataroot is missing', 'train', train_options(d/'nowhere'), 2, 'dataroot=', 'no such folder')
    refused('dataroot is a file', 'train', train_options(FILE), 2, 'dataroot=')
    refused('dataroot is empty', 'train', train_options(make('empty')), 2, 'dataroot=', 'trainA')
    refused('only trainA', 'train', train_options(make('onlyA', 'trainA')), 2, 'dataroot=', 'trainB')
    refused('only trainB', 'train', train_options(make('onlyB', 'trainB')), 2, 'dataroot=', 'trainA')
    empty_folders = train_options(make('bothempty', 'trainA', 'trainB'))
    refused('both folders empty', 'train', empty_folders, 1, 'trainA', 'no images')
    for name,file in dict(hidden='.x.png', texts='a.txt', other='a.PNG.bak').items():
        root = make(name, 'trainA', 'trainB')
        for s in 'AB': shutil.copy(ROOT/'scenes/trainA/00000.png', root/f'train{s}'/file)
        refused(f'only {file} in it', 'train', train_options(root), 1, 'trainA', 'no images')
    root = make('trainB empty', 'trainB')
    shutil.copytree(ROOT/'scenes/trainA', root/'trainA')
    refused('trainB is empty', 'train', train_options(root), 1, 'trainB', 'no images')
    root = make('one', 'trainA/deep/deeper', 'trainB')
    shutil.copy(ROOT/'scenes/trainA/00000.png', root/'trainA/deep/deeper/UP.PNG')
    shutil.copy(ROOT/'scenes/trainA/00001.png', root/'trainB/b.png')
    works('one image each', 'train', train_options(root), checkpoint_missing)
    works('testA without testB', 'train', train_options(make('one', 'testA')), checkpoint_missing)
    odd = make('an odd\nname; é', 'trainA', 'trainB')
    for s in 'AB': shutil.copy(ROOT/f'scenes/train{s}/00000.png', odd/f'train{s}/ü\n.png')
    works('an odd folder', 'train', train_options(odd), checkpoint_missing)
    (d/'linkroot').symlink_to(ROOT/'scenes')
    works('dataroot is a link', 'train', train_options(d/'linkroot'), checkpoint_missing)
    refused('outputs_dir is a file', 'train', TINY | dict(outputs_dir=FILE), 2, 'outputs_dir=')
    refused('outputs_dir below a file', 'train', TINY | dict(outputs_dir=FILE/'x'), 2, 'outputs_dir=')
    refused('outputs_dir in /proc', 'train', TINY | dict(outputs_dir='/proc/x/y'), 2, 'outputs_dir=')
    refused('cache_dir is a file', 'train', TINY | dict(cache_dir=FILE), 1, 'cache_dir', 'whole.png')
    refused('cache_dir in /proc', 'train', TINY | dict(cache_dir='/proc/x'), 1, 'cache_dir', '/proc/x')
    for missing,name in dict(trainA='empty', trainB='onlyA').items():
        refused(f'dry run without {missing}', 'train', train_options(d/name, dry_run=True), 2, 'dataroot=', missing)
    def translated(dataroot, **more): return generator_options(dataroot=dataroot, **more)
    refused('dataroot is missing', 'predict', translated(d/'nowhere'), 2, 'dataroot=', 'no such folder')
    refused('no testA', 'predict', translated(d/'onlyB'), 2, 'dataroot=', 'testA')
    refused('testA is empty', 'predict', translated(d/'one'), 1, 'testA', 'no images')
    refused('input is an empty folder', 'predict', predict_options(input=d/'empty'), 1, 'empty', 'no images')
    refused('a pattern without matches', 'predict', predict_options(input=f'{d}/*.nothing'), 1, '*.nothing', 'no image')
    refused('no input', 'predict', generator_options(), 2, 'dataroot')
    refused('both inputs', 'predict', translated(ROOT/'scenes', input=d/'one'), 2, 'dataroot')
    refused('outputs_dir is a file', 'predict', translated(ROOT/'scenes', outputs_dir=FILE), 1, 'whole.png')
    refused('outputs_dir in /proc', 'predict', translated(ROOT/'scenes', outputs_dir='/proc/x'), 1, '/proc/x')
    for name,root in dict(missing=d/'nowhere', empty=d/'empty', file=FILE).items():
        refused(f'input_dir: {name}', 'aligned', aligned_options(root), 2, 'input_dir=')
        refused(f'gtFine_dir: {name}', 'cityscapes', cityscapes_options(root, root), 2, 'gtFine_dir=')
    refused('output_dir is a file', 'scenes', dict(output_dir=FILE, n_train=1, n_test=1), 1, 'whole.png')
    refused('output_dir in /proc', 'scenes', dict(output_dir='/proc/x', n_train=1, n_test=1), 1, '/proc/x')
    aligned_folders(make)
    cityscapes_folders(make)

def aligned_folders(make):
    "Folders of pairs, each made by `make`."
    pairs = make('pairs', 'train')
    photo((40, 20)).save(pairs/'train/a.png')
    (pairs/'train/b.png').write_bytes(FILE.read_bytes()[:200])
    refused('a damaged pair', 'aligned', aligned_options(pairs), 1, 'b.png', 'repair or remove it')
    thin = make('thin', 'train')
    photo((40, 20)).save(thin/'train/a.png')
    photo((1, 20)).save(thin/'train/b.png')
    refused('a pair too narrow', 'aligned', aligned_options(thin), 1, 'b.png', 'narrow')
    fine = make('fine', 'train')
    photo((40, 20)).save(fine/'train/a.png')
    refused('output_dir is a file', 'aligned', aligned_options(fine, output_dir=FILE), 1, 'whole.png')
    def another_size():
        if any(Image.open(OUT/f'train{s}/a.png').size != (20, 20) for s in 'AB'): return 'other sizes'
    works('a pair', 'aligned', aligned_options(fine), another_size)

def cityscapes_folders(make):
    "Folders of Cityscapes, each made by `make`."
    labels,photos = make('gt', 'train/x', 'val/x'),make('photos', 'train/x', 'val/x')
    for s in ('train', 'val'): photo().save(labels/s/'x/x_1_gtFine_color.png')
    without_photos = cityscapes_options(labels, make('no photos'))
    refused('no photos', 'cityscapes', without_photos, 2, 'leftImg8bit_dir=', 'x_1')
    for s in ('train', 'val'): photo().save(photos/s/'x/x_1_leftImg8bit.png')
    def another_size():
        if Image.open(OUT/'testA/x_1.jpg').size != (16, 16): return 'other size'
    works('whole', 'cityscapes', cityscapes_options(labels, photos, size=16), another_size)
    spoilt = make('photos2', 'train/x', 'val/x')
    photo().save(spoilt/'train/x/x_1_leftImg8bit.png')
    (spoilt/'val/x/x_1_leftImg8bit.png').write_bytes(b'x')
    with_damage = cityscapes_options(labels, spoilt)
    refused('a damaged photo', 'cityscapes', with_damage, 1, 'x_1_leftImg8bit.png', 'repair or remove it')

# what is in a data set

def data_sets():
    "Broken images, hidden folders, links, other endings, long pictures."
    def copy(name):
        shutil.copytree(ROOT/'scenes', ROOT/'sets'/name)
        return ROOT/'sets'/name
    broken = copy('broken')
    names = ['trainA/x.png', 'trainA/y.png', 'trainB/z.jpg', 'testA/00000.png']
    for f in names: (broken/f).write_bytes(b'no image')
    all_broken = train_options(broken)
    refused('all broken images at once', 'train', all_broken, 1, '4 of 9 images', *names, 'skip_broken=True')
    refused('the same from the cache', 'train', all_broken, 1, '4 of 9 images', 'trainA/x.png', 'testA/00000.png')
    without_broken = train_options(broken, skip_broken=True)
    refused('nothing left of testA', 'train', without_broken, 1, 'testA', 'none of its images')
    many = copy('many broken')
    for i in range(12): (many/f'trainB/x{i:02}.png').write_bytes(b'no image')
    refused('a dozen broken images', 'train', train_options(many), 1, 'x09.png', 'and 2 more')
    @case('train: skip_broken leaves them out')
    def left_out():
        code,out,err = call('train', argv_of(train_options(many, skip_broken=True)))
        if code or err or 'skip_broken: 12 of 18 images are left out' not in out: return f'{code} {out} {err}'
        return checkpoint_missing()
    mixed = copy('mixed kinds')
    for d in ('.ipynb_checkpoints', '@eaDir'):
        (mixed/'trainA'/d).mkdir()
        (mixed/'trainA'/d/'x.png').write_bytes(b'no image')
    for f in ('a.txt', 'b.md', 'c.txt'): (mixed/'trainA'/f).write_text('x')
    (mixed/'trainA/up').symlink_to('..')
    (mixed/'trainB/self').symlink_to('self')
    @case('train: what is left out of a folder is counted')
    def counted():
        code,out,err = call('train', argv_of(train_options(mixed)))
        line = f'{mixed}/trainA: 3 files with other endings left out (.txt, .md)'
        if code or err or out.count('with other endings') != 1 or line not in out: return f'{code} {out} {err}'
        return checkpoint_missing()
    deep = copy('deep')
    (deep/'trainA'/'/'.join('d'*300)).mkdir(parents=True)
    refused('folders 300 deep', 'train', train_options(deep), 1, 'trainA', 'more than 200 folders in each other')
    long = copy('long')
    for d in 'AB': photo((1800, 64)).save(long/f'train{d}/long.png')
    for o in (dict(image_size=32), dict(image_size=64), dict(image_size=32, model='unet', gl_num=3)):
        argv = argv_of(train_options(long, preprocess='scale_width', **o))
        for dry in ((), ('--dry_run', 'True')):
            name = f'a long picture by scale_width {o} {dry}'
            refused(name, 'train', [*argv, *dry], 1, 'long.png', 'scale_width_and_crop')
    cropped = train_options(long, preprocess='scale_width_and_crop')
    works('a long picture by scale_width_and_crop', 'train', cropped, checkpoint_missing)
    odd = ROOT/'sets'/os.fsdecode(b'caf\xe9')
    shutil.copytree(ROOT/'scenes', odd)
    (odd/'trainA/00000.png').rename(odd/'trainA'/os.fsdecode(b'\xff.png'))
    works('names that are not UTF-8', 'train', train_options(odd), checkpoint_missing)

def prepared():
    "Prepared data sets: no source is lost, none is mixed up, and nothing is poured into another data set."
    same = ROOT/'sets/same names/train'
    same.mkdir(parents=True)
    for k in range(10):
        for ending,offset in dict(png=0, jpg=100, bmp=150).items():
            Image.new('L', (64, 32), 10*k + offset).save(same/f'{k}.{ending}')
    def brightness(path): return int(pictures.read_picture(path).pixels.mean())
    def unpaired():
        "Halves without their other half, or whose other half comes from another source."
        A,B = [{p.relative_to(OUT/side) for p in (OUT/side).rglob('*.png')} for side in ('trainA', 'trainB')]
        if A != B or len(A) != 30: return f'{A} {B}'
        mixed = [p for p in A if abs(brightness(OUT/'trainA'/p) - brightness(OUT/'trainB'/p)) > 4]
        if mixed: return f'{mixed} come from different sources'
    works('sources of one name', 'aligned', aligned_options(same.parent), unpaired)
    full = ROOT/'sets/full'
    shutil.copytree(ROOT/'scenes', full)
    in_the_way = 'sets/full: holds files already'
    refused('a folder that holds a data set', 'aligned', aligned_options(same.parent, output_dir=full), 1, in_the_way)
    refused('a folder that holds a data set', 'scenes', dict(output_dir=full, n_train=1, n_test=1), 1, in_the_way)
    inside = aligned_options(same.parent, output_dir=same/'out')
    refused('results among the sources', 'aligned', inside, 2, 'output_dir=', 'whose images are read')
    deep = ROOT/'sets/deep pair/train'
    deep.mkdir(parents=True)
    pictures.save_picture(deep/'a.png', pictures.Picture(np.zeros((4, 8, 3), np.uint16)))
    as_jpg = aligned_options(deep.parent, format='jpg')
    refused('16 bits as jpg', 'aligned', as_jpg, 1, 'a.png', '16 bits do not fit .jpg')
    @case('scenes: killed in the middle')
    def killed():
        "A process that is killed leaves nothing that can be trained on, and nothing in the way of the next."
        to = ROOT/'left/killed'
        to.parent.mkdir(exist_ok=True)
        options = dict(output_dir=to, n_train=10_000, n_test=1, size=32)
        command = [sys.executable, '-m', 'cyclegan_nbdev.cli', 'demo_scenes', *map(str, argv_of(options))]
        for wait in (.2, .5):
            p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not [*to.parent.glob('.cyclegan-tmp-*/*/*')]: time.sleep(.02)
            time.sleep(wait)
            p.kill()
            p.wait()
            for left in to.parent.glob('.cyclegan-tmp-*'): shutil.rmtree(left)
            wrong = is_refusal('train', call('train', argv_of(train_options(to))), 2, ['dataroot='])
            if wrong: return wrong
        code,out,err = call('scenes', argv_of(options | dict(n_train=1)))
        left = sorted(p.name for p in to.iterdir())
        if code or left != ['testA', 'testB', 'trainA', 'trainB']: return f'{code} {err} {left}'

# options

def bad_numbers(kind, meta):
    "Texts and numbers that are no value of a number's option."
    yield from ['NaN', '-inf', 'one', '1,5', '0x10', '1e999']
    yield from ['1.5', '1e3'] if kind is int else ['inf']
    if meta['lo'] is not None: yield meta['lo'] - (1 if kind is int else 1e-9)
    if meta['hi'] is not None: yield meta['hi'] + (1 if kind is int else 1e-6)
    if meta['above'] is not None: yield meta['above']

def bad_values(kind, optional, meta):
    "Values that an option must refuse on the command line."
    yield ''
    if meta['choices']:
        first = next(iter(meta['choices']))
        yield from ['nonsense', first.lower() + 'x', first.swapcase()]
        return
    if kind is bool: yield from ['maybe', '1', '2']
    elif kind in (int, float): yield from bad_numbers(kind, meta)
    if kind in (bool, int, float) and not optional: yield 'None'

DEPENDENT = ('device_num', 'dl_num', 'gl_num', 'image_size', 'load_size') # their limits depend on other options
def not_taken(name, value):
    if getattr(Options.of(dict(max_epoch=200) | {name: value}), name) != value: return 'not taken'

def options_of_train():
    for f in dataclasses.fields(Options):
        kind,optional = core._type_of(f)
        meta,name = f.metadata,f.name
        for v in bad_values(kind, optional, meta): refused(f'{name}={v}', 'train', TINY | {name: v}, 2, name)
        if meta['choices'] or kind not in (int, float): continue
        for v in (meta['lo'], meta['hi']): # the limits themselves
            if v is not None and name not in DEPENDENT: gives(f'{name}={v}, its limit', partial(not_taken, name, v))
        for v in (True, [], {}, b'1', object(), 1j, math.nan):
            raises(f'{name}={type(v).__name__}', partial(Options.of, {name: v}), OptionError, f'{name}=')
    good = [
        dict(ngf=1), dict(ndf=1), dict(dl_num=1), dict(slope=0), dict(slope=1), dict(init_gain=1e-30),
        dict(n_epochs=0), dict(lr=1e-30), dict(beta1=0), dict(beta1=.9999),
        dict(lambda_A=0, lambda_B=0), dict(lambda_idt=0), dict(pool_size=0), dict(ema=.999999),
        dict(print_iter=1), dict(print_iter=10**9), dict(seed=0), dict(seed=2**32-1),
        dict(image_size=12, dl_num=1), dict(image_size=36), dict(batch_size=5), dict(max_dataset_size=1),
        dict(keep_checkpoints=1), dict(save_checkpoint_epochs=10**9), dict(save_state_minutes=0),
        dict(in_planes=1), dict(load_size=32, preprocess='resize_and_crop'),
        dict(gan_mode='wgangp'), dict(gan_mode='hinge'), dict(norm_mode='batch'), dict(use_random=False)]
    for o in good: works(words_of(o), 'train', TINY | o, checkpoint_missing)
    impossible = [
        (dict(platform='Ascend'), 'platform='),
        (dict(model='unet', gl_num=9), 'gl_num='),
        (dict(model='unet', gl_num=1), 'gl_num='),
        (dict(model='unet', image_size=33), 'image_size='),
        (dict(image_size=34), 'image_size='),
        (dict(dl_num=5), 'dl_num='),
        (dict(load_size=16), 'load_size='),
        (dict(kd=True), 'kd='),
        (dict(kd=True, GT_A_ckpt='x'), 'kd=')]
    for o,word in impossible: refused(words_of(o), 'train', TINY | o, 2, word)
    demo = {k:v for k,v in TINY.items() if k != 'dataroot'}
    refused('channels the demo has not', 'train', demo | dict(in_planes=7), 2, 'in_planes=')
    refused('channels the files have not', 'train', TINY | dict(in_planes=7), 1, 'trainA', 'in_planes=7')
    refused('far too many channels', 'train', TINY | dict(ngf=200_000), 2, 'ngf=', 'lower it')
    large_crop = TINY | dict(image_size=64, preprocess='crop', dl_num=2)
    refused('crop from smaller images', 'train', large_crop, 1, '00000.png', 'image_size=64')
    command_lines = {
        ('--nfg', '3'): ['nfg', 'did you mean ngf'],
        ('--ngf',): ['ngf'],
        ('--ng', '3'): ['--ng', 'ngf'],
        ('stray',): ['stray'],
        ('--ngf', '3', '--ngf=x'): ['ngf='],
        ('--dry_run', 'yes'): ['dry_run'],
        ('--a\nb', '3'): ['unknown option']}
    for argv,words in command_lines.items(): refused(' '.join(argv), 'train', [*argv_of(TINY), *argv], 2, *words)
    for given,word in (({'nfg': 3}, 'did you mean ngf'), ({3: 4}, '3'), ({'': 1}, 'unknown')):
        raises(f'Options.of({given})', partial(Options.of, given), OptionError, word)

def options_of_others():
    "Options of all commands but `train`."
    def each_refused(command, options, wrong):
        for name,values in wrong.items():
            for v in values: refused(f'{name}={v}', command, options | {name: v}, 2, name)
    each_refused('predict', predict_options(), dict(
        image_size=['7', '-1', '1.5', 'one', 'NaN'],
        batch_size=['0', '-1', 'x', '1.5'],
        quality=['0', '101', 'x'],
        bits=['7', '32', 'x'],
        format=['gif', 'PNG', 'x', ''],
        memory=['0', '-1', 'nan', 'x'],
        platform=['gpu', 'TPU', ''],
        device_id=['x', '-1', '1.5'],
        pairs=['x', '1'],
        overwrite=['x', ''],
        outputs_dir=[''],
        input=[''],
        G_A_ckpt=['']))
    def translation_missing():
        if not any((OUT/'predict/fake_B').glob('[!.]*')): return 'nothing'
    good = [dict(image_size=8), dict(batch_size=1000), dict(quality=1, format='jpg'), dict(quality=100, format='webp'),
            dict(memory=1e-9), dict(memory='inf'), dict(bits=16), dict(pairs=True)]
    for o in good: works(words_of(o), 'predict', predict_options(**o), translation_missing)
    refused('bits=16 in a jpg', 'predict', predict_options(bits=16, format='jpg'), 2, 'bits=')
    each_refused('scenes', dict(output_dir=OUT, n_train=1, n_test=1, size=8), dict(
        size=['0', '-1', 'x', '1.5', ''],
        n_train=['0', '-1', 'x'],
        n_test=['-1', 'x'],
        seed=['-1', 'x'],
        output_dir=['']))
    each_refused('aligned', aligned_options(ROOT/'sets/fine'), dict(
        left=['C', ''],
        format=['xyz', '', '../x'],
        input_dir=['']))
    each_refused('cityscapes', cityscapes_options(ROOT/'sets/gt', ROOT/'sets/photos'), dict(
        size=['0', '-1', 'x'],
        photo_format=['xyz', ''],
        label_format=['xyz', '']))
    refused('no such option', 'train', ['--nonsense', '3'], 2, 'nonsense')
    refused('no such option', 'info', ['--nonsense', '3', 'x'], 2, 'nonsense')
    for command in PROGS:
        if command not in ('train', 'info'): refused('nothing given', command, [], 2)

# network files

class _Hostile:
    def __reduce__(self): return os.system, (f'touch {ROOT}/pwned',)

def refused_as_network(name, path, *words, commands=('info', 'predict', 'train', 'API')):
    "Cases: commands and the Python API refuse a file as a network."
    if 'info' in commands: refused(name, 'info', [path], 1, *words)
    if 'predict' in commands: refused(name, 'predict', predict_options(G_A_ckpt=path), 2, 'G_A_ckpt=', *words)
    if 'train' in commands: refused(name, 'train', TINY | dict(G_A_ckpt=path), 2, 'G_A_ckpt=', *words)
    if 'API' in commands: raises(name, partial(load_network, path), DataError, *words)

def bad_file(name, b):
    (ROOT/'bad'/name).write_bytes(b)
    return ROOT/'bad'/name

def damaged_networks():
    "Files that are no networks, or parts of some."
    d = ROOT/'bad'
    whole = (ROOT/'nets/G_A.safetensors').read_bytes()
    refused_as_network('empty', bad_file('empty.safetensors', b''), 'empty.safetensors')
    refused_as_network('text', bad_file('text.safetensors', b'hello\n'*9), 'text.safetensors')
    refused_as_network('missing', d/'none.safetensors', 'none.safetensors', 'no such file')
    (d/'folder.safetensors').mkdir()
    os.mkfifo(d/'pipe.safetensors')
    (d/'link.safetensors').symlink_to('nowhere')
    for name in ('folder', 'pipe', 'link'): refused_as_network(name, d/f'{name}.safetensors', f'{name}.safetensors')
    for tenth in range(1, 10):
        path = bad_file(f'cut{tenth}.safetensors', whole[:len(whole)*tenth//10])
        commands = ['info', 'predict', 'train', 'API'] if tenth == 5 else ['info', 'predict']
        refused_as_network(f'cut after {tenth} tenths', path, path.name, commands=commands)
    b = MINDSPORE.read_bytes()
    for tenth in range(1, 10):
        path = bad_file(f'cut{tenth}.ckpt', b[:len(b)*tenth//10])
        refused_as_network(f'MindSpore file cut after {tenth} tenths', path, path.name, commands=('info', 'API'))

def pickles():
    "PyTorch files that run code, or hold no network."
    d = ROOT/'bad'
    refused_as_network('hostile pickle', bad_file('evil.pth', pickle.dumps(_Hostile())), 'evil.pth')
    torch.save({'a': _Hostile()}, d/'evil2.pth')
    refused_as_network('hostile pickle in a zip', d/'evil2.pth', 'evil2.pth')
    refused_as_network('old pickle', bad_file('evil0.pth', pickle.dumps(_Hostile(), 0)), 'evil0.pth')
    contents = dict(list=[torch.zeros(3)], numbers={'a': 3}, nothing={}, linear={'x.weight': torch.zeros(3, 3)})
    for name,value in contents.items():
        torch.save(value, d/f'{name}.pth')
        refused_as_network(f'a PyTorch file of {name}', d/f'{name}.pth', f'{name}.pth', commands=('info', 'predict'))
    with zipfile.ZipFile(d/'bomb.pth', 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('archive/data.pkl', bytes(10**7))
    refused_as_network('a zip bomb', d/'bomb.pth', 'bomb.pth', commands=('info', 'predict'))
    linear = (d/'linear.pth').read_bytes()
    for at in (0, 8, 20):
        path = bad_file(f'cut{at}.pth', linear[:len(linear)//2 + at])
        refused_as_network(f'PyTorch file cut at {at}', path, path.name, commands=('info',))

# what a header may say without harm: it agrees with the tensors, or says less than it might
HARMLESS = ("role=None", "role='G_C'", "role='state'", 'without in_planes', 'without slope', 'without pad_mode',
            'without norm_mode', 'without need_dropout')

def forged_headers(header):
    "Headers that say something else than `header`, by what they say."
    arch = header['architecture']
    yield from {'no JSON':'{', 'a list':'[]', 'a number':'3', 'null':'null', 'deep':'['*100_000}.items()
    yield 'no architecture', header | dict(architecture=None)
    yield 'NaN slope', header | dict(architecture=arch | dict(slope=math.nan))
    wrong = dict(
        kind=['vgg', None, [], 'patch', 'unet'],
        ngf=[8, -4, 0, '4', 4.5, 10**12, True],
        gl_num=[-1, 10**9, None],
        in_planes=[0, '3', []],
        norm_mode=['x', 3, []],
        pad_mode=['x', None],
        slope=['x', [], 1e400, -1, None],
        need_dropout=['x'],
        unknown=[1],
        affine=[True],
        crop_end=['x'])
    for name,values in wrong.items():
        for v in values: yield f'{name}={v!r}',header | dict(architecture=arch | {name:v})
    for name in arch:
        yield f'without {name}',header | dict(architecture={k:v for k,v in arch.items() if k != name})
    for v in ([], {}, 3, 'state', 'G_C', None): yield f'role={v!r}',header | dict(role=v)

def answered_alike(name, path):
    "Whatever a header says: the same answer everywhere, never a traceback."
    for command,options in dict(predict=predict_options(G_A_ckpt=path), train=TINY | dict(G_A_ckpt=path)).items():
        shutil.rmtree(OUT, ignore_errors=True)
        result = call(command, argv_of(options))
        if result[0] == 0 and name in HARMLESS: continue
        wrong = is_refusal(command, result, 2, ['G_A_ckpt=', path.name])
        if wrong: return wrong
        if OUT.exists(): return 'something was written'

def forged_networks():
    "Headers, tables and tensors that do not fit each other."
    d = ROOT/'bad'
    header = read_header(ROOT/'nets/G_A.safetensors')
    for i,(name,forged) in enumerate(forged_headers(header)):
        path = forge(d/f'forged{i}.safetensors', forged)
        CASES.append((f'forged header: {name}', partial(answered_alike, name, path)))
    def raw(name, length, table): return bad_file(f'{name}.safetensors', struct.pack('<Q', length) + table)
    longer,huge = raw('long', 2**62, b'{' + bytes(100)),raw('long2', 10**8, b'{' + bytes(1000))
    refused_as_network('a header longer than the file', longer, longer.name)
    refused_as_network('a header of 100 MB', huge, huge.name)
    tables = [
        b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,999]}}',
        b'{"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}}',
        b'{"a":{"dtype":"X9","shape":[4],"data_offsets":[0,16]}}',
        b'{"a":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,16]}}',
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}',
        b'{"__metadata__":{"cyclegan_nbdev":3}}',
        b'{}']
    for i,table in enumerate(tables):
        path = raw(f'table{i}', len(table), table + bytes(16))
        refused_as_network(f'forged tensor table {i}', path, path.name, commands=('info', 'API'))
    weights = safetensors.torch.load_file(ROOT/'nets/G_A.safetensors')
    first = next(iter(weights))
    without_first = {k:v for k,v in weights.items() if k != first}
    changed = dict(
        fewer=without_first,
        other=weights | {first:weights[first][:1]},
        more=weights | {'x.weight':weights[first].clone()},
        renamed={'x':weights[first]} | without_first)
    commands = ('predict', 'train', 'API')
    for name,tensors in changed.items():
        path = forge(d/f'{name}.safetensors', header, tensors)
        refused_as_network(f'{name} tensors', path, path.name, commands=commands)
    for name,v in dict(nan=math.nan, inf=math.inf).items():
        path = forge(d/f'{name}.safetensors', header, {k:torch.full_like(x, v) for k,x in weights.items()})
        refused_as_network(f'weights of {name}', path, path.name, 'finite', commands=commands)

def networks_in_wrong_roles():
    "Good networks given as something else."
    d,nets = ROOT/'bad',ROOT/'nets'
    def translated_by(role): return predict_options(G_A_ckpt=nets/f'{role}.safetensors')
    refused('the other direction', 'predict', translated_by('G_B'), 2, 'G_A_ckpt=', 'B to A', 'G_B_ckpt')
    refused('a discriminator', 'predict', translated_by('D_A'), 2, 'G_A_ckpt=', 'discriminator')
    refused('no network', 'predict', dict(dataroot=ROOT/'scenes', outputs_dir=OUT), 2, 'G_A_ckpt')
    wrong_roles = {
        'the other direction':('G_A_ckpt', 'G_B'),
        'a discriminator for G_B':('G_B_ckpt', 'D_B'),
        'a generator for D_A':('D_A_ckpt', 'G_A'),
        'the other domain':('D_A_ckpt', 'D_B'),
        'another width':('G_A_ckpt', 'wide'),
        'another kind':('G_A_ckpt', 'unet')}
    for name,(option,net) in wrong_roles.items():
        path = nets/f'{net}.safetensors'
        refused(name, 'train', TINY | {option: path}, 2, f'{option}=', path)
    teachers = dict(GT_A_ckpt=nets/'G_A.safetensors', GT_B_ckpt=nets/'G_B.safetensors', t_ngf=4, t_gl_num=1)
    distilled = TINY | dict(kd=True) | teachers
    works('two teachers', 'train', distilled, checkpoint_missing)
    wrong_teachers = {
        'teachers swapped':('GT_A_ckpt', nets/'G_B.safetensors'),
        'a missing teacher':('GT_B_ckpt', d/'none'),
        'a wider teacher':('t_ngf', 64),
        'a deeper teacher':('t_gl_num', 9),
        'a cut teacher':('GT_A_ckpt', d/'cut5.safetensors'),
        'a discriminator as teacher':('GT_A_ckpt', nets/'D_A.safetensors'),
        'a pickle as teacher':('GT_A_ckpt', d/'evil.pth')}
    for name,(option,value) in wrong_teachers.items():
        refused(name, 'train', distilled | {option: value}, 2, f'{option}=')

def no_pickle_ran():
    @case('no pickle has run')
    def do():
        if (ROOT/'pwned').exists(): return 'a pickle ran'

def other_files():
    "Networks of other runtimes and in wrappings, and headers with odd fields."
    d,nets = ROOT/'bad',ROOT/'nets'
    def everywhere(name, path, *words):
        refused(name, 'info', [path], 1, path.name, *words)
        refused(name, 'predict', predict_options(G_A_ckpt=path), 2, 'G_A_ckpt=', path.name, *words)
        refused(name, 'train', TINY | dict(D_A_ckpt=path), 2, 'D_A_ckpt=', path.name, *words)
    beginnings = {
        'mindir':(b'\n\x050.1.1\x12\tMindSpore*\x05main', 'a MindIR model'),
        'onnx':(b'\x08\x0a\x12\x07pytorch', 'an ONNX model'),
        'xml':(b'<?xml version="1.0"?>\n<net/>', 'an OpenVINO model'),
        'pte':(b'\x18\0\0\0ET12', 'an ExecuTorch program'),
        'pth.gz':(b'\x1f\x8b\x08\0', 'a compressed file'),
        'htm.pth':(b'<!DOCTYPE html>', 'a web page')}
    for end,(b,kind) in beginnings.items():
        path = bad_file(f'other.{end}', b + bytes(30))
        everywhere(f'.{end} as a network', path, kind, 'give the network file that it was made from')
    with zipfile.ZipFile(d/'other.zip', 'w') as z: z.write(nets/'G_A.safetensors', 'G_A.safetensors')
    torch.export.save(torch.export.export(torch.nn.Conv2d(1, 1, 1), (torch.zeros(1, 1, 4, 4),)), d/'other.pt2')
    everywhere('a zip as a network', d/'other.zip', 'a zip archive')
    everywhere('.pt2 as a network', d/'other.pt2', 'an exported PyTorch program')
    everywhere('a run folder as a network', ROOT/'scenes', 'a folder')
    w = load_network(nets/'G_A.safetensors')[0].state_dict()
    torch.save(dict(state_dict=w, epoch=3, optimizer=dict(state={}, betas=(.5, .999))), d/'wrapped.pth')
    works('a wrapped state dict', 'predict', predict_options(G_A_ckpt=d/'wrapped.pth'), image_missing)
    torch.save(dict(G_A=w, G_B=w), d/'both.pth')
    everywhere('two networks in a file', d/'both.pth', 'several networks (G_A, G_B)')
    down = {f'down.{i}.weight':torch.ones(1, 1, 4, 4) for i in range(3)}
    safetensors.torch.save_file(down | {'up.weight':torch.ones(1, 1, 4, 4)}, d/'down_up.safetensors')
    everywhere('tensors named up.weight', d/'down_up.safetensors', 'expected a resnet or U-Net')
    header = read_header(nets/'G_A.safetensors')
    wrong = dict(
        domains=[3, ['A'], [1, 2]],
        options=[[], dict(dataroot=3)],
        epoch=[True, 'x'],
        image_size=[10**12, 33],
        source=[{}],
        assumed=[['x']])
    for name,values in wrong.items():
        for v in values:
            path = forge(d/f'odd{len(CASES)}.safetensors', header | {name:v})
            everywhere(f'a header with {name}={v!r}', path, f'{name}=')
    odd = forge(d/'texts.safetensors', header | dict(domains=['a\n\x1b[31m', 'x'*10**5]))
    @case('info: texts of a header')
    def printed():
        code,out,err = call('info', [odd])
        if code or err or '\\u001b' in out or len(out) > 5000: return f'{code} {out[:500]} {err}'
    @case("train: the slope of MindSpore's discriminators")
    def slope():
        arch = load_network(MINDSPORE)[1]['architecture']
        size = dict(ndf=arch['ndf'], dl_num=arch['dl_num'], image_size=64)
        code,out,err = call('train', argv_of(TINY | size | dict(slope=.5, D_A_ckpt=MINDSPORE)))
        if code or 'does not tell its slope; taken: slope=0.5' not in out: return f'{code} {out} {err}'
        saved = {role:read_header(OUT/f'ckpt/{role}_1.safetensors')['architecture'] for role in ('D_A', 'D_B')}
        if (saved['D_A'].get('slope', .2), saved['D_B'].get('slope', .2)) != (.5, .2): return 'another slope'

# runs to continue, and their configs

def run_folder(name, **files):
    "A folder of a run that has only some files: `state` and `config`."
    f = ROOT/'runs'/name
    f.mkdir(parents=True)
    names = dict(state='state.safetensors', config='config.json')
    for key,content in files.items():
        (f/names[key]).write_bytes(content if isinstance(content, bytes) else content.encode())
    return f

def resumed(folder, **more):
    return dict(outputs_dir=folder, resume=True, max_epoch=2, cache_dir=ROOT/'cache') | more

def state_refused(name, folder, *words):
    refused(name, 'train', resumed(folder), 1, 'state.safetensors', *words)

def trained_run():
    "The folder of a run of one epoch."
    folder = ROOT/'first'
    if not folder.exists():
        code,out,err = call('train', argv_of(TINY | dict(outputs_dir=folder)))
        assert code == 0, out + err
    return folder

def states():
    "State files that are damaged, or hold something else."
    first = trained_run()
    whole = (first/'state.safetensors').read_bytes()
    for tenth in range(0, 10):
        cut = run_folder(f'cut{tenth}', state=whole[:len(whole)*tenth//10])
        state_refused(f'state cut after {tenth} tenths', cut, 'resume=False begins anew')
    state_refused('state is text', run_folder('text', state='hello'))
    state_refused('a network as state', run_folder('net', state=(ROOT/'nets/G_A.safetensors').read_bytes()))
    (run_folder('dir')/'state.safetensors').mkdir()
    state_refused('state is a folder', ROOT/'runs/dir')
    os.mkfifo(run_folder('pipe')/'state.safetensors')
    state_refused('state is a pipe', ROOT/'runs/pipe')
    state = load_state(first/'state.safetensors')
    def with_state(name, state):
        shutil.copytree(first, ROOT/'runs'/name)
        save_state(ROOT/'runs'/name/'state.safetensors', state)
        return ROOT/'runs'/name
    for key in state:
        less = with_state(f'no-{key}', {k:v for k,v in state.items() if k != key})
        state_refused(f'state without {key}', less, 'resume=False begins anew')
    wrong = dict(
        options=[3, {'nfg':3}, {}, dict(state['options'], ngf='x')],
        epoch=['x', -1, None],
        batch=['x', 10**9, -1],
        n_batches=[0, None],
        rng=[3, [3, [1], None]],
        ranks=[[], 3, [{}]],
        weights=[{}, 3],
        callbacks=[{}, 3],
        optimizer=[{}, 3],
        lrs=[[], 'x'],
        recorder=[{}, None],
        images=[3],
        train_iter=['x'],
        pct_train=['x'])
    for key,values in wrong.items():
        for v in values:
            name,folder = f'state with {key}={str(v)[:20]}',with_state(f'{key}-{len(CASES)}', {**state, key:v})
            if key == 'images': refused(name, 'train', resumed(folder), 2, 'dataroot=')
            else: state_refused(name, folder)
    with safetensors.safe_open(first/'state.safetensors', 'pt') as f: head = json.loads(f.metadata()['cyclegan_nbdev'])
    tensors = safetensors.torch.load_file(first/'state.safetensors')
    headers = {
        'no header':'null',
        'a list':'[]',
        'another version':head | dict(version='99.0'),
        'no state':{k:v for k,v in head.items() if k != 'state'},
        'a tensor that is missing':head | dict(state={'dict':[['options', {'tensor':'x'}]]}),
        'no JSON':'{'}
    for name,header in headers.items():
        forge(run_folder(name)/'state.safetensors', header, tensors)
        state_refused(f'state: {name}', ROOT/'runs'/name, 'resume=False begins anew')

def configs():
    "A config.json that is damaged, or holds something else."
    first = trained_run()
    good = json.loads((first/'config.json').read_text())
    wrong = {
        'empty':'',
        'no JSON':'{',
        'a list':'[]',
        'null':'null',
        'a number':'3',
        'text':'"x"',
        'deep':'['*100_000,
        'bytes':b'\xff\xfe\0\0',
        'twice':'{}{}',
        'an unknown option':good | dict(nfg=3),
        'a wrong type':good | dict(ngf='x'),
        'a list as value':good | dict(ngf=[4]),
        'out of limits':good | dict(ngf=-1),
        'NaN':good | dict(lr=math.nan),
        'infinite':good | dict(lr=math.inf),
        'true':good | dict(ngf=True),
        'impossible together':good | dict(dl_num=9),
        'huge':json.dumps(good | dict(ngf=0)).replace('"ngf": 0', '"ngf": ' + '9'*5000),
        'null where none may be':good | dict(ngf=None),
        'cut':json.dumps(good)[:200]}
    for name,config in wrong.items():
        if isinstance(config, dict): config = json.dumps(config)
        f = run_folder(f'config {name}', config=config)
        refused(f'config.json: {name}', 'train', resumed(f), 1, 'config.json')
        raises(f'config.json: {name}', partial(Options.load, f/'config.json'), DataError, 'config.json')
    (run_folder('config dir')/'config.json').mkdir()
    os.mkfifo(run_folder('config pipe')/'config.json')
    for name in ('dir', 'pipe'):
        refused(f'config.json is a {name}', 'train', resumed(ROOT/f'runs/config {name}'), 1, 'config.json')
    raises('a missing config.json', partial(Options.load, ROOT/'none.json'), DataError, 'none.json', 'no such file')

def runs():
    "Runs to continue with other options, and what runs find in their folders."
    first = trained_run()
    others = dict(
        ngf=dict(ngf=8),
        lr=dict(lr=.1),
        image_size=dict(image_size=40),
        batch_size=dict(batch_size=2),
        seed=dict(seed=6),
        gan_mode=dict(gan_mode='hinge'),
        ema=dict(ema=.5),
        model=dict(model='unet', gl_num=2))
    for name,o in others.items():
        shutil.copytree(first, ROOT/'runs'/f'as-{name}')
        refused(f'resume with another {name}', 'train', resumed(ROOT/'runs'/f'as-{name}', **o), 2, f'{name}=', 'resume')
    @case('train: nothing more to do')
    def finished():
        code,out,err = call('train', argv_of(resumed(first, max_epoch=1)))
        if code or err or 'a larger max_epoch' not in out: return f'exit code {code}: {out}{err}'
    refused('nothing to continue', 'train', resumed(OUT), 2, 'resume=', 'no run to continue')
    shutil.copytree(first, ROOT/'runs/more')
    def second_epoch_missing():
        if not (ROOT/'runs/more/ckpt/G_A_2.safetensors').exists(): return 'no checkpoint'
    works('more epochs', 'train', resumed(ROOT/'runs/more', n_epochs=1), second_epoch_missing)
    left = run_folder('left')
    (left/'imgs/.cyclegan-tmp-0123456789abcdef').mkdir(parents=True)
    def still_there(folder):
        if [*folder.rglob('.cyclegan-tmp-*')]: return 'it is still there'
    works('what a killed run left is swept', 'train', TINY | dict(outputs_dir=left), partial(still_there, left))
    own = ROOT/'left/own' # a folder that holds the user's files and no run yet
    (own/'imgs/.tmp-keep').mkdir(parents=True)
    (own/'.tmp-notes').write_text('my own')
    def gone():
        if not ((own/'.tmp-notes').exists() and (own/'imgs/.tmp-keep').exists()): return 'it is gone'
    works("what begins with .tmp- is the user's own", 'train', TINY | dict(outputs_dir=own), gone)
    predicted = ROOT/'predict left'
    (predicted/'predict/fake_B/.cyclegan-tmp-0123456789abcdef').mkdir(parents=True)
    swept = predict_options(outputs_dir=predicted)
    works('what a killed run left is swept', 'predict', swept, partial(still_there, predicted))

def elsewhere():
    "URLs and shards."
    d = ROOT/'far'
    (d/'shards/trainA').mkdir(parents=True)
    (d/'shards/trainB').mkdir()
    (d/'shards/trainA/0.tar').write_text('no archive')
    (d/'shards/trainB/0.tar').write_text('no archive')
    (d/'text.zip').write_text('no archive')
    shutil.copytree(ROOT/'scenes', d/'broken')
    (d/'broken/trainA/x.png').write_bytes(b'no image')
    shutil.make_archive(d/'broken', 'zip', d/'broken')
    def refused_url(name, url, code, *words): refused(name, 'train', train_options(url), code, *words)
    refused_url('no archive', f'zip://::{d}/text.zip', 1, 'text.zip')
    refused_url('no such archive', f'zip://::{d}/none.zip', 1, 'none.zip')
    refused_url('a broken image in an archive', f'zip://::{d}/broken.zip', 1, 'trainA/x.png', 'repair or remove it')
    refused_url('a broken shard', f'file://{d}/shards', 1, '0.tar')
    refused_url('an unknown kind of URL', 'nothing://x', 1, 'nothing://x')
    refused_url('no such host', 'http://127.0.0.1:9/x', 1, 'http://127.0.0.1:9/x')
    refused_url('an archive without the folders', f'zip://trainA::{d}/broken.zip', 2, 'dataroot', 'trainA')
    none = predict_options(input=f'file://{d}/shards/trainB/none')
    refused('no images in it', 'predict', none, 1, 'trainB/none')
    works('from an archive', 'predict', predict_options(input=f'zip://testA::{d}/broken.zip'), image_missing)

def sweeps():
    def plan(name, text):
        (ROOT/f'bad/{name}.yaml').write_text(text)
        return dict(config=ROOT/f'bad/{name}.yaml', notebook=ROOT/'nets/G_A.safetensors') # never executed
    refused('no file', 'sweep', dict(config=ROOT/'none.yaml'), 1, 'none.yaml: no such file')
    plans = [
        ('not yaml', 'grid: [', 1, 'not YAML'),
        ('a list', '- 1', 1, 'not a sweep'),
        ('empty', '', 1, 'not a sweep'),
        ('no grid', 'common: {ngf: 8}', 2, 'grid'),
        ('one value', 'grid: {lr: 0.1}', 2, 'list of values'),
        ('unknown option', 'grid: {l_r: [0.1]}', 2, 'did you mean lr'),
        ('impossible', 'grid: {lr: [0.1, -1]}', 2, 'lr=-1'),
        ('nested', 'grid: {lr: [[0.1]]}', 2, 'lr='),
        ('folder', 'common: {outputs_dir: x}\ngrid: {lr: [1]}', 2, 'outputs_dir'),
        ('number', 'grid: {7: [1]}', 2, '7'),
        ('outputs', 'outputs_dir: [1]\ngrid: {lr: [1]}', 2, 'outputs_dir'),
        ('odd part', '7: 1\ngrid: {lr: [1]}', 2, '7')]
    for name,text,code,words in plans: refused(name, 'sweep', plan(name, text), code, words)
    refused('index', 'sweep', plan('good', 'grid: {lr: [0.1]}') | dict(index=1), 2, 'index=1')

# a few as processes of their own

def processes():
    def process(name, code, words, command, *argv):
        @case(f'process: {name}')
        def do():
            whole = [sys.executable, '-m', 'cyclegan_nbdev.cli', command, *map(str, argv)]
            done = subprocess.run(whole, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            wrong = is_refusal(command, (done.returncode, done.stdout, done.stderr), code, words)
            if wrong: return wrong
            if OUT.exists(): return 'something was written'
    process('an unknown option', 2, ['did you mean ngf'], 'train', '--nfg', '3')
    bad_image = dict(input=ROOT/'img/cut5.png', G_A_ckpt=ROOT/'nets/G_A.safetensors', outputs_dir=OUT)
    process('a bad image', 1, ['cut5.png'], 'predict', *argv_of(bad_image))
    process('a hostile pickle', 1, ['evil.pth'], 'info', ROOT/'bad/evil.pth')
    root = next(p for p in (ROOT/'sets').glob('*') if (p/'trainA/cut5.png').exists())
    process('a bad image in trainA', 1, ['cut5.png'], 'train', *argv_of(train_options(root)))

# all of them, in order

PARTS = [unreadable_images, readable_images, bent_pictures, label_maps, arrays, folders, data_sets, prepared,
         options_of_train, options_of_others, damaged_networks, pickles, forged_networks, networks_in_wrong_roles,
         no_pickle_ran, other_files, states, configs, runs, elsewhere, sweeps, processes]

def _hung(*_):
    faulthandler.dump_traceback(sys.__stderr__)
    print(f'FAIL {NOW}: it hangs', flush=True, file=sys.__stdout__)
    os._exit(1)

@cache
def all_cases():
    "Write the fixtures and describe every case."
    atexit.register(shutil.rmtree, ROOT, ignore_errors=True)
    setup()
    for part in PARTS: part()
    CASES.append(('nothing else was written', partial(changes, tree())))
    signal.signal(signal.SIGALRM, _hung)
    return CASES

def answer(name, do):
    "What is wrong with a case, or nothing."
    shutil.rmtree(OUT, ignore_errors=True)
    NOW[:] = [name]
    signal.alarm(120)
    try: return do()
    except Exception: return traceback.format_exc()
    finally: signal.alarm(0)

def pytest_generate_tests(metafunc):
    names = [name for name,_ in all_cases()]
    metafunc.parametrize(('name', 'do'), all_cases(), ids=names)

def test_bad_input(name, do):
    wrong = answer(name, do)
    assert not wrong, wrong

def main():
    word,start = ' '.join(sys.argv[1:]),time.time()
    chosen = [(name,do) for name,do in all_cases() if word in name]
    failed = 0
    for name,do in chosen:
        wrong = answer(name, do)
        if not wrong: continue
        failed += 1
        print(f'FAIL {name}: {str(wrong)[-700:]}', flush=True)
    seconds = time.time() - start
    print(f'bad input answered rightly in {len(chosen)-failed} of {len(chosen)} cases ({seconds:.0f} s)')
    sys.exit(1 if failed or not chosen else 0)

if __name__ == '__main__': main()
