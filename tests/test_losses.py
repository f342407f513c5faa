"""The losses of training against PyTorch's."""

import pytest
import torch

from grokutil.losses import CROSS_ENTROPY, SQUARED, smoothed


def outputs(seed=0):
    F = torch.randn(5, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return 3 * F, torch.eye(4).double()[torch.tensor([0, 3, 1, 1, 2])]


@pytest.mark.parametrize("loss", [SQUARED, CROSS_ENTROPY], ids=lambda loss: loss.name)
def test_the_slope_is_autograds(loss):
    F, Y = outputs()
    for targets in (Y, smoothed(Y, 0.3), 2 * Y):  # rows that do not sum to one too
        leaf = F.clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss.value(leaf, targets), leaf)
        torch.testing.assert_close(loss.slope(F, targets), slope)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_cross_entropy_is_pytorchs(smoothing):
    F, Y = outputs()
    twin = torch.nn.CrossEntropyLoss(label_smoothing=smoothing, reduction="sum")(F, Y.argmax(1))
    torch.testing.assert_close(CROSS_ENTROPY.value(F, smoothed(Y, smoothing)), twin)


@pytest.mark.parametrize("loss", [SQUARED, CROSS_ENTROPY], ids=lambda loss: loss.name)
def test_a_gauge_is_what_the_loss_does_not_see(loss):
    F, Y = outputs()
    moved = F + torch.arange(5.0).double()[:, None]
    same = torch.allclose(loss.value(F, Y), loss.value(moved, Y), rtol=1e-12)
    assert same == loss.gauge
    assert (float(loss.slope(F, Y).sum(1).abs().max()) < 1e-12) == loss.gauge


def test_soft_labels_are_reached_and_hard_ones_are_not():
    """The least cross-entropy is at F = log y, up to the gauge; for hard labels it is lower the larger the outputs."""
    F, Y = outputs()
    soft = smoothed(Y, 0.2)
    assert float(CROSS_ENTROPY.slope(soft.log() + 7, soft).abs().max()) < 1e-15
    values = [float(CROSS_ENTROPY.value(scale * Y, Y)) for scale in (1, 10, 30)]
    assert values == sorted(values, reverse=True) and 0 < values[-1] < 1e-9


def test_smoothing_outside_its_range_is_refused():
    for wrong in (-0.1, 1.0):
        with pytest.raises(ValueError, match=f"smoothing must be at least 0 and below 1, got {wrong}"):
            smoothed(outputs()[1], wrong)
