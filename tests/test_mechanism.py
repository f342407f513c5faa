"""Drawings of mechanisms: the forces, paths and places that are drawn are those of the examples."""

import numpy as np
import pytest
from matplotlib.patches import Arc, Circle
from matplotlib.text import Text
from test_plot import axes  # noqa: F401

from grokutil.activations import LEAK
from grokutil.adders import polygons
from grokutil.figures import mechanism, plot
from grokutil.figures.describe import describe
from grokutil.figures.mechanism import (
    entry_point,
    kink_path,
    kink_velocity,
    nearest_on_hyperbola,
    on_clock,
    product_forces,
    settled_point,
)
from grokutil.price import pair_cost
from grokutil.toy import LinearToy, descend, product_gradient, product_loss


def slope_of(function, w, step=1e-6):
    """The gradient of a function of two weights by differences."""
    return np.array([(function(w + d) - function(w - d)) / (2 * step) for d in step * np.eye(2)])


def arrows_of(ax):
    return [np.array(text.xy) - text.xyann for text in ax.texts if getattr(text, "arrow_patch", None)]


def drawn(ax, color):
    """The curves in a colour; markers are left out."""
    return [line.get_xydata() for line in ax.lines if line.get_color() == color and len(line.get_xdata()) > 2]


# Formulas


@pytest.mark.parametrize("w", [(2.0, 0.4), (-1.0, 1.5), (0.3, -1.2)])
def test_the_two_forces_are_minus_the_gradients_of_loss_and_decay(w):
    w = np.array(w)
    loss, decay = product_forces(w, 1.3, 0.2)
    np.testing.assert_allclose(loss, -slope_of(lambda v: product_loss(v, 1.3), w), atol=1e-8)
    np.testing.assert_allclose(decay, -slope_of(lambda v: 0.2 * np.square(v).sum(), w), atol=1e-8)
    np.testing.assert_allclose(loss + decay, -product_gradient(w, 1.3, 0.2), atol=1e-12)


@pytest.mark.parametrize("norm2", [2.5, 3.4, 10.0])
@pytest.mark.parametrize("ridge", [0.01, 0.35])
def test_where_the_fall_has_settled_the_sum_of_the_forces_is_tangent(norm2, ridge):
    w = settled_point(norm2, 1.0, ridge)
    J = w[::-1]
    loss, decay = product_forces(w, 1.0, ridge)
    assert w @ w == pytest.approx(norm2) and w[0] >= w[1] > 0
    assert abs((loss + decay) @ J) < 1e-12
    np.testing.assert_allclose(loss + decay, -2 * ridge * (w - J * (J @ w) / (J @ J)), atol=1e-12)  # -2 lambda P w
    assert abs(loss[0] * J[1] - loss[1] * J[0]) < 1e-12  # the loss alone is normal


def test_no_point_settles_below_the_least_norm():
    with pytest.raises(ValueError, match="norm2 must be at least 2 F = 1.48"):
        settled_point(1.0, 1.0, 0.35 / 2)


@pytest.mark.parametrize("start", [(2.6, -0.9), (-1.0, 1.5), (0.3, -1.2), (0.5, 0.1)])
def test_the_fall_of_the_loss_ends_at_the_entry_point(start):
    end = descend(lambda w: product_gradient(w, 1.0), start, 1e-4, 100_000)[-1]
    np.testing.assert_allclose(end, entry_point(start, 1.0), atol=2e-3)  # of the order of the step
    entry = entry_point(start, 1.0)
    assert entry.prod() == pytest.approx(1) and np.dot(entry**2 - np.square(start), (1, -1)) == pytest.approx(0)


def test_a_start_between_the_branches_is_refused():
    with pytest.raises(ValueError, match="ends at the origin; move it"):
        entry_point((1.0, -1.0), 1.0)


@pytest.mark.parametrize("point", [(2.6, -0.9), (-1.0, 1.5), (-0.8, 0.1), (3.0, 3.0)])
def test_the_way_to_the_nearest_point_is_normal_and_the_shortest(point):
    z = nearest_on_hyperbola(point, 1.0)
    assert z.prod() == pytest.approx(1)
    assert abs((z - point) @ np.array([z[0], -z[1]])) < 1e-4  # tangent of the hyperbola
    x = np.sign(sum(point)) * np.geomspace(0.05, 20, 5000)
    assert np.hypot(x - point[0], 1 / x - point[1]).min() >= np.linalg.norm(z - point) - 1e-9


