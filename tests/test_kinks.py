"""Kinks on which ReLU networks slide: the least-norm rule against brute force, and against a real run."""

import numpy as np
import pytest
import torch

from grokutil.activations import ACTIVATIONS, Activation
from grokutil.data import modular_addition
from grokutil.kinks import face_gates, flipping_kinks, kink_rows, sliding_kinks
from grokutil.manifold import norm_minimizing_direction
from grokutil.train import gradient_descent, ridge_from_weight_decay

ONE = torch.ones(1, 1, dtype=torch.float64)


@pytest.fixture(scope="module")
def training():
    """Appendix D, seed 0: the twenty states up to step 3000, and two hundred after it."""
    task = modular_addition(11, train_size=59, seed=0)
    run = gradient_descent(task, times=[0, *range(2981, 3201)])
    return task, run.states[1:21], run.states[20:]


def unit(z, force):
    """One unit, one sample: pre-activation z, and a target such that an open gate feels ``force`` downwards."""
    return (ONE * z, ONE), ONE * -force  # V = (relu(z) - Y) W2 = force for z <= 0


def test_a_kink_that_repels_holds_nothing():
    for force, slides in ((0.5, True), (-0.5, False)):  # positive: an open gate lowers z; negative: it raises z
        state, Y = unit(0.0, force)
        assert bool(sliding_kinks([state], ONE, Y, ridge=0.1)) is slides


