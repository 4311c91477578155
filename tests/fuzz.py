"""Read what chance and malice write: a reader gives the right thing or one `CycleGANError`, in little time and memory.

    python tests/fuzz.py [--examples 150]    # or with pytest: -k png, --lf

The examples are made by hypothesis, the same ones in every run.
"""
import argparse, json, struct, tempfile, time
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from PIL import Image, ImageCms
from tifffile import imwrite
from cyclegan_nbdev.app import network_card
from cyclegan_nbdev.io.checkpoint import check_role, load_network, read_header, save_network
from cyclegan_nbdev.core import CycleGANError, Options, check_file
from cyclegan_nbdev.io.foreign import read_foreign, read_mindspore, read_tensors
from cyclegan_nbdev.networks import architecture, build_network
from cyclegan_nbdev.io.palette import Palette
from cyclegan_nbdev.io.pictures import IMAGE_EXTENSIONS, picture_size, read_picture
from cyclegan_nbdev.predict import Translator, padded_size
from cyclegan_nbdev.tools.hub import model_card
from cyclegan_nbdev.run.resume import load_state, save_state

D = Path(tempfile.mkdtemp(prefix='fuzz-'))
FIXTURES = Path(__file__).resolve().parent.parent/'nbs/fixtures'
answers = {} # reader: how often it read, how often it refused

def reads(reader, path, check=lambda res: None):
    "Let a reader try; it may refuse in one line."
    good,bad = answers.get(reader.__name__, (0, 0))
    try: check(reader(path)); good += 1
    except CycleGANError as e:
        assert str(e).isprintable(), str(e)
        bad += 1
    answers[reader.__name__] = good,bad

def texts_of(value):
    "Every text in a value of JSON."
    if isinstance(value, str): yield value
    elif isinstance(value, dict): yield from texts_of([*value, *value.values()])
    elif isinstance(value, list):
        for v in value: yield from texts_of(v)

def read_palette(path): return Palette.load(path)

def written(name, b):
    (D/name).write_bytes(b)
    return D/name

# what may stand in a file

leaf_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
def lists_and_dicts(v): return st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=9), v, max_size=4)
json_values = st.recursive(leaf_values, lists_and_dicts, max_leaves=9)

@st.composite
def damaged(draw, whole):
    "Bytes with some replaced, some left out, some put in."
    b = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        i,n = draw(st.integers(0, max(len(b)-1, 0))),draw(st.integers(0, 9))
        b[i:i+n] = draw(st.binary(max_size=9))
    return bytes(b)[:draw(st.integers(0, len(b)))] if draw(st.booleans()) else bytes(b)

# protobuf

def varint(n): return bytes([n & 127 | 128]) + varint(n >> 7) if n > 127 else bytes([n])
def field(k, v): return varint(k << 3) + varint(v) if isinstance(v, int) else varint(k << 3 | 2) + varint(len(v)) + v
def fields(v):
    pairs = st.lists(st.tuples(st.integers(0, 9), v), max_size=4)
    return pairs.map(lambda found: b''.join(field(k, x) for k,x in found))
messages = st.recursive(st.binary(max_size=12) | st.integers(0, 2**70), fields, max_leaves=8)
binary_messages = messages.filter(lambda m: isinstance(m, bytes))

@st.composite
def mindspore(draw):
    "A MindSpore checkpoint, more or less."
    dims = draw(st.lists(st.sampled_from([0, 1, 2, 3, 4, 2**20, 2**40, 2**63]), max_size=5))
    kind = draw(st.sampled_from([b'Float32', b'Int32', b'Float64', b'BFloat16', b'Bool', b'\xff']))
    tensor = [*(field(1, n) for n in dims), field(2, kind), field(3, draw(st.binary(max_size=48)))]
    name = draw(st.sampled_from([b'conv.weight', b'residuals.0.0.weight', b'', b'\xff', b'a\n']))
    value = field(1, name) + field(2, b''.join(draw(st.permutations(tensor))))
    return field(1, value)*draw(st.integers(1, 3)) + draw(st.just(b'') | binary_messages)

