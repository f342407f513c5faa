"""Explorer: one step slider through a training run: loss, accuracy, norms and a circle of the embedding together."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import ipywidgets as W
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from grokutil.activations import ACTIVATIONS
from grokutil.checks import integer, non_negative, positive
from grokutil.data import modular_addition
from grokutil.figures.plot import COLORS, numbered_ring
from grokutil.fourier import circle
from grokutil.measure import learning_curves
from grokutil.train import gradient_descent, slow_time
from grokutil.widgets.frames import frame
from grokutil.widgets.live import Course, Live, Progress, explorer, now_and_then, paced
from grokutil.widgets.player import Control, player

SIZE = (4.6, 3.8)
P, N_TRAIN = 11, 59  # the task of Appendix D
STEPS = (1, 30, 200, 2000, 10_000, 30_000)
RECORDS = 80  # points on a curve, at equal ratios of steps
LOST = 1e3  # a mean squared error this large does not come back
SLOW = 20  # seconds
WIDEST = 2000
RADIUS, LOSS, NORM = 1.6, 1e-4, 80.0  # what the axes show at least


class Record(NamedTuple):
    """What a run has shown so far, one entry a record.

    ``losses`` and ``accuracies`` are pairs (train, test), ``norms`` squared norms of (layer 1, layer 2).
    """

    steps: list[int]
    losses: list[tuple[float, float]]
    accuracies: list[tuple[float, float]]
    norms: list[tuple[float, float]]
    embeddings: list[Tensor]


def follow(
    activation: str, seed: int, learning_rate: float, weight_decay: float, width: int, marks: Sequence[int]
) -> Iterator[tuple[int, Record]]:
    """Train, with a yield of (step, record) at each of ``marks`` and at least every 0.25 s; the record grows.

    Raises:
        ValueError: a choice that cannot be, or a run whose steps overshoot.
    """
    task, sigma = modular_addition(P, train_size=N_TRAIN, seed=seed), ACTIVATIONS[activation]
    run = gradient_descent.begin(
        task,
        width=width,
        activation=sigma,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        seed=seed,
        times=[0, *marks],
    )
    record = Record([], [], [], [], [])
    next(run)  # the start is no mark
    for time, state, recorded in now_and_then(run):
        step = int(time)
        if max(float(layer.abs().max()) for layer in state) > LOST:
            raise ValueError(_overshoots(step, learning_rate))
        if recorded:
            curves = learning_curves([state], task, sigma)
            if not curves.train_loss[0] < LOST:
                raise ValueError(_overshoots(step, learning_rate))
            record.steps.append(step)
            record.losses.append((float(curves.train_loss[0]), float(curves.test_loss[0])))
            record.accuracies.append((float(curves.train_accuracy[0]), float(curves.test_accuracy[0])))
            record.norms.append((float(state[0].square().sum()), float(state[1].square().sum())))
            record.embeddings.append(state[0])
        yield step, record


def _overshoots(step: int, learning_rate: float) -> str:
    return (
        f"With learning rate {learning_rate:.3g} each step overshoots by more than the one before: the weights have "
        f"run away by step {step}. Take a smaller learning rate."
    )


def _marks(steps: int) -> list[int]:
    """Steps to record, at equal ratios from 1 to ``steps``."""
    return sorted({round(k) for k in np.geomspace(1, steps, RECORDS)})


@functools.cache
def trained(activation: str = "relu") -> Record:
    """The run of the kernel-free face: Appendix D's setting, seed 0."""
    marks = sorted({*_marks(STEPS[-1]), *STEPS})
    *_, (_, record) = follow(activation, 0, 1.0, 1e-4, 128, marks)
    return record


