"""The picture of the argument: boxes on a grid, and lines that run between the boxes and never behind them."""

import textwrap
from collections.abc import Iterator
from html import escape
from typing import Any

BOX = (136, 62)
GAP = (16, 42)
LINKS = ("uses", "assumes", "tests")
LINE_HEIGHT = 12
LINE_LENGTH = 22
SMALL = 4  # a map with fewer columns stays in the text's column
TRACKS = 7  # lines side by side between two rows, before they share one
LEGEND = {
    "paper": "paper",
    "repaired": "paper, corrected",
    "ours": "ours",
    "measured": "measured",
}


def picture(entries: list[dict[str, Any]], urls: dict[str, str]) -> str:
    """The map as inline SVG in a box that scrolls; `urls` leads from a label to its place in the book."""
    columns, rows = (1 + max(entry["at"][axis] for entry in entries) for axis in (0, 1))
    width, height = columns * (BOX[0] + GAP[0]) + GAP[0], rows * (BOX[1] + GAP[1])
    lines = [
        f'<path class="{kind}" marker-end="url(#argument-tip)" d="M{" L".join(points)}"/>'
        for kind, points in routes(entries)
    ]
    boxes = [box(entry, urls) for entry in entries]
    kinds = {entry["kind"] for entry in entries}
    keys = "".join(f'<span class="{kind}">{name}</span>' for kind, name in LEGEND.items() if kind in kinds)
    size = " small" if columns < SMALL else ""
    return (
        f'<p class="argument-key" aria-hidden="true">{keys}</p>'
        f'<div class="argument-map{size}" tabindex="0" role="group" '
        'aria-label="The map of the argument; in words below">'
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'style="min-width: {0.9 * width:.0f}px">'
        '<defs><marker id="argument-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" '
        'orient="auto"><path d="M0,0.5 L8,4 L0,7.5 z"/></marker></defs>'
        f'<g aria-hidden="true">{"".join(lines)}</g>{"".join(boxes)}</svg></div>'
    )


def corner(place: list[int]) -> tuple[float, float]:
    """Top left corner of the box at (column, row)."""
    return GAP[0] + place[0] * (BOX[0] + GAP[0]), GAP[1] / 2 + place[1] * (BOX[1] + GAP[1])


def routes(entries: list[dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """The kind and the points of each line, which leads to an entry's box from one that it needs."""
    at = {entry["label"]: entry["at"] for entry in entries}
    for entry in entries:
        sources = [(*at[label], kind) for kind in LINKS for label in entry.get(kind, {})]
        # Left to right as the lines come in: those of the box's own column come from beside it, except the nearest.
        sources.sort(key=lambda source: (source[0], source[1] * (-1 if source[0] else 1)))
        for i, (column, row, kind) in enumerate(sources, 1):
            yield kind, route([column, row], entry["at"], i * BOX[0] / (len(sources) + 1))


def route(start: list[int], end: list[int], enter: float) -> list[str]:
    """From the lower edge of one box to the upper edge of another, along the gaps between rows and columns.

    Lines of one box share a track; those of boxes side by side have tracks of their own.
    """
    (x, y), (to_x, to_y) = corner(start), corner(end)
    x, y, to_x = x + BOX[0] / 2, y + BOX[1], to_x + enter
    below = y + 8 + track(start) * (GAP[1] - 20) / TRACKS
    points = [(x, y), (x, below)]
    if end[1] > start[1] + 1:  # past other rows: beside the column, then above the box
        side = end[0] if start[0] < end[0] or start[0] == end[0] == 0 else end[0] + 1
        channel = corner([side, 0])[0] - GAP[0] / 2 + (track(start) - TRACKS / 2) * (GAP[0] - 6) / TRACKS
        above = to_y - GAP[1] + 8 + track(start) * (GAP[1] - 20) / TRACKS
        points += [(channel, below), (channel, above), (to_x, above)]
    else:
        points += [(to_x, below)]
    points += [(to_x, to_y)]
    return [f"{px:.1f},{py:.1f}" for px, py in points]


def track(place: list[int]) -> int:
    """Which of the tracks in a gap belongs to the box at (column, row)."""
    return (2 * place[0] + 3 * place[1]) % TRACKS


def box(entry: dict[str, Any], urls: dict[str, str]) -> str:
    """The entry's box, which is a link, with a mark that leads to its own measurement if there is one."""
    x, y = corner(entry["at"])
    said = textwrap.wrap(entry["short"], LINE_LENGTH)
    lines = "".join(
        f'<tspan x="{x + 10}" dy="{LINE_HEIGHT if i else 14}">{escape(line)}</tspan>' for i, line in enumerate(said)
    )
    conjecture = " conjecture" if entry["label"].startswith("conj-") else ""
    shape = (
        f'<a href="{escape(urls[entry["label"]])}" class="{entry["kind"]}{conjecture}">'
        f"<title>{escape(entry['says'])}</title>"
        f'<rect x="{x}" y="{y}" width="{BOX[0]}" height="{BOX[1]}" rx="{12 if entry["kind"] == "measured" else 2}"/>'
        f'<text x="{x + 10}" y="{y + 16}"><tspan class="title">{escape(entry["title"])}</tspan>{lines}</text></a>'
    )
    if "measured" in entry:
        shape += (
            f'<a href="{escape(urls[entry["measured"]])}" class="mark"><title>Its measurement</title>'
            f'<circle cx="{x + BOX[0] - 11}" cy="{y + 12}" r="6"/></a>'
        )
    return shape
