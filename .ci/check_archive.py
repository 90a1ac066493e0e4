"""Checks the archive that ComfyUI's registry hands out: all that users need, nothing that they do not.

Run as: python .ci/check_archive.py node.zip
"""

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("pyproject.toml", "requirements.txt", "LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md")
WHOLE_FOLDERS = ("cli", "headless", "imaging", "locales", "measurement", "models", "nodes", "samples", "schedulers")
WHOLE_FOLDERS += ("training", "web", "workflows")
UNWANTED = ("tests/", "benchmarks/", "docs/", "runs/", "data/", ".", "build/", "CONTRIBUTING.md")
ALLOWED = (".comfyignore",)
LARGEST_MIB = 30


def expected() -> set[str]:
    """What must be in it: the named files, all modules beside them, and everything of the shipped folders."""
    files = {path for folder in WHOLE_FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()}
    names = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    return names | {path.name for path in ROOT.glob("*.py")} | set(NEEDED)


def problems(names: set[str], mib: float) -> list[str]:
    """One line per thing that is wrong."""
    found = [f"missing: {name}" for name in sorted(expected() - names)]
    found += [f"unwanted: {n}" for n in sorted(names) if n.startswith(UNWANTED) and n not in ALLOWED]
    weights = [name for name in names if name.endswith(".safetensors")]
    found += [f"no card: {name}" for name in weights if name.replace(".safetensors", ".md") not in names]
    drawn = [name for name in names if name.startswith("workflows/") and name.endswith(".json")]
    found += [f"no thumbnail: {name}" for name in drawn if name.replace(".json", ".jpg") not in names]
    if mib > LARGEST_MIB:
        found.append(f"{mib:.1f} MiB, more than {LARGEST_MIB}")
    return found


def main() -> None:
    """Exit status 1 when something is wrong."""
    with zipfile.ZipFile(sys.argv[1]) as archive:
        names = {entry.filename for entry in archive.infolist() if not entry.is_dir()}
        mib = sum(entry.compress_size for entry in archive.infolist()) / 2**20
    found = problems(names, mib)
    sys.stdout.write("".join(f"{line}\n" for line in found) + f"archive: {len(names)} files, {mib:.1f} MiB\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
