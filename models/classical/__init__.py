"""Classical denoisers on the same socket as the networks: yardsticks that need no training.

A file beside this one registers its method when it is imported.
"""
