"""SymPy expressions that come as text, read without running them, and compared."""

from __future__ import annotations

import ast
import operator
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import sympy as sp

from grokutil.course.values import Expression

NODES = 5000
LARGEST_POWER = 200
POINTS = 20
TOLERANCE = 1e-9  # relative to the value at a point
SMALLEST = 1e-4  # below it the tolerance stays: what rounding leaves of 0 is 0
SECONDS = 5.0  # of processor time for the symbolic comparison

FUNCTIONS = {
    name: getattr(sp, name)
    for name in """Abs Add Heaviside LambertW Max Min Mul Rational acos asin atan conjugate cos cosh erf exp im
    log re sign sin sinh sqrt tan tanh""".split()
}
CONSTANTS = {"pi": sp.pi, "E": sp.E, "e": sp.E, "I": sp.I, "Half": sp.Rational(1, 2), "oo": sp.oo}
CONSTANTS |= {"One": sp.Integer(1), "Zero": sp.Integer(0), "NegativeOne": sp.Integer(-1), "ImaginaryUnit": sp.I}
CONSTANTS |= {"Exp1": sp.E, "Pi": sp.pi, "Infinity": sp.oo}


def read(answer: Any, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
    """The expression that ``answer`` says: a number, text such as ``exp(-t)*x``, or an :class:`Expression`.

    Symbols are taken by their names from ``symbols``. Nothing of the text is run: it is taken apart, and only
    arithmetic, the known functions and these symbols are put together again.

    Raises:
        ValueError: anything else in the text, an unknown symbol, or an expression that is too large.
    """
    if isinstance(answer, Expression):
        answer = answer.text
    if isinstance(answer, (bool, np.bool_)) or not isinstance(answer, (str, int, float, complex, np.number)):
        raise ValueError(f"a {type(answer).__name__} in place of an expression")
    if not isinstance(answer, str):
        return sp.sympify(answer.item() if isinstance(answer, np.number) else answer)
    try:
        tree = ast.parse(answer.strip().replace("^", "**"), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ValueError("not an expression in Python's notation") from error
    if sum(1 for _ in ast.walk(tree)) > NODES:
        raise ValueError(f"an expression of more than {NODES} parts")
    return _build(tree.body, symbols)


def _build(node: ast.AST, symbols: Mapping[str, sp.Symbol]) -> Any:
    def build(part: ast.AST) -> Any:
        return _build(part, symbols)

    match node:
        case ast.Constant(value=int() | float() | complex() as number) if not isinstance(number, bool):
            return sp.sympify(number)
        case ast.Name(id=name):
            return _named(name, symbols)
        case ast.Attribute(value=ast.Name(id="S"), attr=name) if name in CONSTANTS:
            return CONSTANTS[name]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
            return OPERATORS[type(op)](build(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](build(left), build(right))
        case ast.Call(func=ast.Name(id="Symbol" | "Dummy"), args=[ast.Constant(value=str() as name), *_]):
            return _named(name, symbols)
        case ast.Call(func=ast.Name(id="Integer"), args=[argument], keywords=[]):
            return build(argument)
        case ast.Call(func=ast.Name(id="Float"), args=[ast.Constant(value=str() as digits)]):
            return sp.Float(float(digits))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](*map(build, arguments))
        case ast.Call(func=ast.Name(id=name)):
            raise ValueError(f"the function {name} is not known here; known are {', '.join(sorted(FUNCTIONS))}")
    raise ValueError(f"{type(node).__name__} has no place in an expression")


def _named(name: str, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
    if name in symbols:
        return symbols[name]
    if name in CONSTANTS:
        return CONSTANTS[name]
    raise ValueError(f"the symbol {name[:40]!r} is not known here; known are {', '.join(sorted(symbols)) or 'none'}")


def _power(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
    if base.is_number and exponent.is_number and not abs(sp.N(exponent)) <= LARGEST_POWER:
        raise ValueError(f"a power of a number with an exponent above {LARGEST_POWER}")
    return base**exponent


OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: _power,
}
FUNCTIONS["Pow"] = _power


def equivalent(
    answer: sp.Expr, truth: sp.Expr, ranges: Mapping[sp.Symbol, tuple[float, float]] | None = None
) -> bool | None:
    """True if ``answer`` equals ``truth``: by symbolic simplification, else at :data:`POINTS` random points.

    None if neither decides: too few of the points lie where both are defined.
    """
    if _simplifies_to_zero(answer - truth):
        return True
    rng = np.random.default_rng(0)
    symbols = sorted(answer.free_symbols | truth.free_symbols, key=str)
    agreed = 0
    for _ in range(4 * POINTS):
        point = {}
        for x in symbols:
            low, high = (ranges or {}).get(x, (0.2, 2.0))
            point[x] = sp.Float(rng.uniform(low, high), 30)
        a, b = (complex(sp.N(side.subs(point), 20)) for side in (answer, truth))
        if not np.isfinite(b):
            continue
        if not abs(a - b) <= TOLERANCE * max(SMALLEST, abs(b)):  # also when a is nan
            return False
        agreed += 1
        if agreed == POINTS:
            return True
    return None


def _simplifies_to_zero(difference: sp.Expr) -> bool:
    try:
        with at_most(SECONDS):
            return difference.expand() == 0 or sp.simplify(difference) == 0
    except TimeoutError:
        return False


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after ``seconds`` of processor time; for the main thread only."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
