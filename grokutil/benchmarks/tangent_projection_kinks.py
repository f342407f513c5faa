"""The same projection with kink rows: elimination unit by unit against the truncated SVD of [J; C]."""

from __future__ import annotations

import torch

from grokutil.benchmarks.compare import Way
from grokutil.data import modular_addition
from grokutil.kinks import kink_rows
from grokutil.manifold import jacobian, tangent_projection
from grokutil.model import default_weights

SUBJECT = "tangent projection with kink rows, p = 11, width 128"


def ways() -> dict[str, Way]:
    """The same P theta, with one in seven pre-activations held at zero: about a thousand rows."""
    X = modular_addition(11, train_size=59, seed=0).X_train
    W1, W2 = default_weights(11, 128, 11, seed=0)
    theta = torch.cat((W1.flatten(), W2.flatten()))
    kinks = torch.rand(59, 128, generator=torch.Generator().manual_seed(0)) < 1 / 7

    def truncated_svd() -> torch.Tensor:
        rows = torch.cat((jacobian(W1, W2, X), kink_rows(kinks, X, W2.shape[1])))
        _, sizes, V = torch.linalg.svd(rows, full_matrices=False)
        V = V[sizes > 1e-9 * sizes[0]]
        return theta - V.mT @ (V @ theta)

    return {
        "unit by unit, then structured NTK": lambda: tangent_projection(W1, W2, X, theta, kinks=kinks),
        "dense [J; C], truncated SVD": truncated_svd,
    }
