"""Makes `import realdenoise` mean this checkout, whatever its folder is called and whether or not it is installed."""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = "realdenoise"

# ComfyUI has top-level modules `nodes` and `models` of its own: ours must never shadow them.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
_spec = importlib.util.spec_from_file_location(NAME, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
_module = importlib.util.module_from_spec(_spec)
sys.modules[NAME] = _module
_spec.loader.exec_module(_module)
