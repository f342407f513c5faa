"""The protocol for tangent spaces: laws that hold for every instance, and the rule of least norm for inequalities."""

import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from grokutil.activations import softplus
from grokutil.kinks import kink_rows
from grokutil.manifold import TangentSpace, jacobian
from grokutil.tangent import (
    Rows,
    SingularPointError,
    descent_within,
    least_norm,
    metric_projection,
    shortest_move,
)


def randn(*size, seed=0):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


NETWORK = randn(4, 9), randn(9, 3, seed=1), randn(3, 4, seed=2)
KINKS = torch.zeros(3, 9, dtype=torch.bool)
KINKS[0, 2] = KINKS[1, 5] = True
Q = torch.eye(3).double() - 1 / 3


def instances():
    """Each instance with the dense rows that it holds."""
    J = jacobian(*NETWORK, "tanh")
    gauged = torch.einsum("ce,ied->icd", Q, J.unflatten(0, (3, 3))).flatten(0, 1)
    C = kink_rows(KINKS, NETWORK[2], 3)
    theta = torch.cat([W.flatten() for W in NETWORK[:2]])
    yield "rows", Rows(J[:5], theta), J[:5]
    for solver in ("cholesky", "conjugate_gradients"):
        yield f"network, {solver}", TangentSpace(*NETWORK, "tanh", solver=solver), J
        yield f"gauge, {solver}", TangentSpace(*NETWORK, "tanh", solver=solver, gauge=True), gauged
        both = TangentSpace(*NETWORK, "tanh", KINKS, solver=solver, gauge=True)
        yield f"kinks and gauge, {solver}", both, torch.cat((gauged, C))


@pytest.mark.parametrize(
    ("name", "space", "held"), list(instances()), ids=lambda value: value if isinstance(value, str) else ""
)
class TestLinearisation:
    def test_the_projection_is_that_of_the_dense_pseudo_inverse(self, name, space, held):
        v = randn(len(space.theta), seed=5)
        torch.testing.assert_close(space.project(v), v - torch.linalg.pinv(held) @ (held @ v), rtol=1e-8, atol=1e-8)

    def test_products_are_adjoint(self, name, space, held):
        v = randn(len(space.theta), seed=5)
        U = randn(*space.product(v).shape, seed=6)
        assert float((space.product(v) * U).sum()) == pytest.approx(float(space.transposed_product(U) @ v), rel=1e-12)

    def test_a_correction_does_what_it_should_and_is_the_shortest(self, name, space, held):
        U = space.product(space.release(randn(len(space.theta), seed=7)))
        v = space.correction(U)
        torch.testing.assert_close(space.product(v), U, rtol=1e-8, atol=1e-8)
        assert float(space.project(v).norm()) < 1e-8 * float(v.norm())  # no part that could be left out

    def test_the_multiplier_splits_theta(self, name, space, held):
        normal = space.release(space.transposed_product(space.multiplier()))
        torch.testing.assert_close(normal + space.project(space.theta), space.release(space.theta))

    def test_the_ntk_is_the_gram_matrix_of_what_the_products_see(self, name, space, held):
        columns = [space.product(space.release(e)).flatten() for e in torch.eye(len(space.theta), dtype=torch.float64)]
        J = torch.stack(columns, 1)
        torch.testing.assert_close(space.ntk, J @ J.mT, rtol=1e-10, atol=1e-10)


class TestGauge:
    def test_multipliers_have_rows_of_sum_zero_and_n_more_dimensions_are_free(self):
        plain, gauge = (TangentSpace(*NETWORK, softplus(10), gauge=on) for on in (False, True))
        assert float(gauge.multiplier().sum(1).abs().max()) < 1e-12 * float(gauge.multiplier().abs().max())
        dimensions = [sum(float(space.project(e) @ e) for e in torch.eye(63).double()) for space in (plain, gauge)]
        assert dimensions == pytest.approx([63 - 9, 63 - 6])

    def test_a_move_of_all_outputs_of_a_sample_together_is_tangent(self):
        plain, gauge = (TangentSpace(*NETWORK, "tanh", gauge=on) for on in (False, True))
        v = plain.correction(randn(3, 1, seed=3).expand(3, 3).contiguous())
        torch.testing.assert_close(gauge.project(v), v, rtol=1e-8, atol=1e-8)
        assert float(plain.project(v).norm()) < 1e-8 * float(v.norm())

    def test_one_output_has_none(self):
        with pytest.raises(ValueError, match=r"nothing is left of one output, \(9, 1\)"):
            TangentSpace(NETWORK[0], NETWORK[1][:, :1], NETWORK[2], gauge=True)


class TestLeastNorm:
    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize(("low", "high"), [(0.0, np.inf), (0.0, 1.0), (-0.5, 0.2)])
    def test_it_satisfies_the_conditions_of_the_minimum(self, seed, low, high):
        """The slope along a free x is zero; at a bound it points outward."""
        A, b = randn(7, 4, seed=seed), 2 * randn(7, seed=seed + 50)
        x = least_norm(A, b, low, high)
        slope = A.mT @ (b + A @ x)
        assert bool(((x >= low - 1e-12) & (x <= high + 1e-12)).all())
        free = (x > low + 1e-9) & (x < high - 1e-9)
        assert float(slope[free].abs().sum()) < 1e-9
        assert bool((slope[x <= low + 1e-9] > -1e-9).all()) and bool((slope[x >= high - 1e-9] < 1e-9).all())

    def test_it_is_the_best_choice_of_held_ones(self):
        """Of all subsets, solved with equality, the best admissible one: the slow twin."""
        A, b = randn(6, 5, seed=3), randn(6, seed=9)
        best = float(b.norm())
        for size in range(1, 6):
            for held in map(list, itertools.combinations(range(5), size)):
                x = torch.linalg.lstsq(A[:, held], -b[:, None]).solution[:, 0]
                if bool((x >= 0).all()):
                    best = min(best, float((b + A[:, held] @ x).norm()))
        assert float((b + A @ least_norm(A, b)).norm()) == pytest.approx(best, rel=1e-10)

    def test_more_columns_than_rows_and_columns_twice(self):
        A = torch.cat((randn(3, 4, seed=1), randn(3, 4, seed=1)), 1)
        x = least_norm(A, randn(3, seed=2))
        assert bool((x >= 0).all()) and bool((A.mT @ (randn(3, seed=2) + A @ x) > -1e-9).all())


