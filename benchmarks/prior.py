"""What the bundled diffusion prior can do: denoise, generate, follow a class.

`python benchmarks/prior.py denoise FOLDER [--sigma 25] [--pictures 68] [--runs 8] [--steps 10]`: PSNR of one call, of
one stochastic run and of the mean of several; the noise of picture i is from default_rng(i), as in all benchmarks here.
`python benchmarks/prior.py generate FOLDER [--count 64] [--steps 14]`: radial power spectrum of generated patches of
64x64, with labels as frequent as in patches of FOLDER, against that of such patches; largest difference in dB.
`python benchmarks/prior.py guidance [--count 64] [--steps 14] [--scales 0 1 2 4]`: share of the patches that fall in
the class they were asked for.
"""

import argparse
from pathlib import Path

import _checkout  # noqa: F401
import numpy as np
import realdenoise
import torch
from _pictures import decibels, files, load, noisy_pairs, planes
from PIL import Image
from realdenoise.imaging.level import Level
from realdenoise.imaging.spectrum import radial_power
from realdenoise.models.guidance import ConditionedDenoiser
from realdenoise.models.prior_labels import LABELS, label
from realdenoise.schedulers import EDMScheduler
from realdenoise.schedulers.loop import run_loop
from realdenoise.schedulers.posterior import denoise_with_prior

SIDE = 64


def denoise(arguments, denoiser):
    sigma, rows = arguments.sigma / 255, []
    for path, clean, noisy in noisy_pairs(files(arguments.folder)[: arguments.pictures], arguments.sigma):
        row = [decibels(clean, denoiser(noisy, Level(sigma)))]
        if arguments.runs:
            drawn = denoise_with_prior(noisy, denoiser, sigma, runs=arguments.runs, steps=arguments.steps)
            row += [decibels(clean, drawn.one), decibels(clean, drawn.mean)]
        rows.append(row)
        print(path.name, *(f"{value:.2f}" for value in row))
    print("mean of", len(rows), *(f"{value:.2f}" for value in np.mean(rows, axis=0)), "dB")


def generate_patches(denoiser, labels, steps, scale=1.0):
    """[B,3,64,64] in [0,1], one for each label (None = no label)."""
    patches = []
    for index, number in enumerate(labels):
        state = EDMScheduler(steps).start_from_noise((1, 3, SIDE, SIDE), first_frame=index)
        end = run_loop(state, ConditionedDenoiser(denoiser, number, None, scale))
        patches.append(end.scheduler.view(end)[0].clamp(0, 1))
    return torch.cat(patches)


def training_patches(folder, count, random):
    """[count,3,64,64] cut at random."""
    pictures = [planes(load(path)) for path in files(folder)]
    cut = []
    for _ in range(count):
        picture = pictures[random.integers(len(pictures))]
        top, left = (random.integers(side - SIDE + 1) for side in picture.shape[-2:])
        cut.append(picture[..., top : top + SIDE, left : left + SIDE])
    return torch.cat(cut)


def generate(arguments, denoiser):
    random = np.random.default_rng(0)
    reference = training_patches(arguments.folder, 4000, random)
    shares = torch.bincount(label(reference), minlength=len(LABELS)) / len(reference)
    labels = random.choice(len(LABELS), arguments.count, p=(shares / shares.sum()).double().numpy()).tolist()
    patches = generate_patches(denoiser, labels, arguments.steps)
    difference = 10 * torch.log10(radial_power(patches) / radial_power(reference))
    print("dB by frequency:", " ".join(f"{value:+.1f}" for value in difference.tolist()))
    print(f"largest difference {difference.abs().max():.2f} dB")
    save(patches, arguments.out)


def guidance(arguments, denoiser):
    labels = [index % len(LABELS) for index in range(arguments.count)]
    for scale in arguments.scales:
        hits = label(generate_patches(denoiser, labels, arguments.steps, scale)) == torch.tensor(labels)
        by_class = " ".join(f"{hits[k :: len(LABELS)].float().mean():.0%}" for k in range(len(LABELS)))
        print(f"scale {scale:g}: {hits.float().mean():.1%} in the class asked for ({by_class})", flush=True)


def save(patches, path):
    """A sheet of the patches, eight in a row; black where the last row has none."""
    if path is not None:
        patches = torch.cat([patches, patches.new_zeros(-len(patches) % 8, *patches.shape[1:])])
        rows = [torch.cat(list(row), dim=-1) for row in patches.split(8)]
        sheet = torch.cat(rows, dim=-2).permute(1, 2, 0)
        Image.fromarray((sheet * 255).round().to(torch.uint8).numpy()).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["denoise", "generate", "guidance"])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--denoiser", default="prior_unet2d")
    parser.add_argument("--sigma", type=float, default=25.0, help="0-255 scale")
    parser.add_argument("--pictures", type=int, default=68)
    parser.add_argument("--runs", type=int, default=8, help="0 = one call only")
    parser.add_argument("--steps", type=int, help="of DDPM to denoise (10), levels of EDM with Heun to generate (14)")
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--scales", type=float, nargs="+", default=[0, 1, 2, 4])
    parser.add_argument("--out", type=Path, help="PNG sheet of the generated patches")
    arguments = parser.parse_args()
    if arguments.folder is None and arguments.what != "guidance":
        parser.error("name the folder of pictures.")
    arguments.steps = arguments.steps or (10 if arguments.what == "denoise" else 14)
    {"denoise": denoise, "generate": generate, "guidance": guidance}[arguments.what](
        arguments, realdenoise.load_denoiser(arguments.denoiser)
    )


if __name__ == "__main__":
    main()