# headers

NAMES = ['resnet', 'unet', 'patch', 'instance', 'batch', 'REFLECT', 'CONSTANT', '4', '']
arch_values = (st.none() | st.booleans() | st.integers(-2, 9) | st.integers() | st.floats() | st.sampled_from(NAMES)
               | st.lists(st.integers(), max_size=2))
arch_keys = st.sampled_from(['kind', 'in_planes', 'ngf', 'gl_num', 'ndf', 'dl_num', 'norm_mode', 'need_dropout',
                             'slope', 'pad_mode', 'affine', 'crop_end', 'out_bias', 'x'])
odd_text = st.sampled_from(['A', 'G_B', '\x1b[31m', '<img src=x>', 'a\nb', '\ud800', 'x'*10**4]) | st.text(max_size=9)
odd_keys = odd_text | st.sampled_from(['dataroot', 'seed', 'ndf', 'gan_mode'])
odd_values = (json_values | odd_text | st.sampled_from([32, 10**12, 2**70, True, 1e999, -1])
              | st.lists(odd_text, max_size=3) | st.dictionaries(odd_keys, json_values | odd_text, max_size=3))

# weights of others: names and shapes of any kind, and real ones of which a few are changed

PARTS = ['up', 'down', 'encoder', 'blocks', 'decoder', 'layers', 'model', 'conv_block', 'module', 'residuals', 'conv1',
         'features', 'conv_in', 'down_1', 'up_2', 'conv_out', '', '0', '1', '2', '10', '٣', '9'*5000]
LEAVES = ['weight']*5 + ['bias', 'gamma', 'beta', 'moving_mean', 'running_var', 'num_batches_tracked', 'x', '']
DTYPES = [torch.float32]*8 + [torch.float16, torch.float64, torch.int64, torch.bool, torch.complex64,
                              torch.float8_e4m3fn]
parts = st.lists(st.sampled_from(PARTS), max_size=4)
names = st.tuples(parts, st.sampled_from(LEAVES)).map(lambda name: '.'.join([*name[0], name[1]]))
channels,kernels = st.sampled_from([1, 2, 3, 4, 8]),st.sampled_from([1, 3, 4, 7])
shapes = st.lists(st.integers(0, 8), max_size=5) | st.tuples(channels, channels, kernels, kernels)
tensors = st.tuples(shapes, st.sampled_from(DTYPES)).map(lambda t: torch.ones([*t[0]]).to(t[1]))

def foreign_weights():
    "Weights of networks of every kind, as our files, the reference's and MindSpore's have them."
    sizes = dict(resnet=dict(ngf=2, gl_num=1), unet=dict(ngf=2, gl_num=3), patch=dict(ndf=2, dl_num=1))
    for kind,size in sizes.items():
        for norm in ('instance', 'batch'):
            weights = build_network(dict(kind=kind, in_planes=1, norm_mode=norm) | size).state_dict()
            yield weights
            if kind == 'patch': yield {k.replace('layers.', 'model.'):v for k,v in weights.items()}
    for name in ('resnet', 'unet', 'D'): yield dict(read_mindspore(FIXTURES/f'mindspore_{name}.ckpt'))
FOREIGN = [*foreign_weights()]

@st.composite
def layouts(draw):
    "Tensors by name, as a file of somebody else's may have them."
    found = dict(draw(st.sampled_from([{}, *FOREIGN])))
    for name in draw(st.lists(st.sampled_from([*found]), max_size=2)) if found else []:
        x = found.pop(name, None)
        change = draw(st.sampled_from(['removed', 'renamed', 'another']))
        if change == 'renamed' and x is not None: found[draw(names)] = x
        if change == 'another': found[name] = draw(tensors)
    if not draw(st.booleans()): return found
    return found | draw(st.dictionaries(names, tensors, max_size=4 if found else 9))

