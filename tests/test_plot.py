"""Pictures: what is drawn is what was given."""

import matplotlib as mpl
import numpy as np
import pytest

from grokutil import plot

mpl.use("Agg")


@pytest.fixture
def axes():
    plot.use_style()
    figure, ax = plot.panels()
    yield ax
    plot.plt.close(figure)


def contrast(color, background="white"):
    """Contrast ratio of WCAG 2."""

    def luminance(c):
        rgb = np.array(mpl.colors.to_rgb(c))
        return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    bright, dark = sorted((luminance(color), luminance(background)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_colours_differ_and_are_seen_on_white():
    assert len(set(plot.COLORS.values())) == len(plot.COLORS)
    assert all(contrast(color) > 2 for color in plot.COLORS.values())


def test_curves_over_seeds_draws_the_median_the_runs_and_their_range(axes):
    times, curves = np.arange(4.0), np.array([[0, 1, 2, 3], [0, 2, 4, 6], [0, 3, 6, 8.0]])
    assert plot.curves_over_seeds(axes, times, curves, "runs", plot.COLORS["test"]) is axes
    drawn = [line.get_ydata() for line in axes.lines]
    assert len(drawn) == 4 and np.array_equal(drawn[-1], [0, 2, 4, 6])
    band = axes.collections[0].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == (0, 8)
    assert [t.get_text() for t in axes.texts] == ["runs"] and axes.texts[0].xy == (3.0, 6.0)
