"""Explorer: two weights in a valley, the forces on them, and how far training is from the slow flow."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import ipywidgets as W
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from grokutil.checks import positive
from grokutil.constraints import ZeroLossManifold
from grokutil.figures.plot import COLORS, draw_arrow, draw_path, landscape
from grokutil.gradient_flow import fall, slow_flow, training_flow
from grokutil.toy import Array
from grokutil.widgets.live import Live, drawing, explorer
from grokutil.widgets.player import Control, player

UNTIL, RECORDS, LANDED = 2.0, 160, 60.0  # slow time, records, time after which every fall is over
TIMES = UNTIL * np.linspace(0, 1, RECORDS + 1) ** 3  # the fall and the slide both have room
SIZE = (5.4, 2.8)
RIDGES = (1.0, 0.3, 0.1, 0.03)
MOMENT = 96  # of the records, the one that is drawn beforehand


class Valley(NamedTuple):
    """An output of two weights, its target, and what is seen of the plane."""

    output: Callable[[Tensor], Tensor]
    target: float
    limits: tuple[tuple[float, float], tuple[float, float]]

    def residual(self, w: Array) -> Array:
        """The output at weights (..., 2), less the target: (...,)."""
        return self.output(torch.from_numpy(np.moveaxis(w, -1, 0))).numpy() - self.target

    def manifold(self) -> ZeroLossManifold:
        """The set of zero loss."""
        return ZeroLossManifold(lambda w: self.output(w)[None], torch.tensor([self.target], dtype=torch.float64))


SQUARE = ((-2.8, 2.8), (-2.8, 2.8))
VALLEYS = {
    "y = x²": Valley(lambda w: w[1] - w[0] ** 2, 0.0, ((-1.7, 1.7), (-0.7, 2.7))),
    "w₁ w₂ = 1": Valley(lambda w: w[0] * w[1], 1.0, SQUARE),
    "w₁ w₂ = 0": Valley(lambda w: w[0] * w[1], 0.0, SQUARE),
}


class Course(NamedTuple):
    """Training and slow flow (T, 2) on the same slow times, and their distance (T,), the fall taken into account."""

    training: Array
    slow: Array
    distance: Array


@functools.lru_cache(maxsize=16)
def course(valley: str, start: tuple[float, float], ridge: float) -> Course:
    r"""Training from a start, the slow flow from where the fall lands, and how far they part beside the fall.

    .. math:: \| \theta(s / \lambda) - \zeta(s) - (\hat\theta(s / \lambda) - \Phi(\theta_0)) \| .

    Args:
        valley: a key of ``VALLEYS``.
        start: the two weights at time zero, on the zero-loss set or off it.
        ridge: :math:`\lambda`, positive.

    Raises:
        SingularPointError: a singular point on the way.
        ValueError: ridge not positive, or SciPy gives up.

    Source: the chapter on the slow flow, Theorem B and its corollary off the manifold; paper, eq. 3.
    """
    Z, theta = VALLEYS[valley].manifold(), torch.tensor(start, dtype=torch.float64)
    Z.multiplier(theta)  # a singular start is refused
    clock = [*(TIMES / positive("ridge", ridge)), UNTIL / ridge + LANDED]
    down = torch.stack(fall(Z, theta, clock, rtol=1e-8).states).numpy()
    slow = torch.stack(slow_flow(Z, torch.from_numpy(down[-1]), TIMES).states).numpy()
    training = torch.stack(training_flow(Z, theta, ridge, TIMES).states).numpy()
    distance = np.linalg.norm(training - slow - (down[:-1] - down[-1]), axis=1)
    return Course(training, slow, distance)


def draw(
    figure: Figure, ridge: float, moment: int = MOMENT, valley: str = "y = x²", x: float = 1.1, y: float = 2.3
) -> str:
    """The plane with the forces at a moment, and the distance of training from the slow flow over the weight decay."""
    scene, run = VALLEYS[valley], course(valley, (x, y), ridge)
    Z, (theta, ghost) = scene.manifold(), (run.training[moment], run.slow[moment])
    at = torch.from_numpy(theta)
    loss, decay = -Z.loss_gradient(at).numpy(), -2 * ridge * theta
    fast = float(Z.residual(at) + ridge * Z.multiplier(at))
    left, right = figure.subplots(1, 2)
    landscape(left, scene.residual, *scene.limits, levels=5)
    draw_path(left, run.training[: moment + 1], COLORS["train"])
    left.plot(*ghost, "o", color=COLORS["measurement"], markersize=10, fillstyle="none", zorder=6)
    left.plot(x, y, "o", color=COLORS["train"], markersize=4)
    forces = {"test": loss, "layer 2": decay, "layer 1": loss + decay}
    scale = 0.22 * np.ptp(scene.limits[0]) / max(np.linalg.norm(force) for force in forces.values())
    for color, force in forces.items():
        draw_arrow(left, theta, scale * force, COLORS[color])
    left.set(title=f"weight decay {ridge:.3g}")
    right.plot(TIMES, run.distance / ridge, color=COLORS["measurement"])
    right.plot(TIMES[moment], run.distance[moment] / ridge, "o", color=COLORS["measurement"], clip_on=False)
    right.set(xlim=(0, UNTIL), xlabel="$s$", title="distance / weight decay")
    right.set_ylim(bottom=0)
    return (
        f"{valley}, weight decay {ridge:.3g}, s = {TIMES[moment]:.3g}: the weights are "
        f"({theta[0]:.2f}, {theta[1]:.2f}), the ghost of the slow flow ({ghost[0]:.2f}, {ghost[1]:.2f}). "
        f"The pull of the loss is {np.linalg.norm(loss):.2g}, weight decay {np.linalg.norm(decay):.2g}, their sum "
        f"{np.linalg.norm(loss + decay):.2g}; the fast variable is {fast:.1g}. Distance from slow flow and fall: "
        f"{run.distance[moment] / ridge:.2g} times the weight decay, at most {run.distance.max() / ridge:.2g} times."
    )


def valley() -> W.VBox:
    """Weight decay; live also the time, the shape of the valley and the start."""
    controls = {
        "valley": W.Dropdown(options=list(VALLEYS), description="valley"),
        "x": W.FloatSlider(1.1, min=-2.8, max=2.8, step=0.05, description="start, across"),
        "y": W.FloatSlider(2.3, min=-2.8, max=2.8, step=0.05, description="start, up"),
        "ridge": W.FloatLogSlider(0.1, min=-3, max=0, step=0.05, description="weight decay λ", readout_format=".3g"),
        "moment": W.IntSlider(MOMENT, min=0, max=RECORDS, description="moment"),
    }
    live = Live(drawing(draw, SIZE), controls, face="valley")
    ridges = Control("ridge", "weight decay λ", RIDGES, first=RIDGES.index(0.1))
    return explorer(player(draw, ridges, size=SIZE, interval=500), live)
