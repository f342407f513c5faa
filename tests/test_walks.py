"""Moves on the zero-loss manifold of the two-layer network, against the generic manifold of small problems."""

import numpy as np
import pytest
import torch

from grokutil.constraints import ZeroLossManifold
from grokutil.data import modular_addition
from grokutil.deep import DeepManifold, DeepNetwork
from grokutil.gradient_flow import slow_flow
from grokutil.manifold import TangentSpace, split
from grokutil.model import default_weights, predict
from grokutil.walks import at_angle, manifold_walk, nearest_point, norm_descent, projected_flow, retract, unit_speed

TASK = modular_addition(4, train_size=7, seed=0)
X, Y = TASK.X_train, TASK.Y_train
START = default_weights(4, 12, 4, seed=1)


def flat(point):
    return torch.cat([W.flatten() for W in point])


def generic(activation):
    """The same manifold as a set of constraints on one vector."""
    return ZeroLossManifold(lambda theta: predict(*split(theta, *START), X, activation).flatten(), Y.flatten())


def residual(point, activation):
    return float((predict(*point, X, activation) - Y).norm())


@pytest.fixture(scope="module")
def on_manifold():
    return retract(*START, X, Y, "tanh")


def test_retraction_ends_on_the_manifold_and_keeps_its_points(on_manifold):
    assert residual(on_manifold, "tanh") < 1e-9
    assert retract(*on_manifold, X, Y, "tanh") == on_manifold
    for activation in ("leaky_relu", "softplus", "quadratic"):
        assert residual(retract(*START, X, Y, activation), activation) < 1e-9


def test_retraction_moves_along_the_normal_space_to_first_order(on_manifold):
    v = TangentSpace(*on_manifold, X, "tanh").project(torch.ones(96, dtype=torch.float64))
    errors = []
    for h in (1e-2, 1e-3):
        back = retract(*split(flat(on_manifold) + h * v, *START), X, Y, "tanh")
        errors.append(float((flat(back) - flat(on_manifold) - h * v).norm()))
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.1)


@pytest.mark.parametrize("activation", ["tanh", "softplus", "quadratic"])
def test_nearest_point_is_that_of_the_generic_manifold(activation):
    point = retract(*START, X, Y, activation)
    off = split(flat(point) + 0.01 * torch.sin(torch.arange(96, dtype=torch.float64)), *START)
    mine, theirs = flat(nearest_point(*off, X, Y, activation)), generic(activation).nearest(flat(off))
    torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-8)


def test_the_norm_flow_is_scipys(on_manifold):
    """Second order in the step; the states lie on the manifold at each asked time."""
    times, exact, errors = [0.0, 0.1, 0.3], None, []
    exact = slow_flow(generic("tanh"), flat(on_manifold), times, rtol=1e-10)
    for step in (0.02, 0.01):
        run = projected_flow(on_manifold, X, Y, times, activation="tanh", step=step)
        assert run.times.tolist() == times and run.clock == "s" and run.complete
        assert max(residual(point, "tanh") for point in run.states) < 1e-9
        errors.append(float((flat(run.states[-1]) - exact.states[-1]).norm()))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.25)
    assert errors[1] < 1e-3 * float((exact.states[-1] - exact.states[0]).norm())


def test_the_norm_law(on_manifold):
    """d|theta|^2 / ds = -4 |P theta|^2."""
    h = 1e-4
    run = projected_flow(on_manifold, X, Y, [0.0, h], activation="tanh")
    before, after = (float(flat(point).square().sum()) for point in run.states)
    space = TangentSpace(*on_manifold, X, "tanh")
    assert (after - before) / h == pytest.approx(-4 * float(space.project(space.theta).square().sum()), rel=1e-2)


def test_another_field_walks_along_its_own_tangent_part(on_manifold):
    fixed = torch.cos(torch.arange(96, dtype=torch.float64))
    run = projected_flow(on_manifold, X, Y, [0.0, 1e-4], field=lambda space: fixed, activation="tanh")
    moved = flat(run.states[-1]) - flat(run.states[0])
    torch.testing.assert_close(moved / 1e-4, TangentSpace(*on_manifold, X, "tanh").project(fixed), rtol=0, atol=1e-2)
    up = projected_flow(on_manifold, X, Y, [0.0, 0.1], field=lambda space: 2 * space.theta, activation="tanh")
    assert float(flat(up.states[-1]).norm()) > float(flat(up.states[0]).norm())


