"""Gradient descent on both layers: PyTorch's own optimiser is the twin; the clocks agree; bad input is named."""

import numpy as np
import pytest
import torch

from grokutil.activations import Activation
from grokutil.data import modular_addition
from grokutil.manifold import TangentSpace, join
from grokutil.model import default_weights, loss
from grokutil.runs.trajectory import Trajectory
from grokutil.train import gradient_descent, ridge_from_weight_decay, slow_time, weight_decay_from_ridge

TASK = modular_addition(5, train_size=11, seed=0)
SHORT = {"width": 16, "learning_rate": 0.1, "weight_decay": 1e-2, "steps": 20, "record_every": 10}


def torch_sgd(
    task, activation, reduction, steps, width, learning_rate, weight_decay, momentum=0.0, seed=0, criterion=None
):
    """The same run by nn.Linear, nn.MSELoss and torch.optim.SGD, with autograd."""
    W1, W2 = default_weights(task.p, width, task.p, seed)
    layers = [torch.nn.Linear(*W.shape, bias=False, dtype=torch.float64) for W in (W1, W2)]
    for layer, W in zip(layers, (W1, W2), strict=True):
        layer.weight.data = W.T.clone()
    network = torch.nn.Sequential(layers[0], activation, layers[1])
    optimizer = torch.optim.SGD(network.parameters(), learning_rate, momentum, weight_decay=weight_decay)
    criterion = criterion or torch.nn.MSELoss(reduction=reduction)
    for _ in range(steps):
        optimizer.zero_grad()
        criterion(network(task.X_train), task.Y_train).backward()
        optimizer.step()
    return tuple(layer.weight.detach().T for layer in layers)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize(("reduction", "learning_rate"), [("mean", 0.5), ("sum", 0.01)])
