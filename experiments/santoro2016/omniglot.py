"""Omniglot's two small sets of drawings (github.com/brendenlake/omniglot, folder python) as the arrays that
data=one-shot reads: omniglot_train.npz with 236 of the 292 classes, omniglot_test.npz with the other 56, the last of
the second archive. Images have 14 x 14 numbers, with mean 0 and deviation 1/2 over the training images. Needs numpy and
Pillow.

    python omniglot.py images_background_small1.zip images_background_small2.zip
"""
import io
import sys
import zipfile

import numpy as np
from PIL import Image


def classes(path):
    """Images by class, [classes][drawings][14][14], in the order of their names."""
    kept = {}
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".png") and "__MACOSX" not in name:
                ink = 1 - np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("L"), "float32") / 255
                small = Image.fromarray(ink).resize((14, 14), Image.BOX)
                kept.setdefault(name.rsplit("/", 1)[0], []).append(np.asarray(small))
    return np.array(list(kept.values()))


first, second = (classes(path) for path in sys.argv[1:3])
train, test = np.concatenate([first, second[:100]]), second[100:]
mean, deviation = train.mean(), train.std()
for name, some in (("train", train), ("test", test)):
    labels = np.repeat(np.arange(len(some)), some.shape[1])
    np.savez(f"omniglot_{name}.npz", images=((some - mean) / deviation / 2).reshape(-1, 14, 14), labels=labels)
