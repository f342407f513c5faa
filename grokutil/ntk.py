r"""The empirical NTK of the two-layer network, and two ways to solve with it.

.. math::
    \Theta = K \otimes I + \Theta_1, \qquad K = H H^\top, \qquad
    (\Theta_1)_{ic,je} = \sum_h S_{ih} S_{jh} \, x_i^\top \Pi_h x_j \, W_{2,hc} W_{2,he}

With M = n d_out rows, a Cholesky factor takes M^2 numbers and M^3 / 3 flop: 2.7 GB and 2e12 at p = 37, n = 492.
Conjugate gradients take products with :math:`\Theta` only, and the memory of the weights.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from grokutil.linalg import cholesky_or_none, conjugate_gradients
from grokutil.tangent import factor_ntk, singular_point

SOLVERS = ("auto", "cholesky", "conjugate_gradients")
LARGEST_FACTOR = 2**26  # bytes: M = 2896
TOLERANCE = 1e-12  # of the residual, relative to the right-hand side
ITERATIONS = 10_000


class NTK:
    r"""The NTK at a point of the two-layer network; inputs are not checked.

    Args:
        X: inputs (n, d_in).
        H: features :math:`\sigma(X W_1)`, (n, d_h).
        S: slopes :math:`\sigma'(X W_1)`, (n, d_h).
        W2: readout (d_h, d_out).
        free: the projections :math:`\Pi_h` (d_h, d_in, d_in); None for identities.
        solver: ``"cholesky"``, ``"conjugate_gradients"``, or ``"auto"``: the first where the factor takes at most
            64 MiB (M up to 2896), the second above.

    Raises:
        ValueError: unknown solver.
    """

    def __init__(
        self, X: Tensor, H: Tensor, S: Tensor, W2: Tensor, free: Tensor | None = None, solver: str = "auto"
    ) -> None:
        self.X, self.H, self.S, self.W2, self.free = X, H, S, W2, free
        self.shape = len(X), W2.shape[1]  # of what it is multiplied with
        self.size = self.shape[0] * self.shape[1]
        if solver not in SOLVERS:
            raise ValueError(f"unknown solver {solver!r}; known: {', '.join(SOLVERS)}")
        if solver == "auto":
            solver = "cholesky" if self._bytes <= LARGEST_FACTOR else "conjugate_gradients"
        self.solver = solver
        self.iterations = 0  # of the last solve; a factor needs none
        self._full_rank = False  # as far as is known

    @cached_property
    def K(self) -> Tensor:
        r""":math:`H H^\top`, (n, n)."""
        return self.H @ self.H.mT

    def matrix(self) -> Tensor:
        """All entries (M, M); row and column i d_out + c belong to output c of sample i."""
        n, d_out = self.shape
        lower = self._lower().tril()
        whole = lower + lower.tril(-1).mT
        return whole.reshape(d_out, n, d_out, n).transpose(0, 1).transpose(2, 3).reshape(self.size, self.size)

    def product(self, U: Tensor) -> Tensor:
        r""":math:`\Theta U` for a matrix U (n, d_out), by 4 n d_h (d_in + d_out) + 2 n^2 d_out flop."""
        V = self.X.mT @ ((U @ self.W2.mT) * self.S)
        if self.free is not None:
            V = torch.einsum("hab,bh->ah", self.free, V)
        return ((self.X @ V) * self.S) @ self.W2 + self.K @ U

    def solve(self, U: Tensor) -> Tensor:
        r""":math:`\Theta^{-1} U` for a matrix U (n, d_out).

        What a solver prepares, it prepares when it is first needed, once.

        Raises:
            SingularPointError: the NTK is numerically singular.
            ValueError: conjugate gradients do not converge.
        """
        if self.solver == "conjugate_gradients":
            self._certify()
            return self._iterate(U, TOLERANCE)
        L = self._factor
        y = torch.linalg.solve_triangular(L, U.mT.reshape(-1, 1), upper=False)
        return torch.linalg.solve_triangular(L.mT, y, upper=True).reshape(U.mT.shape).mT

    def precondition(self, R: Tensor) -> Tensor:
        r"""Solve with :math:`K \otimes I + G \otimes C`, which has the partial traces of :math:`\Theta`.

        .. math::
            G = \frac{1}{d_{out}} \sum_c (\Theta_1)_{\cdot c, \cdot c}, \qquad
            C = \frac{1}{\operatorname{tr} G} \sum_i (\Theta_1)_{i \cdot, i \cdot}

        With :math:`V^\top (K + G) V = I`, :math:`V^\top K V = \operatorname{diag}(k)` and
        :math:`Q^\top C Q = \operatorname{diag}(c)`, the solution is
        :math:`V \, [(V^\top R \, Q) \oslash D] \, Q^\top` with :math:`D_{jm} = k_j + (1 - k_j) \, c_m`, divided
        entry by entry.

        Args:
            R: (n, d_out).

        Raises:
            SingularPointError: K + G, the mean of the diagonal blocks of the NTK, is numerically singular.
        """
        V, Q, D, _ = self._diagonal_form
        return V @ ((V.mT @ R @ Q) / D) @ Q.mT

    @property
    def _bytes(self) -> int:
        return self.size**2 * self.X.element_size()

    @cached_property
    def _factor(self) -> Tensor:
        return factor_ntk(self._lower(), overwrite=True)

    @cached_property
    def _diagonal_form(self) -> tuple[Tensor, Tensor, Tensor, float]:
        """V (n, n), Q (d_out, d_out) and D (n, d_out) of :meth:`precondition`; the norm of K + G."""
        G = self._gated_grams(self.W2.square().mean(1, keepdim=True))[0]
        mean = self.K + G
        L = cholesky_or_none(mean, terms=self.H.shape[1])
        if L is None:
            raise singular_point(self.size)
        half = torch.linalg.solve_triangular(L, self.K, upper=False)
        k, V = torch.linalg.eigh(torch.linalg.solve_triangular(L, half.mT, upper=False))
        V = torch.linalg.solve_triangular(L.mT, V, upper=True)
        inputs = self.X.square().sum(1, keepdim=True) * self.S.square()
        if self.free is not None:
            inputs = self._released_inputs.square().reshape(len(inputs), -1, self.X.shape[1]).sum(2)
        c, Q = torch.linalg.eigh(
            (self.W2.mT * inputs.sum(0)) @ self.W2 / G.trace().clamp(min=torch.finfo(G.dtype).tiny)
        )
        k, c = k.clamp(0, 1)[:, None], c.clamp(min=0)
        return V, Q, (k + (1 - k) * c).clamp(min=torch.finfo(k.dtype).eps), float(mean.norm())

    def _certify(self) -> None:
        """Raise a SingularPointError, at the first solve, where Theta lacks rank; J v would not show it.

        Theta - K (x) I is positive semi-definite: where K has full rank, so has Theta. Elsewhere a random right-hand
        side has a part in the null space of Theta, if it has one, and then conjugate gradients break down.
        """
        if not self._full_rank and cholesky_or_none(self.K, terms=self.H.shape[1]) is None:
            probe = torch.randn(self.shape, generator=torch.Generator().manual_seed(0), dtype=self.K.dtype)
            self._iterate(probe.to(self.K.device), 1e-8)
        self._full_rank = True

    def _iterate(self, U: Tensor, tolerance: float) -> Tensor:
        norm = self._diagonal_form[-1]
        found = conjugate_gradients(self.product, U, self.precondition, tolerance, ITERATIONS, norm)
        self.iterations = found.iterations
        if found.singular:
            raise singular_point(self.size)
        if not found.converged:
            raise ValueError(
                f"conjugate gradients left a relative residual of {found.residual:.1g} after {found.iterations} "
                f"iterations: J J^T ({self.size} x {self.size}) is close to singular here; move away from this point, "
                f"or use solver='cholesky', which takes {self._bytes / 1e9:.2g} GB"
            )
        return found.solution

    def _lower(self) -> Tensor:
        """Lower triangle of the NTK with rows c n + i, output by output (M, M); above the diagonal, anything."""
        n, d_out = self.shape
        Theta = self.X.new_empty(d_out, n, d_out, n)
        for c in range(d_out):
            blocks = self._gated_grams(self.W2[:, [c]] * self.W2[:, : c + 1])  # (c + 1, n, n), for e = 0, ..., c
            Theta[c, :, : c + 1] = blocks.transpose(0, 1)
            Theta[c, :, c] += self.K
        return Theta.reshape(self.size, self.size)

    def _gated_grams(self, w: Tensor) -> Tensor:
        """Sum over h of w_he S_ih S_jh x_i^T Pi_h x_j for each column e of w (d_h, m); (m, n, n)."""
        if self.free is None:
            return (self.X @ self.X.mT) * ((self.S * w.mT[:, None, :]) @ self.S.mT)
        inputs, times = self._released_inputs, self.X.shape[1]
        return torch.stack([(inputs * column.repeat_interleave(times)) @ inputs.mT for column in w.mT])

    @cached_property
    def _released_inputs(self) -> Tensor:
        """S_ih times Pi_h x_i, (n, d_h d_in)."""
        assert self.free is not None
        return (torch.einsum("ia,hab->ihb", self.X, self.free) * self.S[:, :, None]).flatten(1)
