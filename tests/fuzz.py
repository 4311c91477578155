"""Read what chance and malice write: whatever the bytes are, a reader gives the right thing or one `CycleGANError`, in little time and memory.

    python tests/fuzz.py [--examples 150]

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

json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9), lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=9), v, max_size=4), max_leaves=9)

@st.composite
def damaged(draw, whole):
    "Bytes with some replaced, some left out, some put in."
    b = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        i,n = draw(st.integers(0, max(len(b)-1, 0))),draw(st.integers(0, 9))
        b[i:i+n] = draw(st.binary(max_size=9))
    return bytes(b)[:draw(st.integers(0, len(b)))] if draw(st.booleans()) else bytes(b)

def varint(n): return bytes([n & 127 | 128]) + varint(n >> 7) if n > 127 else bytes([n])
def field(k, v): return varint(k << 3) + varint(v) if isinstance(v, int) else varint(k << 3 | 2) + varint(len(v)) + v
numbers = st.integers(0, 2**70)
messages = st.recursive(st.binary(max_size=12) | numbers, lambda v: st.lists(st.tuples(st.integers(0, 9), v), max_size=4).map(lambda fs: b''.join(field(k, x) for k,x in fs)), max_leaves=8)

@st.composite
def mindspore(draw):
    "A MindSpore checkpoint, more or less."
    dims = draw(st.lists(st.sampled_from([0, 1, 2, 3, 4, 2**20, 2**40, 2**63]), max_size=5))
    tensor = [field(1, n) for n in dims] + [field(2, draw(st.sampled_from([b'Float32', b'Int32', b'Float64', b'BFloat16', b'Bool', b'\xff'])))] + [field(3, draw(st.binary(max_size=48)))]
    value = [field(1, draw(st.sampled_from([b'conv.weight', b'residuals.0.0.weight', b'', b'\xff', b'a\n']))), field(2, b''.join(draw(st.permutations(tensor))))]
    return b''.join(field(1, b''.join(value)) for _ in range(draw(st.integers(1, 3)))) + draw(st.just(b'') | messages.filter(lambda m: isinstance(m, bytes)))

arch_values = st.none() | st.booleans() | st.integers(-2, 9) | st.integers() | st.floats() | st.sampled_from(['resnet', 'unet', 'patch', 'instance', 'batch', 'REFLECT', 'CONSTANT', '4', '']) | st.lists(st.integers(), max_size=2)
odd_text = st.sampled_from(['A', 'G_B', '\x1b[31m', '<img src=x>', 'a\nb', '\ud800', 'x'*10**4]) | st.text(max_size=9)
odd_value = json_values | odd_text | st.sampled_from([32, 10**12, 2**70, True, 1e999, -1]) | st.lists(odd_text, max_size=3) | st.dictionaries(odd_text | st.sampled_from(['dataroot', 'seed', 'ndf', 'gan_mode']), json_values | odd_text, max_size=3)
arch_keys = st.sampled_from(['kind', 'in_planes', 'ngf', 'gl_num', 'ndf', 'dl_num', 'norm_mode', 'need_dropout', 'slope', 'pad_mode', 'affine', 'crop_end', 'out_bias', 'x'])

# weights of others: names and shapes of any kind, and real ones of which a few are changed

parts_of_names = st.sampled_from(['up', 'down', 'encoder', 'blocks', 'decoder', 'layers', 'model', 'conv_block', 'module', 'residuals', 'conv1', 'features', 'conv_in', 'down_1', 'up_2', 'conv_out', '', '0', '1', '2', '10', '٣', '9'*5000])
leaves = st.sampled_from(['weight'] * 5 + ['bias', 'gamma', 'beta', 'moving_mean', 'running_var', 'num_batches_tracked', 'x', ''])
names = st.lists(parts_of_names, max_size=4).flatmap(lambda parts: leaves.map(lambda leaf: '.'.join([*parts, leaf])))
shapes = st.lists(st.integers(0, 8), max_size=5) | st.tuples(*[st.sampled_from([1, 2, 3, 4, 8])]*2, *[st.sampled_from([1, 3, 4, 7])]*2)
dtypes = st.sampled_from([torch.float32]*8 + [torch.float16, torch.float64, torch.int64, torch.bool, torch.complex64, torch.float8_e4m3fn])
tensors = st.tuples(shapes, dtypes).map(lambda t: torch.ones([*t[0]]).to(t[1]))
FOREIGN = [{k.replace('layers.', 'model.') if kind == 'patch' and renamed else k:v for k,v in build_network(dict(kind=kind, in_planes=1, norm_mode=norm) | more).state_dict().items()}
           for kind,more in dict(resnet=dict(ngf=2, gl_num=1), unet=dict(ngf=2, gl_num=3), patch=dict(ndf=2, dl_num=1)).items() for norm in ('instance', 'batch') for renamed in (False, True)]
FOREIGN += [dict(read_mindspore(FIXTURES/f'mindspore_{name}.ckpt')) for name in ('resnet', 'unet', 'D')]

@st.composite
def layouts(draw):
    "Tensors by name, as a file of somebody else's may have them."
    found = dict(draw(st.sampled_from([{}, *FOREIGN])))
    for name in draw(st.lists(st.sampled_from([*found]), max_size=2)) if found else []:
        x = found.pop(name, None)
        change = draw(st.sampled_from(['removed', 'renamed', 'another']))
        if change == 'renamed' and x is not None: found[draw(names)] = x
        if change == 'another': found[name] = draw(tensors)
    return found | draw(st.dictionaries(names, tensors, max_size=4 if found else 9)) if draw(st.booleans()) else found

def fuzz(n):
    "All of it, `n` examples each."
    torch.manual_seed(0)
    o = Options(image_size=32, ngf=2, gl_num=1, ndf=2, dl_num=1)
    save_network(D/'net.safetensors', build_network(architecture(o, 'G_A')), 'G_A', o, 1)
    header,weights,whole = read_header(D/'net.safetensors'),safetensors.torch.load_file(D/'net.safetensors'),(D/'net.safetensors').read_bytes()
    save_state(D/'state.safetensors', dict(epoch=1, pool=[torch.zeros(2)], options=o.as_dict()))
    torch.save(weights, D/'net.pth')
    Image.effect_noise((9, 7), 50).convert('RGB').save(D/'a.png'); Image.effect_noise((9, 7), 50).save(D/'a.tif')
    options,x = o.as_dict(),torch.zeros(1, 3, 8, 8)
    def usable(found): # what was read must work
        net,h = found
        json.dumps(h)
        assert all(t.isprintable() for t in texts_of(h)), h
        network_card(Translator(net, header=h)); model_card(dict(G_A=h)); check_role('x', h, 'G_A_ckpt')
        if h['image_size']: assert h['image_size'] <= 16384 and ' '.join(h['domains'])
        if h['architecture']['kind'] != 'patch': assert net(torch.zeros(1, h['architecture']['in_planes'], *padded_size(net, 8, 8))).isfinite().all()
    def translates(path): return Translator.from_file(path, 'CPU').tensor(x)

    @given(st.dictionaries(arch_keys, arch_values, max_size=3), st.sets(arch_keys, max_size=2), st.sampled_from(list(header)) , json_values)
    def forged_header(change, without, key, value):
        h = header | {'architecture': {k:v for k,v in (header['architecture'] | change).items() if k not in without}}
        if key != 'architecture': h[key] = value
        safetensors.torch.save_file(weights, D/'forged.safetensors', {'cyclegan_nbdev': json.dumps(h)})
        reads(load_network, D/'forged.safetensors', usable)
        reads(translates, D/'forged.safetensors')
    @given(st.dictionaries(st.sampled_from([*header, 'source', 'assumed']), odd_value, min_size=1, max_size=3))
    def any_field(change):
        h = header | change
        safetensors.torch.save_file(weights, D/'field.safetensors', {'cyclegan_nbdev': json.dumps(h)})
        reads(load_network, D/'field.safetensors', usable)
    @given(layouts())
    def any_layout(found):
        safetensors.torch.save_file({k:v.contiguous().clone() for k,v in found.items()}, D/'layout.safetensors')
        reads(read_foreign, D/'layout.safetensors', usable)
    @given(json_values)
    def any_header(value):
        safetensors.torch.save_file(weights, D/'any.safetensors', {'cyclegan_nbdev': json.dumps(value)})
        reads(load_network, D/'any.safetensors'); reads(read_header, D/'any.safetensors'); reads(load_state, D/'any.safetensors')
    @given(json_values, st.binary(max_size=40))
    def any_table(value, rest):
        b = json.dumps(value).encode()
        path = written('table.safetensors', struct.pack('<Q', len(b)) + b + rest)
        reads(load_network, path); reads(read_tensors, path); reads(load_state, path)
    @given(damaged(whole))
    def damaged_network(b): reads(load_network, written('d.safetensors', b))
    @given(damaged((D/'state.safetensors').read_bytes()))
    def damaged_state(b): reads(load_state, written('s.safetensors', b))
    @given(damaged((D/'net.pth').read_bytes()))
    def damaged_pth(b): reads(load_network, written('d.pth', b))
    @given(st.binary(max_size=200).map(lambda b: b'\x80\x02' + b))
    def any_pickle(b): reads(read_tensors, written('any.pth', b))
    @given(mindspore() | messages.filter(lambda m: isinstance(m, bytes)) | st.binary(max_size=60))
    def any_mindspore(b): reads(read_mindspore, written('any.ckpt', b)); reads(load_network, D/'any.ckpt')
    @given(damaged((FIXTURES/'mindspore_D.ckpt').read_bytes()[:-17])) # without the checksum, which would notice it
    def damaged_mindspore(b): reads(load_network, written('d.ckpt', b))
    @given(json_values | st.dictionaries(st.sampled_from(list(options)), json_values, max_size=3).map(lambda d: options | d))
    def any_config(value): reads(Options.load, written('config.json', json.dumps(value).encode()), lambda res: res.replace())
    @given(st.binary(max_size=60) | damaged(json.dumps(options).encode()))
    def damaged_config(b): reads(Options.load, written('config.json', b))
    @given(damaged((D/'a.png').read_bytes()))
    def damaged_png(b): reads(read_picture, written('d.png', b), lambda p: p.tensor())
    @given(damaged((D/'a.tif').read_bytes()))
    def damaged_tiff(b): reads(read_picture, written('d.tif', b), lambda p: p.tensor())
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    noise,kinds = Image.effect_noise((9, 7), 50).convert('RGB'),{}
    for ending in sorted(IMAGE_EXTENSIONS):
        noise.save(D/f'kind{ending}', icc_profile=srgb)
        kinds[ending] = (D/f'kind{ending}').read_bytes()
    imwrite(D/'deep.tif', np.full((7, 9, 4), 999, np.uint16), photometric='rgb', extrasamples=['assocalpha'], iccprofile=srgb)
    kinds['.deep.tif'] = (D/'deep.tif').read_bytes()
    @given(st.sampled_from(sorted(kinds)).flatmap(lambda e: st.tuples(st.just(e), damaged(kinds[e]))))
    def damaged_kind(of): reads(read_picture, written(f'd{of[0]}', of[1]), lambda p: p.tensor()); reads(picture_size, D/f'd{of[0]}')
    palette = json.loads((FIXTURES.parent.parent/'cyclegan_nbdev/palettes/facades.json').read_text())
    some = st.lists(st.sampled_from(list(palette['classes'])), max_size=4)
    colours = st.dictionaries(st.text(max_size=5) | st.sampled_from(['window', 'door']), st.lists(st.integers(-9, 300) | json_values, max_size=4), max_size=4)
    @given(json_values | st.fixed_dictionaries({}, optional={k:json_values | some | colours for k in [*palette, 'ignored', 'void', 'x']}).map(lambda d: palette | d))
    def any_palette(value): reads(read_palette, written('p.json', json.dumps(value).encode()), lambda p: p.paint(p.nearest(Image.new('RGB', (3, 2)))))
    @given(st.binary(max_size=60) | damaged(json.dumps(palette).encode()))
    def damaged_palette(b): reads(read_palette, written('p.json', b))
    @given(st.text(max_size=20))
    def any_name(name): reads(check_file, D/name if '\0' not in name else f'{D}/{name}')

    for test in (forged_header, any_field, any_layout, any_header, any_table, damaged_network, damaged_state, damaged_pth, any_pickle, any_mindspore, damaged_mindspore, any_config, damaged_config, damaged_png, damaged_tiff, damaged_kind, any_palette, damaged_palette, any_name):
        settings(max_examples=n, derandomize=True, deadline=None, database=None, print_blob=False, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate, Phase.shrink))(test)()

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--examples', type=int, default=150)
    start = time.time()
    fuzz(p.parse_args().examples)
    for name,(good,bad) in answers.items(): print(f'{name}: read {good}, refused {bad}')
    total = sum(map(sum, answers.values()))
    print(f'readers answered rightly {total} of {total} times ({time.time()-start:.0f} s)')

if __name__ == '__main__': main()