def test_a_walk_of_unit_speed_is_as_long_as_its_clock_says(on_manifold):
    lengths = np.linspace(0, 0.5, 51)
    walk = projected_flow(on_manifold, X, Y, lengths, field=unit_speed(norm_descent), activation="tanh", step=0.01)
    points = [flat(point) for point in walk.states]
    chords = [float((b - a).norm()) for a, b in zip(points, points[1:], strict=False)]
    assert sum(chords) == pytest.approx(0.5, rel=1e-4)
    assert walk.settings["field"] == "unit speed, norm_descent"


@pytest.mark.parametrize("angle", [0, 45, 90, 120, 180])
def test_a_field_at_an_angle_is_a_tangent_unit_vector_at_that_angle_towards_its_direction(on_manifold, angle):
    space = TangentSpace(*on_manifold, X, "tanh")
    g = torch.cos(torch.arange(96, dtype=torch.float64))
    v, down = at_angle(angle, g)(space), -space.project(space.theta)
    torch.testing.assert_close(space.project(v), v, rtol=0, atol=1e-12)
    assert float(v.norm()) == pytest.approx(1, abs=1e-12)
    assert float(v @ down / down.norm()) == pytest.approx(np.cos(np.radians(angle)), abs=1e-12)
    across = v - (v @ down) * down / down.square().sum()
    assert float(across @ g) > 0 if angle in (45, 90, 120) else float(across.norm()) < 1e-12


def test_the_norm_along_a_walk_at_an_angle(on_manifold):
    """d|theta|^2/dl = -2 cos(angle) |P theta|, by central differences; at 90 degrees the norm stays."""
    g = torch.cos(torch.arange(96, dtype=torch.float64))
    for angle in (30, 90, 150):
        walk = projected_flow(
            on_manifold, X, Y, [0, 0.099, 0.1, 0.101], field=at_angle(angle, g), activation="tanh", step=1e-3
        )
        norms = [float(flat(point).square().sum()) for point in walk.states]
        space = TangentSpace(*walk.states[2], X, "tanh")
        law = -2 * np.cos(np.radians(angle)) * float(space.project(space.theta).norm())
        assert (norms[3] - norms[1]) / 0.002 == pytest.approx(law, rel=1e-5, abs=1e-5)


def test_fields_without_a_direction_say_so(on_manifold):
    nothing, space = torch.zeros(96, dtype=torch.float64), TangentSpace(*on_manifold, X, "tanh")
    for direction in (nothing, space.theta):
        with pytest.raises(ValueError, match="no direction to walk in"):
            at_angle(45, direction)(space)
    with pytest.raises(ValueError, match="no direction to walk in"):
        unit_speed(lambda space: nothing)(space)
    with pytest.raises(ValueError, match="between 0 and 180"):
        at_angle(200, nothing)


def test_relu_walks_converge_and_stay_on_the_manifold():
    point = retract(*default_weights(4, 40, 4), X, Y)
    ends = [projected_flow(point, X, Y, [0.0, 0.2], step=step).states[-1] for step in (0.004, 0.002, 0.0005)]
    assert max(residual(end, "relu") for end in ends) < 1e-9
    gaps = [float((flat(end) - flat(ends[-1])).norm()) for end in ends[:2]]
    assert gaps[1] < 0.8 * gaps[0] < 0.1 * float((flat(ends[-1]) - flat(point)).norm())


def test_an_interrupted_walk_keeps_what_it_has(on_manifold):
    calls = []

    def stops(space):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return -2 * space.theta

    with pytest.warns(RuntimeWarning, match="interrupted at s = 0.06"):
        part = projected_flow(on_manifold, X, Y, [0.0, 0.04, 0.1], field=stops, activation="tanh", step=0.02)
    np.testing.assert_allclose(part.times, [0.0, 0.04, 0.06])
    assert not part.complete
    rest = projected_flow(part.states[-1], X, Y, [0.06, 0.1], activation="tanh", step=0.02)
    whole = projected_flow(on_manifold, X, Y, [0.0, 0.04, 0.1], activation="tanh", step=0.02)
    torch.testing.assert_close(flat(rest.states[-1]), flat(whole.states[-1]), rtol=1e-9, atol=1e-12)


