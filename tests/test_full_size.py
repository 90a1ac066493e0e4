"""What a large picture takes: itself, the result, and the same few megabytes whatever its size."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = """
import importlib.util, sys, torch
root, rows, columns, strength = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
spec = importlib.util.spec_from_file_location("realdenoise", root + "/__init__.py", submodule_search_locations=[root])
module = importlib.util.module_from_spec(spec)
sys.modules["realdenoise"] = module
spec.loader.exec_module(module)
from realdenoise.imaging.files import to_pillow
from realdenoise.models.contract import Spec
from realdenoise.models.network_denoiser import NetworkDenoiser
from realdenoise.models.placement import PlainPlacement
def peak():
    lines = open("/proc/self/status")  # unlike ru_maxrss it forgets what the parent took
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
torch.set_num_threads(1)
network = torch.nn.Conv2d(3, 3, 3, padding=1)
placement = PlainPlacement(network, torch.device("cpu"))
denoiser = NetworkDenoiser(network, Spec("probe", "Probe", radius=1), placement, "fp32", tile=256)
picture = torch.full((1, rows, columns, 3), 0.5)
result = module.denoise(picture, denoiser, strength=strength)
assert result.shape == picture.shape
print(peak())
to_pillow(result[0])
print(peak())
"""


def peaks(rows: int, columns: int, strength: float) -> list[int]:
    """Most resident bytes of a process of its own: until the picture is denoised, and until it is ready to be saved."""
    words = [sys.executable, "-c", PROGRAM, str(ROOT), str(rows), str(columns), str(strength)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return [1024 * int(line) for line in done.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_twice_the_picture_takes_the_input_the_output_and_nothing_else():
    strength = 0.7  # needs the input to the end
    small, large = peaks(1500, 4000, strength), peaks(3000, 4000, strength)
    picture = 6_000_000 * 3 * 4  # bytes by which the larger one is larger
    denoised = large[0] - small[0]
    assert 1.5 * picture < denoised < 2.2 * picture  # input and output
    saved = large[1] - small[1]
    assert saved < denoised + 1.1 * picture  # 8-bit levels, and Pillow's own copies of them
