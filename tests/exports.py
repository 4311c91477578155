"""Export generators of every kind to ONNX, and one to each other runtime, and compare them with PyTorch.

    python tests/exports.py

OpenVINO, ExecuTorch and MindSpore (in this environment, or the one whose Python MINDSPORE_PYTHON names) run where they
are installed, AOTInductor where a C++ compiler is.
"""
import contextlib, importlib.util, io, json, os, shutil, subprocess, sys, tempfile
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from PIL import Image
from torch import nn
from cyclegan_nbdev.io.checkpoint import save_network
from cyclegan_nbdev.core import Options
from cyclegan_nbdev.export import FORMATS, Pixels, export, run_onnx, run_openvino, run_pt2, to_onnx, to_openvino, to_pt2
from cyclegan_nbdev.networks import build_network, init_weights
from cyclegan_nbdev.predict import Translator

D = Path(tempfile.mkdtemp(prefix='exports-'))
RESNET = dict(kind='resnet', ngf=4, gl_num=1)
UNET = dict(kind='unet', ngf=4, gl_num=2)
PADS = ('CONSTANT', 'REFLECT', 'SYMMETRIC')
NORMS = ('instance', 'batch')
KINDS = [*(RESNET | dict(pad_mode=p, norm_mode=n) for p in PADS for n in NORMS),
         *(UNET | dict(norm_mode=n) for n in NORMS),
         RESNET | dict(separable=True), RESNET | dict(affine=True, crop_end=True, slope=0.)]
CLOSE = 1e-4 # in [-1, 1]; half of a hundredth of a grey level

def network(arch):
    "A generator whose output is more than grey and whose norms are not 1 and 0."
    torch.manual_seed(0)
    net = init_weights(build_network(arch), init_gain=.2)
    for m in net.modules():
        if not isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)) or m.weight is None: continue
        for t in (m.weight.data, *([m.running_var] if hasattr(m, 'running_var') else [])): t.uniform_(.5, 1.5)
        for t in (m.bias.data, *([m.running_mean] if hasattr(m, 'running_mean') else [])): t.normal_(0, .2)
    return net.eval()

def off(a, b, x):
    "Largest absolute difference between two functions of a batch."
    with torch.no_grad(): return (a(x).double() - b(x).double()).abs().max().item()

def images(*shape): return torch.rand(shape, generator=torch.Generator().manual_seed(1))*2 - 1

def onnx_kind(arch):
    "Export one kind to ONNX: one file that takes any size; the largest difference from PyTorch."
    net,path = network(arch),D/'one'/'n.onnx'
    path.parent.mkdir()
    to_onnx(path, net, {})
    assert [f.name for f in path.parent.iterdir()] == ['n.onnx'], 'more than one file'
    model,run = onnx.load(path),run_onnx(path)
    assert model.opset_import[0].version >= 18, model.opset_import[0].version
    for v in (*model.graph.input, *model.graph.output):
        assert [bool(d.dim_param) for d in v.type.tensor_type.shape.dim] == [True, False, True, True], v
    shutil.rmtree(path.parent)
    sizes = [images(1, 3, 24, 40), images(3, 3, 48, 32)]
    for other in PADS if arch['kind'] == 'resnet' else ():
        if other == arch.get('pad_mode', 'REFLECT'): continue
        wrong = build_network(net.arch | dict(pad_mode=other)).eval()
        wrong.load_state_dict(net.state_dict())
        assert off(wrong, run, sizes[0]) > 100*CLOSE, f'cannot tell {other} from {arch}'
    return max(off(net, run, x) for x in sizes)

# no 1x1: instance norm turns a picture of one colour into rounding noise, which differs between runtimes
SIZES = (1, 6), (6, 1), (3, 5), (7, 9), (8, 8), (20, 33), (32, 32), (33, 50), (45, 27)

