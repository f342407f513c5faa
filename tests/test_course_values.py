"""Answers as data: encoded, read, compared."""

import json
import pickle
import signal
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
import sympy as sp
import torch

from grokutil.course.checking import Tally, close, same_expression
from grokutil.course.expressions import at_most, equivalent, read
from grokutil.course.values import DTYPES, EXPRESSION, Expression, decode, encode

x, k = sp.symbols("x k")


def crossed(value, tensors=True):
    return decode(json.loads(json.dumps(encode(value))), tensors)


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -(10**30), 0.1, float("inf"), 1 - 2j, "text", [1, [2.0]], (1, "a"), {"a": (None,)}, [], {}],
)
def test_plain_values_cross_unchanged(value):
    assert crossed(value) == value and type(crossed(value)) is type(value)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_arrays_and_tensors_cross_with_dtype_and_shape(dtype, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    back = crossed(array)
    assert back.dtype == dtype and back.shape == shape and np.array_equal(back, array)
    back += back  # writable: functions of students may work in place
    tensor = torch.from_numpy(array.copy()).reshape(shape)
    assert torch.equal(crossed(tensor), tensor)
    assert isinstance(crossed(tensor, tensors=False), np.ndarray)


def test_big_endian_and_strided_arrays_cross():
    array = np.arange(6, dtype=">f8").reshape(2, 3).T
    assert np.array_equal(crossed(array), array)


class Pair(NamedTuple):
    value: float
    error: np.ndarray


H = np.array([[2.0, 1.0], [1.0, 3.0]])


@pytest.mark.parametrize(
    "value",
    [
        np.linalg.eigh(H),
        np.linalg.svd(H),
        np.linalg.qr(H),
        np.linalg.slogdet(H),
        torch.linalg.eigh(torch.tensor(H)),
        torch.linalg.svd(torch.tensor(H, requires_grad=True)),
        torch.max(torch.tensor(H), dim=0),
        Pair(1.0, H),
        range(3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_libraries_return_crosses_as_a_tuple(value):
    back = crossed(value, tensors=False)
    assert type(back) is tuple and len(back) == len(value)
    for answer, truth in zip(back, value, strict=True):
        close(answer, truth)


@pytest.mark.parametrize(
    "value",
    [
        torch.ones(2, requires_grad=True),
        torch.nn.Parameter(torch.ones(2)),
        torch.ones(2, requires_grad=True) * 1,
        torch.ones(2, dtype=torch.bfloat16),
        torch.ones(2).to_sparse(),
        torch.ones(2, dtype=torch.complex64).conj(),
        torch.ones(1).expand(2),
        [torch.ones((), requires_grad=True), 1],
        [Fraction(2, 2), Decimal(1)],
        np.ones(2, np.longdouble),
        np.ones(2, ">u2"),
        [True, np.True_],
        [sp.Integer(1), sp.sqrt(1)],
        sp.Matrix([1, 1]).T.tolist()[0],
        (1, 1 + 0j),
    ],
    ids=str,
)
def test_a_right_answer_in_another_form_is_right(value):
    close(crossed(value, tensors=False), np.ones(2))


@pytest.mark.parametrize("value", [1, 1.0, True, np.uint8(1), [1], np.ones((1, 1)), sp.Integer(1), torch.ones(1)])
@pytest.mark.parametrize("truth", [1.0, 1, np.float32(1), torch.ones(())])
def test_one_number_is_right_however_it_is_held(value, truth):
    close(crossed(value, tensors=False), truth)
    with pytest.raises(AssertionError):
        close(crossed(value, tensors=False), 2 * truth)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64", "int8"])
def test_small_integers_do_not_wrap(dtype):
    close(np.array([1, 2], dtype), [1.0, 2.0])
    for truth in ([2, 2], np.array([2, 2], dtype), [257.0, 2.0], [-1, 2]):
        with pytest.raises(AssertionError):
            close(np.array([1, 2], dtype), truth)


@pytest.mark.parametrize("zero", [0, 0.0, -0.0, np.zeros(3), torch.zeros(2, 2), 0j])
def test_an_exact_zero_is_right_where_the_truth_is_zero(zero):
    close(crossed(zero, tensors=False), zero)
    with pytest.raises(AssertionError):
        close(np.asarray(zero) + 1e-12, zero)


def test_integers_beyond_64_bits_are_numbers():
    close(crossed(10**30), 1e30)
    close(crossed([10**30, 1]), [1e30, 1])


def test_the_tolerance_is_relative_to_the_largest_number():
    for scale in (1e-12, 1.0, 1e12):
        close(scale * np.array([1 + 0.9e-6, 0]), scale * np.array([1.0, 0.9e-6]))
        with pytest.raises(AssertionError):
            close(scale * (1 + 1.1e-6), scale)


def test_an_expression_that_is_too_long_does_not_cross():
    long = sp.Add(*sp.symbols("x0:5000"))
    with pytest.raises(ValueError, match=f"at most {EXPRESSION}"):
        encode(long)
    assert len(encode(sp.Add(*sp.symbols("x0:1000")))["expression"]) < EXPRESSION


def test_a_masked_array_is_refused():
    with pytest.raises(TypeError, match="masked"):
        encode(np.ma.masked_array([1.0, 9.0], [False, True]))


@pytest.mark.parametrize("value", [object(), len, {1: 2}, np.array([object()]), np.array(["a"]), {1}, b"x"])
def test_anything_else_is_refused(value):
    with pytest.raises(TypeError):
        encode(value)


def test_what_nests_too_deep_is_refused():
    nested = []
    nested.append(nested)
    with pytest.raises(ValueError, match="deep"):
        encode(nested)


@pytest.mark.parametrize(
    "data",
    [
        {"array": ["object", [1], "AAAA"]},
        {"array": ["float64", [3], "AAAA"]},
        {"array": ["float64", [-1], ""]},
        {"array": ["float64", [10**9, 10**9], ""]},
        {"array": None},
        {"float": 3},
        {"int": "9" * 3 + "zz"},
        {"pickle": pickle.dumps(1).hex()},
        {},
        {"list": 3},
        7,
    ],
)
def test_forged_data_is_refused(data):
    with pytest.raises(ValueError):
        decode(data)


@pytest.mark.parametrize(
    "expression",
    [
        k * sp.cos(k * x),
        sp.exp(-2 * x) / 3 - sp.sqrt(k),
        sp.Rational(1, 7) * x**-2,
        sp.pi * sp.I + sp.E,
        sp.Float("0.1"),
    ],
)
def test_expressions_cross_as_text_and_are_read_without_running_it(expression):
    back = crossed(expression)
    assert isinstance(back, Expression)
    assert read(back, {"x": x, "k": k}) == expression


def test_symbols_are_matched_by_name_whatever_a_student_assumed():
    theirs = sp.Symbol("x", positive=True)
    assert read(crossed(theirs**2), {"x": x}) == x**2


def test_matrices_cross_as_lists():
    back = crossed(sp.Matrix([[x, 1], [0, k]]))
    assert [[read(e, {"x": x, "k": k}) for e in row] for row in back] == [[x, 1], [0, k]]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "x.__class__",
        "(lambda: 1)()",
        "[1, 2]",
        "open('f')",
        "x if x else 1",
        "y + 1",
        "9**9**9**9",
        "2**-100000",
        "Symbol('y')",
        "'text'",
        "x +",
        "1" + "+1" * 6000,
        "",
    ],
)
def test_other_text_is_refused(text):
    with pytest.raises(ValueError):
        read(text, {"x": x})


@pytest.mark.parametrize("answer", ["k*cos(k*x)", "cos(x*k)*k", "k*(1 - 2*sin(k*x/2)**2)", "(k**2*cos(k*x))/k"])
def test_equal_expressions_are_equal(answer):
    same_expression(answer, k * sp.cos(k * x))


@pytest.mark.parametrize(
    "answer", ["k*sin(k*x)", "cos(k*x)", "k*cos(k*x) + 1e-6", "0", "k*cos(k*x)*(1 + 0*zoo)", None, [1]]
)
def test_other_expressions_are_not(answer):
    with pytest.raises(AssertionError) as error:
        same_expression(answer, k * sp.cos(k * x))
    assert "k*cos(k*x)" not in str(error.value).replace(str(answer), "")  # the truth is not given away


def test_points_tell_what_is_close_from_what_is_equal(monkeypatch):
    monkeypatch.setattr("grokutil.course.expressions._simplifies_to_zero", lambda difference: False)
    assert equivalent(2e-10 * x, 1e-10 * x) is False
    for size in (1e-4, 1, 1e9):  # relative, whatever the units
        for wrong in (1e-6, 1e-8):
            assert equivalent(size * x * (1 + wrong), size * x) is False
        assert equivalent(size * x * (1 + 1e-12), size * x) is True
    for zero in (0, sp.sin(x) ** 2 + sp.cos(x) ** 2 - 1):  # what rounding leaves of 0 is 0
        assert equivalent(0.1 * x + 0.2 * x - 0.3 * x, sp.sympify(zero)) is True


def test_all_points_count_that_have_a_value_and_only_they(monkeypatch):
    monkeypatch.setattr("grokutil.course.expressions._simplifies_to_zero", lambda difference: False)
    for edge in (0.4, 0.7, 1.0, 1.5, 1.8):
        assert equivalent(x + sp.Max(0, x - edge), x) is False and equivalent(x + sp.Max(0, edge - x), x) is False
    for edge in (0.7, 1.0, 1.3):  # no value below it
        half = 1 / sp.Heaviside(x - edge)
        assert equivalent(half + x, x + half) is True and equivalent(half + x, half) is False


def test_a_limit_leaves_no_timer_and_no_handler_behind():
    before = signal.getsignal(signal.SIGPROF)
    with at_most(1000):
        assert signal.getitimer(signal.ITIMER_PROF)[0] > 0
    with pytest.raises(ZeroDivisionError), at_most(1000):
        raise ZeroDivisionError
    assert signal.getitimer(signal.ITIMER_PROF)[0] == 0 and signal.getsignal(signal.SIGPROF) == before


def test_points_are_taken_from_the_ranges(monkeypatch):
    monkeypatch.setattr("grokutil.course.expressions._simplifies_to_zero", lambda difference: False)
    assert equivalent(sp.Abs(x), x) is True
    assert equivalent(sp.Abs(x), x, {x: (-2.0, -1.0)}) is False
    same_expression("abs(x)".replace("abs", "Abs"), -x, ranges={x: (-2.0, -1.0)})
    with pytest.raises(AssertionError):
        same_expression("Abs(x)", -x)


@pytest.mark.parametrize("answer", ["x^2*k", "k*x^(1+1)", "x**2*k"])
def test_a_power_may_be_written_with_a_caret(answer):
    same_expression(answer, k * x**2)


def test_random_points_decide_where_simplification_is_too_slow(monkeypatch):
    monkeypatch.setattr("grokutil.course.expressions.SECONDS", 1e-6)
    assert equivalent(sp.sin(x) ** 2 + sp.cos(x) ** 2, sp.Integer(1)) is True
    assert equivalent(sp.sin(x) ** 2 + sp.cos(x), sp.Integer(1)) is False
    assert equivalent(sp.log(x), sp.log(x) + sp.log(0 * x), {}) is None


def test_a_tally_counts_what_holds_and_says_what_does_not():
    tally = Tally(1)
    for points, of, right in ((2, "", True), (3, "long inputs", False), (4, "", False), (5, "long inputs", False)):
        with tally.piece(points, of):
            close(int(right), 1, name="f")
    assert (tally.points, tally.message) == (3, "long inputs: f is not right; f is not right")
    with pytest.raises(TypeError), tally.piece(1):
        raise TypeError
    assert tally.points == 3


def test_close_compares_shape_and_size():
    close(np.ones(3), torch.ones(3, dtype=torch.float64))
    close(1 + 1e-7, 1)
    close([[1, 2]], np.array([[1.0, 2.0]]))
    for wrong in (
        np.ones(2),
        1.0,
        np.ones(3) * (1 + 1e-5),
        np.full(3, np.nan),
        "ones",
        None,
        [1, [2]],
        np.ones(3) * 1j,
    ):
        with pytest.raises(AssertionError, match="the answer"):
            close(wrong, np.ones(3))


@pytest.mark.parametrize(("answer", "truth", "atol"), [(0, -128, 0), (6, 250, 20), (-100, 100, 60)])
def test_a_truth_in_small_integers_does_not_wrap(answer, truth, atol):
    """0 - (-128) is -128 in int8, and 6 - 250 is 12 in uint8: neither is near."""
    kind = np.uint8 if truth > 127 else np.int8
    close(np.array([truth], kind), np.array([truth], kind))
    with pytest.raises(AssertionError, match="not right"):
        close(np.array([answer], kind), np.array([truth], kind), atol=atol)
