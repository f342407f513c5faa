"""The picture of the argument for print: the same boxes and lines as `argument_picture`, in TikZ."""

import textwrap
from typing import Any

from argument_picture import BOX, LEGEND, LINE_LENGTH, corner, routes

COLOURS = {"paper": "0072B2", "repaired": "D55E00", "ours": "009E73", "measured": "CC79A7"}
DASHES = {"uses": "", "assumes": "dash pattern=on 6pt off 3pt,", "tests": "dash pattern=on 1.5pt off 3pt,"}
SPECIAL = str.maketrans({character: f"\\{character}" for character in "&%$#_{}"} | {"λ": r"\(\lambda\)"})


def picture(entries: list[dict[str, Any]], targets: dict[str, str]) -> str:
    """The map as LaTeX; `targets` leads from a label to LaTeX's name for its place in the book."""
    colours = "".join(rf"\definecolor{{kind-{kind}}}{{HTML}}{{{colour}}}" for kind, colour in COLOURS.items())
    keys = r"\quad ".join(rf"\textcolor{{kind-{kind}}}{{$\blacksquare$}} {name}" for kind, name in LEGEND.items())
    return "\n".join(
        [
            rf"\begin{{center}}\begin{{minipage}}{{\linewidth}}{colours}\centering\sffamily\small {keys}\par\medskip",
            r"\resizebox{\linewidth}{!}{\begin{tikzpicture}[x=1pt, y=-1pt, line width=0.9pt]",
            *(
                rf"\draw[{DASHES[kind]} gray, -stealth] {' -- '.join(f'({point})' for point in points)};"
                for kind, points in routes(entries)
            ),
            *(box(entry, targets) for entry in entries),
            r"\end{tikzpicture}}\end{minipage}\end{center}",
        ]
    )


def box(entry: dict[str, Any], targets: dict[str, str]) -> str:
    """The entry's box; its title is a link."""
    x, y = corner(entry["at"])
    kind = entry["kind"]
    corners = "rounded corners=8pt," if kind == "measured" else ""
    dashes = "densely dashed," if entry["label"].startswith("conj-") else ""
    said = r"\\".join(line.translate(SPECIAL) for line in textwrap.wrap(entry["short"], LINE_LENGTH))
    title = rf"\hyperref[{targets[entry['label']]}]{{\bfseries {entry['title'].translate(SPECIAL)}}}"
    drawn = (
        rf"\draw[{corners}{dashes} kind-{kind}, fill=white, line width=1.6pt] ({x},{y}) rectangle +({BOX[0]},{BOX[1]});"
        rf"\node[anchor=north west, align=left, font=\sffamily\fontsize{{9.5}}{{11.5}}\selectfont, inner sep=5pt]"
        rf" at ({x},{y}) {{{title}\\{said}}};"
    )
    if "measured" in entry:
        drawn += rf"\fill[kind-measured] ({x + BOX[0] - 11},{y + 12}) circle[radius=5pt];"
    return drawn
