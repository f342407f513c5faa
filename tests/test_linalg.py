"""The symmetric product that Cholesky reads, and what counts as singular."""

import pytest
import torch

from grokutil.linalg import PANELS, cholesky_or_none, lower_gram


def draw(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


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
