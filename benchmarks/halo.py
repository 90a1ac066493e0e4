"""Measure how wide a network's tiles must overlap, and keep it in the weight file's metadata.

`python benchmarks/halo.py FILE.safetensors FOLDER [--first 6] [--sigmas 0 25 60] [--store]`. FOLDER holds clean
pictures, at least twice as large as the network sees; --store rewrites FILE with the metadata entries `halo`, within
which tiles are equal to the whole by 1e-4, and `halo_half` for half precision, by 1e-3 (a quarter of an 8-bit level).
"""

import argparse
from pathlib import Path

import torch
from _pictures import files, load, planes
from realdenoise.imaging.level import Level
from realdenoise.imaging.randomness import normal
from realdenoise.models.halo import TOLERANCE, measure_halo
from realdenoise.models.loader import load_network
from realdenoise.models.weight_file import read_weights, write_weights

HALF = 1e-3


def noisy(path, number, sigma, channels):
    """[1,C,H,W] with white noise of sigma on the [0,1] scale."""
    picture = planes(load(path))
    picture = picture.mean(dim=1, keepdim=True) if channels == 1 else picture
    return picture + sigma * normal(tuple(picture.shape), seed=0, first_frame=number)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=6, help="pictures used")
    parser.add_argument("--sigmas", type=float, nargs="+", default=[0, 25, 60], help="white noise, 0-255 scale")
    parser.add_argument("--store", action="store_true", help="write the result into FILE")
    arguments = parser.parse_args()
    network, spec = load_network(arguments.file)
    paths = files(arguments.folder)[: arguments.first]
    halo = half = 0
    for number, path in enumerate(paths):
        sigma = arguments.sigmas[number % len(arguments.sigmas)] / 255
        images = [noisy(path, number, sigma, spec.channels)]
        found, coarse = (measure_halo(network, spec, images, Level(sigma), limit) for limit in (TOLERANCE, HALF))
        print(f"{path.name}  sigma {255 * sigma:g}  halo {found}, in half precision {coarse}", flush=True)
        halo, half = max(halo, found), max(half, coarse)
    radius = f"receptive radius {spec.radius}"
    print(f"{spec.name}: halo {halo}, in half precision {half} ({radius}), {torch.get_num_threads()} thread(s)")
    if arguments.store:
        weights = read_weights(arguments.file)
        write_weights(arguments.file, weights.state, {**weights.metadata, "halo": str(halo), "halo_half": str(half)})


if __name__ == "__main__":
    main()
