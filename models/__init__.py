"""The denoiser contract, the networks behind it, and the loader that turns a file into a denoiser."""
