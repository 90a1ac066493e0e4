"""`realdenoise batch` against the simplest script that a user would write, on the same folder with the same weights.

`python benchmarks/folder_throughput.py [--files 24] [--side 768] [--denoiser NAME|FILE] [--repeats 2]`

The script loads the network once and then, file by file: opens the picture, runs the network in float32, saves the
result. `batch` does that in half precision where the CPU or GPU has it, reads and writes beside the network, and
measures the noise of every file for its list. Seconds are those of whole processes, start included.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import _checkout  # noqa: F401
import torch
from PIL import Image
from realdenoise.imaging.files import to_pillow
from realdenoise.imaging.randomness import normal
from realdenoise.imaging.sample_photos import CREDITS, load_sample

START = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import _checkout
"""
SIMPLEST = (
    START
    + """
import sys
from pathlib import Path
import numpy as np, torch
from PIL import Image
from realdenoise.models.adapters import predict_clean
from realdenoise.models.loader import find_file, load_network
from realdenoise.imaging.level import Level

network, spec = load_network(find_file(sys.argv[3]))
for file in sorted(Path(sys.argv[1]).glob("*.png")):
    picture = torch.from_numpy(np.asarray(Image.open(file), np.float32) / 255).permute(2, 0, 1)[None]
    with torch.no_grad():
        clean = predict_clean(network, spec, picture, Level(25 / 255))
    pixels = (clean[0].permute(1, 2, 0).clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    Image.fromarray(pixels).save(Path(sys.argv[2]) / file.name)
"""
)
BATCH = (
    START
    + """
from realdenoise.cli import main
raise SystemExit(main(["batch", sys.argv[1], sys.argv[2], "--denoiser", sys.argv[3], "--sigma", "25"]))
"""
)


def write_pictures(folder, count, side):
    """Noisy crops of the sample photographs."""
    photos = [load_sample(name)[0] for name in CREDITS]
    for number in range(count):
        photo = photos[number % len(photos)]
        tiled = photo.repeat(-(-side // photo.shape[0]), -(-side // photo.shape[1]), 1)[:side, :side]
        noise = normal((1, 3, side, side), seed=number)[0].permute(1, 2, 0)
        to_pillow(tiled + 25 / 255 * noise).save(folder / f"{number:03}.png")


def seconds(program, source, denoiser):
    """Of one whole run into a fresh folder."""
    with tempfile.TemporaryDirectory() as target:
        started = time.perf_counter()
        words = [sys.executable, "-c", program, str(source), target, denoiser]
        subprocess.run(words, check=True, capture_output=True)
        taken = time.perf_counter() - started
        results = sorted(Path(target).glob("*.png"))
        assert len(results) == len(list(source.iterdir()))
        with Image.open(results[0]) as picture:
            picture.load()
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=24)
    parser.add_argument("--side", type=int, default=768)
    parser.add_argument("--denoiser", default="interpolation_unet")
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        write_pictures(source, arguments.files, arguments.side)
        times = {"simplest script": [], "realdenoise batch": []}
        for _ in range(arguments.repeats):
            times["simplest script"].append(seconds(SIMPLEST, source, arguments.denoiser))
            times["realdenoise batch"].append(seconds(BATCH, source, arguments.denoiser))
    print(
        f"{arguments.files} PNG of {arguments.side}x{arguments.side}, {arguments.denoiser}, torch {torch.__version__}"
    )
    for name, taken in times.items():
        print(f"  {name:18} {arguments.files / min(taken):6.2f} files/s ({min(taken):.1f} s)")
    print(f"  {min(times['simplest script']) / min(times['realdenoise batch']):.2f} times the simplest script")


if __name__ == "__main__":
    main()
