"""ComfyUI runs this before it loads PyTorch: large memory pages where networks run on the CPU.

Features are large and short-lived, and the kernel clears every page of them anew, which of 2 MB at a time takes less
than half as long as of 4 KB. Linux only; a value that the user has set stays.
"""

import os
import sys

if "--cpu" in sys.argv:
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