@pytest.mark.parametrize(("name", "module"), [("relu", torch.nn.ReLU()), ("tanh", torch.nn.Tanh())])
def test_appendix_d_run_is_that_of_pytorchs_optimiser(name, module, reduction, learning_rate, momentum):
    setting = {"width": 16, "learning_rate": learning_rate, "weight_decay": 1e-2, "momentum": momentum, "steps": 50}
    run = gradient_descent(TASK, activation=name, loss=reduction, **setting)
    for mine, theirs in zip(run.states[-1], torch_sgd(TASK, module, reduction, **setting), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


def test_conventions_convert():
    """Mean loss with weight decay wd and rate eta is the sum loss with ridge lambda and rate eta / (n d_out)."""
    n, d_out = TASK.Y_train.shape
    ridge = ridge_from_weight_decay(1e-2, n, d_out)
    assert ridge == pytest.approx(n * d_out * 1e-2 / 2) and ridge_from_weight_decay(1e-2, n, d_out, "sum") == 0.005
    assert weight_decay_from_ridge(ridge, n, d_out) == pytest.approx(1e-2)
    mean = gradient_descent(TASK, **SHORT)
    same = {
        **SHORT,
        "learning_rate": 0.1 / (n * d_out),
        "weight_decay": weight_decay_from_ridge(ridge, n, d_out, "sum"),
    }
    torch.testing.assert_close(mean.states[-1], gradient_descent(TASK, loss="sum", **same).states[-1])
    assert slow_time(20, 0.1, 1e-2) == pytest.approx(slow_time(20, same["learning_rate"], same["weight_decay"]))
    assert slow_time(np.array([0, 20]), 0.1, 1e-2).tolist() == pytest.approx([0, ridge * 20 * 0.1 / (n * d_out)])


def test_a_small_step_follows_eq_13_downhill():
    """One step with weight decay is -eta grad L_lambda by autograd."""
    W1, W2 = (W.requires_grad_() for W in default_weights(5, 16, 5))
    gradients = torch.autograd.grad(loss(W1, W2, TASK.X_train, TASK.Y_train, "tanh", 0.3), (W1, W2))
    run = gradient_descent(TASK, width=16, activation="tanh", loss="sum", learning_rate=1e-3, weight_decay=0.6, steps=1)
    for before, after, gradient in zip(*run.states, gradients, strict=True):
        torch.testing.assert_close(after - before, -1e-3 * gradient, rtol=1e-9, atol=1e-12)


def test_without_gradient_weight_decay_is_exponential_on_the_clock_s():
    """W1 = 0 and W2 arbitrary with ReLU: the output is zero and no gradient reaches either layer."""
    zero, W2 = torch.zeros(5, 16, dtype=torch.float64), default_weights(5, 16, 5)[1]
    for momentum, rtol in ((0.0, 1e-5), (0.9, 5e-3)):
        run = gradient_descent(
            TASK, learning_rate=1.0, weight_decay=2e-5, steps=5000, momentum=momentum, start=(zero, W2)
        )
        s = slow_time(5000, 1.0, 2e-5, momentum)
        torch.testing.assert_close(run.states[-1][1], W2 * np.exp(-2 * s), rtol=rtol, atol=0)


def test_an_epoch_of_mini_batches_takes_every_sample_once():
    """With a tiny step the weights hardly move, and the steps of an epoch add up to one of the full batch."""
    setting = {"width": 16, "learning_rate": 1e-7, "weight_decay": 0.0, "activation": "tanh"}
    for loss_name in ("mean", "sum"):
        epoch = gradient_descent(TASK, steps=11, batch_size=1, loss=loss_name, **setting)
        full = gradient_descent(TASK, steps=11, loss=loss_name, **setting)
        for a, b, first in zip(epoch.states[-1], full.states[-1], full.states[0], strict=True):
            assert float((a - b).norm()) < 1e-4 * float((b - first).norm())
    again = [gradient_descent(TASK, batch_size=4, **SHORT).states[-1] for _ in range(2)]
    other = gradient_descent(TASK, batch_size=4, **(SHORT | {"seed": 0}), start=again[0]).states[-1]
    assert torch.equal(again[0][0], again[1][0]) and not torch.equal(again[0][0], other[0])


def test_records_are_those_asked():
    assert gradient_descent(TASK, **(SHORT | {"steps": 25})).times.tolist() == [0, 10, 20, 25]
    run = gradient_descent(TASK, **SHORT, times=[5, 7, 15])
    assert run.times.tolist() == [5, 7, 15] and run.evaluations == 10 and run.clock == "steps" and run.complete
    assert run.settings["learning_rate"] == 0.1 and run.settings["n"] == 11 and run.settings["activation"] == "relu"


def test_a_run_can_be_saved_and_taken_up_again(tmp_path):
    whole = gradient_descent(TASK, **SHORT)
    half = Trajectory.load(gradient_descent(TASK, **(SHORT | {"steps": 10})).save(tmp_path / "run.npz"))
    rest = gradient_descent(TASK, **SHORT, start=half.states[-1], times=[10, 20])
    assert torch.equal(rest.states[-1][0], whole.states[-1][0])


def test_an_interrupted_run_keeps_what_it_has(monkeypatch):
    from grokutil import train

    calls, original = [], train.loss_gradient

    def stops(*inputs):
        calls.append(1)
        if len(calls) == 14:
            raise KeyboardInterrupt
        return original(*inputs)

    monkeypatch.setattr(train, "loss_gradient", stops)
    with pytest.warns(RuntimeWarning, match="interrupted at step 13"):
        part = gradient_descent(TASK, **SHORT)
    assert part.times.tolist() == [0, 10, 13] and not part.complete
    monkeypatch.undo()
    rest = gradient_descent(TASK, **SHORT, start=part.states[-1], times=[13, 20])
    assert torch.equal(rest.states[-1][1], gradient_descent(TASK, **SHORT).states[-1][1])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loss": "max"}, "unknown loss 'max'; known: mean, sum"),
        ({"momentum": 1.0}, "momentum must be at least 0 and below 1"),
        ({"batch_size": 12}, "batch_size 12 is larger than the training set of 11"),
        ({"learning_rate": 0}, "learning_rate must be positive"),
        ({"weight_decay": -1e-4}, "weight_decay must not be negative"),
        ({"activation": "sine"}, "unknown activation 'sine'"),
        ({"times": [0, 1.5]}, "each of times must be a whole number"),
        ({"times": [5, 5]}, "times must increase"),
        ({"start": default_weights(4, 16, 5)}, r"X \(11, 5\) and W1 \(4, 16\) do not match"),
        ({"learning_rate": 100.0, "loss": "sum", "activation": "quadratic"}, "try a smaller one"),
    ],
)
def test_bad_input_says_what_to_do(changes, words):
    with pytest.raises(ValueError, match=words):
        gradient_descent(TASK, **(SHORT | changes))


