"""Answers as data: what crosses between a student's process and the grader, in JSON, never in pickle; and errors."""

from __future__ import annotations

import base64
import math
import sys
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

STOPPED = "stopped:"  # how the message on what ran out of time begins
NOT_DEFINED = "not defined"
DTYPES = (
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
)
DEPTH = 20
EXPRESSION = 50_000  # characters


@dataclass(frozen=True)
class Expression:
    """A SymPy expression as text (``sympy.srepr``), not yet read: see :mod:`grokutil.course.expressions`."""

    text: str


def encode(value: Any, depth: int = DEPTH) -> Any:
    """``value`` in terms of JSON.

    None, bool, int, float, complex, str, lists, tuples (those with names too, such as what ``eigh`` returns),
    dictionaries with text keys, NumPy arrays and numbers, fractions, tensors, SymPy expressions and matrices, tables
    of pandas.

    Raises:
        TypeError: anything else.
        ValueError: nested more than :data:`DEPTH` deep, or an expression of more than :data:`EXPRESSION` characters.
    """
    if depth == 0:
        raise ValueError(f"nested more than {DEPTH} deep")
    match value:
        case None | bool() | str():
            return value
        case int():
            return {"int": hex(value)}
        case float():
            return {"float": value.hex()}
        case complex():
            return {"complex": [value.real.hex(), value.imag.hex()]}
        case np.ma.MaskedArray():
            raise TypeError("a masked array; fill in what is masked")
        case np.ndarray() | np.generic():
            return {"array": _array(np.asarray(value))}
        case Fraction() | Decimal():
            return encode(float(value))
        case list() | tuple() | range():
            return {"list" if isinstance(value, list) else "tuple": [encode(v, depth - 1) for v in value]}
        case dict():
            if not all(isinstance(key, str) for key in value):
                raise TypeError("a dictionary with keys that are not text")
            return {"dict": {key: encode(v, depth - 1) for key, v in value.items()}}
    # PyTorch and SymPy are not imported here: it would take seconds, and without them nothing can be theirs
    if (torch := sys.modules.get("torch")) and isinstance(value, torch.Tensor):
        value = value.detach().to_dense() if value.layout != torch.strided else value.detach()
        value = value.double() if value.dtype == torch.bfloat16 else value
        return {"tensor": _array(value.resolve_conj().resolve_neg().cpu().numpy())}
    if (sympy := sys.modules.get("sympy")) and isinstance(value, sympy.MatrixBase):
        return encode(value.tolist(), depth)
    if sympy and isinstance(value, sympy.Basic):
        text = sympy.srepr(value)
        if len(text) > EXPRESSION:
            raise ValueError(f"an expression of {len(text)} characters; at most {EXPRESSION}")
        return {"expression": text}
    if (pandas := sys.modules.get("pandas")) and isinstance(value, (pandas.DataFrame, pandas.Series, pandas.Index)):
        return encode(value.to_numpy(), depth)
    raise TypeError(f"a {type(value).__name__}; allowed are numbers, text, lists, arrays, tensors, SymPy expressions")


def decode(data: Any, tensors: bool = True) -> Any:
    """What :func:`encode` was given; expressions as :class:`Expression`, and without ``tensors`` these as arrays.

    Raises:
        ValueError: not the output of :func:`encode`.
    """
    try:
        return _decode(data, tensors)
    except (AttributeError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not an encoded value: {error}") from error


def _decode(data: Any, tensors: bool) -> Any:
    if data is None or isinstance(data, (bool, str)):
        return data
    ((kind, content),) = data.items()
    match kind:
        case "int":
            return int(content, 16)
        case "float":
            return float.fromhex(content)
        case "complex":
            return complex(*map(float.fromhex, content))
        case "array":
            return _from_bytes(content)
        case "tensor":
            array = _from_bytes(content)
            if not tensors:
                return array
            import torch

            return torch.from_numpy(array.copy())
        case "list":
            return [_decode(v, tensors) for v in content]
        case "tuple":
            return tuple(_decode(v, tensors) for v in content)
        case "dict":
            return {str(key): _decode(v, tensors) for key, v in content.items()}
        case "expression":
            return Expression(str(content))
    raise ValueError(f"unknown kind {kind!r}")


def _array(array: np.ndarray) -> list[Any]:
    if array.dtype.type is np.longdouble:
        array = array.astype(np.float64)
    if array.dtype.name not in DTYPES:
        raise TypeError(f"an array of {array.dtype.name}; allowed are numbers and truth values")
    array = array.astype(array.dtype.newbyteorder("<"))
    return [array.dtype.name, list(array.shape), base64.b64encode(array.tobytes()).decode()]


def _from_bytes(content: Any) -> np.ndarray:
    name, shape, data = content
    if name not in DTYPES:
        raise ValueError(f"unknown dtype {name!r}")
    array = np.frombuffer(base64.b64decode(data, validate=True), np.dtype(name).newbyteorder("<"))
    if not all(isinstance(n, int) and n >= 0 for n in shape) or math.prod(shape) != array.size:
        raise ValueError(f"{array.size} numbers do not fill the shape {shape}")
    return array.reshape(shape).astype(name)


def message(name: str, text: Any, line: int | None) -> str:
    """What a student reads about an error in a cell."""
    where = f" (line {line} of its cell)" if line else ""
    try:
        return f"{name}: {str(text)[:500]}{where}"
    except BaseException:
        return f"{name}{where}"
