"""Moving pictures."""

import base64
import io
import re

import matplotlib as mpl
from PIL import Image

from grokutil.figures import film, plot

mpl.use("Agg")


def frames_of(data):
    image = Image.open(io.BytesIO(data))
    frames = []
    for i in range(image.n_frames):
        image.seek(i)
        frames.append((image.convert("RGB").tobytes(), image.info.get("duration")))
    return image, frames


def test_a_film_shows_every_frame_in_order_and_holds_the_last():
    figure, ax = plot.panels(height=1.0)
    drawn = []
    data = film.film(figure, lambda i: drawn.append(i) or ax.barh(0, i + 1), frames=4, seconds=2.0, hold=3.0)
    image, frames = frames_of(data)
    assert image.format == "WEBP" and drawn == [3, 0, 1, 2, 3]
    assert len({pixels for pixels, _ in frames}) == 4
    assert [duration for _, duration in frames] == [500, 500, 500, 3000]  # milliseconds
    assert not mpl.pyplot.fignum_exists(figure.number)


def test_the_page_holds_film_still_and_escaped_text():
    figure, ax = plot.panels(height=1.0)
    still = film.still(figure)
    output = film.moving_picture(b"film", still, 'rises < "one"')
    page = output["text/html"]
    embedded = [base64.b64decode(data) for data in re.findall(r"base64,([^\"]+)\"", page)]
    assert embedded == [still, b"film", still] and output["image/png"] == base64.b64encode(still).decode()
    assert page.count('alt="rises &lt; &quot;one&quot;"') == 2 and "prefers-reduced-motion" in page
    assert "<script" not in page
