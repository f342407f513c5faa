"""A Matplotlib figure in words: what it shows, from its data alone, for readers who do not see it."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from grokutil.figures.drawn import Drawn, arrows, bars, collection, color_of, curves, guides, image, is_guide, outline
from grokutil.figures.wording import finite_values, rounded, span, without_tex
from grokutil.runs.progress import shell

PICTURES = {"image/png", "image/jpeg", "image/svg+xml", "application/pdf"}
MOST = 12  # things told of a panel
PANELS = 4  # panels told one by one in the summary
NEAR = 3  # points between a text and the end of the curve that it names
Drawing = Callable[[Figure], AbstractContextManager[None]]  # what surrounds the drawing of a figure
STYLES = {"-": "solid", "--": "dashed", ":": "dotted", "-.": "dash-dotted", "None": "points"}


def describe(figure: Figure) -> str:
    """A figure in plain sentences with rounded numbers.

    A curve's name is its label, or the text at its end in its colour, as :func:`grokutil.figures.plot.label_end`
    writes it, or the one text of its colour.

    Returns:
        Lines. The first is a summary, short enough for an alternative text: the ranges of what is drawn. Then one
        line for each panel, its title and its axes; below it, a line that begins with "- " for each curve, set of
        points, row of bars or image: where it starts and ends, its least and its greatest value.
    """
    panels = [ax for ax in figure.axes if ax.get_visible()]
    if not panels:
        return "An empty figure."
    names = _names(panels)
    told = [(ax, [] if _color_bar(ax) else _things(ax, names[ax])) for ax in panels]
    lines = [_summary([(ax, things) for ax, things in told if not _color_bar(ax)])]
    for k, (ax, things) in enumerate(told, 1):
        lines.append(" ".join(filter(None, [f"Panel {k}." if len(panels) > 1 else "", _axes(ax, empty=not things)])))
        lines += [f"- {thing}" for thing in things[:MOST]]
        lines += [f"- And {len(things) - MOST} more."] if len(things) > MOST else []
    return "\n".join(filter(None, lines))


def tell_notebook(drawing: Drawing = lambda figure: nullcontext()) -> None:
    """Let each figure of this notebook carry its description; does nothing outside a notebook.

    The description is the output's plain text, for whoever shows no pictures, and ``alt`` in the metadata of the
    picture, which nbconvert writes into a page. ``drawing(figure)`` is a context in which it is drawn.
    """
    formatters = getattr(getattr(shell(), "display_formatter", None), "formatters", {})
    if formatters and not any(Figure in formatters[kind].type_printers for kind in PICTURES & formatters.keys()):
        plt.switch_backend(mpl.get_backend())  # a notebook's backend registers its formatters when it is loaded
    for kind in PICTURES & formatters.keys():
        draw = formatters[kind].type_printers.get(Figure)
        if draw and not isinstance(draw, _Told):
            formatters[kind].for_type(Figure, _Told(draw, drawing))
            formatters["text/plain"].for_type(Figure, lambda figure, printer, cycle: printer.text(_said(figure)))


@dataclass(frozen=True)
class _Told:
    """Draws a figure as ``draw`` does, and adds its description to the metadata."""

    draw: Callable[[Figure], Any]
    drawing: Drawing = lambda figure: nullcontext()

    def __call__(self, figure: Figure) -> Any:
        with self.drawing(figure):
            drawn = self.draw(figure)
        if drawn is None:  # a figure without axes
            return None
        data, metadata = drawn if isinstance(drawn, tuple) else (drawn, {})
        return data, metadata | {"alt": _said(figure)}


def _said(figure: Figure) -> str:
    try:
        return describe(figure)
    except Exception as error:  # a picture without words is better than none
        warnings.warn(f"this figure could not be described: {error!r}", stacklevel=2)
        return repr(figure)


def _summary(told: list[tuple[Axes, list[Drawn]]]) -> str:
    parts, everything, last = [], [], ""
    for ax, things in told:
        x, y = finite_values(thing.x for thing in things), finite_values(thing.y for thing in things)
        if not len(y):
            continue
        over = _label(ax, "x")
        part = f"{_label(ax, 'y') or _title(ax) or 'values'} from {span(y)}"
        part += f", {over} from {span(x)}" if len(x) and over not in ("", last) else ""
        last = over or last
        parts.append(part)
        everything.append(y)
    if not parts:
        return "No data."
    where = f" in {len(told)} panels" if len(told) > 1 else ""
    ranges = "; ".join(parts) if len(told) <= PANELS else f"values from {span(finite_values(everything))}"
    return f"Ranges{where}: {ranges}."


def _axes(ax: Axes, empty: bool) -> str:
    """The title and the axes of a panel."""
    if bar := _color_bar(ax):
        return (
            f"Colour bar{': ' if _label(ax, 'y') else ''}{_label(ax, 'y')}, {rounded(bar.vmin)} to {rounded(bar.vmax)}."
        )
    words = [f"{_title(ax)}." if _title(ax) else ""]
    for which in ax._axis_names:  # type: ignore[attr-defined]
        axis, label = getattr(ax, f"{which}axis"), _label(ax, which)
        scale = "" if axis.get_scale() == "linear" else f", {axis.get_scale()}".replace("log", "logarithmic")
        if label or len(axis.get_ticklocs()):
            words.append(f"{which} axis: {label + ', ' if label else ''}{span(axis.get_view_interval())}{scale}.")
    return " ".join(filter(None, [*words, "Nothing is drawn." if empty else ""]))


def _things(ax: Axes, names: dict[str, str]) -> list[Drawn]:
    things = [image(item) for item in ax.images]
    things += [bars(item, names) for item in ax.containers if isinstance(item, BarContainer) and len(item.patches)]
    things += [
        outline(item, names) for item in ax.patches if type(item).__name__ in ("Polygon", "StepPatch", "PathPatch")
    ]
    covered = {color_of(line) for line in ax.lines}
    common = to_hex(mpl.rcParams["text.color"])  # anything may be written in it
    special = {color: name for color, name in names.items() if color != common}
    scattered = [thing for item in ax.collections if (thing := collection(item, special, covered))]
    extents = {span(thing.x) + span(thing.y) for thing in scattered}
    for name, lines in _groups(ax, names):
        thing = curves(name, lines, ax)
        if thing and span(thing.x) + span(thing.y) not in extents:  # a line that joins points adds nothing to them
            things.append(thing)
    things += scattered
    across = [line for line in ax.lines if is_guide(ax, line) and line.get_visible()]
    things += [thing for thing in (guides(across) if across else None, arrows(ax)) if thing]
    used = {thing.name.split(",")[0] for thing in things}
    said = [text for t in ax.texts if (text := without_tex(t.get_text())) and text.split(",")[0] not in used]
    if said:
        things.append(Drawn("", "written: " + ", ".join(said) if len(said) <= 8 else f"{len(said)} texts"))
    return things


def _names(panels: list[Axes]) -> dict[Axes, dict[str, str]]:
    """The name of each colour in each panel. A panel without texts has those of the others if they name all of it."""
    own: dict[Axes, dict[str, str]] = {}
    shared: dict[str, set[str]] = defaultdict(set)
    for ax in panels:
        said: dict[str, set[str]] = defaultdict(set)
        for text in filter(lambda t: t.get_text().strip(), ax.texts):
            said[to_hex(text.get_color())].add(without_tex(text.get_text()))
        own[ax] = {color: min(texts) for color, texts in said.items() if len(texts) == 1}
        for color, name in [*own[ax].items(), *((color_of(line), _end(ax, line)) for line in ax.lines)]:
            shared[color] |= {name} - {""}
    for ax in panels:
        drawn = [*(line for line in ax.lines if not is_guide(ax, line)), *ax.collections]
        colors = {color_of(item) for item in drawn}
        if len(colors) > 1 and not "".join(t.get_text() for t in ax.texts) and all(len(shared[c]) == 1 for c in colors):
            own[ax] = {color: min(shared[color]) for color in colors}
    return own


def _end(ax: Axes, line: Line2D) -> str:
    """The text in its colour that is nearest to the end of a line; "" where none is near."""
    x, y = (np.atleast_1d(np.asarray(data, float)) for data in line.get_data(orig=False))
    found = []
    for text in ax.texts if len(x) and not is_guide(ax, line) else ():
        if isinstance(text, Annotation) and text.xycoords == "data" and to_hex(text.get_color()) == color_of(line):
            ends = ax.transData.transform([text.xy, (x[-1], y[-1])])
            found.append((float(np.hypot(*np.diff(ends, axis=0)[0])), without_tex(text.get_text())))
    distance, name = min(found, default=(np.inf, ""))
    return name if distance <= NEAR * ax.get_figure(root=True).dpi / 72 else ""  # type: ignore[union-attr]


def _groups(ax: Axes, names: dict[str, str]) -> list[tuple[str, list[Line2D]]]:
    """Lines of one name, colour and style belong together: the runs of several seeds."""
    groups: dict[tuple[str, str, str], list[Line2D]] = defaultdict(list)
    for line in ax.lines:
        if line.get_visible() and not is_guide(ax, line):
            label, style = str(line.get_label()), str(line.get_linestyle())
            name = without_tex(label) if not label.startswith("_") else names.get(color_of(line)) or _end(ax, line)
            groups[name, color_of(line), style if style in STYLES else "None"].append(line)
    found = [name for name, _, _ in groups]
    return [
        (f"{name}, {STYLES[style]}" if name and found.count(name) > 1 else name, lines)
        for (name, _, style), lines in groups.items()
    ]


def _color_bar(ax: Axes) -> Any:
    """The colour bar that these axes hold, if they hold one."""
    return getattr(ax, "_colorbar", None)


def _title(ax: Axes) -> str:
    return without_tex(ax.get_title("left") or ax.get_title("center") or ax.get_title("right"))


def _label(ax: Axes, which: str) -> str:
    """The label of an axis, its own or that of a panel which shares it."""
    sharing = getattr(ax, f"get_shared_{which}_axes")().get_siblings(ax) if which in "xy" else []
    labels = [getattr(other, f"{which}axis").get_label_text() for other in (ax, *sharing)]
    return without_tex(next(filter(None, labels), ""))
