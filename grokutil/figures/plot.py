"""Pictures of records and measurements: data in, Axes out, one style for the whole book.

Colours are Okabe and Ito's, legible to colour-blind readers, and have one meaning each. Curves carry their label
at their end rather than in a legend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from grokutil.data import Task
from grokutil.figures.describe import tell_notebook

COLORS = {
    "train": "#0072B2",
    "test": "#D55E00",
    "theory": "#000000",
    "measurement": "#009E73",
    "layer 1": "#CC79A7",
    "layer 2": "#E69F00",
    "other": "#56B4E9",
    "faint": "#999999",
}
STYLE = {
    "figure.dpi": 200,  # twice as sharp as a page is wide
    "figure.figsize": (7.0, 3.2),
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "lines.linewidth": 1.6,
    "savefig.facecolor": "white",
}


def use_style() -> None:
    """Set Matplotlib to the book's style; call it once, at the top of a chapter.

    In a notebook each figure then carries its description in words: see :func:`grokutil.figures.describe.describe`.
    """
    plt.rcParams.update(STYLE)  # type: ignore[arg-type]
    tell_notebook(inked)


def _on_white(color: str) -> float:
    """Contrast ratio of a colour with white, 1 to 21, as WCAG 2 defines it; text needs 4.5."""
    rgb = np.asarray(to_rgb(color), dtype=float)
    luminance = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
    return float(1.05 / (luminance + 0.05))


def _ink(color: str) -> str:
    """The lightest colour of the same hue in which text can be read on white."""
    red, green, blue = to_rgb(color)
    shades = (to_hex((red * share, green * share, blue * share)) for share in np.linspace(1, 0, 101))
    return next(shade for shade in shades if _on_white(shade) >= 4.5)


INK = {color.lower(): _ink(color) for color in COLORS.values()}


@contextmanager
def inked(figure: Figure) -> Iterator[None]:
    """While ``figure`` is drawn its texts in a colour of ``COLORS`` are dark enough to be read, in the same hue.

    Afterwards they have their colour again: by it :func:`grokutil.figures.describe.describe`
    knows which curve a text names.
    """
    texts = [(text, text.get_color()) for text in figure.findobj(Text)]
    for text, color in texts:
        text.set_color(INK.get(to_hex(color), color))
    try:
        yield
    finally:
        for text, color in texts:
            text.set_color(color)


def panels(columns: int = 1, rows: int = 1, height: float = 3.2, width: float = 7.0) -> tuple[Figure, Any]:
    """A figure with ``rows`` x ``columns`` panels (an Axes, or an array of them).

    ``width`` and ``height`` are in inches of print. A page shows it as wide as the text: in a narrow one letters are
    larger.
    """
    return plt.subplots(rows, columns, figsize=(width, height))


def label_end(ax: Axes, x: float, y: float, text: str, color: str) -> None:
    """Write ``text`` to the right of the point (x, y), in the colour of its curve."""
    ax.annotate(
        text, (x, y), xytext=(4, 0), textcoords="offset points", color=color, va="center", annotation_clip=False
    )


def curves_over_seeds(
    ax: Axes, times: np.ndarray, curves: Sequence[np.ndarray] | np.ndarray, label: str, color: str
) -> Axes:
    """A thick median, thin single runs, and a band from the smallest to the largest.

    Args:
        ax: where to draw.
        times: (T,) shared times.
        curves: (seeds, T) one row a seed.
        label: written at the end of the median.
        color: a Matplotlib colour, as a rule one of ``COLORS``.

    Returns:
        ``ax``.
    """
    curves = np.atleast_2d(curves)
    middle = np.median(curves, axis=0)
    ax.fill_between(times, curves.min(0), curves.max(0), color=color, alpha=0.18, linewidth=0)
    ax.plot(times, curves.T, color=color, linewidth=0.6, alpha=0.6)
    ax.plot(times, middle, color=color)
    label_end(ax, times[-1], middle[-1], label, color)
    return ax


def draw_circle(
    ax: Axes, points: np.ndarray, order: Sequence[int], labelled: int = 5, color: str | None = None
) -> Axes:
    """Points of a plane, joined and coloured in a visiting order, the first few numbered.

    Args:
        ax: where to draw; the origin is put in the middle, the scales are made equal, the frame is removed.
        points: (p, 2) coordinates.
        order: (p,) the numbers of the points in the order of the visit; the line returns to the first.
        labelled: how many points, from the first of the visit on, carry their number.
        color: one colour for all points, instead of dark to light in the order of the visit.

    Returns:
        ``ax``.
    """
    points = np.asarray(points)
    visit = points[np.asarray(order)]
    x, y = np.vstack((visit, visit[:1])).T
    ax.plot(x, y, color=COLORS["faint"], linewidth=0.6, zorder=1)
    shades: Any = np.arange(len(order)) if color is None else color
    cmap = "viridis" if color is None else None
    ax.scatter(x[:-1], y[:-1], c=shades, cmap=cmap, s=14, edgecolors="black", linewidths=0.3)
    for number in order[:labelled]:
        ax.annotate(str(number), 1.22 * points[number], ha="center", va="center", fontsize=7)
    reach = 1.3 * float(np.abs(points).max())
    ax.set(xticks=[], yticks=[], xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    ax.spines[:].set_visible(False)
    return ax


def circle_order(p: int, k: int) -> list[int]:
    """The numbers 0, ..., p-1 in the order in which a walk around the circle of frequency k meets them.

    Number j stands at the place jk mod p; for k coprime to p these are 0, 1/k, 2/k, ... modulo p.
    """
    return sorted(range(p), key=lambda j: (j * k % p, j))


def draw_similarity(ax: Axes, similarity: np.ndarray, title: str) -> Any:
    """A matrix with entries in [0, 1] as a heat map, light for 0 and dark for 1; returns the image for a colour bar."""
    image = ax.imshow(similarity, vmin=0, vmax=1, cmap="cividis_r", interpolation="nearest")
    ax.set(title=title, xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return image


def addition_table(ax: Axes, task: Task, write_sums: bool = False) -> Axes:
    """The unordered pairs of a modular-addition task as cells (a, b), training and test cells in their colours.

    Args:
        ax: where to draw.
        task: the split.
        write_sums: write each sum into its cell; legible up to p = 12 or so.

    Returns:
        ``ax``.
    """
    picture = np.ones((task.p, task.p, 3))
    for part, strength in (("train", 0.35), ("test", 1.0)):
        a, b = getattr(task, f"pairs_{part}").cpu().numpy().T
        picture[a, b] = 1 - strength * (1 - np.array(to_rgb(COLORS[part])))
    ax.imshow(picture)
    ax.set(xlabel="$b$", ylabel="$a$")
    ax.spines[:].set_visible(False)
    if write_sums:
        ax.set(xticks=range(task.p), yticks=range(task.p))
        ax.tick_params(length=0)
        for part, color in (("train", "black"), ("test", "white")):
            for a, b in getattr(task, f"pairs_{part}").tolist():
                ax.text(b, a, str((a + b) % task.p), ha="center", va="center", color=color, fontsize=9)
    return ax


def numbered_ring(ax: Axes, points: np.ndarray, limit: float) -> Axes:
    """Points 0, 1, 2, ... of a plane with their numbers, joined in that order and back to 0.

    Args:
        ax: where to draw.
        points: (p, 2) coordinates.
        limit: both axes go from ``-limit`` to ``limit``.

    Returns:
        ``ax``.
    """
    points = np.asarray(points)
    ax.plot(*np.vstack((points, points[:1])).T, color=COLORS["faint"], linewidth=0.8)
    ax.plot(*points.T, "o", color=COLORS["layer 1"], markersize=12)
    for number, (x, y) in enumerate(points):
        ax.text(x, y, str(number), ha="center", va="center", fontsize=8)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def landscape(
    ax: Axes,
    residual: Callable[[np.ndarray], np.ndarray],
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    levels: int = 8,
) -> Axes:
    """Level sets of the loss ``residual**2`` of two weights, and its zero-loss set as a thick line.

    Args:
        ax: where to draw.
        residual: maps points (..., 2) to (...,).
        xlim: first weight, from and to.
        ylim: second weight, from and to.
        levels: how many level sets.

    Returns:
        ``ax``.
    """
    x, y = np.meshgrid(np.linspace(*xlim, 241), np.linspace(*ylim, 241))
    r = residual(np.stack((x, y), -1))
    heights = np.linspace(0, np.quantile(np.abs(r), 0.95), levels + 1)[1:] ** 2
    ax.contour(x, y, r**2, levels=heights, colors=COLORS["faint"], linewidths=0.5)
    ax.contour(x, y, r, levels=[0], colors=COLORS["theory"], linewidths=2.4, alpha=0.35)
    ax.set(xlim=xlim, ylim=ylim, aspect="equal")
    return ax


def draw_path(ax: Axes, path: np.ndarray, color: str, linestyle: str = "-") -> Axes:
    """A path (T, 2), open circle at its start, dot at its end."""
    path = np.asarray(path)
    ax.plot(*path.T, linestyle, color=color, linewidth=1.4)
    ax.plot(*path[0], "o", color=color, markerfacecolor="white", markersize=6)
    ax.plot(*path[-1], "o", color=color, markersize=6, zorder=5)
    return ax


def draw_arrow(ax: Axes, point: np.ndarray, step: np.ndarray, color: str, linewidth: float = 1.6) -> Axes:
    """An arrow from a point (2,) to ``point + step``."""
    style = {"arrowstyle": "->", "color": color, "lw": linewidth, "shrinkA": 0, "shrinkB": 0}
    end = np.asarray(point) + step
    ax.annotate("", (end[0], end[1]), (point[0], point[1]), arrowprops=style)
    return ax


def note(
    ax: Axes, point: np.ndarray | Sequence[float], text: str, color: str, shift: tuple[float, float], ha: str = "left"
) -> Axes:
    """Write ``text`` beside a point (2,), ``shift`` printer's points from it, in the colour of what it names."""
    ax.annotate(
        text,
        (float(point[0]), float(point[1])),
        xytext=shift,
        textcoords="offset points",
        color=color,
        ha=ha,
        va="center",
        annotation_clip=False,
        fontsize=11,
    )
    return ax


def mark_slope(ax: Axes, x: tuple[float, float], y: float, power: float, text: str = "") -> Axes:
    """A short line of slope ``power`` on logarithmic axes, to hold curves against.

    Args:
        ax: with two logarithmic axes.
        x: from where to where it goes.
        y: its height at ``x[0]``.
        power: y grows as x to this power.
        text: written at its end; "slope " and the power if empty.

    Returns:
        ``ax``.
    """
    ends = np.asarray(x, dtype=float)
    ax.plot(ends, y * (ends / ends[0]) ** power, "--", color=COLORS["theory"], linewidth=1)
    label_end(ax, ends[1], y * (ends[1] / ends[0]) ** power, text or f"slope {power:g}", COLORS["theory"])
    return ax


def upright_labels(ax: Any) -> Any:
    """Write the labels of the three axes of a picture in space upright, not along their axes; returns ``ax``."""
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_rotate_label(False)
        axis.label.set_rotation(0)
    return ax