# good files, to be damaged

torch.manual_seed(0)
OPTIONS = Options(image_size=32, ngf=2, gl_num=1, ndf=2, dl_num=1)
save_network(D/'net.safetensors', build_network(architecture(OPTIONS, 'G_A')), 'G_A', OPTIONS, 1)
save_state(D/'state.safetensors', dict(epoch=1, pool=[torch.zeros(2)], options=OPTIONS.as_dict()))
HEADER,WEIGHTS = read_header(D/'net.safetensors'),safetensors.torch.load_file(D/'net.safetensors')
torch.save(WEIGHTS, D/'net.pth')
NOISE = Image.effect_noise((9, 7), 50).convert('RGB')
NOISE.save(D/'a.png')
Image.effect_noise((9, 7), 50).save(D/'a.tif')
PALETTE = json.loads((FIXTURES.parent.parent/'cyclegan_nbdev/palettes/facades.json').read_text())

def pictures_of_every_kind():
    "Bytes of a picture by its ending."
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    for ending in sorted(IMAGE_EXTENSIONS): NOISE.save(D/f'kind{ending}', icc_profile=srgb)
    deep = np.full((7, 9, 4), 999, np.uint16)
    imwrite(D/'kind.deep.tif', deep, photometric='rgb', extrasamples=['assocalpha'], iccprofile=srgb)
    return {f.name.removeprefix('kind'):f.read_bytes() for f in sorted(D.glob('kind*'))}
KINDS = pictures_of_every_kind()

def bytes_of(name): return (D/name).read_bytes()
def as_json(value): return json.dumps(value).encode()

def save_with_header(name, header): safetensors.torch.save_file(WEIGHTS, D/name, {'cyclegan_nbdev': json.dumps(header)})

# what uses a thing that was read

def usable(found):
    net,header = found
    json.dumps(header)
    assert all(t.isprintable() for t in texts_of(header)), header
    network_card(Translator(net, header=header))
    model_card(dict(G_A=header))
    check_role('x', header, 'G_A_ckpt')
    if header['image_size']: assert header['image_size'] <= 16384 and ' '.join(header['domains'])
    arch = header['architecture']
    if arch['kind'] != 'patch': assert net(torch.zeros(1, arch['in_planes'], *padded_size(net, 8, 8))).isfinite().all()

def translates(path): return Translator.from_file(path, 'CPU').tensor(torch.zeros(1, 3, 8, 8))
def numbers_of(picture): return picture.tensor()
def paints(palette): return palette.paint(palette.nearest(Image.new('RGB', (3, 2))))

# network files

@given(st.dictionaries(arch_keys, arch_values, max_size=3), st.sets(arch_keys, max_size=2),
       st.sampled_from(list(HEADER)), json_values)
def test_forged_header(change, without, key, value):
    arch = HEADER['architecture'] | change
    header = HEADER | dict(architecture={k:v for k,v in arch.items() if k not in without})
    if key != 'architecture': header[key] = value
    save_with_header('forged.safetensors', header)
    reads(load_network, D/'forged.safetensors', usable)
    reads(translates, D/'forged.safetensors')

@given(st.dictionaries(st.sampled_from([*HEADER, 'source', 'assumed']), odd_values, min_size=1, max_size=3))
def test_any_field(change):
    save_with_header('field.safetensors', HEADER | change)
    reads(load_network, D/'field.safetensors', usable)

@given(layouts())
def test_any_layout(found):
    safetensors.torch.save_file({k:v.contiguous().clone() for k,v in found.items()}, D/'layout.safetensors')
    reads(read_foreign, D/'layout.safetensors', usable)

@given(json_values)
def test_any_header(value):
    save_with_header('any.safetensors', value)
    for reader in (load_network, read_header, load_state): reads(reader, D/'any.safetensors')