def draw_record(figure: Figure, record: Record, at: int, until: int, title: str, frequency: int = 1) -> str:
    """All curves of a record, a cursor at its entry ``at``, and the circle of that entry."""
    figure.set_layout_engine("none")  # axes at fixed places: nothing jumps, and a frame is drawn in half the time
    places = {"left": 0.11, "right": 0.97, "bottom": 0.13, "top": 0.84, "hspace": 0.55, "wspace": 0.28}
    (loss, accuracy), (norm, ring) = figure.subplots(2, 2, gridspec_kw=places)
    step, steps = record.steps[at], record.steps
    figure.suptitle(f"{title}, step {step}", fontsize=11, x=0.02, ha="left")
    layers, halves = ("layer 1", "layer 2"), ("train", "test")
    lowest, highest = np.min(record.losses), np.max(record.norms)
    low = 10.0 ** math.floor(math.log10(max(min(LOSS, float(lowest)), 1e-30) / 1.05))
    rows: tuple[tuple, ...] = (
        (loss, "mean squared error", record.losses, halves, ".2g", (0.03, 0.38)),
        (accuracy, "accuracy", record.accuracies, halves, ".2f", (0.03, 0.6)),
        (norm, "squared norms", record.norms, layers, ".1f", (0.03, 0.97)),
    )
    for ax, name, pairs, labels, how, (x, y) in rows:
        for line, (label, values) in enumerate(zip(labels, zip(*pairs, strict=True), strict=True)):
            ax.plot(steps, values, color=COLORS[label], linewidth=1.3)
            ax.plot(step, values[at], "o", color=COLORS[label], markersize=6, clip_on=False, zorder=4)
            text = f"{label} {values[at]:{how}}"
            ax.text(x, y - 0.15 * line, text, color=COLORS[label], transform=ax.transAxes, va="top")
        ax.axvline(step, color=COLORS["faint"], linewidth=0.9, zorder=1)
        ax.set(xscale="log", xlim=(1, until), title=name)
        ax.set_xticks([k for k in (1e1, 1e3, 1e5) if k <= until])
        ax.minorticks_off()
    loss.set(yscale="log", ylim=(low, max(1.0, 2 * float(np.max(record.losses)))))
    loss.minorticks_off()
    accuracy.set(ylim=(-0.04, 1.04), yticks=[0, 0.5, 1])
    norm.set(ylim=(0, max(NORM, 1.1 * float(highest))), xlabel="step")
    points = circle(record.embeddings[at], frequency)
    radii = points.norm(dim=1)
    ratio = float(radii.max() / radii.min())
    numbered_ring(ring, points.numpy(), max(RADIUS, 1.15 * float(radii.max())))
    ring.set_title(f"radii 1 : {ratio:.2f}")
    return (
        f"{title}, step {step}: training loss {record.losses[at][0]:.2g}, test loss {record.losses[at][1]:.2g}, "
        f"training accuracy {record.accuracies[at][0]:.2f}, test accuracy {record.accuracies[at][1]:.2f}, squared "
        f"norms {record.norms[at][0]:.1f} of layer 1 and {record.norms[at][1]:.1f} of layer 2. On the plane of "
        f"frequency {frequency} the outermost of the {len(points)} numbers is {ratio:.2f} times as far from the middle "
        "as the innermost."
    )


def draw(figure: Figure, step: int) -> str:
    """A frame of the kernel-free face: a run of Appendix D at a step."""
    record = trained()
    return draw_record(figure, record, record.steps.index(step), STEPS[-1], "ReLU")


def seconds_expected(width: int, steps: int) -> float:
    """About how long a run takes on one core."""
    return steps * (4e-5 + 4e-7 * width)


def expect(
    activation: str, seed: int, learning_rate: float, weight_decay: float, width: int, steps: int, frequency: int
) -> str:
    """What to know before a run.

    Raises:
        ValueError: a choice that cannot be.
    """
    integer("seed", seed, 0), positive("learning rate", learning_rate), non_negative("weight decay", weight_decay)
    if integer("width", width, 1) > WIDEST:
        raise ValueError(f"width {width} is too large for a picture that grows; choose at most {WIDEST}")
    seconds, s = seconds_expected(width, steps), slow_time(steps, learning_rate, weight_decay)
    slow = "Slow. " if seconds > SLOW else ""
    return f"{slow}About {max(1, round(seconds))} s; the steps last s = {s:.2g} on the slow clock. Press Run."


def compute(
    activation: str, seed: int, learning_rate: float, weight_decay: float, width: int, steps: int, frequency: int
) -> Iterator[Progress]:
    """The live face: train, and show the curves and the circle as they grow."""
    expect(activation, seed, learning_rate, weight_decay, width, steps, frequency)
    title = f"{activation}, seed {seed}"

    def course() -> Course:
        for step, record in follow(activation, seed, learning_rate, weight_decay, width, _marks(steps)):
            picture = functools.partial(
                frame, draw_record, SIZE, record=record, at=-1, until=steps, title=title, frequency=frequency
            )
            s, found = slow_time(step, learning_rate, weight_decay), record.accuracies[-1][1]
            yield step / steps, picture, f"step {step} of {steps}, s = {s:.2g}: test accuracy {found:.2f}"

    yield from paced(course())


def live() -> Live:
    """The live face: trains when asked to."""
    narrow = W.Layout(width="12em")
    controls = {
        "activation": W.Dropdown(options=list(ACTIVATIONS), description="activation"),
        "seed": W.IntText(1, description="seed", layout=narrow),
        "learning_rate": W.FloatText(1.0, description="learning rate η", layout=narrow),
        "weight_decay": W.FloatText(1e-4, description="weight decay", layout=narrow),
        "width": W.IntText(128, description="width", layout=narrow),
        "steps": W.Dropdown(options=[3000, 10_000, 30_000, 100_000], value=30_000, description="steps"),
        "frequency": W.IntSlider(1, min=1, max=(P - 1) // 2, description="frequency"),
    }
    return Live(compute, controls, warn=expect, on_request=True, face="training")


def training_scrubber() -> W.VBox:
    """Step; live also the network, seed, learning rate, weight decay, width and the length of the run."""
    steps = Control("step", "step", STEPS, first=STEPS.index(10_000))
    return explorer(player(draw, steps, size=SIZE, interval=500), live())
