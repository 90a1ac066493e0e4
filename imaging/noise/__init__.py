"""Noise of every kind, one file per family; each draws from (seed, frame) alone."""

from .kind import NoiseKind
from .kinds import NOISE_KINDS, add_noise

__all__ = ["NOISE_KINDS", "NoiseKind", "add_noise"]
