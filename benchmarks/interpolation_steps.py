"""PSNR and SSIM of the Real-World Interpolation Sampler against its number of steps, for both of its methods.

`python benchmarks/interpolation_steps.py FOLDER [--denoiser NAME] [--steps 1 2 5 10 20] [--pairs 18]`. FOLDER holds
pairs of one size named *_real.* (noisy) and *_mean.* (clean), such as the PolyU pictures. Results are rounded to 8 bit,
as files are, before they are measured.
"""

import argparse
import time
from pathlib import Path

import _checkout  # noqa: F401
import numpy as np
import realdenoise
import torch
from _pictures import load


def score(pairs, denoiser, steps, method):
    """Mean PSNR and SSIM over the pairs."""
    values = []
    for clean, noisy in pairs:
        result = realdenoise.denoise(noisy, denoiser, steps=steps, method=method)
        result = (result * 255).round() / 255
        values.append((float(realdenoise.psnr(clean, result)), float(realdenoise.ssim(clean, result))))
    return np.mean(values, axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--denoiser", default="interpolation_unet")
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 5, 10, 20])
    parser.add_argument("--pairs", type=int, default=1000, help="use the first so many pairs")
    arguments = parser.parse_args()
    noisy = sorted(path for path in arguments.folder.iterdir() if "_real." in path.name)[: arguments.pairs]
    pairs = [(load(path.with_name(path.name.replace("_real.", "_mean."))), load(path)) for path in noisy]
    denoiser = realdenoise.load_denoiser(arguments.denoiser)
    started = time.perf_counter()
    print(f"{arguments.denoiser}, {len(pairs)} pairs, PSNR / SSIM")
    print("| T | origin | improved |\n|---|---|---|")
    for steps in arguments.steps:
        cells = [score(pairs, denoiser, steps, method) for method in ("origin", "improved")]
        print(f"| {steps} | " + " | ".join(f"{psnr:.2f} / {ssim:.4f}" for psnr, ssim in cells) + " |", flush=True)
    print(f"{time.perf_counter() - started:.0f} s, {torch.get_num_threads()} thread(s), {denoiser.dtype}")


if __name__ == "__main__":
    main()
