"""Formulas and experiments of "The Geometry of Grokking" (arXiv 2511.01938), for the executable book.

Import what you need from its module: ``grokutil.isolated`` holds eqs 14-20, ``grokutil.fourier`` the circles of
Fig. 6, and so on. Everything is float64 and runs on the device of its inputs.
"""

__version__ = "0.1.0"
