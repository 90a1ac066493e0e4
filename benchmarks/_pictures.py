"""What several scripts share: the pictures of a folder, the noise of the papers, and their PSNR."""

import _checkout  # noqa: F401
import numpy as np
import realdenoise
import torch
from realdenoise.imaging.files import SUFFIXES, load_picture


def files(folder):
    """The picture files of a folder in sorted order."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def load(path):
    """[1,H,W,3] in [0,1]."""
    return load_picture(path)[0][..., :3].expand(-1, -1, -1, 3)


def planes(image):
    """[1,H,W,C] → [1,C,H,W]."""
    return image.permute(0, 3, 1, 2).contiguous()


def noisy_pairs(paths, sigma, every=1):
    """(path, clean, noisy) [1,3,H,W]: picture i with white noise of default_rng(i), sigma on the 0-255 scale."""
    for index, path in list(enumerate(paths))[::every]:
        clean = load(path)
        noise = np.random.default_rng(index).standard_normal(clean.shape[1:], dtype=np.float32)
        yield path, planes(clean), planes(clean + torch.from_numpy(noise) * np.float32(sigma / 255))


def decibels(clean, result):
    """PSNR of [1,C,H,W] rounded to 8 bits."""
    rounded = (result.clamp(0, 1) * 255).round() / 255
    return float(realdenoise.psnr(clean.permute(0, 2, 3, 1), rounded.permute(0, 2, 3, 1)))
