"""Explorer: a start and a weight decay give a path over a landscape of two weights (the paper's Figs 1 and 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import ipywidgets as W
import numpy as np
from matplotlib.figure import Figure

from grokutil.figures.plot import COLORS, draw_path, landscape
from grokutil.toy import Array, descend, leaky_gradient, leaky_loss, product_gradient, product_loss
from grokutil.widgets.frames import frame
from grokutil.widgets.live import Live, Progress, explorer
from grokutil.widgets.player import Control, player

SIZE = (5.2, 2.9)
REACH = 3.2  # both weights are shown from -REACH to REACH
LOW = 0.05  # below this a loss counts as low
LOST = 100.0  # a weight this large does not come back
CHUNK = 3000  # steps between two pictures


@dataclass(frozen=True)
class Landscape:
    """A loss of two weights with zero-loss set Z.

    Attributes:
        title: what stands above its picture.
        loss: weights (..., 2) to (...,).
        gradient: weights (2,) and weight decay to the gradient (2,) of the cost.
        side: weights (..., 2) to a number (...,) that changes sign on Z.
        shortest: the points of Z of least norm, of each branch one.
        measured: what the squared distance from the shortest point is called, in the picture and in words; its colour.
        limit: weight decay to the learning rate from which on steps grow everywhere, where there is one.
        kink: whether the activation has a kink at w1 + w2 = 0.
    """

    title: str
    loss: Callable[[Array], Array]
    gradient: Callable[[Array, float], Array]
    side: Callable[[Array], Array]
    shortest: Sequence[tuple[float, float]]
    measured: tuple[str, str, str] = ("distance²", "squared distance from the shortest zero-loss point", "measurement")
    limit: Callable[[float], float] | None = None
    kink: bool = False

    def distance_squared(self, w: Array) -> Array:
        """Squared distance of weights (..., 2) from the nearest of the shortest points, (...,)."""
        return np.square(w[..., None, :] - np.array(self.shortest)).sum(-1).min(-1)


def _product(title: str, target: float, shortest: Sequence[tuple[float, float]]) -> Landscape:
    return Landscape(
        title,
        lambda w: product_loss(w, target),
        lambda w, ridge: product_gradient(w, target, ridge),
        lambda w: w.prod(-1) - target,
        shortest,
    )


LANDSCAPES = {
    "line": Landscape(
        "zero loss: $w_1 + w_2 = 2$",
        lambda w: leaky_loss(w, slope=1.0),
        lambda w, ridge: leaky_gradient(w, ridge=ridge, slope=1.0),
        lambda w: w.sum(-1) - 2,
        [(1.0, 1.0)],
        measured=("test loss", "test loss", "test"),
        limit=lambda ridge: 1 / (2 + ridge),
    ),
    "curved": _product("zero loss: $w_1 w_2 = 1$", 1.0, [(1.0, 1.0), (-1.0, -1.0)]),
    "singular": _product("zero loss: $w_1 w_2 = 0$", 0.0, [(0.0, 0.0)]),
    "kink": Landscape(
        "leaky ReLU, kink dashed",
        leaky_loss,
        lambda w, ridge: leaky_gradient(w, ridge=ridge),
        lambda w: np.sqrt(leaky_loss(w)) * np.where(w.sum(-1) > 2, 1, -1),
        [(1.0, 1.0)],
        kink=True,
    ),
}
NAMES = {
    "line (Fig. 1)": "line",
    "curved (Fig. 3, left)": "curved",
    "singular point (Fig. 3, centre)": "singular",
    "leaky ReLU (Fig. 3, right)": "kink",
}

START = (-1.0, 1.0)  # of the kernel-free face, as in Fig. 1
RIDGES = (0.0, 0.01, 0.05, 0.2, 0.5)


def first_low(values: Array) -> int | None:
    """The first step with a value below 0.05; None if there is none."""
    low = np.flatnonzero(values < LOW)
    return int(low[0]) if len(low) else None


def draw_run(figure: Figure, path: Array, ridge: float, name: str = "line", steps: int = 3000) -> str:
    """A path (K + 1, 2) over its landscape, and its losses against the step, on axes for all ``steps``."""
    scene = LANDSCAPES[name]
    left, right = figure.subplots(1, 2)
    landscape(left, scene.side, (-REACH, REACH), (-REACH, REACH))
    if scene.kink:
        left.plot([-REACH, REACH], [REACH, -REACH], "--", color=COLORS["theory"], linewidth=0.8)
    draw_path(left, path, COLORS["measurement"])
    left.plot(*np.transpose(scene.shortest), "+", color=COLORS["theory"], markersize=9, zorder=6)
    left.set(xlabel="$w_1$", title=scene.title, xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    left.set_ylabel("$w_2$", labelpad=-4)

    told = []
    curves = (("train loss", "train loss", "train", scene.loss(path)), (*scene.measured, scene.distance_squared(path)))
    for line, (label, words, color, values) in enumerate(curves):
        right.plot(np.arange(1, len(path)), values[1:], color=COLORS[color])
        moment = first_low(values)
        if moment:  # step 0 has no place on a logarithmic axis
            left.plot(*path[moment], "o", color=COLORS[color], markersize=4.5, zorder=7)
            right.plot(moment, values[moment], "o", color=COLORS[color], markersize=6, clip_on=False)
        when = "not low" if moment is None else f"low at {moment}"
        right.text(
            0.99,
            1 - 0.11 * line,
            f"{label} {when}",
            color=COLORS[color],
            ha="right",
            va="top",
            transform=right.transAxes,
        )
        told.append(
            f"{words} " + ("does not fall below 0.05" if moment is None else f"is below 0.05 from step {moment}")
        )
    right.axhline(LOW, color=COLORS["faint"], linewidth=0.6)
    right.set(
        xscale="log", yscale="log", xlim=(1, steps), ylim=(1e-5, 3e2), xlabel="step", title=f"weight decay {ridge:.3g}"
    )
    right.set_yticks([1e-4, 1e-2, 1])
    return (
        f"A path from {_point(path[0])} over the landscape {name} with weight decay {ridge:.3g}: after "
        f"{len(path) - 1} steps the weights are {_point(path[-1])}. The {told[0]}; the {told[1]}."
    )


def draw(figure: Figure, ridge: float, start: tuple[float, float] = START) -> str:
    """A frame of the kernel-free face: Fig. 1's line, learning rate 0.1, 3000 steps."""
    return draw_run(figure, descend(lambda w: LANDSCAPES["line"].gradient(w, ridge), start, 0.1, 3000), ridge)


