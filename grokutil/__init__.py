"""Formulas and experiments of "The Geometry of Grokking" (arXiv 2511.01938), for the executable book.

Import what you need from its module: ``grokutil.isolated`` holds eqs 14-20, ``grokutil.fourier`` the circles of
Fig. 6, and so on. Everything is float64 and runs on the device of its inputs.
"""

import os

# How long OpenMP's threads spin while they wait for each other. By default an evaluation with two threads takes 10 to
# 20 times as long beside two busy processes as with this; alone there is no difference. It is read when PyTorch is
# loaded, by this process and by all that it starts.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

__version__ = "0.1.0"
