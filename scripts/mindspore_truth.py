"""Measure how far MindSpore's CycleGAN and ours are from each other, and each from the result in float64.

With mindspore==2.10.0 and numpy<2, and without this package:
    python scripts/mindspore_truth.py make MODELS OUT
where MODELS is official/cv/CycleGAN of github.com/mindspore-ai/models. Then with this package:
    python scripts/mindspore_truth.py compare OUT
"""
import sys
from pathlib import Path

import numpy as np

CASES = { # name: (our kind, side of the image, MindSpore's arguments, what its tensors do not tell)
    'resnet': ('resnet', 64, (3, 4, 2, .2, 'instance', True, 'CONSTANT'), dict(gl_num=2)),
    'resnet slope 0': ('resnet', 64, (3, 16, 3, 0, 'instance', True, 'CONSTANT'), dict(gl_num=3, slope=0.)),
    'resnet REFLECT': ('resnet', 64, (3, 16, 3, .2, 'instance', False, 'REFLECT'), dict(gl_num=3)),
    'resnet SYMMETRIC': ('resnet', 64, (3, 16, 3, .2, 'instance', False, 'SYMMETRIC'),
                         dict(gl_num=3, pad_mode='SYMMETRIC')),
    'resnet batch': ('resnet', 64, (3, 16, 3, .2, 'batch', False, 'CONSTANT'), dict(gl_num=3)),
    'resnet large': ('resnet', 256, (3, 64, 9, .2, 'instance', True, 'CONSTANT'), {}),
    'unet': ('unet', 64, (3, 3, 2, 5, .2, 'instance', True), {}),
    'unet batch': ('unet', 64, (3, 3, 16, 6, .2, 'batch', False), {}),
    'unet large': ('unet', 256, (3, 3, 64, 7, .2, 'instance', True), {}),
    'D': ('patch', 64, (3, 4, 3, .2, 'instance'), {}),
    'D batch': ('patch', 64, (3, 16, 3, .2, 'batch'), {}),
    'D large': ('patch', 256, (3, 64, 3, .2, 'instance'), {})}

def image(n):
    "Stripes in three directions and noise, in [-1, 1]."
    y,x = np.mgrid[:n,:n]/n*2*np.pi
    waves = np.stack([np.sin(3*x), np.sin(2*y + x), np.cos(5*y)])
    return np.clip(.7*waves + np.random.default_rng(0).normal(0, .2, waves.shape), -1, 1)[None].astype('f')

def fill(net, rng, tensor):
    "Weights that keep the scale, and norms that are not 1 and 0."
    for name,p in net.parameters_dict().items():
        kind = name.rpartition('.')[2]
        draw = dict(
            weight=lambda shape: rng.normal(0, (2/np.prod(shape[1:]))**.5, shape),
            bias=lambda shape: rng.normal(0, .1, shape),
            moving_mean=lambda shape: rng.normal(0, .1, shape),
            moving_variance=lambda shape: rng.uniform(.5, 2, shape),
            gamma=lambda shape: rng.uniform(.5, 1.5, shape),
            beta=lambda shape: rng.normal(0, .2, shape))
        if p.requires_grad or kind.startswith('moving'): p.set_data(tensor(draw[kind](p.shape).astype('f')))

def make(models, out):
    sys.path.insert(0, models)
    import mindspore as ms
    from mindspore import nn
    from src.models.cycle_gan import Discriminator
    from src.models.resnet import ResNetGenerator
    from src.models.unet import UnetGenerator
    ms.set_context(mode=ms.PYNATIVE_MODE, device_target='CPU')
    out,rng = Path(out),np.random.default_rng(0)
    out.mkdir(parents=True, exist_ok=True)
    for name,(kind,n,args,_) in CASES.items():
        net = dict(resnet=ResNetGenerator, unet=UnetGenerator, patch=Discriminator)[kind](*args)
        fill(net, rng, ms.Tensor)
        ms.save_checkpoint(net, str(out/f'{name}.ckpt'))
        net.set_train('batch' not in args) # its instance norm is batch norm of one image
        for _,c in net.cells_and_names(): # no dropout, and no tanh, which is tested by itself
            if isinstance(c, nn.Dropout): c.set_train(False)
            if isinstance(c, nn.Tanh): c.construct = lambda x: x
        if hasattr(net, 'activate'): net.activate = lambda x: x
        np.save(out/f'{name}.npy', net(ms.Tensor(image(n))).asnumpy())
        if name != 'D large': continue
        seen,x = {},ms.Tensor(image(n))
        for i,m in enumerate([m for c in net.features for m in (c.features if hasattr(c, 'features') else [c])]):
            seen[f'in{i}'] = x.asnumpy()
            x = m(x)
            seen[f'out{i}'] = x.asnumpy()
        np.savez(out/'layers.npz', **seen)
    z = np.linspace(-8, 8, 200001, dtype='f')
    print('tanh on [-8, 8]: off by', np.abs(ms.ops.tanh(ms.Tensor(z)).asnumpy() - np.tanh(z.astype('d'))).max())

def compare(out):
    import copy, torch
    from cyclegan_nbdev.io.foreign import read_foreign
    off = lambda a,b: f'{(a - b).abs().max():.1e}'
    print('between the two | ours to the truth | theirs to the truth')
    with torch.no_grad():
        for name,(kind,n,_,assume) in CASES.items():
            net = read_foreign(Path(out)/f'{name}.ckpt', **assume)[0]
            if kind != 'patch': (net.decoder if kind == 'resnet' else net.up[0])[-1] = torch.nn.Identity()
            x = torch.from_numpy(image(n))
            theirs = torch.from_numpy(np.load(Path(out)/f'{name}.npy')).double()
            ours = net(x).double()
            truth = copy.deepcopy(net).double()(x.double())
            if kind != 'patch': theirs,ours,truth = theirs.tanh(),ours.tanh(),truth.tanh()
            print(f'{name}: {off(ours, theirs)} | {off(ours, truth)} | {off(theirs, truth)}')
        seen = np.load(Path(out)/'layers.npz')
        print('layers of D large, each given the same input: ours to the truth | theirs to the truth')
        for i,m in enumerate(net.layers):
            x,theirs = (torch.from_numpy(seen[f'{k}{i}']) for k in ('in', 'out'))
            truth = copy.deepcopy(m).double()(x.double())
            print(f'{type(m).__name__}: {off(m(x.clone()).double(), truth)} | {off(theirs.double(), truth)}')

if __name__ == '__main__': dict(make=make, compare=compare)[sys.argv[1]](*sys.argv[2:])
