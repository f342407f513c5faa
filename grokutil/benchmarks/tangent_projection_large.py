"""The tangent projection at the size of Fig. 6: conjugate gradients against the Cholesky factor of the NTK.

The dense Jacobian takes 5.5 GB at this size, the NTK 2.7 GB, and its factor a minute: that way is timed once.
"""

from __future__ import annotations

import torch

from grokutil.benchmarks.compare import Way
from grokutil.data import modular_addition
from grokutil.manifold import join, tangent_projection
from grokutil.model import default_weights

SUBJECT = "tangent projection, p = 37, width 512, n = 492"
REPEATS = 1


Network = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # W1, W2, X


def network(p: int = 37, width: int = 512) -> Network:
    """Weights from their default start, and the training inputs."""
    return *default_weights(p, width, p, seed=0), modular_addition(p, train_fraction=0.7, seed=0).X_train


def ways(p: int = 37, width: int = 512) -> dict[str, Way]:
    """The same P theta, by two routes."""
    W1, W2, X = network(p, width)
    theta = join(W1, W2)
    return {
        "conjugate gradients": lambda: tangent_projection(W1, W2, X, theta, solver="conjugate_gradients"),
        "structured NTK, Cholesky": lambda: tangent_projection(W1, W2, X, theta, solver="cholesky"),
    }
