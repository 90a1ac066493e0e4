"""Checks the archive that ComfyUI's registry hands out: all that users need, nothing that they do not."""

import sys
import zipfile

NEEDED = (
    "__init__.py",
    "pyproject.toml",
    "LICENSE",
    "README.md",
    "models/weights/interpolation_unet.safetensors",
    "workflows/denoise_photo.json",
    "workflows/denoise_photo.jpg",
    "web/docs/RealDenoiseDenoiseImage.md",
    "locales/zh/nodeDefs.json",
    "nodes/denoise.py",
)
UNWANTED = ("tests/", "benchmarks/", ".ci/", ".github/", "runs/")
LARGEST_MIB = 30


def main() -> None:
    path = sys.argv[1]
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        size = sum(entry.compress_size for entry in archive.infolist()) / 2**20
    missing = [name for name in NEEDED if name not in names]
    extra = [name for name in names if name.startswith(UNWANTED)]
    if missing or extra or size > LARGEST_MIB:
        sys.exit(f"archive: missing {missing}, unwanted {extra[:5]}, {size:.1f} MiB (at most {LARGEST_MIB})")
    sys.stdout.write(f"archive: {len(names)} files, {size:.1f} MiB\n")


if __name__ == "__main__":
    main()