class TestShortestMove:
    @pytest.mark.parametrize("seed", range(5))
    def test_it_is_scipys(self, seed):
        J, U = randn(3, 6, seed=seed), randn(3, seed=seed + 20)
        v = shortest_move(J, U)
        ways = {"type": "ineq", "fun": lambda x: J.numpy() @ x - U.numpy(), "jac": lambda _: J.numpy()}
        twin = minimize(lambda x: x @ x, np.zeros(6), jac=lambda x: 2 * x, constraints=ways, method="SLSQP", tol=1e-14)
        np.testing.assert_allclose(v, twin.x, atol=1e-6)

    def test_where_all_hold_it_is_the_correction_for_equalities(self):
        J = randn(3, 6)
        U = J @ J.mT @ torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)  # with positive multipliers
        torch.testing.assert_close(shortest_move(J, U), Rows(J, randn(6)).correction(U))

    def test_nothing_to_do_is_no_move_and_the_scale_does_not_matter(self):
        J, U = randn(3, 6), randn(3, seed=4)
        assert not shortest_move(J, -U.abs()).any()
        torch.testing.assert_close(shortest_move(J, 1e-9 * U), 1e-9 * shortest_move(J, U), rtol=1e-9, atol=1e-24)

    def test_rows_may_repeat(self):
        J, U = randn(3, 6), randn(3, seed=4)
        torch.testing.assert_close(shortest_move(torch.cat((J, J)), torch.cat((U, U))), shortest_move(J, U))

    def test_a_contradiction_is_named(self):
        J = randn(1, 4)
        with pytest.raises(ValueError, match="no move keeps these 2 inequalities"):
            shortest_move(torch.cat((J, -J)), torch.ones(2, dtype=torch.float64))


def test_the_projection_of_a_metric_is_that_of_the_dense_formula():
    J, v, speed = randn(3, 7), randn(7, seed=1), 10 ** randn(7, seed=2)
    D = torch.diag(speed)
    P = torch.eye(7, dtype=torch.float64) - D @ J.mT @ torch.linalg.inv(J @ D @ J.mT) @ J
    found = metric_projection(J, v, speed)
    torch.testing.assert_close(found, P @ v, rtol=1e-9, atol=1e-9)
    assert (J @ found).abs().max() < 1e-10 and metric_projection(J, D @ J.mT @ randn(3), speed).abs().max() < 1e-9
    torch.testing.assert_close(metric_projection(J, found, speed), found)
    torch.testing.assert_close(metric_projection(J, v, 100 * speed), found)  # a factor cancels
    torch.testing.assert_close(metric_projection(J, v, torch.ones(7).double()), Rows(J, v).project(v))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rows", [0, 2])
def test_descent_within_is_the_shortest_admissible_velocity(seed, rows):
    """The velocity nearest to -2 theta with J v = 0 and G v <= 0, by SciPy; it lowers the norm."""
    J, G, theta = randn(rows, 6, seed=seed), randn(3, 6, seed=seed + 10), randn(6, seed=seed + 20)
    v, nu = descent_within(Rows(J, theta), G)
    ways = [{"type": "ineq", "fun": lambda x: -G.numpy() @ x, "jac": lambda _: -G.numpy()}]
    ways += [{"type": "eq", "fun": lambda x: J.numpy() @ x, "jac": lambda _: J.numpy()}] if rows else []
    target = -2 * theta.numpy()
    twin = minimize(lambda x: (x - target) @ (x - target), np.zeros(6), jac=lambda x: 2 * (x - target),
                    constraints=ways, method="SLSQP", tol=1e-14)  # fmt: skip
    np.testing.assert_allclose(v, twin.x, atol=1e-6)
    assert (nu >= 0).all() and abs(nu * (G @ v)).max() < 1e-9 and float(theta @ v) <= 0


def test_active_margins_have_the_multipliers_of_least_norm():
    from grokutil.margins import active_margins, margin_jacobian

    W1, W2, X = randn(5, 8), randn(8, 3, seed=1), randn(4, 5, seed=2)
    labels = torch.tensor([0, 1, 2, 0])
    active = active_margins(W1, W2, X, labels, "quadratic", 1.0)
    theta = torch.cat((W1.flatten(), W2.flatten()))
    slopes = -margin_jacobian(W1, W2, X, labels, "quadratic")[active.near]
    mu = least_norm(slopes.mT, theta)
    torch.testing.assert_close(active.multipliers[active.near], mu)
    torch.testing.assert_close(active.velocity, -2 * (theta + slopes.mT @ mu))


def test_a_singular_point_is_named():
    with pytest.raises(SingularPointError, match="Def. 4.9"):
        Rows(torch.ones(2, 3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)).multiplier()
