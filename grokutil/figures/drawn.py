"""The things in a panel of a Matplotlib figure, each in a sentence with the data it shows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.container import BarContainer
from matplotlib.contour import ContourSet
from matplotlib.image import AxesImage
from matplotlib.lines import AxLine, Line2D
from matplotlib.text import Annotation

from grokutil.figures.wording import between, count, point, rounded, span, without_tex

NONE = np.empty(0)


class Drawn(NamedTuple):
    """A thing in a panel: its name ("" for none), a sentence, and the x and y of its data (a guide has none)."""

    name: str
    words: str
    x: np.ndarray = NONE
    y: np.ndarray = NONE

    def __str__(self) -> str:
        return f"{self.name}: {self.words}." if self.name else f"{self.words[:1].upper()}{self.words[1:]}."


def color_of(item: Any) -> str:
    """The colour of a line, a collection or a patch."""
    if isinstance(item, Line2D):
        return to_hex(item.get_color())
    colors = [*to_rgba_array(item.get_facecolor())[:1], *to_rgba_array(item.get_edgecolor())[:1]]
    return next((to_hex(color) for color in colors if color[3]), "")


def is_guide(ax: Axes, line: Line2D) -> bool:
    """Whether a line only guides the eye across the panel, as axhline, axvline and axline draw it."""
    return isinstance(line, AxLine) or (line.get_transform() != ax.transData and not hasattr(ax, "zaxis"))


def guides(lines: list[Line2D]) -> Drawn:
    """Lines across the panel: where they lie."""
    told = []
    for line in lines:
        x, y = (np.atleast_1d(data) for data in line.get_data(orig=False))
        if isinstance(line, AxLine):
            slope: Any = line.get_slope()
            told.append(
                f"through {point(line.get_xy1() or ())}" + ("" if slope is None else f" of slope {rounded(slope)}")
            )
        else:
            told.append(f"y = {rounded(y[0])}" if y[0] == y[-1] else f"x = {rounded(x[0])}")
    return Drawn("", f"{'guides' if len(told) > 1 else 'guide'}: {', '.join(told)}")


def curves(name: str, lines: list[Line2D], ax: Axes) -> Drawn | None:
    """Lines that belong together: one curve, a set of points, or several runs; None where no point is finite."""
    data = [rows for line in lines if len(rows := _rows(ax, line))]
    if not data:
        return None
    rows = np.vstack(data)
    x, y = rows[:, 0], rows[:, 1]
    if len(rows) == 1:
        words = f"a point at {point(rows[0])}"
    elif all(str(line.get_linestyle()) == "None" for line in lines) or all(len(part) == 1 for part in data):
        words = f"{count(len(rows), 'point')} {_within(rows)}"
        if len(data) == 1 and _ordered(x):
            words = f"{count(len(rows), 'point')}, {_course(rows)}"
    else:
        words = _many(data) if len(data) > 1 else ("" if name else "a curve ") + _course(rows)
    return Drawn(name, words, x, y)


def _rows(ax: Axes, line: Any) -> np.ndarray:
    """The finite points of a line, a row each; what is rounding beside the rest of a linear axis is zero."""
    data = line.get_data_3d() if hasattr(line, "get_data_3d") else line.get_data(orig=False)
    rows = np.column_stack([np.asarray(part, float).ravel() for part in data])
    rows = rows[np.isfinite(rows).all(1)]
    for which, column in zip("xyz", rows.T, strict=False):
        axis = getattr(ax, f"{which}axis")
        if axis.get_scale() == "linear":
            column[np.abs(column) < 1e-9 * np.ptp(axis.get_view_interval())] = 0
    return rows


def _course(rows: np.ndarray) -> str:
    """One curve: how it goes from its first point to its last."""
    x, y = rows[:, 0], rows[:, 1]
    if rows.shape[1] > 2 or not _ordered(x):
        closed = np.allclose(rows[0], rows[-1], rtol=0, atol=1e-6 * np.ptp(rows))
        return f"{'closed' if closed else f'from {point(rows[0])} to {point(rows[-1])}'}, {_within(rows)}"
    first, last = f"{rounded(y[0])} at {rounded(x[0])}", f"{rounded(y[-1])} at {rounded(x[-1])}"
    slack = 1e-9 * np.ptp(y)
    if rounded(y.min()) == rounded(y.max()):
        return f"stays at {rounded(y[0])} from {rounded(x[0])} to {rounded(x[-1])}"
    if (np.diff(y) >= -slack).all():
        return f"rises from {first} to {last}"
    if (np.diff(y) <= slack).all():
        return f"falls from {first} to {last}"
    turns = [("least", int(y.argmin())), ("greatest", int(y.argmax()))]
    told = [
        f"{word} {where}" for word, k in turns if (where := f"{rounded(y[k])} at {rounded(x[k])}") not in (first, last)
    ]
    return ", ".join([f"from {first} to {last}", *told])


def _many(data: list[np.ndarray]) -> str:
    """Several curves: their median if it is the last of them, where they start and end, how far they reach."""
    if any(rows.shape[1] > 2 or not _ordered(rows[:, 0]) for rows in data):
        return f"{len(data)} curves {_within(np.vstack(data))}"
    what = f"{len(data)} curves"
    if len(data) > 2 and len({len(rows) for rows in data}) == 1:
        *runs, middle = data
        if np.array_equal(middle[:, 1], np.median([rows[:, 1] for rows in runs], 0)):
            what, data = f"{len(runs)} runs; their median {_course(middle)}; the runs", runs
    first, last = (np.array([rows[k, 1] for rows in data]) for k in (0, -1))
    return f"{what} start {between(first)}, end {between(last)}, and lie within {span(np.vstack(data)[:, 1])}"


def image(item: AxesImage) -> Drawn:
    """A matrix as a picture."""
    values = np.ma.filled(np.ma.asarray(item.get_array()).astype(float), np.nan)
    size = f"an image of {values.shape[0]} by {values.shape[1]} cells"
    if values.ndim == 3:
        return Drawn("", f"{size} in {count(len(np.unique(np.vstack(list(values)), axis=0)), 'colour')}")
    return Drawn("", f"{size}, values {span(values)}", NONE, values.ravel())


def bars(item: BarContainer, names: dict[str, str]) -> Drawn:
    """A row of bars."""
    boxes: list[Any] = [patch.get_bbox() for patch in item.patches]
    places, sizes = np.array([[(box.x0 + box.x1) / 2, box.height] for box in boxes]).T
    if item.orientation == "horizontal":
        places, sizes = np.array([[(box.y0 + box.y1) / 2, box.width] for box in boxes]).T
    label = str(item.get_label())
    name = without_tex(label) if not label.startswith("_") else names.get(color_of(item.patches[0]), "")
    words = f"{count(len(sizes), 'bar')} at {span(places)}, sizes {span(sizes)}"
    words += f", the greatest at {rounded(places[sizes.argmax()])}"
    return Drawn(name, words, *((sizes, places) if item.orientation == "horizontal" else (places, sizes)))


def outline(item: Any, names: dict[str, str]) -> Drawn:
    """The outline of an area, as a histogram of type step has it."""
    rows = item.get_path().vertices
    return Drawn(names.get(color_of(item), ""), f"an area {_within(rows)}", *rows.T)


def collection(item: Any, names: dict[str, str], covered: set[str]) -> Drawn | None:
    """Points, bands, level sets, arrows, surfaces; None for a band in a colour of ``covered``: around its curves."""
    kind, color = type(item).__name__, color_of(item)
    name = names.get(color, "") if item.get_array() is None else ""
    if isinstance(item, ContourSet):
        heights = np.asarray(item.levels, float)
        sets = f"{len(heights)} level sets, heights {span(heights)}"
        return Drawn(name, sets if len(heights) > 1 else f"the level set of height {rounded(heights[0])}")
    if kind.endswith("3DCollection"):
        return Drawn(name, "a surface" if kind.startswith("Poly") else "points or lines in space")
    if kind == "Quiver":
        return Drawn(name, f"{count(item.N, 'arrow')}, lengths {span(np.hypot(item.U, item.V))}")
    if kind == "QuadMesh":
        values = np.ma.filled(np.ma.asarray(item.get_array()).astype(float), np.nan)
        return Drawn("", f"{values.size} cells, values {span(values)}", NONE, values.ravel())
    if kind == "PathCollection":
        rows = np.ma.filled(np.ma.asarray(item.get_offsets()).astype(float), np.nan)
        rows = rows[np.isfinite(rows).all(1)]
        return Drawn(name, f"{count(len(rows), 'point')} {_within(rows)}", *rows.T)
    rows, band = np.vstack([path.vertices for path in item.get_paths()] or [np.empty((0, 2))]), "FillBetween" in kind
    if not len(rows) or (band and color in covered):
        return None
    what = "a band" if band else count(len(item.get_paths()), "line" if kind.startswith("Line") else "area")
    return Drawn(name, f"{what} {_within(rows)}", *rows.T)


def arrows(ax: Axes) -> Drawn | None:
    """Arrows drawn by ``annotate``: the first three with their ends."""
    found = [text for text in ax.texts if isinstance(text, Annotation) and text.arrow_patch]
    ends = [f"from {point(text.xyann)} to {point(text.xy)}" for text in found if text.anncoords == text.xycoords]
    return Drawn("", " ".join([count(len(found), "arrow"), ", ".join(ends[:3])]).strip()) if found else None


def _within(rows: np.ndarray) -> str:
    return f"within {' by '.join(map(span, rows.T))}"


def _ordered(x: np.ndarray) -> bool:
    steps = np.diff(x)
    return bool(((steps >= 0).all() or (steps <= 0).all()) and np.ptp(x) > 0)
