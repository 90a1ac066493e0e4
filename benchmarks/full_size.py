"""The same weights on a large picture through several runners: megapixels per second, peak memory, seams, PSNR lost.

`python benchmarks/full_size.py [NETWORK|FILE …] [--megapixels 12] [--peer-megapixels 4] [--repeats 2]`
`python benchmarks/full_size.py NETWORK --scaling [--megapixels 10 25 50 100]`: ours alone, for constant throughput.

NETWORK: interpolation_unet (bundled), drunet, nafnet, scunet (random weights, through spandrel), or a weight file.
Runners, each in a process of its own, on the same noisy picture, taking turns:
  comfyui   what ComfyUI's "Upscale Image (using Model)" does: tiles of 512, overlap 32, float32, feathered. With
            COMFYUI_PATH set it is ComfyUI's own code, else ours after its behaviour.
  spandrel  spandrel's descriptor on the whole picture, where it knows the network
  deepinv   deepinv's own class on the whole picture, where it has the network
  ours      as a user gets it; ours fp32: with --precision fp32
Peers work on --peer-megapixels of the picture (their speed does not depend on its size; 0 = all of it). Ratios are
against comfyui. PSNR lost and seam error are against the network in float32 on an uncut crop of 576x576.
All have the large memory pages that this pack gives the command and ComfyUI with --cpu; THP_MEM_ALLOC_ENABLE=0 takes
them away.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import _runners
import torch


def measure(runner, network, megapixels, threads, judged=False):
    """One runner in a process of its own: its figures, or why there are none. judged: with seam error and PSNR."""
    script, judge = str(Path(_runners.__file__)), "yes" if judged else "no"
    words = [sys.executable, script, runner, network, str(megapixels), str(threads), judge]
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "figures.json"
        pages = {"THP_MEM_ALLOC_ENABLE": "1", **os.environ}
        run = subprocess.run([*words, str(result)], capture_output=True, text=True, env=pages)
        if result.exists():
            return json.loads(result.read_text())
    lines = run.stderr.strip().splitlines()
    return {"problem": lines[-1] if lines else f"killed ({run.returncode}), probably out of memory"}


def clocked(run, arguments):
    """With --cpu-clock the speed per second of one core."""
    return {**run, "speed": run["cpu"]} if arguments.cpu_clock and "cpu" in run else run


def best(runs):
    """The fastest of several runs of one runner, with the quality that the first one found; else one that failed."""
    done = [run for run in runs if "problem" not in run]
    if not done:
        return runs[0]
    return {**max(done, key=lambda run: run["speed"]), "seam": done[0]["seam"], "lost": done[0]["lost"]}


def line(name, figures, reference):
    """One row of the table."""
    if "problem" in figures:
        return f"| {name} | – | – | – | – | – | {figures['problem'][:90]} |"
    ratio = f"{figures['speed'] / reference:.2f}" if reference else "–"
    lost, seam = figures["lost"], figures["seam"]
    cells = [f"{figures['speed']:.3f}", ratio, f"{figures['memory'] / 2**20:.0f} MiB", f"{seam:.1e}", f"{lost:+.4f} dB"]
    return f"| {name} | " + " | ".join(cells) + f" | {figures['note']} |"


def compare(network, arguments):
    """All runners on one network."""
    runners = ["comfyui", "spandrel", "deepinv", "ours", "ours fp32"]
    runs = {name: [] for name in runners}
    for _ in range(arguments.repeats):
        for name in runners:
            ours = name.startswith("ours")
            size = arguments.megapixels[0] if ours else arguments.peer_megapixels or arguments.megapixels[0]
            if not (runs[name] and "problem" in runs[name][0]):
                runs[name].append(measure(name, network, size, arguments.threads, judged=not runs[name]))
    figures = {name: best([clocked(run, arguments) for run in found]) for name, found in runs.items()}
    reference = figures["comfyui"].get("speed")
    print(f"\n{network}, {arguments.megapixels[0]:g} megapixels, {arguments.threads} thread(s)")
    print("| runner | megapixels/s | times comfyui | peak memory | seam error | PSNR lost | |")
    print("|---|---|---|---|---|---|---|")
    for name in runners:
        print(line(name, figures[name], reference), flush=True)


def scaling(network, arguments):
    """Ours on growing pictures."""
    print(f"\n{network}, ours, {arguments.threads} thread(s)")
    print("| megapixels | megapixels/s | peak memory beyond the input |")
    print("|---|---|---|")
    speeds = []
    for size in arguments.megapixels:
        runs = [measure("ours", network, size, arguments.threads) for _ in range(arguments.repeats)]
        figures = best([clocked(run, arguments) for run in runs])
        if "problem" in figures:
            print(f"| {size:g} | – | {figures['problem']} |")
            continue
        speeds.append(figures["speed"])
        print(f"| {size:g} | {figures['speed']:.3f} | {figures['memory'] / 2**20:.0f} MiB |", flush=True)
    if speeds:
        print(f"slowest / fastest: {min(speeds) / max(speeds):.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["interpolation_unet", "drunet", "nafnet", "scunet"])
    parser.add_argument("--megapixels", type=float, nargs="+", default=[12.0])
    parser.add_argument("--peer-megapixels", type=float, default=4.0)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--cpu-clock", action="store_true", help="per second of a core's work, for a busy machine")
    parser.add_argument("--scaling", action="store_true")
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, {os.cpu_count()} CPUs, COMFYUI_PATH {os.environ.get('COMFYUI_PATH', 'not set')}")
    for network in arguments.networks:
        (scaling if arguments.scaling else compare)(network, arguments)


if __name__ == "__main__":
    main()
