"""Moving pictures for a page without a kernel or a script: frames in, an animated WebP with its still out."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from grokutil.figures.plot import inked


def film(figure: Figure, draw: Callable[[int], Any], frames: int, seconds: float = 4.0, hold: float = 3.0) -> bytes:
    """An animated WebP of 32 colours; ``draw(i)`` draws frame i on the cleared axes of ``figure``, which is closed.

    Layout and colours are those of the last frame, so that nothing jumps. It is held for ``hold`` seconds.
    """
    images: list[Image.Image] = []
    for i in (frames - 1, *range(frames)):
        for ax in figure.axes:
            ax.clear()
        draw(i)
        images.append(_few_colours(figure, images[0] if images else None))
        figure.set_layout_engine("none")
    pause = [round(1000 * seconds / frames)] * (frames - 1) + [round(1000 * hold)]
    small = {"lossless": True, "method": 4, "minimize_size": True}
    file = io.BytesIO()
    images[1].save(file, "WEBP", save_all=True, append_images=images[2:], duration=pause, loop=0, **small)
    plt.close(figure)
    return file.getvalue()


def still(figure: Figure) -> bytes:
    """A PNG of 32 colours of ``figure``, which is closed."""
    file = io.BytesIO()
    _few_colours(figure).save(file, "PNG", optimize=True)
    plt.close(figure)
    return file.getvalue()


def _few_colours(figure: Figure, palette: Image.Image | None = None) -> Image.Image:
    canvas = FigureCanvasAgg(figure)
    with inked(figure):
        canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    return image.quantize(32, Image.Quantize.MAXCOVERAGE, palette=palette, dither=Image.Dither.NONE)


MOVING_PICTURE = """<div class="moving-picture">
<style>
.text_html:has(> .moving-picture) {{background: none !important; color: inherit !important; padding: 0 !important}}
.moving-picture img {{max-width: 100%}}
.moving-picture .rests, .moving-picture:has(:checked) .plays * {{display: none}}
.moving-picture:has(:checked) .rests {{display: inline}}
@media (prefers-reduced-motion: reduce) {{.moving-picture label {{display: none}}}}
@media print {{
  .moving-picture label, .moving-picture .plays * {{display: none}}
  .moving-picture .rests {{display: inline}}
}}
</style>
<picture class="plays">
<source media="(prefers-reduced-motion: reduce)" srcset="data:image/png;base64,{rest}">
<img src="data:image/webp;base64,{film}" alt="{alt}">
</picture>
<img class="rests" src="data:image/png;base64,{rest}" alt="{alt}">
<label><input type="checkbox"> Stop the film</label>
</div>"""


def moving_picture(moving: bytes, resting: bytes, alternative: str) -> dict[str, str]:
    """A film with a still to stand for it: for ``display(..., raw=True)``.

    Readers who ask for reduced motion get the still, and so does a printer; a box below the film stops it. There
    is no script.

    Args:
        moving: animated WebP, from :func:`film`.
        resting: PNG, from :func:`still`.
        alternative: the text for readers who see neither.
    """
    film, rest = (base64.b64encode(data).decode() for data in (moving, resting))
    page = MOVING_PICTURE.format(film=film, rest=rest, alt=html.escape(alternative))
    return {"text/html": page, "image/png": rest}