def test_bad_input_says_what_to_do(on_manifold):
    with pytest.raises(ValueError, match=r"W2 \(12, 4\) and Y \(7, 3\) do not match"):
        retract(*START, X, Y[:, :3])
    with pytest.raises(ValueError, match="step must be positive"):
        projected_flow(on_manifold, X, Y, [0, 1], step=0)
    with pytest.raises(ValueError, match="times must increase"):
        projected_flow(on_manifold, X, Y, [1, 0])
    with pytest.raises(ValueError, match="the field must be a float64 tensor with one axis"):
        projected_flow(on_manifold, X, Y, [0, 1], field=lambda space: space.W1)
    far = tuple(1e6 * torch.ones_like(W) for W in START)
    with pytest.raises(ValueError, match="start closer|singular point"):
        retract(*far, X, Y, "tanh")


def test_a_start_off_the_manifold_is_retracted():
    run = projected_flow(START, X, Y, [0.0, 0.02], activation="tanh", progress=False)
    assert residual(START, "tanh") > 0.1 and residual(run.states[0], "tanh") < 1e-9


def test_no_step_is_longer_than_asked_and_each_counts_two_evaluations(on_manifold):
    calls = []

    def field(space):
        calls.append(1)
        return -2 * space.theta

    options = {"field": field, "activation": "tanh", "step": 0.02, "progress": False}
    run = projected_flow(on_manifold, X, Y, [0.0, 0.05, 0.09], **options)
    assert len(calls) == run.evaluations == 2 * (3 + 2)  # 0.05 takes three steps, 0.04 two


@pytest.mark.parametrize("scale", [1e-6, 1e3])
def test_walks_commute_with_scaling(scale):
    """For quadratic units F(c theta) = c^3 F(theta), and the flow -2 P theta is linear in theta."""
    point = retract(*START, X, Y, "quadratic")
    one, scaled = (
        projected_flow(tuple(c * W for W in point), X, c**3 * Y, [0.0, 0.05], activation="quadratic", progress=False)
        for c in (1.0, scale)
    )
    torch.testing.assert_close(flat(scaled.states[-1]), scale * flat(one.states[-1]), rtol=1e-6, atol=0)
    assert residual(point, "quadratic") < 1e-9


def test_targets_that_are_zero_or_tiny_are_reached():
    zero = retract(*START, X, 0 * Y, "tanh")
    assert float(predict(*zero, X, "tanh").abs().max()) < 1e-12
    tiny = retract(*START, X, 1e-8 * Y, "tanh")
    assert float((predict(*tiny, X, "tanh") - 1e-8 * Y).abs().max()) < 1e-12


@pytest.mark.parametrize("scale", [2.0**-60, 2.0**60])
def test_moves_commute_with_scaling_the_weights(scale):
    """sigma(c z) = c sigma(z), so the outputs of c times the weights are c^2 times theirs: all in the same bits."""

    def moves(c):
        targets, start = c**2 * Y, tuple(c * W for W in START)
        point = retract(*start, X, targets, "leaky_relu")
        yield point
        yield nearest_point(*(1.001 * W for W in point), X, targets, "leaky_relu")
        options = {"activation": "leaky_relu", "step": 0.01, "progress": False}
        yield projected_flow(point, X, targets, [0, 0.02], **options).states[-1]
        length = {"field": unit_speed(norm_descent), "step": 0.01 * c}
        yield projected_flow(point, X, targets, [0, 0.02 * c], **options | length).states[-1]

    for one, scaled in zip(moves(1.0), moves(scale), strict=True):
        assert torch.equal(flat(scaled), scale * flat(one))


def test_the_walk_on_the_generic_manifold_is_that_of_two_layers(on_manifold):
    """And on that of a deep network of two layers, which does without its Jacobian."""
    times, theta = [0.0, 0.04, 0.1], flat(on_manifold)
    told = projected_flow(on_manifold, X, Y, times, activation="tanh", progress=False)
    deep = DeepManifold(DeepNetwork(X, (12, 4), "tanh"), Y)
    for Z in (generic("tanh"), deep):
        run = manifold_walk(Z, theta, times, progress=False)
        assert run.clock == "s" and run.evaluations == told.evaluations
        for mine, theirs in zip(run.states, told.states, strict=True):
            torch.testing.assert_close(mine, flat(theirs), rtol=0, atol=1e-8)
    with pytest.raises(ValueError, match="no zero-loss point found.*shorter step"):
        manifold_walk(deep, 20 * theta, times, progress=False)
