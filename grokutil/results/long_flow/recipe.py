"""Small networks for the theorems on long times and on faces of kinks.

- ``tanh_K``: a tanh network of 12 weights to s = 50, from five starts, each on its own three samples
- ``face_K``: a ReLU network of 32 weights on a face of its kinks, found by training, until the face ends
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.func import hessian

from grokutil.constraints import TinyNetwork, ZeroLossManifold
from grokutil.gradient_flow import slow_flow, training_flow, training_steps
from grokutil.kinks import face_gates, flipping_kinks

TIMES = np.concatenate((np.linspace(0, 5, 51), np.linspace(6, 50, 45)))
RIDGES = (1e-2, 1e-3, 1e-4)
FACES, FACE_TIMES = 5, np.linspace(0, 1, 41)
FACE_RIDGES, FACE_RATE = (1e-2, 3e-3, 1e-3), 0.01
STARTS, FOUND = 40, 0.3  # networks trained to find a face, until this slow time
MARGIN, LEAST = 0.03, 0.1  # of the gates, for so long
CELLS = (*(f"tanh_{k}" for k in range(5)), *(f"face_{k}" for k in range(FACES)))


def make(cell: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the notes of one stored file."""
    kind, seed = cell.split("_")
    if kind == "tanh":
        return long(int(seed)), {"seed": int(seed), "ridges": RIDGES}
    return face(int(seed)), {"seed": int(seed), "ridges": FACE_RIDGES, "learning_rate": FACE_RATE}


def tanh_problem(seed: int) -> tuple[TinyNetwork, ZeroLossManifold, Tensor]:
    """Three samples, four tanh units, and a point of zero loss."""
    draw = torch.Generator().manual_seed(20 + seed)
    X = torch.randn(3, 2, generator=draw, dtype=torch.float64)
    y = torch.randn(3, generator=draw, dtype=torch.float64)
    net = TinyNetwork(X, 4, "tanh")
    Z = ZeroLossManifold(net.F, y)
    return net, Z, Z.newton(net.random(seed))


def long(seed: int, ridges: tuple[float, ...] = RIDGES, times: np.ndarray = TIMES) -> dict[str, np.ndarray]:
    """Training and the slow flow of one network for a long time.

    ``gap`` (ridges, times): distance over lambda; ``hess``: eigenvalues at the end of the slow flow; ``tangent``
    (times,): the length of P zeta; ``walked`` (times,): the length of the path so far.
    """
    _, Z, start = tanh_problem(seed)
    limit = torch.stack(slow_flow(Z, start, times, 1e-8).states)
    runs = [torch.stack(training_flow(Z, start, ridge, times, 1e-8).states) for ridge in ridges]
    steps = limit.diff(dim=0).norm(dim=1)
    return {
        "gap": np.stack([((run - limit).norm(dim=1) / ridge).numpy() for run, ridge in zip(runs, ridges, strict=True)]),
        "hess": norm_hessian(Z, limit[-1]).numpy(),
        "tangent": np.array([float(Z.tangent(zeta, zeta).norm()) for zeta in limit]),
        "walked": np.concatenate(([0.0], steps.cumsum(0).numpy())),
    }


def norm_hessian(Z: ZeroLossManifold, theta: Tensor) -> Tensor:
    """Eigenvalues of the Riemannian Hessian of half the squared norm on Z, smallest first."""
    mu, J = Z.multiplier(theta), Z.jacobian(theta)
    full = torch.eye(len(theta)).to(theta) - hessian(lambda v: mu @ Z.F(v))(theta)
    basis = torch.linalg.svd(J).Vh[len(J) :].mT
    return torch.linalg.eigvalsh(basis.mT @ full @ basis)


