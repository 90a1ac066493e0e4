"""Runs the same workflow files as ComfyUI, without it: convert, check, execute."""
