"""What hidden tests are written with: calls to make in the student's process, and comparisons of what came back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from grokutil.course.values import Expression

if TYPE_CHECKING:
    import sympy as sp


@dataclass(frozen=True)
class Call:
    """A call of a student's function and, once it was made, what came back.

    ``failed`` says why nothing came back, or is None.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    returned: Any = None
    failed: str | None = "the notebook ended before this call"

    @property
    def value(self) -> Any:
        """What the function returned.

        Raises:
            AssertionError: it returned nothing that could cross to the grader; the message says why.
        """
        assert self.failed is None, f"{self.name}: {self.failed}"
        return self.returned


def call(name: str, *args: Any, **kwargs: Any) -> Call:
    """A call for ``draw`` to yield: the student's function ``name`` with these arguments."""
    return Call(name, args, kwargs)


class Answers(dict[str, Any]):
    """Values of a student's variables by name; a missing one is an AssertionError that says why."""

    def __init__(self, values: Mapping[str, Any], failed: Mapping[str, str]):
        super().__init__(values)
        self._failed = failed

    def __missing__(self, name: str) -> Any:
        raise AssertionError(f"{name}: {self._failed.get(name, 'the notebook ended before it was read')}")


@dataclass
class Tally:
    """Points of an answer that has several pieces, and what to say of those that failed: for ``check`` to return.

    .. code-block:: python

        tally = Tally()
        with tally.piece(2, "starts below the line"):
            close(...)
    """

    points: float = 0.0
    failed: list[str] = field(default_factory=list)

    @contextmanager
    def piece(self, points: float, of: str = "") -> Iterator[None]:
        """Points for a block without AssertionError; a failure's message follows ``of``, which names what failed."""
        try:
            yield
        except AssertionError as error:
            self.failed.append(f"{of}: {error}" if of else str(error))
        else:
            self.points += points

    @property
    def message(self) -> str:
        """What failed, each message once."""
        return "; ".join(dict.fromkeys(self.failed))


def close(answer: Any, truth: Any, rtol: float = 1e-6, atol: float = 0.0, name: str = "the answer") -> None:
    r"""Assert that ``answer`` has the numbers of ``truth``.

    .. math:: \max|answer - truth| \le atol + rtol \, \max|truth|

    Raises:
        AssertionError: not numbers, another shape, not finite, or too far; the message does not give the truth away.
    """
    expected = np.asarray(truth.detach() if hasattr(truth, "detach") else truth)
    expected = expected.astype(np.result_type(expected, np.float64))  # small integers wrap
    got = _numbers(answer)
    assert got.dtype.kind in "biufc", f"{name} is not a number or an array of numbers"
    if got.size == expected.size == 1:  # a number is right also as an array with one
        got = got.reshape(expected.shape)
    assert got.shape == expected.shape, f"{name} has shape {got.shape}, expected {expected.shape}"
    assert np.isfinite(got).all(), f"{name} is not finite"
    distance = np.abs(got - expected).max(initial=0.0)
    allowed = atol + rtol * np.abs(expected).max(initial=0.0)
    assert distance <= allowed, f"{name} is not right"


def _numbers(answer: Any) -> np.ndarray:
    """The numbers of an answer, whatever holds them; an array of another kind if it holds none."""
    if isinstance(answer, Expression):  # such as sqrt(2) or Rational(1, 3)
        from grokutil.course import expressions

        try:
            answer = complex(expressions.read(answer, {}))
        except (ValueError, TypeError):
            return np.asarray(None)
    elif isinstance(answer, (list, tuple)):
        answer = [_numbers(item) for item in answer]
    try:
        got = np.asarray(answer.detach() if hasattr(answer, "detach") else answer)
        if got.dtype == object and all(type(item) is int for item in got.flat):  # beyond 64 bits
            got = got.astype(np.float64)
    except (ValueError, OverflowError):
        return np.asarray(None)
    return got


def same_expression(
    answer: Any,
    truth: sp.Expr,
    name: str = "the expression",
    ranges: Mapping[sp.Symbol, tuple[float, float]] | None = None,
) -> None:
    """Assert that ``answer`` (text, number or expression) equals ``truth`` for all values of truth's symbols.

    Simplification decides where it succeeds quickly; otherwise ``expressions.POINTS`` random points in ``ranges``
    (0.2 to 2 for symbols without a range), where one disagreement refutes.

    Raises:
        AssertionError: another expression, or one that could not be read.
    """
    import sympy  # here, because not every hidden test needs it

    from grokutil.course import expressions

    truth = sympy.sympify(truth)
    known = {symbol.name: symbol for symbol in [*truth.free_symbols, *(ranges or {})]}
    try:
        got = expressions.read(answer, known)
    except ValueError as error:
        shown = answer.text if isinstance(answer, Expression) else answer
        raise AssertionError(f"{name}: {error} (got {str(shown)[:200]})") from error
    same = expressions.equivalent(got, truth, ranges)
    assert same is not None, f"{name} could not be compared: it has no value at most points"
    assert same, f"{name} is not right"
