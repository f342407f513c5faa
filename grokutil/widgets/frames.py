"""A picture as one string of HTML, with its alternative text, small enough to embed a hundred of them in a page."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from grokutil.figures.plot import inked, use_style

Draw = Callable[..., str]

COLOURS = 32
SIZE = (6.4, 3.4)  # inches
DPI = 100


def frame(draw: Draw, size: tuple[float, float] = SIZE, **values: Any) -> str:
    """Draw a figure and return it as an ``<img>`` tag with the picture inside.

    The picture is a lossless WebP of at most 32 colours. Nothing of pyplot is used, so frames can be drawn in any
    thread and leave no output behind.

    Args:
        draw: called as ``draw(figure, **values)`` with an empty figure; returns the alternative text: what one sees,
            in a sentence or two, with its numbers.
        size: width and height in inches; a hundred pixels an inch.
        values: what to draw.

    Raises:
        ValueError: draw returned no alternative text.
    """
    use_style()
    figure = Figure(figsize=size, dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    alt = draw(figure, **values)
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"{getattr(draw, '__name__', 'draw')} must return the alternative text of its picture")
    with inked(figure):
        canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    data = io.BytesIO()
    picture.convert("RGB").save(data, "webp", lossless=True, method=4)
    source = base64.b64encode(data.getvalue()).decode()
    width, height = picture.size
    return (
        f'<img class="frame" width="{width}" height="{height}" style="max-width: 100%; height: auto" '
        f'alt="{html.escape(alt, quote=True)}" src="data:image/webp;base64,{source}">'
    )
