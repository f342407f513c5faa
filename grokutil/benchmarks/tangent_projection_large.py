"""The tangent projection at the size of Fig. 6: conjugate gradients against the Cholesky factor of the NTK.

The dense Jacobian takes 5.5 GB at this size, the NTK 2.7 GB, and its factor a minute: that way is timed once.
"""

from __future__ import annotations

import torch

from grokutil.benchmarks.compare import Way
from grokutil.data import modular_addition
from grokutil.manifold import tangent_projection
from grokutil.model import default_weights

SUBJECT = "tangent projection, p = 37, width 512, n = 492"
REPEATS = 1


def ways() -> dict[str, Way]:
    """The same P theta, by two routes."""
    X = modular_addition(37, train_fraction=0.7, seed=0).X_train
    W1, W2 = default_weights(37, 512, 37, seed=0)
    theta = torch.cat((W1.flatten(), W2.flatten()))
    return {
        "conjugate gradients": lambda: tangent_projection(W1, W2, X, theta, solver="conjugate_gradients"),
        "structured NTK, Cholesky": lambda: tangent_projection(W1, W2, X, theta, solver="cholesky"),
    }
