"""Draws of a denoising VAE on clean pictures with white noise: quality, and whether their spread foretells the error.

`python benchmarks/uncertainty.py FOLDER [--denoiser vae] [--draws 16] [--sigma 25] [--every 1]`. Picture i gets the
noise of numpy's default_rng(i), unclipped. Spearman's correlation is taken per picture over 8x8 blocks, then averaged.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from _pictures import decibels, files, noisy_pairs
from realdenoise.imaging.level import Level
from realdenoise.imaging.spread import spread_of
from realdenoise.measurement.uncertainty import score_spread
from realdenoise.models.loader import load_denoiser
from realdenoise.models.networks.padding import pad_to_multiple
from realdenoise.models.networks.vae import FACTOR, kl_divergence
from realdenoise.models.uncertainty import draws


def measure(denoiser, clean, noisy, count):
    """One row of numbers; see `main` for their names."""
    kept = list(draws(denoiser, noisy, count, seed=0))
    found = score_spread(clean, spread_of(iter(kept)))
    apart = float((kept[1] - kept[0]).square().mean().sqrt()) * 255
    with torch.no_grad():
        kl = float(kl_divergence(denoiser.network.encode(pad_to_multiple(noisy, FACTOR))).sum() / noisy.numel())
    likeliest, one = decibels(clean, denoiser(noisy, Level())), decibels(clean, kept[0])
    return (likeliest, one, found.psnr, found.spread, found.gradient, found.clean_gradient, apart, kl)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="clean pictures")
    parser.add_argument("--denoiser", default="vae", metavar="NAME|FILE")
    parser.add_argument("--draws", type=int, default=16, help="at least 2: a single one has no spread")
    parser.add_argument("--sigma", type=float, default=25.0, help="white noise on the 0-255 scale")
    parser.add_argument("--every", type=int, default=1, help="only every so manieth picture")
    parser.add_argument("--precision", default="fp32")
    arguments = parser.parse_args()
    if arguments.draws < 2:
        parser.error("--draws must be at least 2: a single draw has no spread.")
    denoiser = load_denoiser(arguments.denoiser, device="cpu", precision=arguments.precision)
    started = time.perf_counter()
    rows = [
        measure(denoiser, clean, noisy, arguments.draws)
        for _, clean, noisy in noisy_pairs(files(arguments.folder), arguments.sigma, arguments.every)
    ]
    means, seconds = np.mean(rows, axis=0), time.perf_counter() - started
    count = f"{len(rows)} pictures, sigma {arguments.sigma:g}, {arguments.draws} draws, {arguments.precision}"
    print(f"{count}, {torch.get_num_threads()} thread(s), {seconds:.0f} s\n\n| what | mean |\n|---|---|")
    words = (
        "PSNR of the likeliest answer, dB",
        "PSNR of one draw, dB",
        "PSNR of the mean of all draws, dB",
        "Spearman: spread of the draws and error",
        "Spearman: gradient of the mean and error",
        "Spearman: gradient of the clean picture and error",
        "RMS difference of two draws (0-255)",
        "KL divergence, nats per value of the picture",
    )
    for name, value in zip(words, means, strict=True):
        print(f"| {name} | {value:.3f} |")


if __name__ == "__main__":
    main()
