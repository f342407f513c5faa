"""The symmetric product that Cholesky reads, and what counts as singular."""

import ctypes

import pytest
import torch
from scipy.linalg import _fblas
from torch.autograd import forward_ad

from grokutil.linalg import SMALL, cholesky_or_none, conjugate_gradients, lower_gram
from grokutil.runs.processes import one_thread


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("n", [1, 2, 7, 50])
@pytest.mark.parametrize("stack", [(), (3,)])
def test_the_lower_triangle_is_that_of_the_product(n, stack):
    for H in (draw(*stack, n, 60), draw(*stack, 60, n).mT, draw(*stack, n, 120)[..., ::2]):
        assert torch.allclose(lower_gram(H).tril(), (H @ H.mT).tril(), rtol=1e-13, atol=1e-13)


def test_what_cholesky_does_not_read_is_left_out():
    assert not lower_gram(draw(60, 60)).triu(1).any()


def test_scipys_threads_are_as_many_as_pytorchs_for_a_large_matrix_and_one_for_a_small_one():
    number = getattr(ctypes.CDLL(_fblas.__file__), "scipy_openblas_get_num_threads", None)
    if number is None:
        pytest.skip("this SciPy has another BLAS")
    large, small = draw(SMALL + 1, 1), draw(SMALL, 1)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for H, expected in ((large, 3), (small, 1)):
            lower_gram(H)
            assert number() == expected
            with one_thread():
                cholesky_or_none(torch.eye(len(H)).double())
                assert number() == 1
    finally:
        torch.set_num_threads(before)
        lower_gram(large)


