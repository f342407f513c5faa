"""What callers pass in: arrays of any layout are taken, what would be read wrongly is refused by name."""

import numpy as np
import pytest
import torch

from grokutil.checks import generator, matrix, tensor
from grokutil.measure import relative_residual


def test_a_masked_array_is_refused_for_its_masked_half_would_count():
    Y = np.ma.masked_greater(np.array([[1.0, 1e9], [2.0, 3.0]]), 100)
    for call in (lambda: tensor("start", Y), lambda: matrix("X", Y), lambda: relative_residual(Y, Y)):
        with pytest.raises(ValueError, match="is a masked array.*leave them out, or fill them"):
            call()


@pytest.mark.parametrize("order", ["<f8", ">f8"])
@pytest.mark.parametrize("view", [np.array, np.asfortranarray, np.flipud, np.fliplr, lambda X: X.T[::2, ::-1]])
def test_arrays_of_any_stride_and_byte_order_are_taken(order, view):
    X = view(np.arange(12.0, dtype=order).reshape(3, 4))
    X.setflags(write=False)
    assert torch.equal(matrix("X", X), torch.tensor(X.tolist(), dtype=torch.float64))


def test_the_hint_on_classes_is_for_targets_alone():
    for name, told in (("Y", True), ("Y_train", True), ("X", False), ("W1", False)):
        with pytest.raises(ValueError, match=f"{name} must be float64, got int64") as error:
            matrix(name, np.ones((2, 2), int))
        assert ("one_hot" in str(error.value)) is told


def test_no_two_seeds_give_the_same_draws():
    seeds = [0, 1, 7, 1000, 2**16, 2**31, 2**32 - 1]
    assert len({float(torch.rand(1, generator=generator(seed), dtype=torch.float64)) for seed in seeds}) == len(seeds)
    for seed in (2**32, 2**63, -1, 0.5, True):
        with pytest.raises(ValueError, match="seed must be"):
            generator(seed)