@given(json_values, st.binary(max_size=40))
def test_any_table(value, rest):
    b = as_json(value)
    path = written('table.safetensors', struct.pack('<Q', len(b)) + b + rest)
    for reader in (load_network, read_tensors, load_state): reads(reader, path)

@given(damaged(bytes_of('net.safetensors')))
def test_damaged_network(b): reads(load_network, written('d.safetensors', b))

@given(damaged(bytes_of('state.safetensors')))
def test_damaged_state(b): reads(load_state, written('s.safetensors', b))

@given(damaged(bytes_of('net.pth')))
def test_damaged_pth(b): reads(load_network, written('d.pth', b))

@given(st.binary(max_size=200).map(lambda b: b'\x80\x02' + b))
def test_any_pickle(b): reads(read_tensors, written('any.pth', b))

@given(mindspore() | binary_messages | st.binary(max_size=60))
def test_any_mindspore(b):
    for reader in (read_mindspore, load_network): reads(reader, written('any.ckpt', b))

@given(damaged((FIXTURES/'mindspore_D.ckpt').read_bytes()[:-17])) # without the checksum, which would notice it
def test_damaged_mindspore(b): reads(load_network, written('d.ckpt', b))

# options, pictures, palettes, names

some_options = st.dictionaries(st.sampled_from(list(OPTIONS.as_dict())), json_values, max_size=3)
@given(json_values | some_options.map(lambda d: OPTIONS.as_dict() | d))
def test_any_config(value): reads(Options.load, written('config.json', as_json(value)), lambda o: o.replace())

@given(st.binary(max_size=60) | damaged(as_json(OPTIONS.as_dict())))
def test_damaged_config(b): reads(Options.load, written('config.json', b))

@given(damaged(bytes_of('a.png')))
def test_damaged_png(b): reads(read_picture, written('d.png', b), numbers_of)

@given(damaged(bytes_of('a.tif')))
def test_damaged_tiff(b): reads(read_picture, written('d.tif', b), numbers_of)

@given(st.sampled_from(sorted(KINDS)).flatmap(lambda ending: st.tuples(st.just(ending), damaged(KINDS[ending]))))
def test_damaged_kind(of):
    path = written(f'd{of[0]}', of[1])
    reads(read_picture, path, numbers_of)
    reads(picture_size, path)

class_names = st.lists(st.sampled_from(list(PALETTE['classes'])), max_size=4)
colours = st.dictionaries(st.text(max_size=5) | st.sampled_from(['window', 'door']),
                          st.lists(st.integers(-9, 300) | json_values, max_size=4), max_size=4)
keys_of_palettes = {k:json_values | class_names | colours for k in [*PALETTE, 'ignored', 'void', 'x']}
@given(json_values | st.fixed_dictionaries({}, optional=keys_of_palettes).map(lambda d: PALETTE | d))
def test_any_palette(value): reads(read_palette, written('p.json', as_json(value)), paints)

@given(st.binary(max_size=60) | damaged(as_json(PALETTE)))
def test_damaged_palette(b): reads(read_palette, written('p.json', b))

@given(st.text(max_size=20))
def test_any_name(name): reads(check_file, D/name if '\0' not in name else f'{D}/{name}')

def load_settings(examples):
    settings.register_profile('fuzz', max_examples=examples, derandomize=True, deadline=None, database=None,
                              print_blob=False, suppress_health_check=list(HealthCheck),
                              phases=(Phase.explicit, Phase.generate, Phase.shrink))
    settings.load_profile('fuzz')
load_settings(150)

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--examples', type=int, default=150)
    start = time.time()
    load_settings(p.parse_args().examples)
    for test in [f for name,f in globals().items() if name.startswith('test_')]: test()
    for name,(good,bad) in answers.items(): print(f'{name}: read {good}, refused {bad}')
    total = sum(map(sum, answers.values()))
    print(f'readers answered rightly {total} of {total} times ({time.time()-start:.0f} s)')

if __name__ == '__main__': main()
