"""Claims of section 6, Appendix E and section 7.3 about eqs 14-20."""

from __future__ import annotations

import torch
from torch import Tensor

from grokutil.activations import softplus
from grokutil.claims.appendix_D import DECAY, run, task, vector
from grokutil.claims.record import CORRECTED, FIVE, Claim
from grokutil.data import modular_addition
from grokutil.isolated import first_layer_velocity, optimal_readout, reduced_cost
from grokutil.manifold import jacobian
from grokutil.measure import relative_residual
from grokutil.model import gaussian_embedding, hidden
from grokutil.train import ridge_from_weight_decay

RIDGE = 0.1


def _small(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    task = modular_addition(7, 0.7, seed=seed)
    return gaussian_embedding(7, 40, seed=seed), task.X_train, task.Y_train


def _gap(actual: Tensor, expected: Tensor) -> float:
    return float((actual - expected).norm() / expected.norm())


def _primal_readout(H: Tensor, Y: Tensor, ridge: float) -> Tensor:
    return torch.linalg.solve(H.mT @ H + ridge * torch.eye(H.shape[1], dtype=H.dtype), H.mT @ Y)


def _eq_15(seed: int) -> tuple[float, None]:
    E, X, Y = _small(seed)
    H = hidden(E, X, "tanh")
    W2 = _primal_readout(H, Y, RIDGE).requires_grad_()
    cost = (H @ W2 - Y).square().sum() + RIDGE * W2.square().sum()
    (gradient,) = torch.autograd.grad(cost, W2)
    return float(gradient.norm() / (H.mT @ Y).norm()), None


def _eq_18(seed: int) -> tuple[float, None]:
    E, X, Y = _small(seed)
    H = hidden(E, X, "tanh")
    return max(
        _gap(optimal_readout(H, Y), torch.linalg.pinv(H) @ Y), relative_residual(H @ optimal_readout(H, Y), Y)
    ), None


def _eq_19(seed: int) -> tuple[float, None]:
    E, X, Y = _small(seed)
    W2 = torch.linalg.pinv(hidden(E, X, "tanh")) @ Y
    norms = E.square().sum() + W2.square().sum()
    return _gap(reduced_cost(E, X, Y, "tanh"), norms), None


def _eq_16(seed: int) -> tuple[float, None]:
    E, X, Y = _small(seed)
    H = hidden(E, X, "tanh")
    W2 = _primal_readout(H, Y, RIDGE)
    L_lambda = (H @ W2 - Y).square().sum() + RIDGE * (E.square().sum() + W2.square().sum())
    return _gap(reduced_cost(E, X, Y, "tanh", RIDGE), L_lambda / RIDGE), None


def _gradient_of_R_over_lambda(seed: int) -> Tensor:
    E, X, Y = _small(seed)
    E.requires_grad_()
    return torch.autograd.grad(reduced_cost(E, X, Y, "tanh"), E)[0]


def _bracket(seed: int) -> Tensor:
    """X^T ((A Y Y^T A H) o sigma'), as printed, with the inverse."""
    E, X, Y = _small(seed)
    H = hidden(E, X, "tanh")
    A = torch.linalg.inv(H @ H.mT)
    return X.mT @ ((A @ Y @ Y.mT @ A @ H) * (1 - H**2))


def _eq_20_direction(seed: int) -> tuple[float, None]:
    E, _, _ = _small(seed)
    printed, descent = _bracket(seed) - E, -_gradient_of_R_over_lambda(seed)
    return 1 - float((printed * descent).sum() / (printed.norm() * descent.norm())), None


def _eq_20_clock(seed: int) -> tuple[float, float]:
    """Printed: dW1/dt = -grad R, in units of lambda. Corrected: dW1/dtau = -grad R / (2 lambda)."""
    E, _, _ = _small(seed)
    descent = -_gradient_of_R_over_lambda(seed)
    return _gap(_bracket(seed) - E, descent), _gap(_bracket(seed) - E, descent / 2)


def _appendix_E_sign(seed: int) -> tuple[float, float]:
    E, _, _ = _small(seed)
    gradient = _gradient_of_R_over_lambda(seed)
    printed = -2 * E + 2 * _bracket(seed)
    return _gap(printed, gradient), _gap(-printed, gradient)


def _ridge_velocity(seed: int) -> tuple[float, None]:
    E, X, Y = _small(seed)
    E.requires_grad_()
    (gradient,) = torch.autograd.grad(reduced_cost(E, X, Y, "tanh", RIDGE), E)
    return _gap(first_layer_velocity(E.detach(), X, Y, "tanh", RIDGE), -gradient / 2), None


def _section_73_inverse(seed: int) -> tuple[float, float]:
    """Smallest over largest singular value, inverted: how many digits each inverse costs."""
    task = modular_addition(37, 0.7, seed=seed)
    H = hidden(gaussian_embedding(37, 512, seed=seed), task.X_train)
    return float(torch.linalg.cond(H.mT @ H)), float(torch.linalg.cond(H @ H.mT))


def _nearly_optimal(seed: int) -> tuple[float, None]:
    """Relative gap of the readout and its optimum for the first layer, at step 5000 of training."""
    pairs, (W1, W2) = task(seed), run("softplus", seed, 5000).states[20]
    H = hidden(W1, pairs.X_train, softplus(10))
    return _gap(optimal_readout(H, pairs.Y_train, ridge_from_weight_decay(DECAY, *pairs.Y_train.shape)), W2), None


def _isolated_velocity(seed: int) -> tuple[float, float]:
    """Relative gap of eq. 17 and the first layer's velocity: over 200 steps of training; with a fast readout.

    The second is the slow flow at the same first layer and its optimal readout, which learns 100 times as fast.
    """
    pairs, states = task(seed), run("softplus", seed, 5000).states
    X, Y, sigma, (W1, _) = pairs.X_train, pairs.Y_train, softplus(10), states[20]
    ridge = ridge_from_weight_decay(DECAY, *Y.shape)
    trained = (states[-1][0] - W1) / (200 * DECAY)  # in units of 2 lambda
    J, theta = jacobian(W1, optimal := optimal_readout(hidden(W1, X, sigma), Y), X, sigma), vector((W1, optimal))
    D = torch.ones_like(theta)
    D[W1.numel() :] = 100
    flow = -D * (theta - J.mT @ torch.linalg.solve((J * D) @ J.mT, J @ (D * theta)))
    return (
        _gap(first_layer_velocity(W1, X, Y, sigma, ridge), trained),
        _gap(first_layer_velocity(W1, X, Y, sigma).flatten(), flow[: W1.numel()]),
    )


def _second_term(seed: int) -> tuple[float, None]:
    """Gap to autograd of the gradient of |phi(W_1)|^2, as Appendix E prints it."""
    E, X, Y = _small(seed)
    E.requires_grad_()
    H = hidden(E, X, "tanh")
    (gradient,) = torch.autograd.grad((torch.linalg.pinv(H) @ Y).square().sum(), E)
    return _gap(-2 * _bracket(seed), gradient), None


ROUNDING = "relative gap of two routes to the same matrix, float64: rounding only"

CLAIMS = (
    Claim(
        id="eq-15",
        source="eqs 14 and 15, section 6.2",
        statement="The optimal readout for fixed hidden activations is the ridge solution.",
        measure=_eq_15,
        limit=1e-12,
        tolerance="gradient of the cost at the solution, relative to that at zero",
        chapter="closed_form",
        seeds=FIVE,
    ),
    Claim(
        id="eq-14",
        source="eq. 14",
        statement="In training the readout is approximately optimal for the first layer.",
        measure=_nearly_optimal,
        limit=0.5,
        tolerance="relative gap of the readout and its optimum, softplus, step 5000; approximately is an error of at "
        "most one half",
        chapter="four_paths",
        seeds=FIVE,
        seconds=3.0,
    ),
    Claim(
        id="eq-16",
        source="eq. 16",
        statement="The reduced cost is the regularised loss at the optimal readout.",
        measure=_eq_16,
        limit=1e-12,
        tolerance=ROUNDING,
        chapter="closed_form",
        seeds=FIVE,
    ),
    Claim(
        id="eq-17",
        source="eq. 17 and section 6.2",
        statement="In training the first layer moves approximately along the negative gradient of the reduced cost "
        "(corrected: when the readout learns much faster).",
        measure=_isolated_velocity,
        limit=0.5,
        tolerance="relative gap of the two velocities, softplus, from step 5000; corrected: of the slow flow with a "
        "readout 100 times as fast. Approximately is an error of at most one half",
        expected=CORRECTED,
        chapter="four_paths",
        seeds=FIVE,
        seconds=4.0,
    ),
    Claim(
        id="eq-17-ridge",
        source="eq. 17",
        statement="The ridge form of the velocity is the gradient of the reduced cost.",
        measure=_ridge_velocity,
        limit=1e-12,
        tolerance=ROUNDING,
        chapter="closed_form",
        seeds=FIVE,
    ),
    Claim(
        id="eq-18",
        source="eq. 18",
        statement="Without ridge the readout is the pseudo-inverse solution and interpolates.",
        measure=_eq_18,
        limit=1e-9,
        tolerance=ROUNDING + "; cond(H H^T) digits are lost",
        chapter="closed_form",
        seeds=FIVE,
    ),
    Claim(
        id="eq-19",
        source="eq. 19",
        statement="In the limit the reduced cost is lambda times the squared norm of both layers.",
        measure=_eq_19,
        limit=1e-9,
        tolerance=ROUNDING,
        chapter="closed_form",
        seeds=FIVE,
    ),
    Claim(
        id="eq-20-direction",
        source="eq. 20",
        statement="The closed form points along the negative gradient of the reduced cost.",
        measure=_eq_20_direction,
        limit=1e-12,
        tolerance="one minus the cosine with autograd's gradient",
        chapter="closed_form",
        seeds=FIVE,
    ),
    Claim(
        id="eq-20-clock",
        source="eq. 20",
        statement="The closed form is the velocity on the clock t of eq. 17 (corrected: on tau = 2 lambda t).",
        measure=_eq_20_clock,
        limit=1e-9,
        tolerance=ROUNDING,
        expected=CORRECTED,
        chapter="closed_form",
        seeds=FIVE,
    ),
    Claim(
        id="appendix-E-sign",
        source="Appendix E, last line",
        statement="The printed expression is the gradient of the reduced cost (corrected: minus the gradient).",
        measure=_appendix_E_sign,
        limit=1e-9,
        tolerance=ROUNDING,
        expected=CORRECTED,
        chapter="closed_form",
        seeds=FIVE,
    ),
    Claim(
        id="appendix-E-second-term",
        source="Appendix E",
        statement="The gradient of |phi(W_1)|^2 is -2 X^T [(A Y Y^T A H) o sigma'(X W_1)].",
        measure=_second_term,
        limit=1e-9,
        tolerance=ROUNDING,
        chapter="closed_form",
        seeds=FIVE,
    ),
    Claim(
        id="section-7.3-inverse",
        source="section 7.3",
        statement="The readout of the simulation is (H^T H)^-1 H^T Y (corrected: H^T (H H^T)^-1 Y).",
        measure=_section_73_inverse,
        limit=1e12,
        tolerance="condition number of the inverted matrix; float64 carries 16 digits, four must be left",
        expected=CORRECTED,
        chapter="closed_form",
        seeds=FIVE,
        seconds=0.5,
    ),
)
