"""The best bound of its kind for ReLU networks of every width that add, with its condition tried, not proved.

- ``dual_P``: a matrix U with |U^T relu(X w)| <= |w| at all directions w that a search by ascent finds; 2 <U, Y> is then
  below the squared norm of every network that adds, if the search has missed none
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from grokutil.results.other_paths.recipe import all_pairs

DIRECTIONS, ASCENT, ROUNDS = 1500, 600, 60  # starts of an ascent, its steps, cutting planes
CELLS = ("dual_5", "dual_7", "dual_11")


def make(cell: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the notes of one stored file."""
    p = int(cell.split("_")[1])
    return dual(p), {"activation": "relu", "p": p, "directions": DIRECTIONS, "ascent": ASCENT, "seed": 0}


def dual(p: int) -> dict[str, np.ndarray]:
    r"""The largest 2 <U, Y> with |U^T relu(X w)| <= |w| at the directions w that a search finds, by cutting planes.

    U shares the symmetry j -> u j + s modulo p of addition, so it has one number for each orbit of ((a, b), c).

    Returns:
        ``bound``, 2 <U, Y> over the largest |U^T relu(X w)| found; ``largest``, that number, 1 up to rounding if the
        rounds sufficed; ``parts``, the numbers of U.
    """
    task, draw = all_pairs(p), np.random.default_rng(0)
    X, Y, orbit = task.X_train.numpy(), task.Y_train.numpy(), orbits(p, task.pairs_train.tolist())
    kinds = np.array([orbit == k for k in range(orbit.max() + 1)]).astype(float)  # (parts, n, p)
    gain = np.einsum("kic,ic->k", kinds, Y)
    parts = gain / (gain @ gain)
    cuts: list[np.ndarray] = []
    for _ in range(ROUNDS):
        w, size = ascended(parts[orbit], X, draw.normal(size=(p, DIRECTIONS)))
        if cuts and size.max() < 1 + 1e-6:
            break
        chosen: list[int] = []
        for h in np.argsort(-size):
            if len(chosen) < 6 and all(abs(np.sort(w[:, h]) - np.sort(w[:, j])).max() > 1e-4 for j in chosen):
                chosen.append(h)
        cuts += [kinds.transpose(0, 2, 1) @ np.maximum(X @ w[:, h], 0) for h in chosen]  # (parts, p) each
        A = np.array(cuts)
        parts = minimize(
            lambda x: -gain @ x, parts, jac=lambda x: -gain, method="SLSQP", bounds=[(-5, 5)] * len(parts),
            constraints={
                "type": "ineq",
                "fun": lambda x, A=A: 1 - (np.tensordot(A, x, (1, 0)) ** 2).sum(1),
                "jac": lambda x, A=A: -2 * np.einsum("mkc,mc->mk", A, np.tensordot(A, x, (1, 0))),
            },
            options={"maxiter": 500, "ftol": 1e-12},
        ).x  # fmt: skip
    largest = size.max()
    return {"bound": np.array(2 * gain @ parts / largest), "largest": np.array(largest), "parts": parts}


def orbits(p: int, pairs: list[list[int]]) -> np.ndarray:
    """Number of the orbit of each ((a, b), c) under j -> u j + s for the pair and its answer's half, (n, p)."""
    known: dict[tuple, int] = {}
    found = np.empty((len(pairs), p), dtype=int)
    for i, (a, b) in enumerate(pairs):
        for c in range(p):
            middle = c * pow(2, -1, p) % p
            place = (middle - a) * pow(b - a, -1, p) % p if a != b else None
            key = (True, middle == a) if place is None else (False, min(place, (1 - place) % p))
            found[i, c] = known.setdefault(key, len(known))
    return found


def ascended(U: np.ndarray, X: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions (p, m) of locally largest |U^T relu(X w)|, and these sizes (m,), by steps that adapt."""
    best, at, step = np.zeros(w.shape[1]), w / np.linalg.norm(w, axis=0), np.full(w.shape[1], 0.3)
    trial = at.copy()
    for _ in range(ASCENT):
        size = np.linalg.norm(U.T @ np.maximum(X @ trial, 0), axis=0)
        better = size > best
        at[:, better], best = trial[:, better], np.maximum(best, size)
        step = np.where(better, np.minimum(1.3 * step, 1), 0.5 * step)
        step[step < 1e-9] = 1e-3
        Z = X @ at
        V = U.T @ np.maximum(Z, 0)
        G = X.T @ ((U @ (V / np.linalg.norm(V, axis=0).clip(1e-12))) * (Z > 0))
        G -= at * (G * at).sum(0)
        trial = at + step * G / np.linalg.norm(G, axis=0).clip(1e-12)
        trial /= np.linalg.norm(trial, axis=0)
    return at, best