@pytest.mark.parametrize("order", ["rows", "columns", "slices"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_the_factor_is_pytorchs_in_every_order_of_memory(order, overwrite):
    H = draw(40, 50)
    K = H @ H.mT
    given = {"rows": K.clone(), "columns": K.clone().mT, "slices": K.repeat(2, 2)[:40, :40]}[order]
    given.tril_()  # all that is read
    before = given.clone()
    torch.testing.assert_close(cholesky_or_none(given, overwrite), torch.linalg.cholesky(K))
    assert overwrite or torch.equal(given, before)


def test_derivatives_of_a_factor_are_pytorchs():
    H, dH = draw(8, 10), draw(8, 10, seed=1)
    for transform in (torch.func.jacrev, torch.func.jacfwd, torch.func.hessian):
        ours, theirs = (
            transform(lambda H, f=f: f(lower_gram(H)).diagonal().log().sum())(H)
            for f in (cholesky_of, torch.linalg.cholesky)
        )
        torch.testing.assert_close(ours, theirs)
    with forward_ad.dual_level():
        L = cholesky_of(lower_gram(forward_ad.make_dual(H, dH)))
        tangent = forward_ad.unpack_dual(L).tangent
    expected = torch.func.jvp(lambda H: torch.linalg.cholesky(H @ H.mT), (H,), (dH,))[1]
    torch.testing.assert_close(tangent, expected)


def cholesky_of(K):
    """The pivot's test branches on numbers, which transforms do not allow: only the factor is taken."""
    L = cholesky_or_none(K)
    assert L is not None
    return L


@pytest.mark.parametrize("stack", [(), (2,)])
def test_derivatives_of_both_modes_and_orders_through_cholesky(stack):
    """log det H H^T: only a Gram matrix that differentiates as the whole symmetric one passes."""

    def log_det(H):
        return torch.linalg.cholesky(lower_gram(H)).diagonal(dim1=-2, dim2=-1).log().sum(-1)

    H = draw(*stack, 8, 10).requires_grad_()
    assert torch.autograd.gradcheck(log_det, H, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(log_det, H)


def test_a_gradient_that_is_not_symmetric_is_pulled_back_as_through_the_product():
    H, M = draw(8, 10).requires_grad_(), draw(8, 8)
    (ours,) = torch.autograd.grad(lower_gram(H), H, M)
    (expected,) = torch.autograd.grad(H @ H.mT, H, M)
    assert torch.allclose(ours, expected, rtol=1e-13)


def test_the_forward_derivative_is_that_of_the_product():
    H, dH = draw(8, 10), draw(8, 10, seed=1)
    (_, ours), (_, whole) = (torch.func.jvp(f, (H,), (dH,)) for f in (lower_gram, lambda H: H @ H.mT))
    torch.testing.assert_close(ours.tril(), whole.tril())


def test_a_singular_matrix_has_no_factor_and_an_infinite_one_is_an_error():
    K = draw(5, 5) @ draw(5, 5).mT
    assert torch.allclose(cholesky_or_none(K), torch.linalg.cholesky(K))
    assert cholesky_or_none(torch.ones(4, 4).double()) is None
    assert cholesky_or_none(torch.stack((K[:4, :4], torch.ones(4, 4).double()))) is None
    with pytest.raises(ValueError, match="matrix to factorise has 1 entries that are not finite"):
        cholesky_or_none(
            torch.eye(3)
            .double()
            .fill_diagonal_(1)
            .index_put((torch.tensor(2), torch.tensor(0)), torch.tensor(torch.inf).double())
        )


def test_a_factor_in_place_of_its_matrix():
    H = draw(40, 50)
    K, expected = H @ H.mT, torch.linalg.cholesky(H @ H.mT)
    L = cholesky_or_none(K, overwrite=True)
    assert L is not None and L.data_ptr() == K.data_ptr()
    torch.testing.assert_close(L.tril(), expected)
    assert cholesky_or_none(torch.ones(4, 4).double(), overwrite=True) is None


def iterate(A, B, M=None, tolerance=1e-12, limit=1000, norm=0.0):
    M = torch.eye(len(A)).double() if M is None else M
    return conjugate_gradients(lambda x: A @ x, B, lambda r: torch.linalg.solve(M, r), tolerance, limit, norm)


def test_conjugate_gradients_solve_in_as_many_iterations_as_there_are_eigenvalues():
    Q = torch.linalg.qr(draw(30, 30)).Q
    A = (Q * torch.tensor([1.0, 4.0, 9.0]).double().repeat(10)) @ Q.mT
    found = iterate(A, draw(30))
    assert found.converged and not found.singular and found.iterations == 3 and found.residual < 1e-12
    torch.testing.assert_close(found.solution, torch.linalg.solve(A, draw(30)))
    assert iterate(A, draw(30), M=A).iterations == 1
    assert iterate(A, torch.zeros(30).double())[1:] == (0, 0.0, True, False)


def test_conjugate_gradients_tell_a_singular_matrix_and_a_limit():
    H = draw(30, 20)
    found = iterate(H @ H.mT, draw(30, seed=1))
    assert found.singular and not found.converged and found.residual > 0.1
    found = iterate(H.mT @ H, draw(20), limit=5)
    assert not found.singular and not found.converged and found.iterations == 5
    assert not iterate(torch.full((3, 3), torch.nan).double(), draw(3)).converged


def test_conjugate_gradients_ask_no_more_than_rounding_allows():
    """b along the smallest eigenvector, with rounding of the size of A x."""
    Q = torch.linalg.qr(draw(30, 30)).Q
    A = (Q * torch.logspace(-9, 0, 30, dtype=torch.float64)) @ Q.mT
    A = (A + A.mT) / 2
    strict, fair = (iterate(A, Q[:, 0], A + 1e-6 * A.diag().diag(), norm=norm) for norm in (0.0, 1.0))
    assert not strict.converged and fair.converged and 1e-12 < fair.residual < 1e-5


@pytest.mark.parametrize("scale", [2.0**-40, 2.0**40])
def test_conjugate_gradients_commute_with_scaling_the_right_hand_side(scale):
    H = draw(20, 30)
    one, scaled = (iterate(H @ H.mT, c * draw(20, seed=1), tolerance=1e-6) for c in (1.0, scale))
    assert torch.equal(scaled.solution, scale * one.solution) and scaled[1:] == one[1:] and one.iterations > 5


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_not_finite_is_counted_before_the_factor_takes_its_place(overwrite):
    K = torch.eye(5, dtype=torch.float64)
    K[1, 1] = torch.nan  # with it the factor is lost from there on
    with pytest.raises(ValueError, match="a matrix to factorise has 1 entries that are not finite"):
        cholesky_or_none(K + 0.1, overwrite)
