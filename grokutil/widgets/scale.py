"""Explorer: two weights from a start far out. All starts run along one path; a larger one enters it farther out."""

from __future__ import annotations

import math

import ipywidgets as W
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from grokutil.figures.plot import COLORS, label_end
from grokutil.widgets.live import Live, drawing, explorer
from grokutil.widgets.player import Control, player

SIZE = (5.6, 2.9)
SCALES, LEARNT = (2, 4, 8, 16, 30), 0.5  # the ratio of the weights at which the network has learnt
END = 2.6  # of the slow clock


def weights(s: np.ndarray, alpha: float, y: float = 1.0) -> np.ndarray:
    r"""The slow flow on :math:`w_1 w_2 = y` from the start :math:`(\alpha, 0)`, (S, 2).

    .. math:: w_1^2 - w_2^2 = \beta = \alpha^2 e^{-4s}, \qquad w_1^2 + w_2^2 = \sqrt{\beta^2 + 4 y^2}
    """
    beta = alpha**2 * np.exp(-4 * np.asarray(s))
    first = np.sqrt((np.hypot(beta, 2 * y) + beta) / 2)
    return np.stack((first, y / first), axis=-1)


def learnt_at(alpha: float, y: float = 1.0) -> float:
    r"""When :math:`w_2 = w_1 / 2`: :math:`s = \frac12 \ln \alpha - \frac14 \ln \frac{3 y}{2}`, but not before 0."""
    return max(0.0, 0.5 * math.log(alpha) - 0.25 * math.log(y * (1 - LEARNT**2) / LEARNT))


def draw(figure: Figure, alpha: float, y: float = 1.0) -> str:
    """The path in the plane of the weights, and the ratio of the weights against slow time, with the other scales."""
    left, right = figure.subplots(1, 2)
    time = learnt_at(alpha, y)
    s = np.linspace(0, max(END, time + 1), 261)
    path = weights(s, alpha, y)
    far = np.geomspace(y**0.5, 1.15 * max(alpha, 2), 200)
    left.loglog(far, y / far, color=COLORS["faint"], linewidth=3, alpha=0.5)
    left.loglog(*path.T, color=COLORS["measurement"])
    left.loglog(*path[0], "o", color=COLORS["measurement"])
    left.loglog(*path[-1], "s", color=COLORS["theory"], markersize=4)
    left.set(xlabel="$w_1$", ylabel="$w_2$", title="the path, from the dot")
    subs = (1, 2, 5) if alpha < 50 else (1,)
    for axis in (left.xaxis, left.yaxis):
        axis.set(major_locator=LogLocator(subs=subs), minor_formatter=NullFormatter())
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))

    for other in SCALES:
        ratio = weights(s, other, y)
        right.plot(s, ratio[:, 1] / ratio[:, 0], color=COLORS["faint"], linewidth=0.8)
    right.plot(s, path[:, 1] / path[:, 0], color=COLORS["measurement"], linewidth=2)
    right.plot(time, weights(np.array(time), alpha, y)[1] / weights(np.array(time), alpha, y)[0], "o",
               color=COLORS["measurement"])  # fmt: skip
    right.axhline(LEARNT, color=COLORS["theory"], linewidth=0.7, linestyle=":")
    label_end(right, s[-1], LEARNT, " learnt", COLORS["theory"])
    right.set(xlabel="slow time $s$", ylabel="$w_2 / w_1$", title=rf"$\alpha = {alpha:g}$", ylim=(0, 1.05))
    return (
        f"From the start ({alpha:g}, 0), target {y:g}: w2 is half of w1 at slow time {time:.2f}; half the logarithm of "
        f"{alpha:g} is {0.5 * math.log(alpha):.2f}. The path enters the curve of zero loss at w1 = {path[0, 0]:.1f} "
        f"and follows it to equal weights; the curves of the other scales have the same shape, moved in time."
    )


def scale() -> W.VBox:
    """The scale of the start; live any scale and target."""
    controls = {
        "alpha": W.FloatLogSlider(8.0, base=10, min=0.2, max=3, step=0.05, description="scale"),
        "y": W.FloatSlider(1.0, min=0.2, max=4, step=0.2, description="target y"),
    }
    kernel_free = player(draw, Control("alpha", "scale", SCALES, first=1), size=SIZE, interval=900)
    return explorer(kernel_free, Live(drawing(draw, SIZE), controls))
