"""Explorer: a deep linear network on its way, by the number of layers and the distance at the start."""

from __future__ import annotations

import ipywidgets as W
import numpy as np
from matplotlib.figure import Figure

from grokutil.deep_linear import delay, distance
from grokutil.figures.plot import COLORS
from grokutil.widgets.live import Live, drawing, explorer
from grokutil.widgets.player import Control, player

SIZE = (5.6, 2.9)
LAYERS, STARTS = (1, 2, 3, 6), (1.0, 4.0, 16.0)
TIMES = np.linspace(0, 3, 121)
NEAR = 0.05  # where it has arrived, in lengths of the destination


def draw(figure: Figure, layers: int, start: float = 4.0) -> str:
    """Distance against slow time for so many layers and for one, and the delay by the number of layers."""
    left, right = figure.subplots(1, 2)
    left.semilogy(TIMES, distance(TIMES, start, 1.0, 1), color=COLORS["faint"], linewidth=1)
    left.semilogy(TIMES, distance(TIMES, start, 1.0, layers), color=COLORS["measurement"], linewidth=2)
    left.axhline(NEAR, color=COLORS["faint"], linewidth=0.8, linestyle=":")
    left.set(xlim=(0, 3), ylim=(0.01, 20), xlabel="$s$", title=f"distance $q$, layers: {layers}")
    some = range(1, 21)
    delays = [float(delay(start, NEAR, 1.0, k)) for k in some]
    right.plot(some, delays, "o-", color=COLORS["faint"], markersize=3)
    mine, one = float(delay(start, NEAR, 1.0, layers)), delays[0]
    right.plot(layers, mine, "o", color=COLORS["measurement"], markersize=8)
    right.set(xlim=(0, 21), xlabel=r"layers $\ell$", title="delay $s$")
    right.set_ylim(1, 3)
    return (
        f"{layers} layer{'s' * (layers > 1)}, start at {start:g} times the length of the destination: the distance "
        f"falls to a twentieth at s = {mine:.2f}; one layer takes {one:.2f}."
    )


def depth_explorer() -> W.VBox:
    """Layers and distance at the start; live any of them."""
    controls = {
        "layers": W.IntSlider(3, min=1, max=20, description="layers"),
        "start": W.FloatLogSlider(
            4.0, base=10, min=-0.3, max=1.3, step=0.05, description="start", readout_format=".2g"
        ),
    }
    kernel_free = player(
        draw, Control("layers", "layers", LAYERS, first=2), Control("start", "start, in lengths", STARTS, first=1),
        size=SIZE, interval=900,
    )  # fmt: skip
    return explorer(kernel_free, Live(drawing(draw, SIZE), controls))
