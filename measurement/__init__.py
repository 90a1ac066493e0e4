"""Denoisers put to the test: sweeps over noise levels, benchmarks, and the tables and charts they end in."""