def test_both_sides_of_the_kink_point_at_it_and_the_path_slides():
    for w1 in (0.3, 1.0, 2.4):
        assert kink_velocity(w1, 0.0, 1.0)[1] == pytest.approx(-2) and kink_velocity(w1, 0.0, LEAK)[1] > 4
    gaps = []
    for ridge in (0.04, 0.02):
        path = kink_path((1.0, 0.0), 1.0, ridge)
        s = ridge * 0.02 * np.arange(len(path))
        gaps.append(np.abs(path[:, 0] - (2 - np.exp(-2 * s))).max())  # with z held
        assert np.abs(path[:, 1]).max() < 0.2 * ridge
    assert gaps[1] < 0.06 and gaps[0] / gaps[1] == pytest.approx(2, rel=0.1)  # O(lambda)


@pytest.mark.parametrize("start", [(0.4, 0.9), (0.4, -1.2)])
def test_away_from_the_kink_training_follows_its_velocity(start):
    ridge = 0.005
    path = kink_path(start, 0.1, ridge)
    slope = 1.0 if start[1] > 0 else LEAK
    middle, s = len(path) // 2, ridge * 0.02
    moved = (path[middle + 200] - path[middle - 200]) / (400 * s)
    np.testing.assert_allclose(moved, kink_velocity(*path[middle], slope), rtol=0.03)


@pytest.mark.parametrize(("z", "slope"), [(0.7, 1.0), (-0.7, LEAK)])
def test_the_velocity_at_the_kink_keeps_both_outputs_and_lowers_the_norm(z, slope):
    def at(w1, z):
        w2, u1 = z - w1, 3 - w1
        u2 = -2 - slope * z - u1
        return np.array([w1, w2, u1, u2])

    theta, step = at(1.2, z), 1e-6
    dw1, dz = kink_velocity(1.2, z, slope)
    moved = (at(1.2 + step * dw1, z + step * dz) - theta) / step
    J = np.array([[slope, slope, 1, 1], [1, 0, 1, 0]])
    P = np.eye(4) - np.linalg.pinv(J) @ J
    np.testing.assert_allclose(moved, -2 * P @ theta, atol=1e-6)
    assert theta @ moved < 0


def test_on_the_clock_angles_add():
    a, b, p = 7, 9, 11
    (s, c), (t, d) = on_clock(a, p), on_clock(b, p)
    np.testing.assert_allclose(on_clock(a + b, p), (s * d + c * t, c * d - s * t), atol=1e-12)
    np.testing.assert_allclose(on_clock(a + b, p), on_clock(5, p), atol=1e-12)
    np.testing.assert_allclose(on_clock(0, p), (0, 1), atol=1e-12)


# Drawings


def test_the_valley_is_the_flow_of_one_sample(axes):  # noqa: F811
    assert mechanism.draw_valley(axes) is axes
    model = LinearToy()
    (fast,), (slow,) = (drawn(axes, color) for color in (mechanism.FALL, mechanism.SLIDE))
    assert (model.train_loss(fast[:-1]) > mechanism.LEARNED).all()
    assert (model.train_loss(slow) < 1.01 * mechanism.LEARNED).all()
    assert model.test_loss(fast[-1]) > 1 and model.test_loss(slow[-1]) < 0.01
    assert np.array_equal(fast[0], model.start) and tuple(model.solution) == (1, 1)
    assert "1 memorise: quick" in describe(axes.figure) and "here it adds: a point at (1, 1)" in describe(axes.figure)


def test_the_arrows_are_the_forces_and_their_sum(axes):  # noqa: F811
    assert mechanism.draw_forces(axes, norm2=3.0, target=1.0, ridge=0.3, scale=0.5) is axes
    loss, decay, both = arrows_of(axes)
    w = settled_point(3.0, 1.0, 0.3)
    np.testing.assert_allclose([loss, decay], 0.5 * np.array(product_forces(w, 1.0, 0.3)))
    np.testing.assert_allclose(both, loss + decay)
    assert abs(both @ w[::-1]) < 1e-12  # tangent to the level line that is dotted
    assert decay @ w == pytest.approx(-np.linalg.norm(decay) * np.linalg.norm(w))  # to the origin
    level = next(line for line in axes.lines if line.get_linestyle() == ":").get_xydata()
    np.testing.assert_allclose(level.prod(1), w.prod())
    said = describe(axes.figure)
    assert "3 arrows from (1.66, 0.503)" in said and "sum: along the valley" in said


