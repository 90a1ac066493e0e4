"""What the pack adds to the start of ComfyUI, and of its own command: `python benchmarks/import_time.py [--repeats 5]`.

Seconds to import all nodes where torch and the other libraries that ComfyUI has loaded by then are loaded already; of
`realdenoise --help` in a new process; and of an empty Python and of `import torch` beside them. Medians.
"""

import argparse
import statistics
import subprocess
import sys
import time

from _checkout import ROOT

PACK = f"""
import importlib.util, sys, time
import numpy, PIL.Image, PIL.ImageOps, PIL.PngImagePlugin, safetensors.torch, torch, tqdm
started = time.perf_counter()
spec = importlib.util.spec_from_file_location("realdenoise", {str(ROOT / "__init__.py")!r},
                                              submodule_search_locations=[{str(ROOT)!r}])
module = importlib.util.module_from_spec(spec)
sys.modules["realdenoise"] = module
spec.loader.exec_module(module)
"""
NODES = PACK + "assert len(module.NODE_CLASS_MAPPINGS) > 40\nprint(time.perf_counter() - started)"
HELP = PACK.replace("import numpy, ", "#") + (
    "from realdenoise.cli import main\nmain(['--help'])\nassert 'torch' not in sys.modules"
)


def told(program):
    """Seconds that the program prints."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout)


def whole(program):
    """Seconds of the whole process."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    told(NODES)  # compiles what has changed
    rows = {
        "all nodes, beyond torch": lambda: told(NODES),
        "realdenoise --help": lambda: whole(HELP),
        "an empty Python": lambda: whole("pass"),
        "import torch": lambda: whole("import torch"),
    }
    times = {name: [] for name in rows}
    for _ in range(arguments.repeats):
        for name, run in rows.items():
            times[name].append(run())
    for name, taken in times.items():
        print(f"  {name:24} {statistics.median(taken):.3f} s")


if __name__ == "__main__":
    main()
