"""Explorer: two weights, two margins, and how far training with cross-entropy is from its limit, by weight decay."""

from __future__ import annotations

import functools
import math

import ipywidgets as W
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from grokutil.figures.plot import COLORS, draw_path
from grokutil.sweeping import MarginProblem, margin_training, sweeping_flow
from grokutil.toy import Array
from grokutil.widgets.live import Live, drawing, explorer
from grokutil.widgets.player import Control, player

UNTIL, RECORDS, STEP = 1.2, 120, 5e-3  # slow time, records, step of the limit
TIMES = np.linspace(0, UNTIL, RECORDS + 1)
SIZE = (5.4, 2.8)
SCALES = (5, 20, 80)
MOMENTS = (22, 50)  # of the records: where training meets the first wall, and where it rests
REACH = (3.2, 2.2)


def corner_margins(w: Tensor) -> Tensor:
    """The two margins :math:`w_1 w_2` and :math:`w_1^2 / 2.25`, of degree 2, at weights (2,)."""
    return torch.stack((w[0] * w[1], w[0] ** 2 / 2.25))


CORNER = MarginProblem(corner_margins, 2)


@functools.lru_cache(maxsize=32)
def limit_of(start: tuple[float, float]) -> Array:
    """The limit from a start, (T, 2) at ``TIMES``; errors as for :func:`course`."""
    theta = torch.tensor(start, dtype=torch.float64)
    return torch.stack(sweeping_flow(CORNER, theta, TIMES, STEP).states).numpy()


@functools.lru_cache(maxsize=32)
def course(scale: float, start: tuple[float, float]) -> tuple[Array, Array]:
    r"""Training at a scale of the logits, in its units, and the limit: both (T, 2) at ``TIMES``.

    Args:
        scale: :math:`\ell`, the logarithm of one over the weight decay.
        start: the two weights at time zero, in the units of training, with both margins at least one.

    Raises:
        ValueError: a start with a margin below one, a scale that is not positive, or SciPy gives up.
    """
    limit, theta = limit_of(start), torch.tensor(start, dtype=torch.float64)
    return torch.stack(margin_training(CORNER, theta, scale, TIMES).states).numpy(), limit


def draw(figure: Figure, scale: float, moment: int, x: float = 3.0, y: float = 0.8) -> str:
    """The region where both margins are at least one with both paths, and their distance times the scale."""
    training, limit = course(scale, (x, y))
    left, right = figure.subplots(1, 2)
    across, beyond, up = np.linspace(0.5, REACH[0], 200), np.linspace(1.5, REACH[0], 100), REACH[1]
    left.fill_between(beyond, 1 / beyond, up, color=COLORS["faint"], alpha=0.25, linewidth=0)
    left.plot(across, 1 / across, color=COLORS["faint"], linewidth=0.8)
    left.axvline(1.5, color=COLORS["faint"], linewidth=0.8)
    left.plot(*limit[: moment + 1].T, color=COLORS["theory"], linewidth=2.6, alpha=0.35)
    left.plot(*limit[moment], "o", color=COLORS["measurement"], markersize=10, fillstyle="none", zorder=6)
    draw_path(left, training[: moment + 1], COLORS["train"])
    left.set(xlim=(0.5, REACH[0]), ylim=(0, up), xlabel="$w_1$", title=f"scale {scale:g}, $s$ = {TIMES[moment]:.2f}")
    left.set_ylabel("$w_2$", labelpad=-2)
    distance = scale * np.linalg.norm(training - limit, axis=1)
    right.plot(TIMES, distance, color=COLORS["measurement"])
    right.plot(TIMES[moment], distance[moment], "o", color=COLORS["measurement"], clip_on=False)
    right.set(xlim=(0, UNTIL), xlabel="$s$", title="distance × scale")
    right.set_ylim(bottom=0)
    q = corner_margins(torch.from_numpy(training[moment])).tolist()
    held = corner_margins(torch.from_numpy(limit[moment])).tolist()
    names = [name for name, margin in zip(("product", "square"), held, strict=True) if margin < 1 + 1e-4]
    return (
        f"Scale {scale:g}, weight decay {math.exp(-scale):.1g}, s = {TIMES[moment]:.2f}: training is at "
        f"({training[moment, 0]:.2f}, {training[moment, 1]:.2f}) with margins {q[0]:.3f} and {q[1]:.3f}, the limit at "
        f"({limit[moment, 0]:.2f}, {limit[moment, 1]:.2f}), held by {' and '.join(names) or 'no margin'}. Their "
        f"distance is {distance[moment]:.2g} over the scale, at most {distance.max():.2g}."
    )


def margin_explorer() -> W.VBox:
    """Time and scale; live also the start."""
    controls = {
        "scale": W.FloatLogSlider(
            10, base=10, min=0.5, max=2.3, step=0.05, description="scale ℓ", readout_format=".3g"
        ),
        "x": W.FloatSlider(3.0, min=1.5, max=3.2, step=0.05, description="start, across"),
        "y": W.FloatSlider(0.8, min=0.3, max=2.2, step=0.05, description="start, up"),
        "moment": W.IntSlider(50, min=0, max=RECORDS, description="moment"),
    }
    live = Live(drawing(draw, SIZE), controls, face="margins")
    moments = Control("moment", "slow time s", MOMENTS, [f"{TIMES[k]:.2f}" for k in MOMENTS])
    scales = Control("scale", "scale ℓ", SCALES, first=1)
    return explorer(player(draw, scales, moments, size=SIZE, interval=500), live)
