"""Pictures: what is drawn is what was given."""

import matplotlib as mpl
import numpy as np
import pytest

from grokutil.data import modular_addition
from grokutil.figures import plot

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


def test_a_landscape_has_its_levels_and_the_zero_loss_set(axes):
    assert plot.landscape(axes, lambda w: w.sum(-1) - 2, (-1.0, 3.0), (0.0, 2.0)) is axes
    levels, zero = axes.collections
    assert len(levels.get_paths()) == 8 and zero.get_linewidth()[0] > levels.get_linewidth()[0]
    for loss, path in zip(levels.levels, levels.get_paths(), strict=True):
        np.testing.assert_allclose((path.vertices.sum(1) - 2) ** 2, loss, rtol=1e-2)
    line = zero.get_paths()[0].vertices
    np.testing.assert_allclose(line.sum(1), 2, atol=1e-12)
    assert np.ptp(line[:, 0]) == pytest.approx(2)  # from edge to edge
    assert axes.get_xlim() == (-1, 3) and axes.get_ylim() == (0, 2) and axes.get_aspect() == 1


def test_a_path_is_open_at_its_start_and_closed_at_its_end(axes):
    path = np.array([[0.0, 1.0], [2.0, 3.0], [5.0, 4.0]])
    assert plot.draw_path(axes, path, plot.COLORS["test"], "--") is axes
    line, start, end = axes.lines
    assert np.array_equal(line.get_xydata(), path) and line.get_linestyle() == "--"
    assert np.array_equal(start.get_xydata(), path[:1]) and np.array_equal(end.get_xydata(), path[-1:])
    assert (start.get_markerfacecolor(), end.get_markerfacecolor()) == ("white", plot.COLORS["test"])


def test_an_arrow_starts_at_its_point_and_ends_a_step_further(axes):
    assert plot.draw_arrow(axes, np.array([1.0, 2.0]), np.array([0.5, -1.0]), plot.COLORS["train"]) is axes
    (arrow,) = axes.texts
    assert arrow.xyann == (1.0, 2.0) and arrow.xy == (1.5, 1.0)


def test_a_landscape_of_fewer_levels(axes):
    plot.landscape(axes, lambda w: w.sum(-1), (-1.0, 1.0), (-1.0, 1.0), levels=3)
    assert len(axes.collections[0].levels) == 3


def test_a_note_stands_beside_its_point(axes):
    assert plot.note(axes, (1.0, 2.0), "here", plot.COLORS["test"], (8, -3), ha="right") is axes
    (text,) = axes.texts
    assert (text.get_text(), text.xy, text.xyann, text.get_ha()) == ("here", (1.0, 2.0), (8, -3), "right")
    assert text.get_color() == plot.COLORS["test"]


def test_a_marked_slope_is_straight_on_logarithmic_axes(axes):
    axes.set(xscale="log", yscale="log")
    assert plot.mark_slope(axes, (1e-3, 1e-1), 5e-4, 2) is axes
    (line,) = axes.lines
    np.testing.assert_allclose(line.get_xdata(), (1e-3, 1e-1))
    np.testing.assert_allclose(line.get_ydata(), (5e-4, 5.0))
    assert [t.get_text() for t in axes.texts] == ["slope 2"]


def test_labels_in_space_are_upright():
    figure = plot.plt.figure()
    space = figure.add_subplot(projection="3d")
    space.set(xlabel="$w_1$", ylabel="$w_2$", zlabel="$w_3$")
    assert plot.upright_labels(space) is space
    figure.canvas.draw()
    assert [axis.label.get_rotation() for axis in (space.xaxis, space.yaxis, space.zaxis)] == [0, 0, 0]
    plot.plt.close(figure)


@pytest.mark.parametrize(("p", "k"), [(7, 1), (7, 2), (11, 4), (12, 5), (13, 12)])
def test_the_order_of_a_circle_is_a_walk_in_the_positive_sense(p, k):
    """Each step turns by the same positive angle, 2 pi / p, from number 0 on."""
    order = plot.circle_order(p, k)
    places = np.exp(2j * np.pi * np.array(order) * k / p)
    np.testing.assert_allclose(np.angle(np.roll(places, -1) / places), 2 * np.pi / p, rtol=1e-12)
    assert order[0] == 0


def test_a_table_shows_each_pair_in_the_colour_of_its_half_and_its_sum_upon_it(axes):
    task = modular_addition(5, train_size=9, seed=2)
    plot.addition_table(axes, task, write_sums=True)
    (image,), texts = axes.images, {t.get_position(): (t.get_text(), t.get_color()) for t in axes.texts}
    picture = image.get_array()
    light = 1 - 0.35 * (1 - np.array(mpl.colors.to_rgb(plot.COLORS["train"])))
    dark = mpl.colors.to_rgb(plot.COLORS["test"])
    for pairs, color, ink in ((task.pairs_train, light, "black"), (task.pairs_test, dark, "white")):
        for a, b in pairs.tolist():
            np.testing.assert_allclose(picture[a, b], color)
            assert texts[b, a] == (str((a + b) % 5), ink)
    assert len(texts) == 15 and (picture[np.tril_indices(5, -1)] == 1).all()  # each unordered pair once


def test_the_ink_of_a_colour_can_be_read_and_keeps_its_hue():
    for color in plot.COLORS.values():
        ink = plot.INK[color.lower()]
        assert contrast(ink) >= 4.5
        if contrast(color) >= 4.5:
            assert ink == color.lower()
        else:  # no darker than need be
            assert contrast(ink) < 4.9
            rgb, dark = (np.array(mpl.colors.to_rgb(c)) for c in (color, ink))
            assert np.allclose(dark / dark.max(), rgb / rgb.max(), atol=0.02)


def test_while_a_figure_is_drawn_its_texts_are_dark_enough_and_then_as_before(axes):
    plot.label_end(axes, 0, 0, "pale", plot.COLORS["layer 2"])
    white = axes.text(0, 1, "white", color="white")
    (pale,) = (text for text in axes.texts if text.get_text() == "pale")
    with pytest.raises(KeyError), plot.inked(axes.figure):
        assert pale.get_color() == plot.INK[plot.COLORS["layer 2"].lower()]
        assert white.get_color() == "white"  # on something dark: none of the palette's
        raise KeyError
    assert pale.get_color() == plot.COLORS["layer 2"]
