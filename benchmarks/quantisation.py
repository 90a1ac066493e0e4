"""Size, time and PSNR of denoisers with float32, bf16, fp16 and int8 weights, as a Markdown table.

`python benchmarks/quantisation.py NAME|FILE… [--pictures FOLDER] [--first 8] [--side 256] [--sigma 25] [--precision
fp32]`. Without FOLDER the pack's sample photos are used. Variants of one denoiser take turns on every picture, twice,
and the faster time counts.
"""

import argparse
from pathlib import Path

import torch
from _pictures import files
from realdenoise.imaging.files import load_picture
from realdenoise.imaging.sample_photos import CREDITS, load_sample
from realdenoise.models.loader import load_denoiser
from realdenoise.models.placement import PlainPlacement
from realdenoise.models.quantise import KINDS, quantised
from realdenoise.models.quantise_report import gaussian_probes, measure
from realdenoise.monitor import Monitor


def pictures(folder, first):
    """Clean pictures [1,H,W,C]."""
    if folder is None:
        return [load_sample(name) for name in CREDITS]
    return [load_picture(path)[0] for path in files(folder)[:first]]


def variants(denoiser):
    """The denoiser itself and one for each kind of weights."""
    networks = {kind: quantised(denoiser.network, kind) for kind in KINDS}
    moved = {kind: denoiser.moved(n, PlainPlacement(n, denoiser.placement.device)) for kind, n in networks.items()}
    return {"fp32": denoiser, **moved}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("denoisers", nargs="+", metavar="NAME|FILE")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="clean pictures; their middles are used")
    parser.add_argument("--side", type=int, default=256, help="of the middle of each picture that is used, in pixels")
    parser.add_argument("--first", type=int, default=8, help="only the first so many pictures of FOLDER")
    parser.add_argument("--sigma", type=float, default=25.0, help="white noise on the 0-255 scale")
    parser.add_argument("--precision", default="fp32", help="arithmetic: fp32, bf16, fp16 or auto")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    clean = pictures(arguments.pictures, arguments.first)
    what = f"{len(clean)} pictures of {arguments.side}x{arguments.side}, sigma {arguments.sigma:g}"
    how = f"arithmetic in {arguments.precision}, {arguments.device}, {torch.get_num_threads()} thread(s)"
    print(f"{what}, {how}, torch {torch.__version__}\n")
    print("| denoiser | weights | size | time | PSNR |\n|---|---|---|---|---|")
    for name in arguments.denoisers:
        denoiser = load_denoiser(name, device=arguments.device, precision=arguments.precision)
        probes = gaussian_probes(clean, arguments.sigma / 255, denoiser.spec, arguments.side)
        all_of_them = variants(denoiser)
        for kind, cost in zip(all_of_them, measure(list(all_of_them.values()), probes, Monitor()), strict=True):
            numbers = f"{cost.bytes / 1e6:.2f} MB | {cost.seconds:.2f} s/Mpx | {cost.psnr:.3f} dB"
            print(f"| {denoiser.spec.name} | {kind} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
