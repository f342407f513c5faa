"""Moves on the zero-loss manifold of the two-layer network, against the generic manifold of small problems."""

import numpy as np
import pytest
import torch

from grokutil.constraints import ZeroLossManifold
from grokutil.data import modular_addition
from grokutil.gradient_flow import slow_flow
from grokutil.manifold import TangentSpace, split
from grokutil.model import default_weights, predict
from grokutil.walks import nearest_point, projected_flow, retract

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