def pixels_kind(form, arch):
    "Export on 8-bit pictures of any size; the largest difference from PyTorch and from prediction, in grey levels."
    net = network(arch)
    write,run = dict(ONNX=(to_onnx, run_onnx), PT2=(to_pt2, run_pt2), OPENVINO=(to_openvino, run_openvino))[form]
    path = D/f'p{form}.{FORMATS[form][0]}'
    write(path, Pixels(net).eval(), {})
    exported = run(path)
    translate = Translator(net)
    worst = 0
    for n,(h,w) in enumerate(SIZES):
        x = ((images(n%2 + 1, h, w, 3) + 1)*127.5).byte()
        predicted = torch.stack([torch.from_numpy(np.array(translate(Image.fromarray(o.numpy())))) for o in x])
        worst = max(worst, off(Pixels(net), exported, x), off(lambda _: predicted, exported, x))
    return worst

ALONE = '''
import sys, torch
sys.modules['cyclegan_nbdev'] = None # importing it fails
from torch._inductor import aoti_load_package
x,y = torch.load('x.pt')
net = aoti_load_package(sys.argv[1]) if 'aoti' in sys.argv[1] else torch.export.load(sys.argv[1]).module()
with torch.no_grad(): print((net(x) - y).abs().max().item())
'''

def runtime(form, arch, **options):
    "Run `export`, which compares the file in its runtime with PyTorch; the largest difference in its report."
    net,name = network(arch),f'{form}{options.get("precision", "")}'
    save_network(D/'G_A.safetensors', net, 'G_A', Options(image_size=32))
    given = dict(G_A_ckpt=str(D/'G_A.safetensors'), file_format=form, file_name=str(D/name))
    with contextlib.redirect_stdout(io.StringIO()): export(given | options)
    report = json.loads((D/f'{name}_AtoB.{FORMATS[form][0]}.json').read_text())
    if form in ('PT2', 'AOTI'):
        x = images(2, 3, 40, 24)
        with torch.no_grad(): torch.save((x, net(x)), D/'x.pt')
        command = [sys.executable, '-W', 'ignore', '-c', ALONE, report['file']]
        done = subprocess.run(command, cwd=D, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        assert float(done.stdout) < CLOSE, done.stdout
    return max(r['max'] for r in report['compared'])

def all_cases():
    "Name, test (or the package that it needs) and largest allowed difference of each case."
    for arch in KINDS: yield f'ONNX {" ".join(f"{k}={v}" for k,v in arch.items())}', partial(onnx_kind, arch), CLOSE
    ours = os.environ.get('MINDSPORE_PYTHON')
    lacks = {p:None if importlib.util.find_spec(p) else p for p in ('openvino', 'executorch', 'mindspore')}
    for form in ('ONNX', 'PT2', 'OPENVINO'):
        for arch in (RESNET, UNET, UNET | dict(gl_num=5)):
            case = (form == 'OPENVINO' and lacks['openvino']) or partial(pixels_kind, form, arch)
            yield f'{form} pixels {arch["kind"]} gl_num={arch["gl_num"]}', case, 1 # a rounding that fell the other way
    yield 'torch.export, without this package', partial(runtime, 'PT2', UNET), CLOSE
    compiler = any(map(shutil.which, ('c++', 'g++', 'clang++')))
    yield 'AOTInductor, without this package', partial(runtime, 'AOTI', UNET) if compiler else 'a C++ compiler', CLOSE
    for precision,arch,limit in (('fp32', RESNET, CLOSE), ('bf16', RESNET, .5), ('int8', UNET, .2)):
        case = lacks['openvino'] or partial(runtime, 'OPENVINO', arch, precision=precision)
        yield f'OpenVINO {precision}', case, limit
    yield 'ExecuTorch', lacks['executorch'] or partial(runtime, 'EXECUTORCH', UNET), CLOSE
    mindspore = None if ours else lacks['mindspore']
    yield 'MindSpore', mindspore or partial(runtime, 'MINDIR', RESNET, mindspore_python=ours), CLOSE

if __name__ == '__main__':
    torch.set_num_threads(1)
    tried,skipped = 0,[]
    for name,case,limit in all_cases():
        if isinstance(case, str):
            print(f'{name}: skipped, needs {case}', flush=True)
            skipped.append(name)
            continue
        d = case()
        print(f'{name}: {d:.1e}', flush=True)
        assert d <= limit, f'{name}: off by {d:.2g}, more than {limit}'
        tried += 1
    shutil.rmtree(D)
    print(f'{tried} of {tried + len(skipped)} exports match PyTorch')
    if skipped: print('skipped: ' + ', '.join(skipped))
