r"""Drawings of mechanisms: what pushes, what is fast, what is held. Every line is computed from a small true example.

Three examples carry most of them, with the cost :math:`L_\lambda = L + \lambda \|w\|^2` of two weights:

- the line, :math:`L = (w_1 + w_2 - 2)^2`: one sample, 1 + 1 = 2 (:class:`grokutil.toy.LinearToy`)
- the hyperbola, :math:`L = (w_1 w_2 - y)^2` (:func:`grokutil.toy.product_loss`), a curved valley
- a leaky unit with a linear path beside it, whose zero-loss set is a surface with a kink

Functions take Axes and return them; colours have the meaning that they have in :mod:`grokutil.figures.plot`.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Arc, Circle
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from grokutil.activations import LEAK
from grokutil.checks import integer, positive
from grokutil.figures.plot import COLORS, draw_arrow, draw_path, landscape, note
from grokutil.price import crossing, pair_cost
from grokutil.price import price as rule_price
from grokutil.toy import LinearToy, descend, product_gradient

Array = NDArray[np.float64]
FALL, SLIDE, DECAY = COLORS["train"], COLORS["measurement"], COLORS["test"]
MUTED = "#555555"  # of what only helps
LEARNED = 0.05  # a training loss below this counts as low


# Formulas


def product_forces(w: ArrayLike, target: float, ridge: float) -> tuple[Array, Array]:
    r"""The forces of loss and weight decay on weights (2,) of the hyperbola.

    .. math:: -\nabla L = -2 (w_1 w_2 - y)\,(w_2, w_1), \qquad -2 \lambda w

    Returns:
        Two arrays (2,), per unit of the time t of the gradient flow; their sum is the velocity of training.
    """
    w = np.asarray(w, dtype=float)
    return -product_gradient(w, target), -2 * ridge * w


def settled_point(norm2: float, target: float, ridge: float) -> Array:
    r"""The point (2,), :math:`w_1 \ge w_2 > 0`, of squared norm :math:`N` at which the fall has come to rest.

    There :math:`e = r + \lambda\mu = 0` with :math:`\mu = 2 w_1 w_2 / N`, so :math:`w_1 w_2 = F = y / (1 + 2\lambda/N)`
    and :math:`w_1^2 = \frac12 (N + \sqrt{N^2 - 4 F^2})`. The normal parts of the two forces cancel.

    Raises:
        ValueError: no such point, because ``norm2`` is below ``2 * F``.
    """
    F = positive("target", target) / (1 + 2 * ridge / positive("norm2", norm2))
    if norm2 < 2 * F:
        raise ValueError(f"norm2 must be at least 2 F = {2 * F:.6g}, the least of all points with that output")
    w1 = np.sqrt((norm2 + np.sqrt(norm2**2 - 4 * F**2)) / 2)
    return np.array([w1, F / w1])


def entry_point(start: ArrayLike, target: float) -> Array:
    r"""Where the fall without weight decay from ``start`` (2,) meets :math:`w_1 w_2 = y > 0`; (2,).

    The fall keeps :math:`B = w_1^2 - w_2^2`; so :math:`N = \sqrt{B^2 + 4 y^2}` and :math:`w_1^2 = (N + B)/2`. The
    branch is that of the sign of :math:`w_1 + w_2`, which the fall keeps too.

    Raises:
        ValueError: :math:`w_1 + w_2 = 0`: then the fall ends at the origin.
    """
    w, y = np.asarray(start, dtype=float), positive("target", target)
    if w.sum() == 0:
        raise ValueError("start has w_1 + w_2 = 0: the fall from there ends at the origin; move it a little")
    B = w[0] ** 2 - w[1] ** 2
    w1 = np.sign(w.sum()) * np.sqrt((np.hypot(B, 2 * y) + B) / 2)
    return np.array([w1, y / w1])


def nearest_on_hyperbola(point: ArrayLike, target: float) -> Array:
    r"""The point (2,) of :math:`w_1 w_2 = y > 0` nearest to a point (2,), on the branch of the sign of its sum."""
    w, y = np.asarray(point, dtype=float), positive("target", target)
    sign = -1.0 if w.sum() < 0 else 1.0

    def on_curve(log_w1: float) -> Array:
        return sign * np.array([np.exp(log_w1), y * np.exp(-log_w1)])

    reach = float(np.log(np.abs(w).max() + y + 2))
    grid = np.linspace(-reach, reach, 400)
    best = grid[np.argmin([np.square(on_curve(x) - w).sum() for x in grid])]
    step = grid[1] - grid[0]
    found = minimize_scalar(lambda x: np.square(on_curve(x) - w).sum(), bounds=(best - step, best + step))
    return on_curve(found.x)


def kink_velocity(w1: float, z: float, slope: float) -> Array:
    r"""The slow flow :math:`-2 P \theta` of a leaky unit beside a linear path, in the coordinates (w_1, z); (2,).

    :math:`f(x) = \varphi(w \cdot x) + u \cdot x` with the samples :math:`(1, 1) \to -2` and :math:`(1, 0) \to 3`;
    :math:`z = w_1 + w_2` is the pre-activation of the first. Its zero-loss set is a surface, on which :math:`w_1 > 0`
    and z are coordinates. ``slope`` is :math:`\varphi'(z)`, 1 above the kink and ``LEAK`` below it. The
    example is that of the book's first erratum.
    """
    theta = np.array([w1, z - w1, 3 - w1, w1 - 5 - slope * z])
    J = np.array([[slope, slope, 1, 1], [1, 0, 1, 0]])
    velocity = -2 * (theta - J.T @ np.linalg.solve(J @ J.T, J @ theta))
    return np.array([velocity[0], velocity[0] + velocity[1]])


def kink_path(start: ArrayLike, s_end: float, ridge: float = 0.02, learning_rate: float = 0.02) -> Array:
    r"""Gradient descent on :math:`L_\lambda` of that unit from a point of zero loss, (w_1, z); (T, 2).

    It runs to :math:`s = \lambda t`. On the kink it chatters across, and moves as if z were held at zero.
    """
    w1, z = np.asarray(start, dtype=float)
    slope = 1.0 if z > 0 else LEAK
    X, y = np.array([[1.0, 1.0], [1.0, 0.0]]), np.array([-2.0, 3.0])

    def gradient(theta: Array) -> Array:
        w, u = theta[:2], theta[2:]
        slopes = np.where(X @ w > 0, 1.0, LEAK)
        r = slopes * (X @ w) + X @ u - y
        return 2 * np.concatenate((X.T @ (slopes * r), X.T @ r)) + 2 * ridge * theta

    steps = round(positive("s_end", s_end) / (positive("ridge", ridge) * learning_rate))
    states = descend(gradient, (w1, z - w1, 3 - w1, w1 - 5 - slope * z), learning_rate, steps)
    return np.stack((states[:, 0], states[:, 0] + states[:, 1]), -1)


def on_clock(numbers: ArrayLike, p: int) -> Array:
    r"""Places (..., 2) of numbers on a clock with p hours: :math:`(\sin, \cos)(2\pi a/p)`, 0 on top, clockwise."""
    angle = 2 * np.pi * np.asarray(numbers) / integer("p", p, 2)
    return np.stack((np.sin(angle), np.cos(angle)), -1)


# Drawings


def draw_valley(ax: Axes, ridge: float = 0.01) -> Axes:
    """One sample, 1 + 1 = 2: the flow of two weights memorises, slides along zero loss, and ends where it adds."""
    model = LinearToy(ridge=ridge)
    landscape(ax, lambda w: w.sum(-1) - 2, (-1.3, 1.9), (0.1, 2.4))
    t = np.geomspace(1e-3, 3 / ridge, 2000)
    path = np.vstack((model.start, model.weights(t)))
    fast = np.concatenate(([0.0], t)) <= model.memorisation_time(LEARNED)
    turn = path[fast][-1]
    ax.plot(*path[fast].T, color=FALL, linewidth=2.4)
    ax.plot(*path[~fast].T, color=SLIDE, linewidth=2.4)
    ax.plot(*path[0], "o", color=FALL, markerfacecolor="white", markersize=7)
    ax.plot(*model.solution, "o", color=DECAY, markersize=9, zorder=5)
    note(ax, (path[0] + turn) / 2, "1  memorise:\nquick", FALL, (8, -14))
    note(ax, (turn + model.solution) / 2, "2  slide: slow", SLIDE, (10, 6))
    note(ax, model.solution, "here it adds", DECAY, (10, 4))
    note(ax, (1.7, 0.3), "zero loss", MUTED, (-8, -4), ha="right")
    ax.set(xlabel="$w_1$", ylabel="$w_2$", xticks=[-1, 0, 1], yticks=[1, 2])
    return ax


def draw_forces(ax: Axes, norm2: float = 3.4, target: float = 1.0, ridge: float = 0.35, scale: float = 1.0) -> Axes:
    """A point inside a curved valley: the loss pushes straight to it, weight decay to the origin, the sum along it.

    Args:
        ax: where to draw.
        norm2: squared norm of the point, which is ``settled_point(norm2, target, ridge)``.
        target: y of the valley w_1 w_2 = y.
        ridge: weight decay; a large one, so that the arrows can be seen.
        scale: length of the arrows over that of the forces.

    Returns:
        ``ax``; its first three arrows are the loss, weight decay and their sum.
    """
    w = settled_point(norm2, target, ridge)
    loss, decay = product_forces(w, target, ridge)
    landscape(ax, lambda v: v.prod(-1) - target, (-0.25, 3.0), (-0.2, 1.9), levels=10)
    x = np.linspace(0.2, 3.0, 200)
    ax.plot(x, w.prod() / x, ":", color=COLORS["faint"], linewidth=1.2)
    ax.plot([0, w[0]], [0, w[1]], "--", color=DECAY, linewidth=0.8, alpha=0.7)
    ends = w + scale * np.array([loss, loss + decay, decay])
    ax.plot(*ends.T, "--", color=COLORS["faint"], linewidth=0.9)
    for force, color in ((loss, FALL), (decay, DECAY), (loss + decay, SLIDE)):
        draw_arrow(ax, w, scale * force, color, linewidth=2.4)
    ax.plot(*w, "o", color="black", markersize=7, zorder=6)
    ax.plot(0, 0, "+", color=DECAY, markersize=9)
    note(ax, ends[0], "loss: straight\nto zero loss", FALL, (8, 8))
    note(ax, ends[2], "weight decay:\nto the origin", DECAY, (12, -20), ha="center")
    note(ax, ends[1], "sum: along\nthe valley", SLIDE, (-10, 4), ha="right")
    note(ax, (2.75, target / 2.75), "zero loss", MUTED, (4, 10), ha="right")
    ax.set(xlabel="$w_1$", ylabel="$w_2$", xticks=[0, 1, 2, 3], yticks=[0, 1])
    return ax


def draw_two_clocks(ax: Axes, start: ArrayLike = (2.6, -0.9), target: float = 1.0, ridge: float = 0.02) -> Axes:
    r"""Training in a curved valley: a fall on the clock t of the loss, then a slide on the clock s of weight decay.

    Dots on the fall are :math:`t = 0.02` apart, those on the slide :math:`s = \lambda t = 0.1`.
    """
    eta = 2e-3
    path = descend(lambda w: product_gradient(w, target, ridge), start, eta, round(1.2 / (ridge * eta)))
    N = np.square(path).sum(1)
    e = path.prod(1) - target + 2 * ridge * path.prod(1) / N
    rest = int(np.argmax(np.abs(e) < 0.02 * abs(e[0])))
    landscape(ax, lambda v: v.prod(-1) - target, (0.0, 3.3), (-1.1, 1.5))
    ax.plot(*path[: rest + 1].T, color=FALL, linewidth=2.4)
    ax.plot(*path[rest:].T, color=SLIDE, linewidth=2.4)
    ax.plot(*path[: rest + 1 : round(0.02 / eta)].T, "o", color=FALL, markersize=4)
    slow = path[rest :: round(0.1 / (ridge * eta))]
    ax.plot(*slow.T, "o", color=SLIDE, markersize=5)
    ax.plot(*path[0], "o", color=FALL, markerfacecolor="white", markersize=7, zorder=5)
    ax.plot(*np.sqrt([target, target]), "o", color=DECAY, markersize=9, zorder=5)
    note(
        ax,
        path[rest // 3],
        f"fall: the loss pushes.\nA dot every {round(0.02 / eta)} steps",
        FALL,
        (-12, 0),
        ha="right",
    )
    note(ax, slow[3], f"slide: weight decay pulls.\nA dot every {round(0.1 / (ridge * eta))} steps", SLIDE, (14, 16))
    note(ax, np.sqrt([target, target]), "shortest", DECAY, (-10, -2), ha="right")
    ax.set(xlabel="$w_1$", ylabel="$w_2$", xticks=[0, 1, 2, 3], yticks=[-1, 0, 1])
    return ax


def draw_argument(path: Axes, price: Axes, start: ArrayLike = (3.0, -0.8), p: int = 11) -> tuple[Axes, Axes]:
    r"""Why networks grok, in two halves: training goes to the shortest fit, and the shortest fit is the rule.

    Left the hyperbola :math:`w_1 w_2 = 1` in the limit of small weight decay: the fall from ``start`` keeps
    :math:`w_1^2 - w_2^2`, the slide takes it to zero. Right the squared norm of a list of n pairs modulo p and of the
    rule (:mod:`grokutil.price`), with the lower of the two drawn thick.
    """
    w, entry = np.asarray(start, dtype=float), entry_point(start, 1.0)
    landscape(path, lambda v: v.prod(-1) - 1, (0.0, 3.4), (-1.1, 1.5))
    second = np.linspace(w[1], entry[1], 60)
    path.plot(np.sqrt(w[0] ** 2 - w[1] ** 2 + second**2), second, color=FALL, linewidth=2.4)
    first = np.geomspace(entry[0], 1, 60)
    path.plot(first, 1 / first, color=SLIDE, linewidth=2.4)
    path.plot(*w, "o", color=FALL, markerfacecolor="white", markersize=7, zorder=5)
    path.plot(*entry, "o", color=FALL, markersize=7, zorder=5)
    path.plot(1, 1, "o", color=DECAY, markersize=9, zorder=5)
    note(path, (w + entry) / 2, "1  the loss:\nquick", FALL, (-8, -6), ha="right")
    note(path, entry, "fits the data", FALL, (-12, -9), ha="right")
    note(path, (1.45, 1 / 1.45), "2  weight decay:\nslow", SLIDE, (8, 18))
    note(path, (1, 1), "shortest", DECAY, (-10, -2), ha="right")
    path.set(xlabel="$w_1$", ylabel="$w_2$", xticks=[0, 1, 2, 3], yticks=[-1, 0, 1])

    pairs, turn, rule = p * (p + 1) // 2, crossing(p), rule_price(p)
    n = np.array([0, turn, pairs])
    price.plot(n, pair_cost() * n, color=FALL)
    price.plot(n, [rule, rule, rule], color=DECAY)
    price.plot(n, np.minimum(pair_cost() * n, rule), color=SLIDE, linewidth=4, alpha=0.5)
    price.plot(turn, rule, "o", color=SLIDE, markersize=7)
    note(price, (0.32 * turn, 0.32 * rule), "a list: so much a pair", FALL, (8, -6))
    note(price, (0.02 * pairs, rule), "the rule", DECAY, (0, 8))
    note(price, (turn, rule), "from here on the\nshortest adds", SLIDE, (-2, -24))
    price.set(xlabel="training pairs", ylabel="squared norm", ylim=(0, 1.1 * pair_cost() * pairs))
    return path, price


def draw_entry(ax: Axes, start: ArrayLike = (-1.0, 1.5), target: float = 1.0, ridge: float = 0.01) -> Axes:
    """Where training enters the valley: at the end of the fall of the loss, not at the nearest point."""
    start = np.asarray(start, dtype=float)
    entry, nearest = entry_point(start, target), nearest_on_hyperbola(start, target)
    path = descend(lambda w: product_gradient(w, target, ridge), start, 5e-3, round(1 / (ridge * 5e-3)))
    landscape(ax, lambda v: v.prod(-1) - target, (-1.3, 2.2), (0.3, 2.4))
    draw_path(ax, path, SLIDE)
    ax.plot(*np.stack((start, nearest)).T, "--", color=MUTED, linewidth=1.2)
    ax.plot(*nearest, "s", color=MUTED, markersize=7)
    ax.plot(*entry, "o", color=FALL, markersize=8, zorder=6)
    note(ax, entry, "enters here", FALL, (10, 4))
    note(ax, nearest, "nearest point", MUTED, (10, 6))
    note(ax, path[-1], "and slides on", SLIDE, (10, 2))
    ax.set(xlabel="$w_1$", ylabel="$w_2$", xticks=[-1, 0, 1, 2], yticks=[1, 2])
    return ax


def draw_sliding_kink(ax: Axes, start: ArrayLike = (0.4, 0.9), s_end: float = 1.6) -> Axes:
    """A surface of zero loss with a kink: the slow flow points at it from both sides, so training slides along it.

    Arrows have the directions of :func:`kink_velocity`; the path is :func:`kink_path`, which is gradient descent.
    """
    x = np.linspace(0.25, 2.5, 8)
    for heights, slope, color in (((0.4, 0.8, 1.2), 1.0, FALL), ((-0.4, -0.8, -1.2), LEAK, DECAY)):
        field = np.array([[kink_velocity(w1, z, slope) for w1 in x] for z in heights])
        field /= np.linalg.norm(field, axis=-1, keepdims=True)
        U, V = np.moveaxis(field, -1, 0)
        ax.quiver(x, heights, U, V, color=color, angles="xy", pivot="mid", scale=22, width=0.004, alpha=0.75)
    ax.plot([0, 2.5], [0, 0], "--", color=MUTED, linewidth=1.2)
    path = kink_path(start, s_end)
    draw_path(ax, path, SLIDE)
    ax.lines[-3].set_linewidth(2.6)
    note(ax, (2.55, 1.25), "unit on", FALL, (10, 0))
    note(ax, (2.55, -1.25), "unit off\n(nearly)", DECAY, (10, 0))
    note(ax, path[len(path) // 3], "slides", SLIDE, (0, 7), ha="center")
    note(ax, (2.55, 0), "kink: $z = 0$", MUTED, (10, 0))
    ax.set(xlabel="$w_1$", ylabel="$z$", xlim=(0, 3.2), ylim=(-1.6, 1.6), xticks=[0, 1, 2], yticks=[-1, 0, 1])
    return ax


def draw_isolated(ax: Axes, W1: ArrayLike, W2: ArrayLike) -> Axes:
    """A two-layer network with its first layer free and a readout that follows: computed from the first at each moment.

    Args:
        ax: where to draw.
        W1: (d_in, d_h), full lines; the width of a line is in proportion to the size of its weight.
        W2: (d_h, d_out), dashed lines, likewise.

    Returns:
        ``ax``.
    """
    layers = [np.asarray(W, dtype=float) for W in (W1, W2)]
    if layers[0].ndim != 2 or layers[1].ndim != 2 or layers[0].shape[1] != layers[1].shape[0]:
        raise ValueError(f"W1 {layers[0].shape} and W2 {layers[1].shape} must be (d_in, d_h) and (d_h, d_out)")
    sizes = [layers[0].shape[0], *layers[0].shape[1:], layers[1].shape[1]]
    places = [np.linspace(1, -1, 2 * k + 1)[1::2] for k in sizes]
    styles = (("layer 1", "-"), ("layer 2", (0, (4, 2))))
    for k, (W, (name, style)) in enumerate(zip(layers, styles, strict=True)):
        for i, j in np.ndindex(*W.shape):
            width = 4 * abs(W[i, j]) / np.abs(W).max()
            ax.plot([k, k + 1], [places[k][i], places[k + 1][j]], color=COLORS[name], linewidth=width, linestyle=style)
    for k, heights in enumerate(places):
        ax.plot([k] * len(heights), heights, "o", color="black", markerfacecolor="white", markersize=13, zorder=5)
    note(ax, (0.5, 1), "first layer $W_1$:\nfree, it moves", COLORS["layer 1"], (0, 12), ha="center")
    note(ax, (1.5, 1), "readout $W_2$: follows,\nthe best for this $W_1$", COLORS["layer 2"], (0, 12), ha="center")
    for k, name in enumerate(("inputs", "hidden units", "outputs")):
        note(ax, (k, -1), name, MUTED, (0, -8), ha="center")
    ax.set(xlim=(-0.3, 2.3), ylim=(-1.25, 1.45), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def draw_clock_sum(ax: Axes, a: int = 7, b: int = 9, p: int = 11) -> Axes:
    """Adding on a clock with p hours: the angle of a, then the angle of b, is the angle of (a + b) mod p."""
    places = on_clock(np.arange(p), p)
    ax.plot(*np.vstack((places, places[:1])).T, "o", color=COLORS["faint"], markersize=4)
    for number, place in enumerate(places):
        note(ax, 1.16 * place, str(number), COLORS["theory"], (0, 0), ha="center")
    turns = ((0, a, 0.56, "layer 1", f"${a}$"), (a, b, 0.84, "layer 2", f"${b}$"))
    for first, hours, radius, color, label in turns:
        begin, end = 90 - 360 * first / p, 90 - 360 * (first + hours) / p
        ax.add_patch(Arc((0, 0), 2 * radius, 2 * radius, theta1=end, theta2=begin, color=COLORS[color], linewidth=2.6))
        tip, before = radius * on_clock(first + hours, p), radius * on_clock(first + hours - 0.15, p)
        draw_arrow(ax, before, tip - before, COLORS[color], linewidth=2.6)
        note(ax, (radius - 0.14) * on_clock(first + hours / 2, p), label, COLORS[color], (0, 0), ha="center")
    for number, color in ((0, "theory"), (a, "layer 1"), ((a + b) % p, "measurement")):
        ax.plot([0, places[number, 0]], [0, places[number, 1]], color=COLORS[color], linewidth=1.4)
        ax.plot(*places[number], "o", color=COLORS[color], markersize=8)
    ax.text(0, -1.5, f"{a} + {b} = {(a + b) % p} (mod {p})", ha="center", color=COLORS["measurement"])
    ax.set(xlim=(-1.4, 1.4), ylim=(-1.6, 1.35), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def draw_merging_circles(before: Axes, after: Axes, total: int = 3, p: int = 11) -> tuple[Axes, Axes]:
    r"""What squaring does to pairs on a clock: pairs of one sum, on a line before, are on one ray after.

    With :math:`z_a = e^{2\pi i a/p}` the sum :math:`z_a + z_b = 2\cos(\pi (a - b)/p)\, e^{\pi i (a + b)/p}` lies on a
    circle for each difference and has half the angle of the sum, up to sign. Its square has the angle of the sum.

    Args:
        before: Axes for :math:`z_a + z_b`, all pairs.
        after: Axes for :math:`(z_a + z_b)^2`.
        total: the sum whose pairs are coloured.
        p: hours of the clock, odd.

    Returns:
        Both Axes.
    """
    a, b = np.triu_indices(p)
    z = on_clock(a, p) + on_clock(b, p)
    sine, cosine = z.T
    squared = np.stack((2 * sine * cosine, cosine**2 - sine**2), -1)
    chosen = (a + b) % p == total
    reach = on_clock(total, p)
    for ax, points, title in ((before, z, "two numbers added: a line"), (after, squared, "squared: one ray")):
        ax.plot(*points[~chosen].T, "o", color=COLORS["faint"], markersize=3.5)
        ax.plot(*points[chosen].T, "o", color=COLORS["measurement"], markersize=7)
        limit = 1.15 * np.abs(points).max()
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xticks=[], yticks=[], title=title)
        ax.spines[:].set_visible(False)
    for difference in range((p + 1) // 2):
        radius = 2 * np.cos(np.pi * difference / p)
        for ax, size in ((before, radius), (after, radius**2)):
            ax.add_patch(Circle((0, 0), size, fill=False, color=COLORS["faint"], linewidth=0.5, alpha=0.6))
    half = on_clock(total / 2, p)
    before.plot(*np.stack((-2 * half, 2 * half)).T, color=COLORS["measurement"], linewidth=1)
    after.plot(*np.stack((0 * reach, 4 * reach)).T, color=COLORS["measurement"], linewidth=1)
    note(before, 2 * half, f"sum {total}", COLORS["measurement"], (6, 4))
    note(after, 4 * reach, f"hour {total}", COLORS["measurement"], (-4, -14), ha="right")
    return before, after