def test_the_docstrings_way_to_go_on():
    """Times of a record are floats; whole ones are steps."""
    whole, half = gradient_descent(TASK, **SHORT), gradient_descent(TASK, **(SHORT | {"steps": 10}))
    for times in ([half.times[-1], 20], half.times[-1] + np.array([0, 10])):
        rest = gradient_descent(TASK, **SHORT, start=half.states[-1], times=times)
        assert rest.times.tolist() == [10, 20] and torch.equal(rest.states[-1][0], whole.states[-1][0])


def test_a_pair_of_arrays_is_a_task():
    pair = gradient_descent((TASK.X_train, TASK.Y_train.numpy()), **SHORT)
    assert torch.equal(pair.states[-1][0], gradient_descent(TASK, **SHORT).states[-1][0])
    for task, words in (
        ((TASK.X_train,), "the pair"),
        (TASK.X_train, "task has no X_train and no Y_train"),
        ((TASK.X_train, TASK.labels_train.double()), "Y must be a matrix"),
        ((TASK.X_train, TASK.Y_train.tolist()), "Y must be a torch tensor or a NumPy array, got list"),
    ):
        with pytest.raises(ValueError, match=words):
            gradient_descent(task, **SHORT)


def test_another_seed_has_other_weights_and_other_batches():
    starts = [gradient_descent(TASK, **(SHORT | {"seed": seed, "steps": 1})).states[0][0] for seed in (0, 1)]
    assert not torch.equal(*starts)
    setting = {key: value for key, value in SHORT.items() if key != "seed"} | {"start": default_weights(5, 16, 5)}
    ends = [gradient_descent(TASK, **setting, seed=seed, batch_size=4).states[-1][0] for seed in (0, 1)]
    assert not torch.equal(*ends)


def test_batches_partition_the_set_and_differ_between_epochs():
    """One sample a row of the identity: which were taken is read off the gradient by the readout's zeros."""
    seen, X = [], torch.eye(10, dtype=torch.float64)

    def watch(Z):
        seen.append(sorted(Z.detach().argmax(1).tolist()))
        return Z

    start = (torch.eye(10, dtype=torch.float64), torch.zeros(10, 1, dtype=torch.float64))
    Y = torch.zeros(10, 1, dtype=torch.float64)
    sigma = Activation("watched", watch, torch.ones_like)
    gradient_descent((X, Y), start=start, steps=6, batch_size=3, activation=sigma, weight_decay=0.0, progress=False)
    assert all(len(batch) == 3 for batch in seen) and len(seen) == 6  # an epoch: three whole batches, one sample out
    epochs = [sum(seen[:3], []), sum(seen[3:], [])]
    assert all(len(set(epoch)) == 9 for epoch in epochs) and seen[:3] != seen[3:]


def test_training_commutes_with_scaling():
    """ReLU: weights times c, targets and weight decay times c^2, and eta over c^2, give the same path, scaled."""
    for c in (1e-3, 1e3):
        start = default_weights(5, 16, 5)
        one, scaled = (
            gradient_descent(
                (TASK.X_train, k**2 * TASK.Y_train),
                start=tuple(k * W for W in start),
                learning_rate=1e-2 / k**2,
                weight_decay=1e-2 * k**2,
                steps=20,
                progress=False,
            ).states[-1]
            for k in (1.0, c)
        )
        for a, b in zip(one, scaled, strict=True):
            torch.testing.assert_close(b, c * a, rtol=1e-9, atol=0)


def test_slow_time_takes_lists():
    assert slow_time([0, 20], 0.1, 1e-2).tolist() == [0, 0.01]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_is_pytorchs(smoothing):
    """The same run by nn.CrossEntropyLoss with label smoothing and torch.optim.SGD."""
    setting = {"width": 16, "learning_rate": 0.5, "weight_decay": 1e-2, "steps": 50}
    run = gradient_descent(TASK, activation="tanh", loss="cross-entropy", smoothing=smoothing, **setting)
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
    for mine, theirs in zip(
        run.states[-1], torch_sgd(TASK, torch.nn.Tanh(), "mean", criterion=criterion, **setting), strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)
    assert run.settings.get("smoothing", 0.0) == smoothing
    assert ridge_from_weight_decay(1e-2, 11, 5, "cross-entropy") == pytest.approx(11 * 1e-2 / 2)


