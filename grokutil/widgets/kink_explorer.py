"""Explorer: the pre-activations of one hidden unit from step to step, and which of them slide on zero."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import ipywidgets as W
import numpy as np
import torch
from matplotlib.figure import Figure

from grokutil.checks import integer
from grokutil.data import modular_addition
from grokutil.figures.plot import COLORS
from grokutil.kinks import sliding_kinks
from grokutil.runs.trajectory import Trajectory
from grokutil.train import gradient_descent, ridge_from_weight_decay
from grokutil.widgets.frames import frame
from grokutil.widgets.live import Live, Progress, explorer
from grokutil.widgets.player import Control, player

SIZE = (6.4, 2.9)
P, N_TRAIN, WIDTH, DECAY = 11, 59, 128, 1e-4  # Appendix D; the learning rate is 1
EPSILON = 1e-3
UNIT, STEPS = 18, (300, 1000, 3000, 10_000, 30_000)  # of the kernel-free face
PAST, NEXT = 20, 40  # steps before and after the one that is looked at
CHUNK = 2000  # steps between two answers to Stop: a fifth of a second


class Look(NamedTuple):
    """A run around a step: when (T,), the pre-activations (T, n, d_h), and the pairs (n, d_h) that slide."""

    steps: np.ndarray
    Z: np.ndarray
    slides: np.ndarray


def look(run: Trajectory, X: torch.Tensor, Y: torch.Tensor, step: int) -> Look:
    """The states of ``run`` around ``step``; kinks from the twenty states up to it, nothing later."""
    around = (run.times > step - PAST) & (run.times <= step + NEXT)
    states = [state for state, inside in zip(run.states, around, strict=True) if inside]
    steps = run.times[around].astype(int)
    past = [state for state, k in zip(states, steps, strict=True) if k <= step]
    slides = sliding_kinks(past, X, Y, ridge_from_weight_decay(DECAY, *Y.shape), epsilon=EPSILON)
    return Look(steps, torch.stack([X @ W1 for W1, _ in states]).numpy(), slides.numpy())


@functools.cache
def looks() -> dict[int, Look]:
    """The kernel-free face: seed 0 around each of ``STEPS``."""
    task = modular_addition(P, train_size=N_TRAIN, seed=0)
    times = sorted({0, *(k + j for k in STEPS for j in range(1 - PAST, NEXT + 1))})
    run = gradient_descent(task, times=times, progress=False)
    return {step: look(run, task.X_train, task.Y_train, step) for step in STEPS}


def draw_look(figure: Figure, seen: Look, unit: int, step: int) -> str:
    """All pre-activations of a unit, and those near zero magnified."""
    Z, slides = seen.Z[:, :, unit], seen.slides[:, unit]
    near = (np.abs(Z[seen.steps <= step][-PAST:].mean(0)) <= EPSILON) & ~slides
    wide, zoom = figure.subplots(1, 2)
    for ax, lines in ((wide, 0.8), (zoom, 1.0)):
        ax.plot(seen.steps, Z[:, ~slides], color=COLORS["faint"], linewidth=lines)
        ax.plot(seen.steps, Z[:, slides], color=COLORS["measurement"], linewidth=lines)
        ax.axvline(step, color=COLORS["theory"], linewidth=0.7)
        ax.set(xlim=(step - PAST, step + NEXT), xticks=[step], xlabel="step")
    wide.set(ylim=(-0.8, 0.8), title=f"unit {unit}: all {len(slides)} pre-activations")
    zoom.axhspan(-EPSILON, EPSILON, color=COLORS["other"], alpha=0.25, linewidth=0)
    zoom.set(ylim=(-6 * EPSILON, 6 * EPSILON), yticks=[-EPSILON, 0, EPSILON], yticklabels=["-0.001", "0", "0.001"])
    zoom.set_title(f"{slides.sum()} slide on zero", color=COLORS["measurement"])
    turns = int((np.diff(Z > 0, axis=0)[:, slides]).sum())
    return (
        f"Unit {unit} around step {step}: of {len(slides)} pre-activations {int((Z[PAST - 1] > 0).sum())} are "
        f"positive, {slides.sum()} slide on zero and {near.sum()} more are within 0.001 of it. The sliding ones change "
        f"sign {turns} times in {len(Z)} steps. The others lie between {Z.min():.2f} and {Z.max():.2f}."
    )


def draw(figure: Figure, step: int, unit: int = UNIT) -> str:
    """A frame of the kernel-free face."""
    return draw_look(figure, looks()[step], unit, step)


def compute(unit: int, step: int, seed: int) -> Iterator[Progress]:
    """The live face: train a network to a step, and look at a unit there.

    Raises:
        ValueError: a unit, a step or a seed that does not exist.
    """
    if integer("unit", unit, 0) >= WIDTH:
        raise ValueError(f"unit {unit} does not exist; the network has units 0 to {WIDTH - 1}")
    integer("step", step, PAST)
    task, first = modular_addition(P, train_size=N_TRAIN, seed=seed), step - PAST
    times = [*range(0, first, CHUNK), *range(first, step + NEXT + 1)]
    run = gradient_descent.begin(task, width=WIDTH, seed=seed, times=times)
    for reached, _, recorded in run:
        if recorded and 0 < reached <= first:
            yield Progress(reached / (step + NEXT), note=f"trained to step {reached:.0f}")
    seen = look(run.trajectory(), task.X_train, task.Y_train, step)
    yield Progress(1.0, frame(draw_look, SIZE, seen=seen, unit=unit, step=step))


def kink_explorer() -> W.VBox:
    """Step; live any unit, step and seed."""
    controls = {
        "unit": W.IntSlider(0, min=0, max=WIDTH - 1, description="unit"),
        "step": W.IntText(10_000, description="step", layout=W.Layout(width="12em")),
        "seed": W.IntText(1, description="seed", layout=W.Layout(width="12em")),
    }
    step = Control("step", "step", STEPS, first=STEPS.index(10_000))
    return explorer(player(draw, step, size=SIZE, interval=700), Live(compute, controls, face="kinks"))
