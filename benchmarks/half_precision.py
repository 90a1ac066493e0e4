"""What bfloat16 costs DnCNN, FDnCNN and FFDNet: PyTorch's autocast against this pack's centred features.

`python benchmarks/half_precision.py FOLDER --denoiser NAME|FILE … [--sigma 15 25 50] [--first 6] [--side 128]`
Weights and what goes into and out of layers are rounded, sums are float32, as AMX does it: it works on every CPU.
White noise of numpy's default_rng(i) on the middle of picture i, unclipped; PSNR of the window, not rounded to 8 bits.
"""

import argparse
import copy
from pathlib import Path

import _checkout  # noqa: F401
import numpy as np
import torch
from realdenoise.imaging.files import SUFFIXES, load_picture
from realdenoise.imaging.level import Level
from realdenoise.models.adapters import predict_clean
from realdenoise.models.centred import CentredChain
from realdenoise.models.fused import fused
from realdenoise.models.loader import load_denoiser


def windows(folder, count, side):
    """Clean pictures [n,3,side,side] on the [0,1] scale, spread over the folder."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    chosen = [
        load_picture(path)[0][0, ..., :3].permute(2, 0, 1) for path in paths[:: max(1, len(paths) // count)][:count]
    ]
    return torch.stack([p[:, (p.shape[1] - side) // 2 :, (p.shape[2] - side) // 2 :][:, :side, :side] for p in chosen])


def rounded(network):
    """A copy in float32 whose layers hold, take and give bfloat16's values."""
    network = copy.deepcopy(network).float()
    for module in network.modules():
        if isinstance(module, CentredChain):
            module.dtype = torch.float32
        if isinstance(getattr(module, "weight", None), torch.Tensor):
            for tensor in [*module.parameters(), *module.buffers()]:
                tensor.data = keep_bf16(tensor.data)
            module.register_forward_pre_hook(lambda _, inputs: tuple(map(keep_bf16, inputs)))
            module.register_forward_hook(lambda _m, _i, output: keep_bf16(output))
    return network


def keep_bf16(value):
    return value.bfloat16().float()


def psnr(network, spec, noisy, sigma, clean):
    """Mean dB of a network's clean estimates."""
    with torch.inference_mode():
        answer = predict_clean(network, spec, noisy, Level(sigma))
    return float((-10 * (answer - clean).square().mean((1, 2, 3)).log10()).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="clean colour pictures")
    parser.add_argument("--denoiser", nargs="+", required=True, metavar="NAME|FILE")
    parser.add_argument("--sigma", type=float, nargs="+", default=[15.0, 25.0, 50.0], help="on the 0-255 scale")
    parser.add_argument("--first", type=int, default=6, help="how many pictures")
    parser.add_argument("--side", type=int, default=128, help="of the window in pixels")
    arguments = parser.parse_args()
    clean = windows(arguments.folder, arguments.first, arguments.side)
    noise = [np.random.default_rng(i).standard_normal(clean.shape[1:], dtype=np.float32) for i in range(len(clean))]
    print("| denoiser | sigma | float32 | lost by autocast | lost with centred features |\n|---|---|---|---|---|")
    for name in arguments.denoiser:
        denoiser = load_denoiser(name, device="cpu", precision="fp32")
        network = denoiser.network
        networks = network, rounded(network), rounded(fused(network, torch.bfloat16))
        for sigma in arguments.sigma:
            noisy = clean + torch.from_numpy(np.stack(noise)) * (sigma / 255)
            exact, cast, centred = (psnr(n, denoiser.spec, noisy, sigma / 255, clean) for n in networks)
            print(
                f"| {Path(name).stem} | {sigma:g} | {exact:.3f} | {exact - cast:.4f} | {exact - centred:.4f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
