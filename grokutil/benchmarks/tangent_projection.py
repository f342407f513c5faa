"""The tangent projection of Appendix D's network: structured NTK and Cholesky against the dense Jacobian."""

from __future__ import annotations

import torch

from grokutil.benchmarks.compare import Way
from grokutil.data import modular_addition
from grokutil.manifold import jacobian, tangent_projection
from grokutil.model import default_weights

SUBJECT = "tangent projection, p = 11, width 128"


def ways() -> dict[str, Way]:
    """The same P theta, by four routes."""
    X = modular_addition(11, train_size=59, seed=0).X_train
    W1, W2 = default_weights(11, 128, 11, seed=0)
    theta = torch.cat((W1.flatten(), W2.flatten()))

    def pseudo_inverse() -> torch.Tensor:
        J = jacobian(W1, W2, X)
        return theta - torch.linalg.pinv(J) @ (J @ theta)

    def dense_gram() -> torch.Tensor:
        J = jacobian(W1, W2, X)
        return theta - J.mT @ torch.linalg.solve(J @ J.mT, J @ theta)

    return {
        "structured NTK, Cholesky": lambda: tangent_projection(W1, W2, X, theta),
        "dense Jacobian, pinv": pseudo_inverse,
        "dense Jacobian, J J^T, solve": dense_gram,
    }
