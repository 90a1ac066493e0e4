"""Noise of every kind, one file per family; each draws from (seed, frame) alone."""

from .kinds import NOISE_KINDS, add_noise

__all__ = ["NOISE_KINDS", "add_noise"]
