"""Optimisers: laws of one step first, then PyTorch's own."""

import itertools

import pytest
import torch

from grokutil.optimisers import SGD, Adam, descend

RATE, DECAY = 1e-2, 0.3


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def quartic(theta):
    """The gradient of sum theta^4 / 4 + theta_1 theta_2."""
    return theta**3 + torch.stack((theta[..., 1], theta[..., 0], *([0 * theta[..., 0]] * (theta.shape[-1] - 2))), -1)


def after(rule, start, steps, gradient=quartic):
    return next(itertools.islice(descend(rule, gradient, start), steps - 1, None))


@pytest.mark.parametrize("rule", [SGD(RATE, DECAY), Adam(RATE, DECAY)])
def test_without_a_gradient_decoupled_decay_is_a_power(rule):
    theta, _ = after(rule, randn(4), 10, torch.zeros_like)
    torch.testing.assert_close(theta, (1 - RATE * DECAY) ** 10 * randn(4), rtol=1e-12, atol=0)


def test_the_first_step_of_adam_has_the_length_of_the_learning_rate_in_every_entry():
    theta, memory = after(Adam(RATE, 0.0, epsilon=1e-300), randn(5), 1)
    torch.testing.assert_close(theta - randn(5), -RATE * quartic(randn(5)).sign(), rtol=1e-12, atol=0)
    torch.testing.assert_close(Adam(RATE, epsilon=1e-300).speeds(memory), 1 / quartic(randn(5)).abs())


def test_a_gradient_ten_times_as_large_gives_adam_the_same_path_and_speeds_a_tenth():
    rule = Adam(RATE, DECAY, epsilon=1e-300)
    theta, memory = after(rule, randn(5), 20)
    same, large = after(rule, randn(5), 20, lambda at: 10 * quartic(at))
    torch.testing.assert_close(theta, same, rtol=1e-10, atol=0)
    torch.testing.assert_close(rule.speeds(memory), 10 * rule.speeds(large), rtol=1e-10, atol=0)


@pytest.mark.parametrize(
    ("rule", "theirs", "options"),
    [
        (SGD(RATE, DECAY, 0.9), torch.optim.SGD, {"momentum": 0.9}),
        (Adam(RATE, DECAY), torch.optim.AdamW, {}),
        (Adam(RATE, DECAY, decoupled=False), torch.optim.Adam, {}),
        (Adam(RATE, DECAY, (0.0, 0.5), 1e-3), torch.optim.AdamW, {"betas": (0.0, 0.5), "eps": 1e-3}),
    ],
)
def test_steps_are_those_of_pytorchs_optimiser(rule, theirs, options):
    parameter = torch.nn.Parameter(randn(6))
    optimiser = theirs([parameter], lr=RATE, weight_decay=DECAY, **options)
    for _ in range(100):
        parameter.grad = quartic(parameter.detach())
        optimiser.step()
    torch.testing.assert_close(after(rule, randn(6), 100)[0], parameter.detach(), rtol=1e-11, atol=1e-14)


def test_a_stack_of_runs_is_its_runs():
    rule = Adam(RATE, DECAY)
    together = after(rule, randn(3, 4), 30)[0]
    alone = torch.stack([after(rule, one, 30)[0] for one in randn(3, 4)])
    assert torch.equal(together, alone)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="momentum must be at least 0 and below 1, got 1.0"):
        SGD(RATE, momentum=1.0)
    with pytest.raises(ValueError, match="betas must be at least 0 and below 1, got -0.1"):
        Adam(RATE, betas=(-0.1, 0.9))
    with pytest.raises(ValueError, match="learning_rate"):
        Adam(0.0)
    with pytest.raises(ValueError, match="weight_decay"):
        SGD(RATE, -1.0)
    with pytest.raises(ValueError, match="epsilon"):
        Adam(RATE, epsilon=0.0)
