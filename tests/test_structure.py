"""The source tree: small files and functions, names that every system can hold, no forbidden call."""

import ast
import subprocess
from pathlib import Path, PureWindowsPath

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ("cli", "headless", "imaging", "measurement", "models", "nodes", "schedulers", "training")
FILE_LINES, FUNCTION_LINES = 300, 60
LONGEST_PATH = 120
"""Characters below the pack's folder: Windows allows 260, and user folders take about 100 of them."""
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "breakpoint"}
FORBIDDEN_MODULES = {
    *(
        "subprocess",
        "pip",
        "ensurepip",
        "socket",
        "http",
        "urllib",
        "ftplib",
        "smtplib",
        "ssl",
        "asyncio",
        "webbrowser",
    ),
    *("requests", "httpx", "aiohttp", "huggingface_hub", "gdown", "marshal", "shelve", "dill", "cloudpickle"),
}


def tracked() -> list[str]:
    """Paths of the repository, or of the unpacked folder when it is none."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0 and listed.stdout:
        return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    return [p.relative_to(ROOT).as_posix() for p in ROOT.rglob("*") if p.is_file() and "__pycache__" not in p.parts]


FILES = tracked()
PYTHON = [name for name in FILES if name.endswith(".py")]
CODE = [name for name in PYTHON if name.startswith(tuple(f"{top}/" for top in SHIPPED)) or "/" not in name]


def tree(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"), name)


def test_files_and_functions_are_short():
    assert len(PYTHON) > 100
    long_files = {name: n for name in PYTHON if (n := len((ROOT / name).read_text("utf-8").splitlines())) > FILE_LINES}
    assert long_files == {}
    long_functions = {
        f"{name}:{node.name}": length
        for name in PYTHON
        for node in ast.walk(tree(name))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    }
    assert long_functions == {}


def forbidden(module: ast.Module) -> list[str]:
    """What a node pack must not do at run time, by the registry's rules and ours."""
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found += [node.module] if (node.module or "").split(".")[0] in FORBIDDEN_MODULES else []
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in FORBIDDEN_CALLS or name in (
                "os.system",
                "os.popen",
                "torch.hub.load",
                "pickle.load",
                "pickle.loads",
            ):
                found.append(name)
            if name == "torch.load":
                safe = {k.arg: ast.unparse(k.value) for k in node.keywords}.get("weights_only") == "True"
                found += [] if safe else ["torch.load without weights_only=True"]
    return found


@pytest.mark.parametrize(
    "code",
    ["eval('1')", "import subprocess", "from urllib.request import urlopen", "os.system('x')", "torch.load('x.pth')"],
)
def test_the_search_finds_what_it_looks_for(code):
    assert len(forbidden(ast.parse(code))) == 1


def test_nothing_is_evaluated_installed_or_fetched():
    assert {name: found for name in CODE if (found := forbidden(tree(name)))} == {}


ABOVE = {
    "imaging": {"models", "schedulers", "training", "measurement", "nodes", "headless", "cli", "host", "api"},
    "schedulers": {"models", "training", "measurement", "nodes", "headless", "cli", "host", "api"},
    "models": {"schedulers", "training", "measurement", "nodes", "headless", "cli", "host", "api"},
    "training": {"nodes", "headless", "cli", "host"},
    "measurement": {"nodes", "headless", "cli", "host"},
    "nodes": {"headless", "cli"},
}
"""Room → what it must not know: arrows of docs/architecture.svg point downwards only."""


def imported(name: str) -> set[str]:
    """Rooms and top files of the pack that a file imports, wherever in it."""
    depth = name.count("/") + 1
    found = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            found |= {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("room", ABOVE)
def test_a_room_knows_only_the_rooms_below(room):
    files = [name for name in CODE if name.startswith(f"{room}/")]
    assert files and {name: wrong for name in files if (wrong := imported(name) & ABOVE[room])} == {}


def test_names_fit_every_system():
    """Windows: no forbidden letters or names, no trailing dot or blank, nothing that differs by case alone."""
    for name in FILES:
        assert len(name) <= LONGEST_PATH, name
        assert name.isascii() and not set(name) & set('<>:"\\|?*'), name
        for part in PureWindowsPath(name).parts:
            assert part.split(".")[0].lower() not in RESERVED and part == part.rstrip(". "), name
    folded = [name.lower() for name in FILES]
    assert len(set(folded)) == len(folded)
    folders = {parent.as_posix() for name in FILES for parent in PureWindowsPath(name).parents}
    assert len({folder.lower() for folder in folders}) == len(folders)
