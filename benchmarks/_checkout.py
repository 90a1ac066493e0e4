"""`import _checkout` makes `import realdenoise` mean this checkout, installed or not."""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_spec = importlib.util.spec_from_file_location(
    "realdenoise", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
)
_module = importlib.util.module_from_spec(_spec)
sys.modules["realdenoise"] = _module
_spec.loader.exec_module(_module)
