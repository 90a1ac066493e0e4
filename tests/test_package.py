"""The package as it is installed: complete, light, and without a forbidden import."""

import importlib.util
import subprocess
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
CODE = ("cli", "headless", "imaging", "measurement", "models", "nodes", "schedulers", "training")


def settings() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_package_of_the_tree_is_installed():
    folders = {path.parent for top in CODE for path in (ROOT / top).rglob("__init__.py")}
    expected = {"realdenoise"} | {"realdenoise." + ".".join(f.relative_to(ROOT).parts) for f in folders}
    assert set(settings()["tool"]["setuptools"]["packages"]) == expected


def test_every_module_of_the_tree_is_checked_and_handed_out():
    modules = {path.name for path in ROOT.glob("*.py")}
    included = set(settings()["tool"]["pyright"]["include"])
    assert included >= modules | set(CODE)
    spec = importlib.util.spec_from_file_location("check_archive", ROOT / ".ci/check_archive.py")
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    assert check.expected() >= modules | {"imaging/files.py"} and not check.problems(check.expected(), 1)
    assert check.problems(check.expected() - {"clips.py"}, 1) == ["missing: clips.py"]


def test_requirements_install_nothing():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_import_pulls_in_no_slow_library():
    code = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("pack", r"{ROOT}/__init__.py", submodule_search_locations=[r"{ROOT}"])
sys.modules["pack"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["pack"])
assert len(sys.modules["pack"].NODE_CLASS_MAPPINGS) > 40
slow = {{"spandrel", "scipy", "kornia", "torchvision", "diffusers", "av", "matplotlib", "skimage"}} & set(sys.modules)
assert not slow, slow
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_commands_help_needs_no_torch():
    code = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("pack", r"{ROOT}/__init__.py", submodule_search_locations=[r"{ROOT}"])
sys.modules["pack"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["pack"])
from pack.cli import main
sys.exit(main(["denoise", "--help"]) or "torch" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0 and "--precision" in run.stdout