@pytest.mark.parametrize(("loss", "smoothing"), [("mean", 0.0), ("cross-entropy", 0.0), ("cross-entropy", 0.2)])
def test_the_tangent_part_of_a_step_is_weight_decay_for_every_loss(loss, smoothing):
    """P (theta_{k+1} - theta_k) = -eta wd P theta_k, far from any minimum; for cross-entropy with the gauge too."""
    setting = {"width": 16, "activation": "tanh", "learning_rate": 0.5, "weight_decay": 1e-2}
    before, after = gradient_descent(TASK, loss=loss, smoothing=smoothing, times=[0, 30, 31], **setting).states[1:]
    for gauge in (False, True):
        space = TangentSpace(*before, TASK.X_train, "tanh", gauge=gauge)
        moved, decay = space.project(join(*after) - space.theta), -0.5 * 1e-2 * space.project(space.theta)
        gap = float((moved - decay).norm() / decay.norm())
        assert gap < 1e-11 if loss == "cross-entropy" or not gauge else gap > 1e-3  # squared error has no gauge


def test_smoothing_is_for_cross_entropy():
    with pytest.raises(ValueError, match="smoothing 0.1 is for loss 'cross-entropy', got loss 'mean'"):
        gradient_descent(TASK, smoothing=0.1, **SHORT)


@pytest.mark.parametrize(("name", "theirs"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_adam_on_the_network_is_pytorchs(name, theirs):
    run = gradient_descent(TASK, activation="tanh", **SHORT, optimiser=name)
    W1, W2 = (torch.nn.Parameter(W) for W in default_weights(5, 16, 5, 0))
    optimiser = theirs([W1, W2], lr=0.1, weight_decay=1e-2)
    for _ in range(20):
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(torch.tanh(TASK.X_train @ W1) @ W2, TASK.Y_train).backward()
        optimiser.step()
    for mine, other in zip(run.states[-1], (W1, W2), strict=True):
        torch.testing.assert_close(mine, other.detach(), rtol=1e-8, atol=1e-10)
    assert run.settings["optimiser"] == name and "label_noise" not in run.settings


def test_label_noise_is_fresh_in_every_step_and_has_its_size():
    """A step with noise less one without is J^T of the noise, times 2 eta / M: recovered, it has that deviation."""
    setting = {"width": 64, "activation": "tanh", "learning_rate": 0.1, "weight_decay": 0.0, "steps": 1}
    start, found = default_weights(5, 64, 5), []
    for seed in range(40):
        clean, noisy = (
            join(*gradient_descent(TASK, **setting, start=start, seed=seed, label_noise=noise).states[-1])
            for noise in (0.0, 0.3)
        )
        space = TangentSpace(*start, TASK.X_train, "tanh")
        found.append(space.solve(space.product(noisy - clean)) / (2 * 0.1 / 55))
    xi = torch.stack(found)
    assert abs(float(xi.std()) / 0.3 - 1) < 0.05 and abs(float(xi.mean())) < 0.03
    two = gradient_descent(
        TASK, **{**setting, "steps": 2, "learning_rate": 1e-6}, start=start, label_noise=0.3, record_every=1
    )
    first, second = (join(*b) - join(*a) for a, b in zip(two.states, two.states[1:], strict=False))
    assert (first - second).norm() > 0.1 * first.norm()


def test_label_noise_and_optimisers_name_what_does_not_fit():
    with pytest.raises(ValueError, match="unknown optimiser 'lion'; known: sgd, adam, adamw"):
        gradient_descent(TASK, **SHORT, optimiser="lion")
    with pytest.raises(ValueError, match="momentum 0.9 is for optimiser 'sgd', got 'adamw'"):
        gradient_descent(TASK, **SHORT, optimiser="adamw", momentum=0.9)
    with pytest.raises(ValueError, match="label_noise 0.1 is for squared error"):
        gradient_descent(TASK, **SHORT, loss="cross-entropy", label_noise=0.1)
    with pytest.raises(ValueError, match="label_noise"):
        gradient_descent(TASK, **SHORT, label_noise=-0.1)
