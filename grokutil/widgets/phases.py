"""Explorer: one frequency at the corners of a polygon. From five corners on what is unwanted cancels."""

from __future__ import annotations

import ipywidgets as W
import numpy as np
from matplotlib.figure import Figure
from torch import triu_indices
from torch.nn.functional import one_hot

from grokutil.adders import polygons, polygons_norm2
from grokutil.figures.plot import COLORS
from grokutil.model import predict
from grokutil.widgets.live import Live, drawing, explorer
from grokutil.widgets.player import Control, player

SIZE = (5.6, 2.9)
PHASES = (3, 4, 5, 6, 7)
ORDERS = (1, 2, 3, 4)  # of the unwanted terms
EXACT = 1e-12


def largest_error(p: int, phases: int) -> float:
    """Largest error of the network of polygons over all pairs and outputs."""
    a, b = triu_indices(p, p)
    X, Y = (one_hot(a, p) + one_hot(b, p)).double(), one_hot((a + b) % p, p).double()
    return float((predict(*polygons(p, phases), X, "quadratic") - Y).abs().max())


def corner_sums(phases: int) -> np.ndarray:
    r"""The sizes :math:`|\sum_l \mathrm e^{2 \pi \mathrm i m l / q}|` for the orders m = 1, 2, 3, 4, (4,)."""
    corners = np.arange(phases) / phases
    return np.abs(np.exp(2j * np.pi * np.outer(ORDERS, corners)).sum(1))


def draw(figure: Figure, phases: int, p: int = 11) -> str:
    """The corners turned one to four times as far, with the length of their sums; and the largest error by phases."""
    axes = figure.subplots(1, 2, width_ratios=(1.0, 1.1))
    left, right = axes
    turns = np.arange(phases) / phases
    circle = np.exp(2j * np.pi * np.linspace(0, 1, 100))
    for k, order in enumerate(ORDERS):
        center = 2.6 * np.array([k % 2, -(k // 2)])
        points = np.exp(2j * np.pi * order * turns)
        left.plot(center[0] + circle.real, center[1] + circle.imag, color=COLORS["faint"], linewidth=0.8)
        total = points.mean()
        met = abs(total) > 0.5  # the corners fall together on one point: their sum does not vanish
        color = COLORS["test"] if met else COLORS["measurement"]
        left.plot(center[0] + points.real, center[1] + points.imag, "o", color=color, markersize=4.5)
        left.text(*center, f"$m = {order}$", ha="center", va="center", fontsize=8.5)
    left.set(xlim=(-1.4, 4.0), ylim=(-4.0, 1.4), xticks=[], yticks=[], title=f"{phases} corners, turned $m$ times")
    left.set_aspect("equal")
    left.spines[:].set_visible(False)

    errors = [largest_error(p, q) for q in PHASES]
    right.semilogy(PHASES, errors, "o-", color=COLORS["faint"], markersize=4)
    error = largest_error(p, phases)
    right.semilogy(phases, error, "o", color=COLORS["measurement"], markersize=8)
    right.set(xlim=(2.6, 7.4), ylim=(1e-16, 30), xticks=PHASES, xlabel="phases $q$", title=f"largest error, $p = {p}$")
    met = [order for order, total in zip(ORDERS, corner_sums(phases), strict=True) if total > 0.5]
    unwanted = f"the terms m = {', '.join(map(str, met))} do not cancel" if met else "all four unwanted terms cancel"
    exact = f", and the squared norm is {polygons_norm2(p, phases):.2f}" if error < EXACT else ""
    return f"{phases} phases, p = {p}: {unwanted}. The largest error over all pairs is {error:.1e}{exact}."


def phases() -> W.VBox:
    """How many phases; live also any odd modulus up to 97."""
    controls = {
        "phases": W.IntSlider(5, min=3, max=7, description="phases q"),
        "p": W.IntSlider(11, min=5, max=97, step=2, description="modulus p"),
    }
    kernel_free = player(draw, Control("phases", "phases q", PHASES, first=1), size=SIZE, interval=900)
    return explorer(kernel_free, Live(drawing(draw, SIZE), controls, face="phases"))
