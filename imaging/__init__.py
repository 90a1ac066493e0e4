"""Pure image functions: noise, noise-level estimation, metrics, tiling, layout, files. No networks, no ComfyUI."""
