"""Batched SSIM against scikit-image, same core count: `python benchmarks/metrics.py [--threads 1]`.

Needs scikit-image. Prints both times, their ratio and the largest difference.
"""

import argparse
import time

import _checkout  # noqa: F401
import torch
from realdenoise.imaging.metrics import ssim
from skimage.metrics import structural_similarity

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

    pairs = list(zip(clean.numpy(), noisy.numpy(), strict=True))
    (ours, values), (peers, expected) = race(
        arguments.repeats,
        lambda: ssim(clean, noisy),
        lambda: [structural_similarity(a, b, **PEER) for a, b in pairs],
    )
    difference = (values - torch.tensor(expected, dtype=torch.float64)).abs().max().item()
    print("SSIM of 4 RGB pictures of 1024x1024 (4 megapixels), float32")
    print(f"  realdenoise   {ours:.3f} s on {arguments.threads} core(s)")
    print(f"  scikit-image  {peers:.3f} s on 1 core")
    print(f"  {peers / ours:.1f} times faster, largest difference {difference:.1e}")


if __name__ == "__main__":
    main()
