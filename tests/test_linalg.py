"""The symmetric product that Cholesky reads, and what counts as singular."""

import pytest
import torch

from grokutil.linalg import PANELS, cholesky_or_none, conjugate_gradients, lower_gram


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("n", [1, 2, PANELS - 1, PANELS, PANELS + 1, 50])
@pytest.mark.parametrize("stack", [(), (3,)])
def test_the_lower_triangle_is_that_of_the_product(n, stack):
    H = draw(*stack, n, 60)
    assert torch.allclose(lower_gram(H).tril(), (H @ H.mT).tril(), rtol=1e-13, atol=1e-13)


def test_panels_leave_out_what_cholesky_does_not_read():
    K = lower_gram(draw(60, 60))
    assert float((K.triu(60 // PANELS) != 0).double().mean()) == 0
    assert float((K != 0).double().mean()) < 0.6


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
