"torch.hub.load(this folder, 'cyclegan', pretrained=..., source='local') gives (G_A, G_B)."
dependencies = ['torch', 'safetensors']

from cyclegan_nbdev.tools.hub import cyclegan # noqa: F401
