"""One runner of `full_size.py`, measured in this process: RUNNER NETWORK MEGAPIXELS THREADS QUALITY RESULT.json."""

import itertools
import json
import math
import os
import sys
import time
from pathlib import Path

import _checkout  # noqa: F401
import realdenoise
import torch
from realdenoise.imaging.level import Level
from realdenoise.imaging.randomness import normal
from realdenoise.imaging.sample_photos import CREDITS, load_sample
from realdenoise.measurement.memory import PeakMemory
from realdenoise.models.adapters import predict_clean
from realdenoise.models.loader import build, find_file, load_denoiser
from realdenoise.models.network_denoiser import NetworkDenoiser
from realdenoise.models.placement import PlainPlacement, default_device
from realdenoise.models.registry import Weights, find
from realdenoise.models.spandrel_bridge import load_foreign
from realdenoise.models.weight_file import read_weights

SIGMA = 25 / 255
CROP = 576


def photograph(megapixels):
    """[1,H,W,3]: the sample photos side by side, again and again, with white noise of sigma 25; and without it."""
    height = 8 * round(math.sqrt(megapixels * 1e6 / 1.5) / 8)
    width = int(1.5 * height)
    photos = [load_sample(name) for name in CREDITS]
    side = min(min(photo.shape[1:3]) for photo in photos)
    row = torch.cat([photo[:, :side, :side] for photo in photos], dim=2)
    clean = row.repeat(1, -(-height // side), -(-width // row.shape[2]), 1)[:, :height, :width].contiguous()
    noisy = clean.clone()
    for top in range(0, height, 512):
        rows = noisy[:, top : top + 512]
        rows += SIGMA * normal((1, 3, *rows.shape[1:3]), seed=top).permute(0, 2, 3, 1)
    return noisy, clean


def random_weights(name):
    """The state dict of one of spandrel's architectures, the same numbers every time."""
    from spandrel.architectures.DRUNet import DRUNet
    from spandrel.architectures.NAFNet import NAFNet
    from spandrel.architectures.SCUNet import SCUNet

    torch.manual_seed(0)
    make = {
        "drunet": lambda: DRUNet(in_nc=4, out_nc=3),
        "nafnet": lambda: NAFNet(
            img_channel=3, width=32, middle_blk_num=12, enc_blk_nums=[2, 2, 4, 8], dec_blk_nums=[2, 2, 2, 2]
        ),
        "scunet": lambda: SCUNet(in_nc=3),
    }
    network = make[name]()
    for key, value in network.named_parameters():
        if key.endswith(("beta", "gamma")):  # NAFNet starts with its blocks switched off
            torch.nn.init.constant_(value, 0.1)
    return network.state_dict()


def weights_of(name):
    return Weights(random_weights(name)) if name in ("drunet", "nafnet", "scunet") else read_weights(find_file(name))


def ours(name, precision):
    """The denoiser as a user gets it."""
    if name not in ("drunet", "nafnet", "scunet"):
        return load_denoiser(name, precision=precision)
    weights = weights_of(name)
    architecture = find(weights)
    network, spec = load_foreign(weights, name) if architecture is None else build(architecture, weights)
    return NetworkDenoiser(network, spec, PlainPlacement(network, default_device()), precision)


def comfyui(function, picture):
    """[B,H,W,3] through tiles of 512 that overlap by 32, as ComfyUI's upscale node does it."""
    samples = picture.movedim(-1, -3)
    if "COMFYUI_PATH" in os.environ:
        sys.argv[1:] = ["--cpu"]  # ComfyUI reads them
        sys.path.insert(0, os.environ["COMFYUI_PATH"])
        from comfy.utils import tiled_scale

        result = tiled_scale(samples, function, tile_x=512, tile_y=512, overlap=32, upscale_amount=1)
    else:
        result = feathered_tiles(samples, function)
    return torch.clamp(result.movedim(-3, -1), min=0, max=1.0)


def feathered_tiles(samples, function, tile=512, overlap=32):
    """Tiles laid every 480 pixels, faded into each other by a ramp of 32 pixels on all sides, divided by the sum."""
    total, weight = torch.zeros_like(samples), torch.zeros_like(samples)
    height, width = samples.shape[2:]
    starts = [range(0, max(1, side - overlap), tile - overlap) for side in (height, width)]
    for top, left in itertools.product(*starts):
        place = (..., slice(top, min(height, top + tile)), slice(left, min(width, left + tile)))
        window = function(samples[place])
        mask = torch.ones_like(window)
        for step in range(overlap):
            for axis in (2, 3):
                for edge in (step, mask.shape[axis] - 1 - step):
                    mask.narrow(axis, edge, 1).mul_((step + 1) / overlap)
        total[place] += window * mask
        weight[place] += mask
    return total / weight


def deepinv_network(name, weights):
    """deepinv's class with the same weights."""
    import deepinv

    if name == "drunet":
        network = deepinv.models.DRUNet(pretrained=None)
        network.load_state_dict(weights.state)
        return lambda picture: network(picture.movedim(-1, -3), SIGMA).movedim(-3, -1)
    if name == "scunet":
        network = deepinv.models.SCUNet(pretrained=None)
        network.load_state_dict(weights.state)
        return lambda picture: network(picture.movedim(-1, -3)).movedim(-3, -1)
    raise SystemExit(f"deepinv takes no weights of {Path(name).stem}")


def runner_for(runner, name):
    """picture [1,H,W,3] → the same, denoised."""
    weights = weights_of(name)
    if runner.startswith("ours"):
        denoiser = ours(name, "fp32" if runner.endswith("fp32") else "auto")
        return lambda picture: realdenoise.denoise(picture, denoiser, sigma=SIGMA), denoiser
    if runner == "deepinv":
        return deepinv_network(name, weights), None
    if find(weights) is not None and "time_embed.2.weight" in weights.state:  # the network takes alpha, too
        if runner == "spandrel":
            raise SystemExit("spandrel does not know InterpolationUNet")
        network, _ = build(find(weights), weights)
        alpha = torch.ones(1)
        return (lambda picture, run=comfyui: run(lambda tile: network(tile, alpha), picture)), None
    import spandrel

    descriptor = spandrel.MAIN_REGISTRY.load(dict(weights.state))
    run = uncut if runner == "spandrel" else comfyui
    return (lambda picture, run=run: run(descriptor, picture)), None


def uncut(function, picture):
    """[1,H,W,3] in one go."""
    return function(picture.movedim(-1, -3)).movedim(-3, -1).clamp(0, 1)


def exact(name, picture):
    """The network in float32 on an uncut [1,h,w,3]."""
    denoiser = ours(name, "fp32")
    image, level = picture.permute(0, 3, 1, 2).contiguous(), Level(SIGMA)
    network = denoiser.placement.ready(0)
    return predict_clean(network, denoiser.spec, image, level).permute(0, 2, 3, 1).clamp(0, 1)


def quality(runner, name, function, denoiser):
    """(seam error, PSNR lost in dB) on a crop that has seams."""
    noisy, clean = (picture[:, :CROP, :CROP].contiguous() for picture in photograph(1.0))
    noisy = noisy.clamp(0, 1)
    whole = exact(name, noisy)
    result = function(noisy).clamp(0, 1)  # not all runners do it themselves
    told_otherwise = runner in ("comfyui", "spandrel") and name == "drunet"  # spandrel fixes its sigma at 15
    lost = float("nan") if told_otherwise else float(realdenoise.psnr(clean, whole) - realdenoise.psnr(clean, result))
    if denoiser is not None:  # at equal precision: only the seams differ
        image = noisy.permute(0, 3, 1, 2)
        tiled, at_once = (denoiser.tiled(side)(image, Level(SIGMA)) for side in (256, CROP))
        return float((tiled - at_once).abs().max()), lost
    if runner != "comfyui":
        return 0.0, lost
    return float((result - function(noisy, uncut)).abs().max()), lost


def main():
    runner, name, megapixels, threads, judged, result = sys.argv[1:]
    torch.set_num_threads(int(threads))
    with torch.inference_mode():
        function, denoiser = runner_for(runner, name)
        picture = photograph(float(megapixels))[0]
        function(picture[:, :128, :128].contiguous())  # warm-up
        with PeakMemory() as peak:
            started, busy = time.perf_counter(), time.process_time()
            function(picture)
            seconds, busy = time.perf_counter() - started, time.process_time() - busy
        pixels = picture.shape[1] * picture.shape[2]
        seam, lost = quality(runner, name, function, denoiser) if judged == "yes" else (math.nan, math.nan)
    note = "" if denoiser is None else f"{denoiser.dtype}".removeprefix("torch.")
    speeds = {"speed": pixels / 1e6 / seconds, "cpu": pixels / 1e6 / busy}
    figures = {**speeds, "memory": peak.bytes, "seam": seam, "lost": lost, "note": note}
    Path(result).write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
