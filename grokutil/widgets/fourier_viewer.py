"""Explorer: the Fourier features of an embedding along a run: a circle, the spectrum, the hidden units."""

from __future__ import annotations

import functools
from typing import NamedTuple

import ipywidgets as W
import numpy as np
from matplotlib.figure import Figure

from grokutil.figures.plot import COLORS, circle_order, draw_circle
from grokutil.fourier import circle, fourier_features, leading_frequencies
from grokutil.runs.trajectory import Trajectory
from grokutil.widgets.live import Live, drawing, explorer
from grokutil.widgets.player import Control, player

SIZE = (6.4, 2.7)
TIMES = 5  # of the kernel-free face, at the frequency that is strongest at the end
CLOCKS = {"tau": "τ", "steps": "step"}


class Features(NamedTuple):
    """What a frame shows of a state: F_k at the frequency k, (d_h,) complex; sizes |F_k|^2 of all; circle (p, 2)."""

    F_k: np.ndarray
    powers: np.ndarray
    points: np.ndarray


def measured(run: Trajectory, index: int, k: int) -> Features:
    """The features of a state of the run."""
    E = run.states[index]
    F = fourier_features(E)
    return Features(F[k - 1].numpy(), F.abs().square().sum(1).numpy(), circle(E, k).numpy())


def draw(figure: Figure, run: Trajectory, k: int, time: float) -> str:
    """A frame: frequency k of the state recorded at ``time``."""
    index = int(np.abs(run.times - time).argmin())
    F_k, powers, points = measured(run, index, k)
    ring, spectrum, units = figure.subplots(1, 3)
    when = f"{CLOCKS.get(run.clock, run.clock)} = {run.times[index]:g}"
    draw_circle(ring, points, circle_order(len(points), k), 0)
    ring.set_title(f"circle of k = {k}, {when}")

    share = powers / powers.sum()
    colors = [COLORS["layer 1"] if j == k else COLORS["faint"] for j in range(1, len(share) + 1)]
    spectrum.bar(range(1, len(share) + 1), share, color=colors)
    spectrum.set(ylim=(0, max(2.5 / len(share), 1.1 * share.max())), xlabel="frequency", title="share of the power")

    units.scatter(F_k.real, F_k.imag, s=5, color=COLORS["layer 1"], linewidths=0)
    reach = 1.05 * max(np.abs(state_extent(run, k)), 1e-12)
    units.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[0], yticks=[0])
    units.set(xlabel="Re", ylabel="Im", title="hidden units")

    radii = np.linalg.norm(points, axis=1)
    size = np.abs(F_k) ** 2
    half = int((np.cumsum(np.sort(size)[::-1]) < size.sum() / 2).sum()) + 1
    return (
        f"Frequency {k} at {when}. The radii of the {len(points)} numbers in its plane lie between {radii.min():.2f} "
        f"and {radii.max():.2f}. It has {share[k - 1]:.3f} of the power of all {len(share)} frequencies. "
        f"{half} of {len(size)} hidden units hold half of its power."
    )


@functools.lru_cache(maxsize=64)
def state_extent(run: Trajectory, k: int) -> float:
    """Largest modulus of an entry of F_k along the run: the axes of all its frames."""
    return max(float(fourier_features(E)[k - 1].abs().max()) for E in run.states)


def fourier_viewer(run: Trajectory) -> W.VBox:
    """Time; live: every time and frequency.

    Args:
        run: states are embeddings (p, d_h), p odd.
    """
    (strongest,) = leading_frequencies(run.states[-1], 1)
    clock = CLOCKS.get(run.clock, run.clock)
    every = Control("time", clock, run.times.tolist())
    some = sorted({round(i) for i in np.linspace(0, len(run.times) - 1, TIMES)})
    time = Control("time", clock, run.times[some].tolist(), first=max(0, len(some) - 2))
    controls = {
        "k": W.IntSlider(strongest, min=1, max=(len(run.states[-1]) - 1) // 2, description="frequency k"),
        "time": W.SelectionSlider(options=every.options(), index=len(run.times) - 1, description=clock),
    }

    def live_draw(figure: Figure, k: int, time: int) -> str:
        return draw(figure, run, k, run.times[time])

    live = Live(drawing(live_draw, SIZE), controls, face="fourier")
    return explorer(player(draw, time, size=SIZE, fixed={"run": run, "k": strongest}), live)