def compute(w1: float, w2: float, ridge: float, learning_rate: float, landscape: str, steps: int) -> Iterator[Progress]:
    """The live face: the path grows by 3000 steps a picture; a path that runs away ends in a sentence."""
    scene = LANDSCAPES[landscape]

    def gradient(w: Array) -> Array:
        return scene.gradient(w, ridge) if np.abs(w).max() < LOST else np.zeros(2)  # waits where it is lost

    path = np.array([[w1, w2]])
    while len(path) <= steps:
        more = descend(gradient, path[-1], learning_rate, min(CHUNK, steps + 1 - len(path)))
        path = np.vstack((path, more[1:]))
        lost = np.flatnonzero(np.abs(path).max(1) >= LOST)
        if len(lost):
            path = path[: lost[0] + 1]
        done = (len(path) - 1) / steps
        yield Progress(done, frame(draw_run, SIZE, path=path, ridge=ridge, name=landscape, steps=steps))
        if len(lost):
            raise ValueError(
                f"With learning rate {learning_rate:.3g} each step overshoots by more than the one before: after "
                f"{lost[0]} steps a weight is larger than {LOST:g}. Take a smaller learning rate"
                + (f", below {scene.limit(ridge):.3g}." if scene.limit else ".")
            )


def warn(ridge: float, learning_rate: float, landscape: str, steps: int, **_: float) -> str:
    """What to know before a run."""
    limit = LANDSCAPES[landscape].limit
    if limit and learning_rate >= limit(ridge):
        return f"Learning rates from 1 / (2 + λ) = {limit(ridge):.3g} on do not settle here."
    if steps * learning_rate * ridge < 0.5:
        return (
            f"{steps} steps of this size last λ η steps = {steps * learning_rate * ridge:.2g} on the slow clock: "
            "the path will not go far along the zero-loss set."
        )
    return ""


def toy_descent() -> W.VBox:
    """Weight decay; live also the start, the landscape, the learning rate and the number of steps."""
    controls = {
        "landscape": W.Dropdown(options=NAMES, description="landscape"),
        "w1": W.FloatSlider(-1.0, min=-3, max=3, step=0.1, description="start w₁"),
        "w2": W.FloatSlider(1.0, min=-3, max=3, step=0.1, description="start w₂"),
        "ridge": W.FloatLogSlider(0.01, min=-4, max=0, step=0.05, description="weight decay λ", readout_format=".3g"),
        "learning_rate": W.FloatLogSlider(
            0.1, min=-3, max=0, step=0.05, description="learning rate η", readout_format=".3g"
        ),
        "steps": W.Dropdown(options=[300, 3000, 30_000], value=3000, description="steps"),
    }
    ridges = Control("ridge", "weight decay λ", RIDGES, first=RIDGES.index(0.01))
    live = Live(compute, controls, warn, face="descent")
    return explorer(player(draw, ridges, size=SIZE, interval=900), live)


def _point(w: Array) -> str:
    return "(" + ", ".join(f"{x:.2f}".rstrip("0").rstrip(".") for x in np.round(w, 2) + 0.0) + ")"
