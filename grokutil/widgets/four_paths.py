"""Explorer: four laws from one memorising point, one cursor on the clock s through what is measured on all of them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import ipywidgets as W
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokutil.activations import ACTIVATIONS, Activation, softplus
from grokutil.checks import integer, positive
from grokutil.data import Task, modular_addition
from grokutil.figures.plot import COLORS
from grokutil.measure import accuracy
from grokutil.model import predict
from grokutil.walks import Point
from grokutil.widgets.frames import frame
from grokutil.widgets.live import Course, Live, Progress, explorer, paced
from grokutil.widgets.player import Control, player
from grokutil.widgets.walkers import N_TRAIN, P, memorise, seconds_of, walks

SIZE = (4.8, 3.9)
MOMENT = 0.5  # s, of the kernel-free face
RECORDS = 40  # intervals between two records
SLOW = 20  # seconds
LARGEST_DECAY = 0.01
FLOOR, NORM = 1e-3, 110.0  # what the axes of distances and norms show at least
LOOKS = {  # name of a path: colour and line
    "training": (COLORS["measurement"], "-"),
    "projected": (COLORS["theory"], "--"),
    "ridge": (COLORS["other"], "-"),
    "no ridge": (COLORS["layer 1"], "--"),
}
DECAYS = {"0.0004": "0.0004", "0.0001": "0.0001", "0.000025": "2.5e-05"}  # of the stored runs, by their text
SMOOTH = "softplus, sharpness 10"
CHOICES = {SMOOTH: softplus(10)} | ACTIVATIONS
BESIDE = {
    "projected flow": ("projected",),
    "ridge and no ridge": ("ridge", "no ridge"),
    "all three": ("projected", "ridge", "no ridge"),
    "nothing": (),
}


class Record(NamedTuple):
    """What is read off N paths at T times; names are keys of ``LOOKS``, the first is training.

    ``distance`` is the distance in function space from training, on the test inputs; norms are squared.
    """

    times: np.ndarray  # (T,)
    names: tuple[str, ...]  # N
    accuracy: np.ndarray  # (N, T), this and all below
    distance: np.ndarray
    layer_1: np.ndarray
    layer_2: np.ndarray


def stored_record(arrays: Mapping[str, np.ndarray], names: Sequence[str], decay: str) -> Record:
    """The four paths of one weight decay: mean of the accuracy, medians of all else over the seeds.

    Args:
        arrays: ``times`` (seeds, T), ``distance`` (seeds, paths, paths, T), others (seeds, paths, T).
        names: of the paths: ``training_WD``, ``projected``, ``ridge_WD``, ``eq20``.
        decay: WD.
    """
    rows = [names.index(name) for name in (f"training_{decay}", "projected", f"ridge_{decay}", "eq20")]
    distance = np.median(arrays["distance"][:, rows[0]], 0)
    first, readout = (np.median(arrays[key], 0) for key in ("norm2_first", "norm2_readout"))
    found = arrays["test_accuracy"].mean(0)
    return Record(arrays["times"][0], tuple(LOOKS), *(values[rows] for values in (found, distance, first, readout)))


def draw_record(figure: Figure, record: Record, at: int, until: float, title: str) -> str:
    """All curves of a record, a cursor at its entry ``at``, and in a table what they are there."""
    figure.set_layout_engine("none")  # fixed places: nothing jumps
    (correct, norms), (apart, table) = figure.subplots(
        2, 2, gridspec_kw={"left": 0.1, "right": 0.98, "bottom": 0.07, "top": 0.86, "wspace": 0.25, "hspace": 0.42}
    )
    s = float(record.times[at])
    figure.suptitle(f"{title}, s = {s:.3g}", fontsize=11, x=0.02, ha="left")
    for ax, name, rows in (
        (correct, "test accuracy", (record.accuracy,)),
        (apart, "distance from training", (record.distance,)),
        (norms, "squared norms", (record.layer_1, record.layer_2)),
    ):
        ax.axvline(s, color=COLORS["faint"], linewidth=0.9, zorder=1)
        for values in rows:
            _curves(ax, record, np.where(values > 0, values, np.nan) if ax is apart else values, at)
        ax.set(xlim=(0, until), xticks=[0, until / 2, until], title=name)
    top = max(NORM, 1.1 * float(max(record.layer_1.max(), record.layer_2.max())))
    correct.set(ylim=(-0.04, 1.04), yticks=[0, 0.5, 1])
    norms.set(ylim=(0, top), yticks=[0, 50, 100] if top == NORM else norms.get_yticks())
    apart.set(yscale="log", ylim=(FLOOR, max(1.0, 2 * float(record.distance.max()))))
    apart.minorticks_off()
    start = float(record.layer_1[:, 0].max()), float(record.layer_2[:, 0].min())  # there the words stay
    norms.text(0.25 * until, start[0] + 0.02 * top, "layer 1")
    norms.text(0.04 * until, start[1] - 0.04 * top, "layer 2", va="top")
    _table(table, record, at)
    return _alternative_text(record, at, title)


def _curves(ax: Axes, record: Record, curves: np.ndarray, at: int) -> None:
    """A line and a marker at entry ``at`` for each path."""
    for name, values in zip(record.names, curves, strict=True):
        color, style = LOOKS[name]
        ax.plot(record.times, values, style, color=color, linewidth=1.4)
        ax.plot(record.times[at], values[at], "o", color=color, markersize=5, zorder=4, clip_on=False)


def _table(ax: Axes, record: Record, at: int) -> None:
    """One line a path, in its colour: its distance and its squared norms."""
    ax.axis("off")
    heads = (0.55, "$d$"), (0.79, r"$|W_1|^2$"), (1.02, r"$|W_2|^2$")
    for x, text in heads:
        ax.text(x, 0.9, text, transform=ax.transAxes, ha="right")
    for line, name in enumerate(record.names):
        values = record.distance[line, at], record.layer_1[line, at], record.layer_2[line, at]
        style: dict[str, Any] = {"transform": ax.transAxes, "color": LOOKS[name][0]}
        ax.text(-0.14, 0.7 - 0.18 * line, name, **style)
        for (x, _), value, how in zip(heads, values, (".3f", ".0f", ".0f"), strict=True):
            ax.text(x, 0.7 - 0.18 * line, f"{value:{how}}", ha="right", **style)


def _alternative_text(record: Record, at: int, title: str) -> str:
    def each(values: np.ndarray, how: str) -> str:
        return ", ".join(f"{name} {value:{how}}" for name, value in zip(record.names, values[:, at], strict=True))

    beside = "; distance in function space from training: " + each(record.distance, ".3f").partition(", ")[2]
    return (
        f"{title}, s = {record.times[at]:.3g}: test accuracy: {each(record.accuracy, '.2f')}"
        f"{beside if len(record.names) > 1 else ''}; squared norm of layer 1: {each(record.layer_1, '.1f')}; "
        f"of layer 2: {each(record.layer_2, '.1f')}."
    )


def draw(figure: Figure, decay: str, records: Mapping[str, Record], s: float = MOMENT) -> str:
    """A frame of the kernel-free face: the stored runs of a weight decay with the cursor at a time."""
    record = records[decay]
    at = int(np.abs(record.times - s).argmin())
    return draw_record(figure, record, at, float(record.times[-1]), f"weight decay {decay}")


def follow(seed: int, weight_decay: float, sigma: Activation, until: float, names: Sequence[str]) -> Iterator[Any]:
    """Memorise, then walk all paths side by side; yields (time reached, record or None) now and then.

    The record is new each time one more of its 41 times is complete on all paths, and None while it memorises.
    """
    task = modular_addition(P, train_size=N_TRAIN, seed=seed)
    for start in memorise(task, sigma, seed):  # noqa: B007 (the last one is the start)
        yield 0.0, None
    times = np.linspace(0, until, RECORDS + 1)
    paths = walks(task, sigma, weight_decay, start, names, times)
    rows: list[list[tuple]] = []
    for now, end in zip((0.0, *times), times, strict=False):
        for k, walk in enumerate(paths.values()):
            for share in walk.to(end):
                if rows:
                    yield now + (k + share) / len(paths) * (end - now), _record(times, paths, rows)
        rows.append([_measured(task, sigma, walk.network()) for walk in paths.values()])
        yield end, _record(times, paths, rows)


def _measured(task: Task, sigma: Activation, point: Point) -> tuple:
    """Accuracy, squared norms, outputs on the test inputs."""
    output = predict(*point, task.X_test, sigma)
    norms = (float(layer.square().sum()) for layer in point)
    return accuracy(output, task.labels_test), *norms, output


def _record(times: np.ndarray, names: Iterable[str], rows: list[list[tuple]]) -> Record:
    """The rows that are complete, as a record."""
    found, first, readout = (np.array([[path[i] for path in row] for row in rows]).T for i in range(3))
    gaps = [[float((path[3] - row[0][3]).norm()) / len(path[3]) ** 0.5 for path in row] for row in rows]
    return Record(times[: len(rows)], tuple(names), found, np.array(gaps).T, first, readout)


def expect(seed: int, weight_decay: float, activation: str, until: float, beside: str) -> str:
    """What to know before a run.

    Raises:
        ValueError: a choice that cannot be.
    """
    integer("seed", seed, 0)
    if positive("weight decay", weight_decay) > LARGEST_DECAY:
        raise ValueError(
            f"weight decay {weight_decay:g} is too large: training would leave what it has memorised at once; "
            f"choose at most {LARGEST_DECAY:g}"
        )
    sigma = CHOICES[activation]
    each = [seconds_of(name, sigma, weight_decay) for name in ("training", *BESIDE[beside])]
    seconds = 1 + positive("end s", until) * sum(each)
    about = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
    lines = ["Slow."] if seconds > SLOW else []
    if sigma.kink and "projected" in BESIDE[beside]:
        lines.append("With kinks the projected flow takes steps twenty times shorter.")
    if until > 2 and "no ridge" in BESIDE[beside]:
        lines.append("Eq. 20 grows stiffer on its way and may take much longer.")
    lines.append(f"{round(2 * until / weight_decay)} training steps; about {about}. Press Run.")
    return " ".join(lines)


def compute(seed: int, weight_decay: float, activation: str, until: float, beside: str) -> Iterator[Progress]:
    """The live face: compute the paths, and show their curves as they grow."""
    expect(seed, weight_decay, activation, until, beside)
    title = f"{activation}, weight decay {weight_decay:g}"

    def course() -> Course:
        shown = 0
        for s, record in follow(seed, weight_decay, CHOICES[activation], until, BESIDE[beside]):
            if record is None:
                yield 0.0, None, "memorising, without weight decay"
                continue
            picture = functools.partial(frame, draw_record, SIZE, record=record, at=-1, until=until, title=title)
            note = f"s = {record.times[-1]:.3g} of {until:g}: test accuracy of training {record.accuracy[0, -1]:.2f}"
            yield s / until, picture if len(record.times) > shown else None, note
            shown = len(record.times)

    yield from paced(course())


def live() -> Live:
    """The live face: computes when asked to."""
    narrow = W.Layout(width="12em")
    controls = {
        "seed": W.IntText(0, description="seed", layout=narrow),
        "weight_decay": W.FloatText(1e-4, description="weight decay", layout=narrow),
        "activation": W.Dropdown(options=list(CHOICES), description="activation"),
        "until": W.FloatText(1.0, description="end s", layout=narrow),
        "beside": W.Dropdown(options=list(BESIDE), description="beside training"),
    }
    return Live(compute, controls, warn=expect, on_request=True, face="four_paths")


def four_paths(arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> W.VBox:
    """The weight decays of the stored runs; live runs with a seed of one's choice.

    Args:
        arrays: what was stored of the paths; see :func:`stored_record`.
        names: their names.
    """
    records = {text: stored_record(arrays, names, decay) for text, decay in DECAYS.items()}
    step = Control("decay", "weight decay", list(DECAYS))
    return explorer(player(draw, step, size=SIZE, interval=900, fixed={"records": records}), live())
