"""Formulas and experiments of "The Geometry of Grokking" (arXiv 2511.01938), for the executable book.

Import what you need from its module: ``grokutil.isolated`` holds eqs 14-20, ``grokutil.fourier`` the circles of
Fig. 6, and so on. Everything is float64 and runs on the device of its inputs.
"""

import os

# How long OpenMP's threads spin while they wait for each other. By default an evaluation with two threads takes 10 to
# 20 times as long beside two busy processes as with this; alone there is no difference. It is read when PyTorch is
# loaded, by this process and by all that it starts.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "16")  # the same for OpenBLAS's threads: 2^16 cycles

# glibc returns freed memory above a threshold to the system, and each page of it costs a fault when it comes back. The
# threshold rises to the largest block freed so far, up to this size; no page of the block is touched.
bytes(2**25 - 2**13)

__version__ = "0.1.0"
