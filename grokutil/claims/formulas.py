"""Claims of sections 6 to 8 about formulas that the other modules take as given: losses, limits, transforms."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grokutil.activations import get_activation
from grokutil.claims.record import CORRECTED, FIVE, OURS, Claim
from grokutil.data import modular_addition
from grokutil.fourier import fourier_features
from grokutil.isolated import FeatureDynamics, optimal_readout, reduced_cost
from grokutil.model import default_weights, gaussian_embedding, hidden, loss, predict


def _draw(seed: int, *size: int) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _loss_by_samples(seed: int) -> tuple[float, None]:
    """Relative gap of eq. 13 in matrices and eq. 1 by samples, for f = sigma(x^T W_1) W_2."""
    task, ridge = modular_addition(7, 0.7, seed=seed), 0.3
    W1, W2 = default_weights(7, 20, 7, seed=seed)
    errors = [(torch.tanh(x @ W1) @ W2 - y).square().sum() for x, y in zip(task.X_train, task.Y_train, strict=True)]
    one_by_one = sum(errors) + ridge * (W1.square().sum() + W2.square().sum())
    return float((loss(W1, W2, task.X_train, task.Y_train, "tanh", ridge) / one_by_one - 1).abs()), None


def _jump_of_the_gradient(seed: int) -> tuple[float, float]:
    """Jump of the gradient of the reduced cost where one pre-activation changes sign, relative: ReLU, and softplus."""
    task, W1 = modular_addition(7, 0.7, seed=seed), gaussian_embedding(7, 40, seed=seed)
    x = task.X_train[0]
    W1[:, 0] -= x * (x @ W1[:, 0]) / (x @ x)  # unit 0 is on the kink of sample 0

    def jump(activation: str) -> float:
        sides = []
        for side in (1e-9, -1e-9):
            leaf = W1.clone()
            leaf[:, 0] += side * x
            leaf.requires_grad_()
            sides.append(torch.autograd.grad(reduced_cost(leaf, task.X_train, task.Y_train, activation), leaf)[0])
        return float((sides[0] - sides[1])[:, 0].norm() / sides[0][:, 0].norm())

    return jump("relu"), jump("softplus")


def _vanishing_ridge(seed: int) -> tuple[float, None]:
    """Slope of the log gap between the readouts of eqs 15 and 18 against log lambda, minus 1."""
    task = modular_addition(7, 0.7, seed=seed)
    H, ridges = hidden(gaussian_embedding(7, 40, seed=seed), task.X_train, "tanh"), (1e-5, 1e-6, 1e-7)
    limit = torch.linalg.pinv(H) @ task.Y_train
    gaps = [float((optimal_readout(H, task.Y_train, ridge) - limit).norm()) for ridge in ridges]
    return abs(float(np.polyfit(np.log(ridges), np.log(gaps), 1)[0]) - 1), None


def _sums_of_rows(seed: int) -> tuple[float, None]:
    task = modular_addition(37, 0.7, seed=seed)
    E, W = gaussian_embedding(37, 64, seed=seed), _draw(seed, 64, 37)
    a, b = task.pairs_train.T
    return float((torch.relu(E[a] + E[b]) @ W - predict(E, W, task.X_train)).abs().max()), None


def _deviation_or_variance(seed: int) -> tuple[float, None]:
    """Relative gap of the test outputs at the start of section 7.3 under the two readings of N(0, p^-1/2)."""
    task, E = modular_addition(37, 0.7, seed=seed), gaussian_embedding(37, 512, seed=seed)
    narrow, broad = (
        predict(scale * E, optimal_readout(hidden(scale * E, task.X_train), task.Y_train), task.X_test)
        for scale in (1.0, 37**0.25)
    )
    return float((narrow - broad).norm() / narrow.norm()), None


def _conjugate(seed: int) -> tuple[float, None]:
    """Gap of F_(p - k), by the paper's sum, and the conjugate of F_k."""
    p, E = 37, gaussian_embedding(37, 16, seed=seed).to(torch.complex128)
    j = torch.arange(p, dtype=torch.float64)
    rows = [torch.exp(-2j * torch.pi * j * (p - k) / p) @ E / p for k in range(1, (p + 1) // 2)]
    return float((torch.stack(rows) - fourier_features(E.real).conj()).abs().max()), None


def _sum_of_circles(seed: int) -> tuple[float, None]:
    """Relative gap of E and its mean plus the circles 2 Re(e^(2 pi i jk / p) F_k)."""
    p, E = 37, gaussian_embedding(37, 16, seed=seed)
    j, k = torch.arange(p, dtype=torch.float64), torch.arange(1, (p + 1) // 2, dtype=torch.float64)
    circles = 2 * (torch.exp(2j * torch.pi * torch.outer(j, k) / p) @ fourier_features(E)).real
    return float((E.mean(0) + circles - E).norm() / E.norm()), None


def _three_layers(seed: int) -> tuple[float, None]:
    """Relative gap of the closed form for two hidden layers and minus half of autograd's gradient, lambda = 0.1."""
    X, Y, ridge, tanh = _draw(seed, 5, 4), _draw(seed + 100, 5, 2), 0.1, get_activation("tanh").value

    def features(theta: Tensor) -> Tensor:
        return tanh(tanh(X @ theta[:24].reshape(4, 6)) @ theta[24:].reshape(6, 8))

    theta = _draw(seed + 200, 24 + 48).requires_grad_()
    H = features(theta)
    W = torch.linalg.solve(H.mT @ H + ridge * torch.eye(8, dtype=H.dtype), H.mT @ Y)
    cost = (H @ W - Y).square().sum() + ridge * (W.square().sum() + theta.square().sum())
    (gradient,) = torch.autograd.grad(cost, theta)
    predicted = -gradient / (2 * ridge)
    found = FeatureDynamics(features, Y, ridge)(theta.detach())
    return float((found - predicted).norm() / predicted.norm()), None


CLAIMS = (
    Claim(
        id="eqs-12-13",
        source="section 6.1, eqs 1, 12, and 13",
        statement="In matrices the regularised loss is that of eq. 1, sample by sample.",
        measure=_loss_by_samples,
        limit=1e-12,
        tolerance="relative gap of the two, tanh; rounding only",
        chapter="closed_form",
        seeds=FIVE,
    ),
    Claim(
        id="section-6.2-differentiable",
        source="section 6.2, after eq. 16",
        statement="The reduced cost is fully differentiable (corrected: for smooth activations; ReLU has kinks).",
        measure=_jump_of_the_gradient,
        limit=1e-6,
        tolerance="relative jump of the gradient as a pre-activation changes sign, by 2e-9: ReLU; corrected: softplus",
        expected=CORRECTED,
        chapter="closed_form",
        seeds=FIVE,
    ),
    Claim(
        id="section-6.3-limit",
        source="section 6.3, eqs 15 and 18",
        statement="As weight decay vanishes the ridge solution tends to the pseudo-inverse solution.",
        measure=_vanishing_ridge,
        limit=0.05,
        tolerance="slope of log gap against log lambda, minus 1, over two decades; the gap is of order lambda",
        chapter="closed_form",
        seeds=FIVE,
    ),
    Claim(
        id="section-7.2-sum",
        source="section 7.2",
        statement="The output is sigma(E_a + E_b) W: the first layer embeds numbers and adds.",
        measure=_sums_of_rows,
        limit=1e-12,
        tolerance="largest gap to sigma(X E) W; rounding only",
        chapter="modular_addition",
        seeds=FIVE,
    ),
    Claim(
        id="section-7.3-start",
        source="section 7.3, our remark on the random start",
        statement="The two readings of N(0, p^-1/2), a deviation or a variance, start from the same outputs.",
        whose=OURS,
        measure=_deviation_or_variance,
        limit=1e-6,
        tolerance="relative gap of the test outputs; rounding, times the condition number 1e6 of H H^T",
        chapter="errata",
        seeds=FIVE,
        seconds=0.6,
    ),
    Claim(
        id="section-7.3.2-conjugate",
        source="section 7.3.2",
        statement="A circle of frequency p - k is that of frequency k, run through backwards.",
        measure=_conjugate,
        limit=1e-12,
        tolerance="largest gap of F_(p-k) and the conjugate of F_k; rounding only",
        chapter="fourier_circles",
        seeds=FIVE,
    ),
    Claim(
        id="section-7.3.2-sum",
        source="section 7.3.2",
        statement="The embedding is a sum of circles, one for each frequency (and of its mean).",
        measure=_sum_of_circles,
        limit=1e-12,
        tolerance="relative gap of the embedding and that sum; rounding only",
        chapter="fourier_circles",
        seeds=FIVE,
    ),
    Claim(
        id="section-8-depth",
        source="section 8, limitations; our addition",
        statement="Isolated dynamics are not bound to two layers: the closed form serves any depth below the readout.",
        whose=OURS,
        measure=_three_layers,
        limit=1e-10,
        tolerance="relative gap to minus half of autograd's gradient, two hidden layers; rounding only",
        chapter="isolated_dynamics",
        seeds=FIVE,
    ),
)