def test_the_dots_of_the_two_clocks_are_as_far_apart_as_the_labels_say(axes):  # noqa: F811
    assert mechanism.draw_two_clocks(axes) is axes
    path = descend(lambda w: product_gradient(w, 1.0, 0.02), (2.6, -0.9), 2e-3, 30_000)
    for color, apart in ((mechanism.FALL, 10), (mechanism.SLIDE, 2500)):
        curve, dots = drawn(axes, color)
        first = int(np.argmin(np.abs(path - dots[0]).sum(1)))
        np.testing.assert_allclose(dots, path[first : first + apart * len(dots) : apart])
        assert np.array_equal(curve[0], dots[0])
    fall, slide = (drawn(axes, color)[0] for color in (mechanism.FALL, mechanism.SLIDE))
    assert len(slide) > 100 * len(fall)
    assert np.square(slide.prod(1) - 1).max() < 0.02 * np.square(fall[0].prod() - 1)
    said = describe(axes.figure)
    assert "fall: the loss pushes. A dot every 10 steps" in said and "A dot every 2500 steps, points: 1" in said


def test_training_enters_at_the_entry_point_and_not_at_the_nearest(axes):  # noqa: F811
    assert mechanism.draw_entry(axes) is axes
    (path,) = drawn(axes, mechanism.SLIDE)
    entry, nearest = entry_point((-1.0, 1.5), 1.0), nearest_on_hyperbola((-1.0, 1.5), 1.0)
    to_entry, to_nearest = (np.linalg.norm(path - point, axis=1).min() for point in (entry, nearest))
    assert to_entry < 0.04 < 0.5 < to_nearest  # of the order of the weight decay, 0.01
    np.testing.assert_allclose(path[-1], 1, atol=0.03)
    assert "enters here: a point at (0.744, 1.34)" in describe(axes.figure)


def test_the_sliding_picture_has_the_field_and_the_path(axes):  # noqa: F811
    assert mechanism.draw_sliding_kink(axes) is axes
    on, off = axes.collections
    assert (np.asarray(on.V) < 0).all() and (np.asarray(off.V) > 0).all()
    for field, heights, slope in ((on, (0.4, 0.8, 1.2), 1.0), (off, (-0.4, -0.8, -1.2), LEAK)):
        velocity = np.array([[kink_velocity(w1, z, slope) for w1 in np.unique(field.X)] for z in heights])
        direction = velocity / np.linalg.norm(velocity, axis=-1, keepdims=True)
        np.testing.assert_allclose(np.stack((field.U, field.V), -1), direction.reshape(-1, 2))
    (path,) = drawn(axes, mechanism.SLIDE)
    assert np.array_equal(path, kink_path((0.4, 0.9), 1.6))
    assert "unit on: 24 arrows" in describe(axes.figure)


def test_the_widths_of_an_isolated_network_are_its_weights(axes):  # noqa: F811
    W1 = np.random.default_rng(0).normal(size=(3, 5))
    W2 = np.array([[1.0, -2.0]] * 5)
    assert mechanism.draw_isolated(axes, W1, W2) is axes
    lines = [line for line in axes.lines if line.get_color() in (plot.COLORS["layer 1"], plot.COLORS["layer 2"])]
    widths = np.array([line.get_linewidth() for line in lines])
    np.testing.assert_allclose(widths[:15], 4 * np.abs(W1).ravel() / np.abs(W1).max())
    np.testing.assert_allclose(widths[15:], np.tile([2.0, 4.0], 5))
    assert {line.get_linestyle() for line in lines[:15]} == {"-"} != {line.get_linestyle() for line in lines[15:]}
    with pytest.raises(ValueError, match=r"W1 \(3, 5\) and W2 \(3, 5\) must be"):
        mechanism.draw_isolated(axes, W1, W1)


def test_the_arcs_of_a_sum_end_at_its_hours(axes):  # noqa: F811
    assert mechanism.draw_clock_sum(axes, a=4, b=9, p=11) is axes
    arcs = [patch for patch in axes.patches if isinstance(patch, Arc)]
    for arc, first, last in zip(arcs, (0, 4), (4, 13), strict=True):
        for angle, hour in ((arc.theta2, first), (arc.theta1, last)):
            place = np.cos(np.radians(angle)), np.sin(np.radians(angle))
            np.testing.assert_allclose(place, on_clock(hour, 11), atol=1e-12)
    assert "4 + 9 = 2 (mod 11), points: a point at (0.91, 0.415)" in describe(axes.figure)


