"""Batched PSNR and SSIM against scikit-image and torchmetrics: `python benchmarks/metrics.py [--threads 1]`.

Needs both. Prints times, ratios and the largest difference; torchmetrics pads the border that the others leave out.
"""

import argparse
import time

import _checkout  # noqa: F401
import torch
from realdenoise.imaging.metrics import psnr, ssim
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import peak_signal_noise_ratio as torchmetrics_psnr
from torchmetrics.functional.image import structural_similarity_index_measure as torchmetrics_ssim

PEER = {"data_range": 1, "channel_axis": 2, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def race(repeats, *runners):
    """[(fastest time in seconds, result)] of runners that take turns, so that other load meets them alike."""
    times, results = [[] for _ in runners], [None] * len(runners)
    for _ in range(repeats):
        for index, run in enumerate(runners):
            started = time.perf_counter()
            results[index] = run()
            times[index].append(time.perf_counter() - started)
    return [(min(taken), result) for taken, result in zip(times, results, strict=True)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="scikit-image uses one core, so one is fair (default)")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    random = torch.Generator().manual_seed(0)
    clean = torch.rand(4, 1024, 1024, 3, generator=random)
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=random)
    planes = [picture.permute(0, 3, 1, 2).contiguous() for picture in (noisy, clean)]
    pairs = list(zip(clean.numpy(), noisy.numpy(), strict=True))
    cases = {
        "SSIM": {
            "realdenoise": lambda: ssim(clean, noisy),
            "scikit-image": lambda: [structural_similarity(a, b, **PEER) for a, b in pairs],
            "torchmetrics": lambda: torchmetrics_ssim(*planes, data_range=1.0, reduction="none"),
        },
        "PSNR": {
            "realdenoise": lambda: psnr(clean, noisy),
            "scikit-image": lambda: [peak_signal_noise_ratio(a, b, data_range=1) for a, b in pairs],
            "torchmetrics": lambda: torchmetrics_psnr(*planes, data_range=1.0, reduction="none", dim=(1, 2, 3)),
        },
    }
    print(f"4 RGB pictures of 1024x1024 (4 megapixels), float32, {arguments.threads} thread(s); scikit-image uses one")
    for metric, runners in cases.items():
        results = dict(zip(runners, race(arguments.repeats, *runners.values()), strict=True))
        mine, values = results.pop("realdenoise")
        print(f"  {metric}  realdenoise   {mine:.3f} s")
        for name, (seconds, expected) in results.items():
            difference = (values - torch.as_tensor(expected, dtype=torch.float64)).abs().max().item()
            print(f"        {name:12}  {seconds:.3f} s  {seconds / mine:.1f} times ours, difference {difference:.1e}")


if __name__ == "__main__":
    main()
