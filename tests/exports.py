"""Generators of every kind through ONNX, and one through each other runtime, held against PyTorch.

    python tests/exports.py

OpenVINO, ExecuTorch and MindSpore (in this environment, or the one whose Python MINDSPORE_PYTHON names) run where they are installed, AOTInductor where a C++ compiler is.
"""
import contextlib, importlib.util, io, json, os, shutil, subprocess, sys, tempfile
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
RESNET,UNET = dict(kind='resnet', ngf=4, gl_num=1),dict(kind='unet', ngf=4, gl_num=2)
PADS = ('CONSTANT', 'REFLECT', 'SYMMETRIC')
KINDS = [RESNET | dict(pad_mode=p, norm_mode=n) for p in PADS for n in ('instance', 'batch')] + [UNET | dict(norm_mode=n) for n in ('instance', 'batch')] + [
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
    "Largest difference of two functions of a batch."
    with torch.no_grad(): return (a(x).double() - b(x).double()).abs().max().item()

def images(*shape): return torch.rand(shape, generator=torch.Generator().manual_seed(1))*2 - 1

def onnx_kind(arch):
    "One file, any size, the same picture; how far."
    net,path = network(arch),D/'one'/'n.onnx'
    path.parent.mkdir()
    to_onnx(path, net, {})
    assert [f.name for f in path.parent.iterdir()] == ['n.onnx'], 'more than one file'
    model,run = onnx.load(path),run_onnx(path)
    assert model.opset_import[0].version >= 18, model.opset_import[0].version
    for v in (*model.graph.input, *model.graph.output): assert [bool(d.dim_param) for d in v.type.tensor_type.shape.dim] == [True, False, True, True], v
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
    "8-bit pictures of any size through a file format, and through prediction; how far, in grey levels."
    net = network(arch)
    write,run = dict(ONNX=(to_onnx, run_onnx), PT2=(to_pt2, run_pt2), OPENVINO=(to_openvino, run_openvino))[form]
    path = D/f'p{form}.{FORMATS[form][0]}'
    write(path, Pixels(net).eval(), {})
    exported,translate,worst = run(path),Translator(net),0
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
    "Through `export`, which loads the file in its runtime and compares; the largest difference that it wrote down."
    net,name = network(arch),f'{form}{options.get("precision", "")}'
    save_network(D/'G_A.safetensors', net, 'G_A', Options(image_size=32))
    with contextlib.redirect_stdout(io.StringIO()): export(dict(G_A_ckpt=str(D/'G_A.safetensors'), file_format=form, file_name=str(D/name), **options))
    report = json.loads((D/f'{name}_AtoB.{FORMATS[form][0]}.json').read_text())
    if form in ('PT2', 'AOTI'):
        x = images(2, 3, 40, 24)
        with torch.no_grad(): torch.save((x, net(x)), D/'x.pt')
        done = subprocess.run([sys.executable, '-W', 'ignore', '-c', ALONE, report['file']], cwd=D, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        assert float(done.stdout) < CLOSE, done.stdout
    return max(r['max'] for r in report['compared'])

if __name__ == '__main__':
    torch.set_num_threads(1)
    there = lambda p: importlib.util.find_spec(p) is not None
    ours,compiler = os.environ.get('MINDSPORE_PYTHON'),any(map(shutil.which, ('c++', 'g++', 'clang++')))
    cases = [(f'ONNX {" ".join(f"{k}={v}" for k,v in a.items())}', lambda a=a: onnx_kind(a), CLOSE) for a in KINDS]
    for form in ('ONNX', 'PT2', 'OPENVINO'):
        for arch in (RESNET, UNET, UNET | dict(gl_num=5)):
            case = (lambda f=form, a=arch: pixels_kind(f, a)) if form != 'OPENVINO' or there('openvino') else 'openvino'
            cases.append((f'{form} pixels {arch["kind"]} gl_num={arch["gl_num"]}', case, 1)) # a rounding that fell the other way
    cases += [('torch.export, without this package', lambda: runtime('PT2', UNET), CLOSE), ('AOTInductor, without this package', (lambda: runtime('AOTI', UNET)) if compiler else 'a C++ compiler', CLOSE)]
    cases += [(f'OpenVINO {p}', (lambda p=p: runtime('OPENVINO', RESNET, precision=p)) if there('openvino') else 'openvino', limit) for p,limit in (('fp32', CLOSE), ('bf16', .5))]
    cases += [('OpenVINO int8', (lambda: runtime('OPENVINO', UNET, precision='int8')) if there('openvino') else 'openvino', .2)]
    cases += [('ExecuTorch', (lambda: runtime('EXECUTORCH', UNET)) if there('executorch') else 'executorch', CLOSE)]
    cases += [('MindSpore', (lambda: runtime('MINDIR', RESNET, mindspore_python=ours)) if ours or there('mindspore') else 'mindspore', CLOSE)]
    tried = 0
    for name,case,limit in cases:
        if isinstance(case, str): print(f'{name}: skipped, needs {case}', flush=True); continue
        d = case()
        print(f'{name}: {d:.1e}', flush=True)
        assert d <= limit, f'{name}: off by {d:.2g}, more than {limit}'
        tried += 1
    shutil.rmtree(D)
    print(f'{tried} of {len(cases)} exports as in PyTorch' + (f', skipped: {", ".join(n for n,c,_ in cases if isinstance(c, str))}' if tried < len(cases) else ''))
