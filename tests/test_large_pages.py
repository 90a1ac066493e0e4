"""Large memory pages: taken by the command and by ComfyUI on the CPU, by nobody else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
NAME = "THP_MEM_ALLOC_ENABLE"
TAKEN = """
import re, torch
kept = torch.ones(16 << 20)  # 64 MB
maps = open("/proc/self/smaps").read()
print(sum(map(int, re.findall(r"AnonHugePages: +(\\d+)", maps))))
"""
COMMAND = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("pack", r"{ROOT}/__init__.py", submodule_search_locations=[r"{ROOT}"])
sys.modules["pack"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["pack"])
from pack.cli import main
main([])
"""
STARTUP = f"import runpy\nrunpy.run_path(r'{ROOT / 'prestartup_script.py'}')\n"


def run(code: str, *words: str, **settings: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name != NAME}
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=clean | settings).stdout.strip()


def kilobytes(code: str, *words: str, **settings: str) -> int:
    """Of large pages in a process that ran `code` and then made a large tensor."""
    return int(run(code + TAKEN, *words, **settings).splitlines()[-1])


@pytest.mark.skipif(not MODE.exists() or "[madvise]" not in MODE.read_text(), reason="no large pages on request here")
def test_large_tensors_lie_in_large_pages_where_the_cpu_does_the_work():
    assert kilobytes(COMMAND) > 32 << 10
    assert kilobytes(STARTUP, "--cpu") > 32 << 10
    assert kilobytes(STARTUP, "--highvram") < 8 << 10
    assert kilobytes(COMMAND, **{NAME: "0"}) < 8 << 10


def test_a_setting_of_the_user_stays():
    tell = f"import os; print(os.environ.get('{NAME}'))"
    assert run(STARTUP + tell, "--cpu") == "1"
    assert run(STARTUP + tell, "--cpu", **{NAME: "0"}) == "0"
    assert run(STARTUP + tell) == "None"