def test_squaring_merges_the_pairs_of_one_sum_on_a_ray():
    figure, (before, after) = plot.panels(2)
    assert mechanism.draw_merging_circles(before, after, total=3, p=11) == (before, after)
    others, pairs, line = (found.get_xydata() for found in before.lines)
    assert (len(others), len(pairs)) == (60, 6)
    half = on_clock(1.5, 11)
    np.testing.assert_allclose(pairs @ (half[1], -half[0]), 0, atol=1e-12)
    assert (pairs @ half > 0).any() and (pairs @ half < 0).any()  # on both sides of the origin
    squared = after.lines[1].get_xydata()
    np.testing.assert_allclose(squared @ on_clock(3, 11), np.square(pairs).sum(1), atol=1e-12)  # along its ray
    np.testing.assert_allclose(np.linalg.norm(squared, axis=1), np.square(pairs).sum(1), atol=1e-12)
    radii = sorted(patch.radius for patch in before.patches if isinstance(patch, Circle))
    distances = np.unique(np.linalg.norm(np.vstack((others, pairs)), axis=1).round(9))
    np.testing.assert_allclose(radii, distances)
    assert "hour 3, points: 6 points" in describe(figure)
    plot.plt.close(figure)


def test_the_argument_falls_by_the_loss_slides_to_the_shortest_and_turns_where_the_prices_cross():
    from matplotlib.figure import Figure

    path, price = mechanism.draw_argument(*Figure().subplots(1, 2), start=(3.0, -0.8), p=11)
    (fall,), (slide,) = drawn(path, mechanism.FALL), drawn(path, mechanism.SLIDE)
    np.testing.assert_allclose(fall[:, 0] ** 2 - fall[:, 1] ** 2, 3.0**2 - 0.8**2)  # what the loss cannot change
    np.testing.assert_allclose(fall[-1], entry_point((3.0, -0.8), 1.0))
    np.testing.assert_allclose(slide.prod(1), 1)
    assert (np.diff(np.square(slide).sum(1)) < 0).all() and np.allclose(slide[-1], 1)
    exact = descend(lambda w: product_gradient(w, 1.0, 5e-3), np.array([3.0, -0.8]), 5e-3, 80_000)
    for point in slide[::10]:
        assert np.linalg.norm(exact - point, axis=1).min() < 0.02  # training goes there
    lowest = [line for line in price.lines if line.get_linewidth() == 4][0].get_xydata()
    assert lowest[1] == pytest.approx((45.58, 54.27), abs=0.01) and lowest[2] == pytest.approx((66, 54.27), abs=0.01)


def test_the_unit_of_a_list_fits_its_pair_at_the_price_of_one_and_that_of_the_rule_is_a_wave():
    figure, four = plot.panels(2, 2)
    assert mechanism.draw_units(four, a=3, b=9, p=11) is four
    (w1, w2), (wave_in, wave_out) = ([ax.lines[1].get_ydata() for ax in column] for column in four.T)
    x = np.eye(11)[3] + np.eye(11)[9]
    np.testing.assert_allclose((w1 @ x) ** 2 * w2, np.eye(11)[1], atol=1e-12)  # 3 + 9 = 1 modulo 11
    assert w1 @ w1 + w2 @ w2 == pytest.approx(pair_cost())
    W1, W2 = (W.numpy() for W in polygons(11))
    assert np.array_equal(wave_in, W1[:, 0]) and np.array_equal(wave_out, W2[0])
    for ax, values in zip(four.T.flat, (w1, w2, wave_in, wave_out), strict=True):
        tops = np.array([segment[1, 1] for segment in ax.collections[0].get_segments()])
        np.testing.assert_allclose(tops, values)
        assert ax.get_ylim()[0] < values.min() and values.max() < ax.get_ylim()[1]
    said = {text.get_text() for text in figure.findobj(Text)}
    assert {"costs 3 · 0.63²\n= 1.19", "all 26 cost 54.4,\nfor 66 pairs"} < said
    assert {"a unit of a list: for 3 + 9 alone", "a unit of the rule: one of 26 for all pairs"} < said
    with pytest.raises(ValueError, match="a and b must differ, got 3 and 14"):
        mechanism.draw_units(four, a=3, b=14)
    plot.plt.close(figure)


def test_rulers_of_steps_lie_on_one_clock(axes):  # noqa: F811
    assert mechanism.draw_one_clock(axes, ((2, 1e-4), (1, 4e-4)), memorised=100, groks=0.5) is axes
    for ticks, apart in zip(axes.collections, (0.1, 0.2), strict=True):  # 1000 steps
        places = np.array([segment[0, 0] for segment in ticks.get_segments()])
        np.testing.assert_allclose(places, np.linspace(0, 1, round(1 / apart) + 1))
    dots = [line.get_xydata()[0] for line in axes.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots, [(0.01, 2), (0.5, 2), (0.02, 1), (0.5, 1)])
    said = {text.get_text() for text in axes.texts}
    assert {"step 5000", "step 2500", "memorised: step 100 of each"} <= said
