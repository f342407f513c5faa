"""Explorer: two weights on a parabola, and where label noise, a large learning rate and unequal speeds take them."""

from __future__ import annotations

import functools

import ipywidgets as W
import numpy as np
from matplotlib.figure import Figure

from grokutil.destinations import destination, trained
from grokutil.figures.plot import COLORS, draw_path
from grokutil.toy import Array
from grokutil.widgets.live import Live, drawing, explorer
from grokutil.widgets.player import Control, player

SIZE = (5.6, 2.9)
FRACTION = (0.5, 1.0)
PRACTICES = ("label noise", "learning rate", "speeds")
LETTERS = {"label noise": r"$\gamma$", "learning rate": r"$\eta$", "speeds": "$a$"}
RANGES = {"label noise": (0.0, 1.0), "learning rate": (0.05, 0.3)}
SPEEDS = (1 / 3, 3.0)


def strength(practice: str, dial: float) -> float:
    """What the dial, from 0 to 1, stands for: a ratio, a learning rate, or a speed (on a logarithmic scale)."""
    if practice == "speeds":
        low, high = SPEEDS
        return low * (high / low) ** dial
    low, high = RANGES[practice]
    return low + dial * (high - low)


@functools.lru_cache(maxsize=64)
def course(practice: str, dial: float) -> tuple[Array, Array]:
    """Times (T,) and the path (T, 2)."""
    run = trained(practice, strength(practice, dial))
    return run.times, np.array([state.numpy() for state in run.states])


def draw(figure: Figure, dial: float, practice: str) -> str:
    """The parabola of zero loss with the path of training; and the square of the first weight against time."""
    times, path = course(practice, dial)
    value, end = strength(practice, dial), destination(practice, strength(practice, dial))
    left, right = figure.subplots(1, 2)
    w1 = np.linspace(-0.35, 1.6, 200)
    left.plot(w1, w1**2 - 2, color=COLORS["faint"], linewidth=1)
    angle = np.linspace(0, 2 * np.pi, 200)
    for radius in (0.75**0.5, 1.75**0.5, 2.0):  # the circle through the shortest weights is the second
        left.plot(radius * np.cos(angle), radius * np.sin(angle), ":", color=COLORS["faint"], linewidth=0.7)
    draw_path(left, path, COLORS["train"])
    left.plot(end**0.5, end - 2, "o", color=COLORS["measurement"], markersize=11, fillstyle="none", zorder=6)
    left.set(xlim=(-0.4, 1.6), ylim=(-2.2, 0.4), xlabel="$w_1$", title=f"{practice}, {LETTERS[practice]} = {value:.3g}")
    left.set_ylabel("$w_2$", labelpad=-2)
    right.axhline(end, color=COLORS["measurement"], linestyle="--", linewidth=1)
    right.plot(times, path[:, 0] ** 2, color=COLORS["train"])
    right.set(xlim=(0, times[-1]), ylim=(-0.05, 2.05), xlabel="$s$", title="$w_1^2$")
    return (
        f"{practice} {value:.3g}: training goes along the parabola from w1 = {path[0, 0]:.2f} to {path[-1, 0]:.3f}, "
        f"where w1 squared is {path[-1, 0] ** 2:.3f}; the formula says {end:.3f}. The shortest weights are at 1.5, the "
        f"flattest at 0."
    )


def destinations() -> W.VBox:
    """How one trains, and how strongly; live any strength between."""
    controls = {
        "practice": W.Dropdown(options=PRACTICES, description="practice"),
        "dial": W.FloatSlider(0.5, min=0, max=1, step=0.01, description="strength"),
    }
    step = Control("dial", "strength", FRACTION, first=0)
    kernel_free = player(draw, step, Control("practice", "practice", PRACTICES), size=SIZE, interval=900)
    return explorer(kernel_free, Live(drawing(draw, SIZE), controls, face="destinations"))