def face_problem(seed: int) -> tuple[TinyNetwork, Tensor, ZeroLossManifold, Tensor, Tensor]:
    """A network, its targets, a face on which training slides, a zero-loss point of the face, and its kinks.

    Of 40 networks trained at once on the same data, the first that slides on a face with room for a time ``LEAST``:
    gates inside by ``MARGIN``, and no other pre-activation that changes its sign.
    """
    draw = torch.Generator().manual_seed(seed)
    X = torch.randn(5, 3, generator=draw, dtype=torch.float64)
    y = torch.randn(5, generator=draw, dtype=torch.float64)
    net = TinyNetwork(X, 8, "relu")
    starts = 0.7 * torch.stack([net.random(k) for k in range(STARTS)])
    ridge, eta = 2e-3, 0.02
    last = round(FOUND / (ridge * eta))
    run = training_steps(lambda v: net.loss_gradient(v, y), starts, ridge, eta, [0, *range(last - 60, last + 1)])
    states = torch.stack(run.states[1:])
    for k in range(STARTS):
        path = [(theta[:-8].view(3, 8), theta[-8:, None]) for theta in states[:, k]]
        kinks = flipping_kinks(path, X, least=6)
        if not kinks.any():
            continue
        theta = states[:, k].mean(0)
        Z = ZeroLossManifold(net.face(theta, kinks), torch.cat((y, y.new_zeros(int(kinks.sum())))))
        try:
            walk = slow_flow(Z, Z.newton(theta), [0, *LEAST * np.arange(0.25, 1.1, 0.25)], 1e-6).states
        except ValueError:  # no zero-loss point near, or a singular one
            continue
        if min(room(net, kinks, zeta, theta) for zeta in walk) > MARGIN:
            return net, y, Z, walk[0], kinks
    raise ValueError(f"no network of seed {seed} slides on a face with room")


def room(net: TinyNetwork, kinks: Tensor, z: Tensor, like: Tensor) -> float:
    """The least distance of a gate to 0 and 1; negative off the face: a kink repels, or another has been crossed."""
    W1, W2 = z[: -net.width].view(-1, net.width), z[-net.width :, None]
    gates, pull = (values[kinks] for values in face_gates(W1, W2, net.X, kinks))
    crossed = ((net.X @ W1) * (net.X @ like[: -net.width].view(-1, net.width)))[~kinks] <= 0
    return -1.0 if bool(crossed.any() or (pull >= 0).any()) else float(torch.minimum(gates, 1 - gates).min())


def face(seed: int, ridges: tuple[float, ...] = FACE_RIDGES) -> dict[str, np.ndarray]:
    """Training and the slow flow on one face.

    ``room`` (times,) along the slow flow; ``end``, until when there is room; ``error`` (ridges,), the largest distance
    of training from it over lambda; ``moved``, how far it goes; ``kinks``, how many hold.
    """
    net, y, Z, z, kinks = face_problem(seed)
    n = len(y)
    path = slow_flow(Z, z, FACE_TIMES, 1e-9).states
    margins = np.array([room(net, kinks, zeta, z) for zeta in path])
    lost = np.flatnonzero(margins < MARGIN)
    end = FACE_TIMES[lost[0] - 1] if len(lost) else FACE_TIMES[-1]
    errors, mu = [], Z.multiplier(z)[:n]
    for ridge in ridges:
        settled = ZeroLossManifold(Z.F, torch.cat((y - ridge * mu, y.new_zeros(int(kinks.sum())))))
        last = round(end / (ridge * FACE_RATE))
        records = np.unique(np.linspace(0, last, 11).astype(int))
        run = training_steps(lambda v: net.loss_gradient(v, y), settled.newton(z), ridge, FACE_RATE, records)
        limit = slow_flow(Z, z, records * ridge * FACE_RATE, 1e-9).states
        gaps = [float((a - b).norm()) for a, b in zip(run.states, limit, strict=True)]
        errors.append(max(gaps) / ridge)
    moved = float((limit[-1] - limit[0]).norm())
    return {
        "room": margins, "end": np.array(end), "error": np.array(errors), "moved": np.array(moved),
        "kinks": np.array(int(kinks.sum())),
    }  # fmt: skip
