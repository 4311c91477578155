"""Score five pairs of drawn label maps with the official evaluation of Cityscapes; nbs/metrics/scores.ipynb compares.

With cityscapesScripts, and without this package:  python scripts/cityscapes_truth.py nbs/fixtures/cityscapes.npz
"""
import sys
import tempfile
from pathlib import Path

import numpy as np
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official
from cityscapesscripts.helpers.labels import id2label, labels, name2label
from PIL import Image

H,W = 48,64
SAME_COLOUR = ('polegroup', 'license plate') # of poles and cars: a picture in colours cannot tell them
ABSENT = ('train', 'wall', 'rider') # from the true maps; wall is predicted nevertheless, train and rider are not

def blocks(rng, ids):
    "A map of random blocks and some random pixels."
    coarse = rng.choice(ids, (H//8, W//8)).repeat(8, 0).repeat(8, 1)
    return np.where(rng.random((H, W)) < .1, rng.choice(ids, (H, W)), coarse)

def main(out):
    rng = np.random.default_rng(0)
    true_ids = [l.id for l in labels if l.name not in SAME_COLOUR + ABSENT]
    scored = [l for l in labels if not l.ignoreInEval]
    found_ids = [l.id for l in scored if l.name not in ('train', 'rider')] + [name2label['unlabeled'].id]
    truth = np.stack([blocks(rng, true_ids) for _ in range(5)])
    right = (rng.random(truth.shape) < .6) & np.isin(truth, found_ids)
    found = np.where(right, truth, np.stack([blocks(rng, found_ids) for _ in truth]))
    official.args.evalInstLevelScore = False
    official.args.JSONOutput = False
    official.args.quiet = True
    with tempfile.TemporaryDirectory() as d:
        files = {kind:[str(Path(d)/f'{kind}{i}.png') for i in range(len(truth))] for kind in ('truth', 'found')}
        for kind,maps in dict(truth=truth, found=found).items():
            for f,m in zip(files[kind], maps): Image.fromarray(m.astype(np.uint8)).save(f)
        result = official.evaluateImgLists(files['found'], files['truth'], official.args)
    names = [l.name for l in scored]
    iou = [result['classScores'][n] for n in names]
    colour = np.array([id2label[i].color for i in range(34)], np.uint8)
    mean_iou = result['averageScoreClasses']
    np.savez_compressed(out, truth=colour[truth], found=colour[found], names=names, iou=iou, mean_iou=mean_iou)
    print({name:round(score, 4) for name,score in zip(names, iou)}, mean_iou)

if __name__ == '__main__': main(sys.argv[1])
