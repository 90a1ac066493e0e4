"""Denoisers made of other denoisers: ensembles, stabilised variance, separate planes."""
