"""Laws from symmetries: exact in every step, whatever the loss and the batch; and broken where there is no symmetry."""

import numpy as np
import pytest
import torch

from grokutil.architectures import EXAMPLES
from grokutil.flow import integrate
from grokutil.symmetry import Symmetry, follow_form

EXACT = [example for example in EXAMPLES if not example.control]
LAM, ETA = 0.05, 3e-3


def squared(F, y):
    gradient = torch.func.grad(lambda theta: (F(theta) - y).square().sum())
    return lambda theta, k=0: gradient(theta)  # noqa: ARG005


@pytest.mark.parametrize("example", EXACT, ids=lambda e: e.name)
class TestLaws:
    def test_the_network_does_not_feel_the_symmetry(self, example):
        X, theta, _ = example.draw(0)
        F, symmetry = example.F(X), example.symmetry
        assert symmetry.defect(F, theta) < 1e-15
        moved = theta + 0.3 * symmetry.field(theta) if example.shift else _exponential(symmetry, 0.3, theta)
        torch.testing.assert_close(F(moved), F(theta), rtol=1e-11, atol=1e-12)

    def test_the_generator_is_symmetric(self, example):
        if example.shift:
            pytest.skip("a direction")
        _, theta, _ = example.draw(0)
        other = example.draw(1)[1]
        field = example.symmetry.field
        assert float(other @ field(theta)) == pytest.approx(float(theta @ field(other)), abs=1e-12)

    @pytest.mark.parametrize("seed", range(2))
    def test_every_step_of_gradient_descent_obeys_the_law_of_the_step(self, example, seed):
        X, theta, y = example.draw(seed)
        symmetry = example.symmetry
        start = symmetry.form(theta)
        _, form, told = follow_form(symmetry, squared(example.F(X), y), theta, LAM, ETA, 60)
        assert abs(float((form - told) / start)) < 1e-12

    def test_so_do_other_losses_noisy_labels_and_batches(self, example):
        X, theta, y = example.draw(2, samples=8)
        outputs, noise = len(y) // 8, torch.Generator().manual_seed(0)

        def of(theta, k):
            rows = torch.randperm(8, generator=noise)[: 3 + k % 2]
            labels = y.reshape(8, outputs)[rows] + 0.1 * torch.randn(len(rows), outputs, generator=noise, dtype=y.dtype)
            F = example.F(X[rows])
            return torch.func.grad(lambda w: (F(w) - labels.flatten()).abs().pow(1.5).sum())(theta)

        symmetry = example.symmetry
        _, form, told = follow_form(symmetry, of, theta, LAM, ETA, 20)
        assert abs(float((form - told) / symmetry.form(theta))) < 1e-12

    def test_along_the_flow_the_form_decays_like_the_exponential(self, example):
        X, theta, y = example.draw(0)
        symmetry, gradient = example.symmetry, squared(example.F(X), y)
        end, rtol = 0.2, 1e-7 if example.smooth else 1e-5
        run = integrate(lambda w: -gradient(w) - 2 * LAM * w, theta, [0, end], method="rk45", rtol=rtol, progress=False)
        told = symmetry.form(theta) * np.exp(-symmetry.rate * LAM * end)
        assert float(symmetry.form(run.states[-1]) / told) == pytest.approx(1, abs=1e-4)


def _exponential(symmetry, t, theta):
    """exp(t G) theta by its series."""
    total, term = theta, theta
    for k in range(1, 40):
        term = t * symmetry.field(term) / k
        total = total + term
    return total


def test_the_control_has_no_law():
    (control,) = (example for example in EXAMPLES if example.control)
    X, theta, y = control.draw(0)
    symmetry, F = control.symmetry, control.F(X)
    assert symmetry.defect(F, theta) > 5e-3
    _, form, told = follow_form(symmetry, squared(F, y), theta, LAM, ETA, 300)
    assert abs(float((form - told) / symmetry.form(theta))) > 5e-3


def test_the_law_of_the_step_by_hand():
    """F = w1 w2 with w1^2 - w2^2."""
    symmetry = Symmetry(lambda w: w * torch.tensor([1.0, -1.0], dtype=torch.float64))
    w, lam, eta = torch.tensor([1.5, 0.5], dtype=torch.float64), 0.1, 0.2
    g = 2 * (w[0] * w[1] - 1) * w.flip(0)
    after = (1 - 2 * eta * lam) * w - eta * g
    found = symmetry.after_step(symmetry.form(w), g, lam, eta)
    assert float(found) == pytest.approx(float(after[0] ** 2 - after[1] ** 2), abs=1e-14)
    shift = Symmetry(torch.tensor([1.0, 0.0], dtype=torch.float64))
    assert (symmetry.rate, shift.rate) == (4, 2) and shift.shift and not symmetry.shift
    assert float(shift.after_step(shift.form(w), g, lam, eta)) == pytest.approx(1.5 * 0.96)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"ridge": -1.0}, "ridge"), ({"learning_rate": 0.0}, "learning_rate"), ({"steps": 0}, "steps")],
)
def test_bad_input_says_what_to_do(change, words):
    options = {"ridge": 0.1, "learning_rate": 0.1, "steps": 3} | change
    with pytest.raises(ValueError, match=words):
        follow_form(Symmetry(lambda w: w), lambda w, k: w, torch.ones(2, dtype=torch.float64), **options)
