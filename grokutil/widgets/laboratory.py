"""The closed-form laboratory: eq. 20 with sizes, activation and step of one's choice, its curves growing as it runs."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import ipywidgets as W
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from torch import Tensor

from grokutil.activations import ACTIVATIONS, get_activation
from grokutil.checks import integer, non_negative, number, positive
from grokutil.data import Task, modular_addition
from grokutil.figures.plot import COLORS, circle_order, draw_circle
from grokutil.flow import integrate
from grokutil.fourier import circle, fourier_features, leading_frequencies
from grokutil.isolated import FirstLayerDynamics
from grokutil.measure import accuracy
from grokutil.model import gaussian_embedding, predict
from grokutil.widgets.frames import frame
from grokutil.widgets.live import Course, Live, Progress, explorer, now_and_then, paced
from grokutil.widgets.player import Control, player

NORMS, CIRCLE = "norms of both layers", "circle of the largest frequency"
RECORDS = 120  # points on a curve
SLOW, LARGE, TOO_LARGE = 20, 0.5, 4.0  # seconds; GB; GB
CALL = 7e-5  # seconds that a velocity takes however small it is
SMALL: dict[str, Any] = {"p": 13, "width": 96, "fraction": 0.7, "ridge": 0.0, "step": 2e-3, "until": 3.0, "seed": 0}
SMALL_ACTIVATIONS = ("relu", "gelu", "softplus", "quadratic", "tanh")


class Curves(NamedTuple):
    """What a run has shown so far, one entry a record: time s, test accuracy and the squared norms of both layers."""

    times: list[float]
    accuracy: list[float]
    layer_1: list[float]
    layer_2: list[float]


class Plan(NamedTuple):
    """What a run asks for: training and test pairs, steps, and what to expect of seconds and gigabytes."""

    n_train: int
    n_test: int
    steps: int
    seconds_a_step: float
    gigabytes: float


def follow(
    task: Task, activation: str, start: Tensor, ridge: float, step: float, until: float
) -> Iterator[tuple[float, Tensor, Curves]]:
    r"""Euler's method on eq. 20, with a yield of (time, state, curves) at each record and at least every 0.25 s.

    The curves that are yielded grow: each time they are the same lists. Times are slow times :math:`s`, half those of
    eq. 20, in which ``step`` is counted.

    Source: paper, eq. 20 and section 7.3.
    """
    dynamics = FirstLayerDynamics(task.X_train, task.Y_train, activation, ridge)
    curves = Curves([], [], [], [])

    def measure(now: float, state: Tensor) -> dict[str, float]:
        readout = dynamics.readout(state)
        found = accuracy(predict(state, readout, task.X_test, activation), task.labels_test)
        values = now / 2, found, float(state.square().sum()), float(readout.square().sum())
        for curve, value in zip(curves, values, strict=True):
            curve.append(value)
        return dict(zip(Curves._fields, values, strict=True))

    run = integrate.begin(dynamics, start, _marks(step, 2 * until), step=step, measure=measure)
    for now, state, _ in now_and_then(run):
        yield now / 2, state, curves


def _marks(step: float, until: float) -> list[float]:
    """Times of the records: multiples of the step, the last one ``until``."""
    steps = math.ceil(until / step - 1e-9)
    every = math.ceil(steps / RECORDS)
    return [*(step * k for k in range(0, steps, every)), until]


def draw(
    figure: Figure,
    curves: Curves,
    until: float,
    title: str,
    state: Tensor | None = None,
    norm_limits: tuple[float, float] | None = None,
) -> str:
    """Test accuracy so far, beside the norms of both layers, or beside a circle where a state is given."""
    figure.set_layout_engine("none")  # fixed places: nothing jumps, and a frame is drawn in a third of the time
    left, right = figure.add_axes((0.06, 0.15, 0.41, 0.66)), figure.add_axes((0.57, 0.15, 0.41, 0.66))
    figure.suptitle(title, x=0.01, y=0.98, ha="left")
    times, found = curves.times, curves.accuracy
    left.plot(times, found, color=COLORS["test"])
    left.plot(times[-1], found[-1], "o", color=COLORS["test"], clip_on=False)
    left.set(xlim=(0, until), ylim=(-0.02, 1.02), yticks=(0, 0.5, 1), xlabel="$s$")
    left.set_title(f"test accuracy {found[-1]:.2f}", color=COLORS["test"])
    alt = (
        f"{title}: at s = {times[-1]:.2f} of {until:g} test accuracy is {found[-1]:.2f}, at the start {found[0]:.2f}; "
    )
    if state is not None:
        (k,) = leading_frequencies(state, 1)
        draw_circle(right, circle(state, k).numpy(), circle_order(len(state), k), 0, COLORS["measurement"])
        right.set_title(f"circle of frequency {k}")
        return alt + f"the numbers projected on the plane of the largest frequency, {k}."
    low, high = norm_limits or _decades([*curves.layer_1, *curves.layer_2])
    for name, values, share in (("layer 1", curves.layer_1, 0.9), ("layer 2", curves.layer_2, 0.78)):
        right.semilogy(times, values, color=COLORS[name])
        right.semilogy(times[-1], values[-1], "o", color=COLORS[name], clip_on=False)
        text = f"{name}: {values[-1]:.0f}"
        right.text(0.97, share, text, color=COLORS[name], transform=right.transAxes, ha="right")
    right.set(xlim=(0, until), ylim=(low, high), xlabel="$s$")
    right.yaxis.set_minor_locator(NullLocator())
    right.set_title("squared norms")
    return alt + (
        f"squared norms are {curves.layer_1[-1]:.0f} of layer 1 and {curves.layer_2[-1]:.0f} of layer 2, "
        f"at the start {curves.layer_1[0]:.0f} and {curves.layer_2[0]:.0f}."
    )


def _decades(values: list[float]) -> tuple[float, float]:
    """Powers of ten around values."""
    return 10.0 ** math.floor(math.log10(min(values) / 1.05)), 10.0 ** math.ceil(math.log10(max(values) * 1.05))


@functools.cache
def small_run(activation: str) -> Curves:
    """A run to look at without a kernel: addition modulo 13, 64 pairs to train on, width 96, weight decay zero."""
    task = modular_addition(SMALL["p"], SMALL["fraction"], seed=SMALL["seed"])
    start = gaussian_embedding(SMALL["p"], SMALL["width"], seed=SMALL["seed"])
    *_, (_, _, curves) = follow(task, activation, start, SMALL["ridge"], SMALL["step"], SMALL["until"])
    return curves


def draw_small(figure: Figure, activation: str) -> str:
    """A frame of the kernel-free face: a small run."""
    title = f"{activation}, p = {SMALL['p']}, width {SMALL['width']}"
    return draw(figure, small_run(activation), SMALL["until"], title, norm_limits=(10, 1e4))


def plan(
    p: int, width: int, fraction: float, activation: str, ridge: float, step: float, until: float, **_: Any
) -> Plan:
    """What a run would take; nothing large is made.

    Raises:
        ValueError: a size, step or weight decay that cannot be, or more than four gigabytes.
    """
    pairs = integer("p", p, 2) * (p + 1) // 2
    integer("width", width, 1), non_negative("weight decay", ridge), get_activation(activation)
    steps = math.ceil(2 * positive("s", until) / positive("step", step) - 1e-9)
    n = round(number("train_fraction", fraction) * pairs)
    gigabytes = 8e-9 * (2 * n * n + 5 * pairs * width + 6 * pairs * p)
    if gigabytes > TOO_LARGE:
        raise ValueError(
            f"p = {p} with width {width} has {n} training pairs and would need about {gigabytes:.3g} GB; "
            f"choose smaller sizes (below {TOO_LARGE:g} GB), or a machine made for it and grokutil's functions"
        )
    return Plan(n, pairs - n, steps, CALL + _operations(p, width, n) / _speed(activation), gigabytes)


def _operations(p: int, width: int, n: int) -> float:
    """Floating-point operations of one velocity: H H^T, its Cholesky factor, two solves, four thin products."""
    return 2 * n * n * width + n**3 / 3 + 2 * n * n * p + 8 * n * p * width


@functools.cache
def _speed(activation: str) -> float:
    """Operations a second on this machine, from a few velocities of moderate size, timed at first use."""
    task = modular_addition(19, 0.7, seed=0)
    velocity, E = FirstLayerDynamics(task.X_train, task.Y_train, activation, 1.0), gaussian_embedding(19, 256, seed=0)
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        velocity(E)
        seconds.append(time.perf_counter() - begin)
    return _operations(19, 256, len(task.X_train)) / max(sorted(seconds)[2] - CALL, 1e-5)


def expect(**values: Any) -> str:
    """What to expect of a run, with a warning where it would be singular, slow or large."""
    p, width = values["p"], values["width"]
    ahead = plan(**values)
    seconds = ahead.steps * ahead.seconds_a_step
    lines = []
    if values["ridge"] == 0 and width < ahead.n_train:
        lines.append(
            f"Singular: {ahead.n_train} training pairs and a width of {width}. Without weight decay the width must be "
            f"{ahead.n_train} or more."
        )
    elif values["ridge"] == 0 and values["activation"] == "identity" and p < ahead.n_train:
        lines.append(f"Singular: without an activation H has rank {p} at most, below {ahead.n_train} training pairs.")
    if values["view"] == CIRCLE and p % 2 == 0:
        lines.append(f"The circle needs an odd p, not {p}.")
    if seconds > SLOW:
        lines.append("Slow.")
    if ahead.gigabytes > LARGE:
        lines.append(f"Large: about {ahead.gigabytes:.1f} GB of memory; Binder lends 1 GB in all.")
    lines.append(f"{ahead.n_train} pairs to train on, {ahead.n_test} to test, {ahead.steps} steps: {_about(seconds)}.")
    return " ".join([*lines, "Press Run."])


def _about(seconds: float) -> str:
    if seconds < 120:
        return f"about {max(1, round(seconds))} s"
    return f"about {seconds / 60:.0f} minutes" if seconds < 7200 else f"about {seconds / 3600:.0f} hours"


def compute(
    p: int,
    width: int,
    fraction: float,
    activation: str,
    ridge: float,
    step: float,
    until: float,
    seed: int,
    view: str,
) -> Iterator[Progress]:
    """Run eq. 20 and show its curves as they grow; the live face."""
    plan(p, width, fraction, activation, ridge, step, until)
    task = modular_addition(p, fraction, seed=seed)
    start = gaussian_embedding(p, width, seed=seed)
    if view == CIRCLE:
        fourier_features(start)  # an even p is refused before anything runs
    title = f"{activation}, p = {p}, width {width}, n = {len(task.X_train)}"

    def course() -> Course:
        for s, state, curves in follow(task, activation, start, ridge, step, until):
            shown = state if view == CIRCLE else None
            picture = functools.partial(frame, draw, curves=curves, until=until, title=title, state=shown)
            yield s / until, picture, f"s = {s:.3g} of {until:g}: test accuracy {curves.accuracy[-1]:.2f}"

    yield from paced(course())


def live() -> Live:
    """The live face: runs when asked to."""

    def narrow(make: Any, value: float, text: str, **options: Any) -> W.ValueWidget:
        return make(value, description=text, layout=W.Layout(width="12em"), **options)

    controls = {
        "p": narrow(W.IntText, 23, "p"),
        "width": narrow(W.IntText, 256, "width"),
        "fraction": W.FloatSlider(0.7, min=0.05, max=0.95, step=0.05, description="training fraction"),
        "activation": W.Dropdown(options=list(ACTIVATIONS), description="activation"),
        "ridge": narrow(W.FloatText, 0.0, "weight decay λ"),
        "step": narrow(W.FloatText, 1e-3, "step η"),
        "until": narrow(W.FloatText, 2.5, "until s"),
        "seed": narrow(W.IntText, 0, "seed"),
        "view": W.Dropdown(options=[NORMS, CIRCLE], description="second panel"),
    }
    return Live(compute, controls, warn=expect, on_request=True, face="laboratory")


def laboratory() -> W.VBox:
    r"""Run eq. 20: small runs drawn beforehand for five activations, and live runs with sizes of one's choice."""
    activations = Control("activation", "activation", SMALL_ACTIVATIONS, first=1)
    return explorer(player(draw_small, activations, interval=900), live())
