"""Checks of what callers pass in: each error names the argument, its value or shape, and the remedy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

Matrix = Tensor | np.ndarray  # what public functions take; what they return is a Tensor


def tensor(name: str, value: Any) -> Tensor:
    """Return ``value`` as a finite float64 tensor that is not empty.

    Tensors keep their device and their graph; NumPy arrays of any stride and byte order become CPU tensors (a copy).

    Raises:
        ValueError: not a tensor or array, masked, not float64, empty, or not finite.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{name} is a masked array, whose masked entries would count: leave them out, or fill them")
    if not isinstance(value, (Tensor, np.ndarray)):
        raise ValueError(f"{name} must be a torch tensor or a NumPy array, got {type(value).__name__}")
    dtype = str(value.dtype).removeprefix("torch.") if isinstance(value, Tensor) else value.dtype.name
    if dtype != "float64":
        why = "single precision is too coarse: H H^T has a condition number near 1e6 here"
        if "float" not in dtype:
            why = f"{name} is computed with as real numbers"
            if name.startswith("Y"):
                why = "classes need a row each, with a one at the class (torch.nn.functional.one_hot)"
        raise ValueError(
            f"{name} must be float64, got {dtype}: {why}; convert with {name}.double() or {name}.astype('float64')"
        )
    if not isinstance(value, Tensor):
        value = torch.from_numpy(np.array(value, dtype=np.float64, order="C"))
    if not value.numel():
        raise ValueError(f"{name} must have at least one row and column, got shape {tuple(value.shape)}")
    finite(name, value, DATA if name[0] in "XY" else RUN)
    return value


def data(value: Tensor) -> Tensor:
    """``value`` without its graph: what is computed with it promises no derivative, and keeps no memory for one."""
    return value.detach() if value.requires_grad else value


def matrix(name: str, value: Any) -> Tensor:
    """Return ``value`` as a finite float64 matrix.

    Raises:
        ValueError: as for :func:`tensor`, or not two-dimensional.
    """
    value = tensor(name, value)
    if value.ndim != 2:
        hint = f"; {name}[:, None] makes it one column" if value.ndim == 1 else ""
        raise ValueError(f"{name} must be a matrix with rows and columns, got shape {tuple(value.shape)}{hint}")
    return value


def matrices(name: str, value: Any) -> Tensor:
    """Return ``value`` as a finite float64 matrix, or a stack of matrices along a leading axis.

    Raises:
        ValueError: as for :func:`matrix`, of which a stack has one more axis.
    """
    if isinstance(value, (Tensor, np.ndarray)) and value.ndim == 3 and len(value):
        return matrix(name, value.reshape(-1, value.shape[-1])).reshape(value.shape)
    return matrix(name, value)


def float_vector(name: str, value: Any) -> Tensor:
    """Return ``value``, a finite float64 tensor with one axis.

    Raises:
        ValueError: not a tensor, not float64, not one axis, or not finite.
    """
    if not isinstance(value, Tensor) or value.dtype != torch.float64 or value.ndim != 1:
        got = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"{name} must be a float64 tensor with one axis, got {got}")
    finite(name, value)
    return value


DATA = "leave these samples out or repair them"
RUN = "the step was too large: try a smaller one, unless the velocity has no value there"
NO_VALUE = "the activation must have a finite value and slope at every pre-activation that is met, zero included"


def finite(name: str, value: Tensor, remedy: str = RUN) -> None:
    """Raise a ValueError, with the remedy, unless every entry of ``value`` is finite."""
    bad = int((~torch.isfinite(value)).sum())
    if bad:
        raise ValueError(f"{name} has {bad} entries that are not finite (NaN or infinity): {remedy}")


def same_size(name_a: str, a: Tensor, axis_a: int, name_b: str, b: Tensor, axis_b: int) -> None:
    """Raise a ValueError, with both shapes, unless ``a.shape[axis_a] == b.shape[axis_b]``."""
    if a.shape[axis_a] != b.shape[axis_b]:
        side = ("rows", "columns")  # of a matrix, or of each in a stack: axes 0 and 1, or -2 and -1
        raise ValueError(
            f"{name_a} {tuple(a.shape)} and {name_b} {tuple(b.shape)} do not match: "
            f"the {side[axis_a]} of {name_a} must be as many as the {side[axis_b]} of {name_b}"
        )


def same_stack(name_a: str, a: Tensor, name_b: str, b: Tensor) -> None:
    """Raise a ValueError, with both shapes, unless both are single matrices or stacks of the same length."""
    if a.shape[:-2] != b.shape[:-2]:
        raise ValueError(
            f"{name_a} {tuple(a.shape)} and {name_b} {tuple(b.shape)} do not match: "
            f"both must be matrices, or both stacks of as many matrices"
        )


def layers(W1: Any, W2: Any, X: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return the layers (d_in, d_h), (d_h, d_out) and inputs (n, d_in) as finite float64 matrices that fit together.

    They are data: what is computed with them promises no derivative, and keeps no graph of theirs.

    Raises:
        ValueError: one of them is not such a matrix, or shapes do not match.
    """
    W1, W2, X = (data(matrix(name, value)) for name, value in (("W1", W1), ("W2", W2), ("X", X)))
    same_size("X", X, 1, "W1", W1, 0)
    same_size("W1", W1, 1, "W2", W2, 0)
    return W1, W2, X


def targets(Y: Any, X: Tensor, W2: Tensor) -> Tensor:
    """Return the targets (n, d_out) as a finite float64 matrix: a row for each of X, a column for each of W2.

    Raises:
        ValueError: not such a matrix, or shapes do not match.
    """
    Y = data(matrix("Y", Y))
    same_size("X", X, 0, "Y", Y, 0)
    same_size("W2", W2, 1, "Y", Y, 1)
    return Y


def integer(name: str, value: Any, at_least: int) -> int:
    """Return ``value`` as an int.

    Raises:
        ValueError: not a whole number, or below ``at_least``.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < at_least:
        raise ValueError(f"{name} must be a whole number of at least {at_least}, got {value!r}")
    return int(value)


def generator(seed: Any, name: str = "seed") -> torch.Generator:
    """A generator on the CPU for a seed.

    Raises:
        ValueError: not a whole number from 0 to 2^32 - 1: PyTorch uses 32 bits of it, and others would repeat these.
    """
    if integer(name, seed, 0) >= 2**32:
        raise ValueError(f"{name} must be below 2^32, got {seed!r}")
    return torch.Generator().manual_seed(int(seed))


def non_negative(name: str, value: Any) -> float:
    """Return ``value`` as a float.

    Raises:
        ValueError: not a finite number, or negative.
    """
    result = number(name, value)
    if result < 0:
        raise ValueError(f"{name} must not be negative, got {value!r}; use 0 to switch it off")
    return result


def below_one(name: str, value: Any) -> float:
    """Return ``value`` as a float.

    Raises:
        ValueError: not a finite number, negative, or 1 and more.
    """
    result = number(name, value)
    if not 0 <= result < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, got {value!r}")
    return result


def positive(name: str, value: Any) -> float:
    """Return ``value`` as a float.

    Raises:
        ValueError: not a finite number, or not positive.
    """
    result = number(name, value)
    if result <= 0:
        raise ValueError(f"{name} must be positive, got {value!r}")
    return result


def number(name: str, value: Any) -> float:
    """Return ``value`` as a float.

    Raises:
        ValueError: not a finite number.
    """
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, got {value!r}") from None
    if not np.isfinite(result):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return result