def test_a_kink_that_is_crossed_holds_nothing():
    """Two inputs, one unit: the first sample pulls the pre-activation of the second through zero, open gate or not."""
    X = torch.tensor([[1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    W1, W2 = torch.tensor([[1.0], [-1.0]], dtype=torch.float64), ONE
    for pull, slides in ((0.1, False), (-0.5, True), (-5.0, False)):  # down; up, held; up, too strong to hold
        Y = torch.tensor([[1 - pull], [-1.0]], dtype=torch.float64)  # V = (pull, 1)
        found = sliding_kinks([(W1, W2)], X, Y, ridge=0.0)
        assert found.flatten().tolist() == [False, slides]


def test_far_pairs_do_not_slide():
    state, Y = unit(0.01, 0.5)
    assert not sliding_kinks([state], ONE, Y, 0.1, epsilon=1e-3).any()
    assert sliding_kinks([state], ONE, Y, 0.1, epsilon=0.1).shape == (1, 1)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
@pytest.mark.parametrize("seed", range(12))
def test_the_gates_have_the_least_norm(seed, activation):
    """Two near samples of one unit: no gates on a fine grid give a shorter subgradient, and its rest is the rule's."""
    draw = torch.Generator().manual_seed(seed)
    W1 = 0.05 * torch.randn(2, 1, generator=draw, dtype=torch.float64)
    W2, X, Y = (torch.randn(s, generator=draw, dtype=torch.float64) for s in ((1, 1), (2, 2), (2, 1)))
    sigma, ridge = ACTIVATIONS[activation], 3.0
    found = sliding_kinks([(W1, W2)], X, Y, ridge, activation, epsilon=10.0)[:, 0]
    V = ((sigma.value(X @ W1) @ W2 - Y) @ W2.T)[:, 0]
    low, now = float(sigma.slope(torch.zeros(1))), sigma.slope(X @ W1)[:, 0]
    ranges = [torch.linspace(low, 1, 801).double() if v > 0 else g[None] for v, g in zip(V, now, strict=True)]
    gates = torch.cartesian_prod(*ranges)
    g = (gates * V) @ X + ridge * W1.T
    best = g.norm(dim=1).argmin()
    for i in range(2):
        at_rest = abs(float(X[i] @ g[best])) < 5e-3 * float(V.abs().max() * X.square().sum(1).max())
        inside = bool(V[i] > 0) and low + 0.005 < float(gates[best, i]) < 0.995
        assert (at_rest and bool(V[i] > 0)) if found[i] else not inside


def test_the_rule_foresees_what_the_run_does(training):
    """Nine in ten of the pairs that flip in the next 200 steps were found before, and the motion is explained."""
    task, past, future = training
    found = sliding_kinks(past, task.X_train, task.Y_train, ridge_from_weight_decay(1e-4, 59, 11))
    flipping = flipping_kinks(future, task.X_train)
    assert int((found & flipping).sum()) > 0.9 * int(flipping.sum()) > 100
    moved = torch.cat([(b - a).flatten() for a, b in zip(future[0], future[-1], strict=True)])
    cosines = [
        float(norm_minimizing_direction(*future[0], task.X_train, kinks=kinks) @ moved / moved.norm())
        for kinks in (None, found)
    ]
    assert cosines[0] < 0.9 < 0.98 < cosines[1]


def test_flips_are_counted():
    signs = [1.0, -1.0, 1.0, -1.0, -1.0]
    states = [(ONE * sign, ONE) for sign in signs]
    assert [bool(flipping_kinks(states, ONE, least)) for least in (3, 4)] == [True, False]


def test_rows_are_the_gradients_of_the_held_pre_activations():
    X = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    W1, W2 = torch.zeros(2, 4, dtype=torch.float64), torch.zeros(4, 5, dtype=torch.float64)
    kinks = torch.zeros(3, 4, dtype=torch.bool)
    kinks[0, 1] = kinks[2, 1] = kinks[1, 3] = True
    C = kink_rows(kinks, X, 5)
    assert C.shape == (3, W1.numel() + W2.numel())
    J = torch.func.jacrev(lambda w: (X @ w)[kinks])(W1).flatten(1)
    assert torch.equal(C, torch.cat((J, torch.zeros(3, W2.numel(), dtype=torch.float64)), 1))


def test_bad_input_says_what_to_do():
    state, Y = unit(0.0, 0.5)
    with pytest.raises(ValueError, match="activation 'tanh' has no kink"):
        sliding_kinks([state], ONE, Y, 0.1, "tanh")
    with pytest.raises(ValueError, match="states is empty"):
        sliding_kinks([], ONE, Y, 0.1)
    for arguments, words in (({"epsilon": 0}, "epsilon must be positive"), ({"ridge": -1}, "ridge must not be neg")):
        with pytest.raises(ValueError, match=words):
            sliding_kinks([state], ONE, Y, **({"ridge": 0.1} | arguments))


def test_the_gates_of_an_activation_of_ones_own_lie_between_its_two_slopes():
    """|z| with the slope -1 below and 1 above: a force down is held where gates between them leave z at rest."""
    absolute = Activation("abs", torch.abs, torch.sign, kink=True)
    state, Y = (0 * ONE, ONE), -0.5 * ONE
    for ridge in (0.0, 0.3):
        assert bool(sliding_kinks([state], ONE, Y, ridge, absolute))
    pulled = torch.tensor([[1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)  # the first sample pulls the second through
    W1 = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    for pull, slides in ((0.5, True), (-0.5, True), (-5.0, False), (5.0, False)):
        Y = torch.tensor([[1 - pull], [-1.0]], dtype=torch.float64)
        assert sliding_kinks([(W1, ONE)], pulled, Y, 0.0, absolute).flatten().tolist() == [False, slides]
    bent_down = Activation("minus relu", lambda z: -torch.relu(z), lambda z: -(z > 0).to(z.dtype), kink=True)
    assert sliding_kinks([state], ONE, 0.5 * ONE, 0.1, bent_down).shape == (1, 1)
    with pytest.raises(ValueError, match="its slope does not jump at zero"):
        sliding_kinks([state], ONE, 0.5 * ONE, 0.1, Activation("sine", torch.sin, torch.cos, kink=True))


def test_the_mean_of_the_past_decides():
    """Twenty states that chatter around zero with mean zero slide; the last alone is far from it."""
    state, Y = unit(0.0, 0.5)
    chatter = [(state[0] + 0.01 * (-1) ** k, state[1]) for k in range(20)]
    assert sliding_kinks(chatter, ONE, Y, 0.1).all() and not sliding_kinks(chatter[-1:], ONE, Y, 0.1).any()


def test_shapes_that_broadcast_are_refused(training):
    task, past, _ = training
    for Y in (task.Y_train[:1], task.Y_train[:, :1]):
        with pytest.raises(ValueError, match="do not match"):
            sliding_kinks(past, task.X_train, Y, 0.1)
    arrays = [tuple(W.numpy() for W in state) for state in past]
    assert torch.equal(
        sliding_kinks(iter(arrays), task.X_train, task.Y_train, 0.03),
        sliding_kinks(past, task.X_train, task.Y_train, 0.03),
    )
    with pytest.raises(ValueError, match="states is empty"):
        flipping_kinks([], task.X_train)
    with pytest.raises(ValueError, match="kinks must be bool"):
        kink_rows(torch.ones(59, 4), task.X_train, 2)


def test_the_mean_residual_of_the_past_decides():
    """A second, open unit lets the force on the first one chatter between -1.5 and 2.5: 0.5 in the mean."""
    W1 = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    chatter = [(W1, torch.tensor([[1.0], [2.0 * (-1) ** k]], dtype=torch.float64)) for k in range(20)]
    found = sliding_kinks(chatter, ONE, -0.5 * ONE, 0.1)
    assert found.tolist() == [[True, False]] and not sliding_kinks(chatter[-1:], ONE, -0.5 * ONE, 0.1).any()


def least_norm_gates(A, rest):
    """Of all gates in [0, 1] those for which A gates + rest is shortest, by moving one gate after the other."""
    gates = np.full(A.shape[1], 0.5)
    for k in [*range(len(gates))] * 2000:
        gates[k] -= A[:, k] @ (A @ gates + rest) / (A[:, k] @ A[:, k])
        gates[k] = min(max(gates[k], 0.0), 1.0)
    return gates


@pytest.mark.parametrize("seed", range(3))
def test_many_kinks_of_a_unit_are_decided_together(seed):
    """Twelve samples near each unit: those slide whose gate is neither closed nor open, for any units of the data."""
    draw = torch.Generator().manual_seed(seed)
    X, Y, W2 = (torch.randn(s, generator=draw, dtype=torch.float64) for s in ((12, 16), (12, 1), (3, 1)))
    W1 = 1e-4 * torch.randn(16, 3, generator=draw, dtype=torch.float64)
    Z, ridge, scale = X @ W1, 2e3, 1e3
    V = ((torch.relu(Z) @ W2 - Y) @ W2.T).numpy()
    found = sliding_kinks([(W1, W2)], X, Y, ridge, epsilon=1.0)
    assert torch.equal(found, sliding_kinks([(W1, scale * W2)], X, scale * Y, scale**2 * ridge, epsilon=1.0))
    for h in range(3):
        near, forces = V[:, h] > 0, X.numpy().T * V[:, h]
        rest = ridge * W1[:, h].numpy() + forces[:, ~near] @ (Z[~near, h] > 0).double().numpy()
        gates = least_norm_gates(forces[:, near], rest)
        between = (gates > 1e-9) & (gates < 1 - 1e-9)
        assert found[near, h].tolist() == between.tolist() and not found[~near, h].any()


def sliding_unit():
    """Two samples, two units; the first unit is on the kink of the second sample, and attracted."""
    X = torch.tensor([[1.0, 0.0, 0.0], [0.5, 1.0, 1.0]], dtype=torch.float64)
    W1 = torch.tensor([[1.0, -0.5], [-0.5, 0.0], [0.0, 1.0]], dtype=torch.float64)
    W2 = torch.tensor([[1.8], [-1.0]], dtype=torch.float64)
    return W1, W2, X, torch.tensor([[False, False], [True, False]])


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
@pytest.mark.parametrize("seed", range(5))
def test_the_gates_of_a_face_make_the_weights_normal_to_it(seed, activation):
    """theta - J_gamma^T mu has no part in the row space of [J; C] left: it is P theta, by a dense pseudo-inverse."""
    draw = torch.Generator().manual_seed(seed)
    W1, W2, X = (torch.randn(s, generator=draw, dtype=torch.float64) for s in ((4, 16), (16, 2), (5, 4)))
    kinks = torch.rand(5, 16, generator=draw) < 0.15
    for h in kinks.any(0).nonzero()[:, 0].tolist():  # onto the kinks
        held = X[kinks[:, h]]
        W1[:, h] -= torch.linalg.pinv(held) @ (held @ W1[:, h])
    gates, pull = face_gates(W1, W2, X, kinks, activation)
    assert torch.equal(gates.isnan(), ~kinks) and torch.equal(pull.isnan(), ~kinks)
    sigma, d_out = ACTIVATIONS[activation], 2
    open_ = torch.where(kinks, gates, sigma.slope(X @ W1))
    J = torch.cat(
        (
            torch.einsum("ia,ih,hc->icah", X, open_, W2).flatten(2),
            torch.einsum("ih,ce->iche", sigma.value(X @ W1), torch.eye(d_out).double()).flatten(2),
        ),
        dim=2,
    ).flatten(0, 1)
    both, theta = torch.cat((J, kink_rows(kinks, X, d_out))), torch.cat((W1.flatten(), W2.flatten()))
    normal = theta - torch.linalg.pinv(both) @ (both @ theta)
    mu = torch.linalg.lstsq(J.mT, theta - normal, driver="gelsd").solution
    torch.testing.assert_close(J.mT @ mu, theta - normal, rtol=0, atol=1e-9)  # the outputs alone carry the rest
    torch.testing.assert_close(pull[kinks], (mu.view(5, d_out) @ W2.mT)[kinks], rtol=1e-8, atol=1e-9)


def test_the_gate_of_a_face_is_the_share_of_steps_on_its_open_side():
    """Gradient descent chatters across the kink; how long it is on which side makes the gate."""
    W1, W2, X, kinks = sliding_unit()
    Y = torch.relu((X @ W1) * ~kinks) @ W2
    ridge = 1e-3
    run = gradient_descent((X, Y), loss="sum", learning_rate=0.02, weight_decay=2 * ridge, start=(W1, W2),
                           times=[0, *range(2000, 6001)], progress=False)  # fmt: skip
    share = torch.stack([X[1] @ first[:, 0] > 0 for first, _ in run.states[1:]]).double().mean()
    first, second = run.states[len(run.states) // 2]
    first = first - X[1:].mT @ (X[1:] @ first[:, :1]) / X[1].square().sum() * torch.tensor([[1.0, 0.0]])
    gates, pull = face_gates(first, second, X, kinks)
    assert pull[1, 0] < 0 and 0 < gates[1, 0] < 1
    assert float(share) == pytest.approx(float(gates[1, 0]), abs=0.02)


def test_a_face_needs_an_activation_with_a_kink():
    W1, W2, X, kinks = sliding_unit()
    with pytest.raises(ValueError, match="'tanh' has no kink; there is no face"):
        face_gates(W1, W2, X, kinks, "tanh")
