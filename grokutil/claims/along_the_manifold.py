"""Claims of section 4.6, Appendix D and Figs 5 and 7 on what training follows after memorisation."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from grokutil.activations import Activation, softplus
from grokutil.claims.record import CORRECTED, FAILS, HOLDS, Claim
from grokutil.data import Task, modular_addition
from grokutil.kinks import sliding_kinks
from grokutil.manifold import TangentSpace
from grokutil.measure import learning_curves
from grokutil.train import gradient_descent, ridge_from_weight_decay
from grokutil.trajectory import Trajectory

DECAY = 1e-4
RECORDS = (1000, 1500, 2000, 2500, 3000, 4000, 5000, 7000, 10_000, 15_000, 20_000)  # most test pairs right at the last
ACTIVATIONS: dict[str, str | Activation] = {"relu": "relu", "softplus": softplus(10)}
State = tuple[Tensor, Tensor]


def _task(seed: int) -> Task:
    return modular_addition(11, train_size=59, seed=seed)


@cache
def _run(activation: str, seed: int, end: int) -> Trajectory:
    """Fig. 5's training: the last twenty states up to ``end``, the next one, and that 200 steps on."""
    times = [0, *range(end - 19, end + 2), end + 200]
    return gradient_descent(_task(seed), activation=ACTIVATIONS[activation], seed=seed, times=times, progress=False)


def _space(state: State, X: Tensor, activation: str | Activation = "relu", kinks: Tensor | None = None) -> TangentSpace:
    W1, W2 = state
    return TangentSpace(W1, W2, X, activation, kinks)


def _vector(state: State) -> Tensor:
    return torch.cat([W.flatten() for W in state])


@cache
def _compared(activation: str, end: int, seed: int = 0) -> dict[str, tuple[float, float]]:
    """1 - cosine and the gap of the norm law over the next 200 steps; P of J, at theta', and with the kinks held."""
    task, run, sigma = _task(seed), _run(activation, seed, end), ACTIVATIONS[activation]
    X, Y, past, after = task.X_train, task.Y_train, run.states[1:21], _vector(run.states[-1])
    theta = _vector(past[-1])
    fallen = gradient_descent(
        task, activation=sigma, start=past[-1], weight_decay=0.0, momentum=0.9, times=[0, 100], progress=False
    ).states[-1]
    spaces = {"J": _space(past[-1], X, sigma), "theta'": _space(fallen, X, sigma)}
    if activation == "relu":
        kinks = sliding_kinks(past, X, Y, ridge_from_weight_decay(DECAY, *Y.shape))
        spaces["kinks"] = _space(past[-1], X, sigma, kinks)
    found = {}
    for name, space in spaces.items():
        descent, moved = -space.project(theta), after - theta
        law = (after @ after - theta @ theta) / (-2 * 200 * DECAY * descent @ descent)
        found[name] = float(1 - moved @ descent / (moved.norm() * descent.norm())), abs(float(law) - 1)
    return found


def _delay() -> tuple[float, None]:
    """Training error plus test accuracy at step 1000, the largest over five seeds."""
    worst = 0.0
    for seed in range(5):
        task = _task(seed)
        curves = learning_curves(gradient_descent(task, seed=seed, times=[0, 1000], progress=False).states, task)
        worst = max(worst, float(1 - curves.train_accuracy[-1] + curves.test_accuracy[-1]))
    return worst, None


def _direction() -> tuple[float, float]:
    found = _compared("relu", 3000)
    return found["J"][0], found["kinks"][0]


def _direction_smooth() -> tuple[float, None]:
    return _compared("softplus", 5000)["J"][0], None


def _norm_law() -> tuple[float, float]:
    found = _compared("relu", 5000)
    return found["J"][1], found["kinks"][1]


def _estimator() -> tuple[float, None]:
    return _compared("softplus", 5000)["theta'"][0], None


def _single_step() -> tuple[float, None]:
    """Relative gap of P step = -eta wd P theta for one step of the ReLU network."""
    run = _run("relu", 0, 3000)
    before, after = (_vector(run.states[run.times.tolist().index(k)]) for k in (3000, 3001))
    space = _space(run.states[20], _task(0).X_train)
    pull = -DECAY * space.project(before)
    return float((space.project(after - before) - pull).norm() / pull.norm()), None


def _sliding() -> tuple[float, None]:
    """Share of the pairs (sample, unit) that slide on a kink at step 3000."""
    task, run = _task(0), _run("relu", 0, 3000)
    ridge = ridge_from_weight_decay(DECAY, *task.Y_train.shape)
    return float(sliding_kinks(run.states[1:21], task.X_train, task.Y_train, ridge).double().mean()), None


def _peak() -> tuple[float, None]:
    """Half of the last test accuracy minus the one where the paper's cosine is greatest; 0 where that is less."""
    task = _task(0)
    run = gradient_descent(task, times=sorted({0, *(k - j for k in RECORDS for j in (0, 10))}), progress=False)
    states = dict(zip(run.times.astype(int).tolist(), run.states, strict=True))
    cosines = {}
    for k in RECORDS:
        fallen = gradient_descent(
            task, start=states[k], weight_decay=0.0, momentum=0.9, times=[0, 100], progress=False
        ).states[-1]
        theta = _vector(states[k])
        descent, moved = -_space(fallen, task.X_train).project(theta), theta - _vector(states[k - 10])
        cosines[k] = float(moved @ descent / (moved.norm() * descent.norm()))
    best = max(cosines, key=lambda k: cosines[k])
    accuracies = learning_curves([states[best], states[RECORDS[-1]]], task).test_accuracy
    return max(0.0, float(accuracies[-1] / 2 - accuracies[0])), None


def _singular_values() -> tuple[float, None]:
    """How far the smallest singular value of J falls after step 200, as a share of its largest value."""
    task = _task(0)
    times = [200, *range(1000, 10_001, 1000)]
    run = gradient_descent(task, activation="quadratic", times=[0, *times], progress=False)
    kernels = [_space(state, task.X_train, "quadratic").ntk for state in run.states[1:]]
    sizes = torch.stack([torch.linalg.eigvalsh(kernel)[0].clamp(min=0).sqrt() for kernel in kernels])
    return float(1 - sizes.min() / sizes.max()), None


CLAIMS = (
    Claim(
        id="figure-7-delay",
        source="section 4.6, Figs 5 and 7",
        statement="The networks memorise the training pairs long before they get test pairs right.",
        measure=_delay,
        limit=0.15,
        tolerance="training error plus test accuracy at step 1000, largest of five seeds; one test pair is 1/7",
        expected=HOLDS,
        chapter="along_the_manifold",
        seeds=(0, 1, 2, 3, 4),
        seconds=1.0,
    ),
    Claim(
        id="section-4.6-direction",
        source="section 4.6, Fig. 5, right",
        statement=(
            "After memorisation a ReLU network follows the norm-minimising direction on Z (corrected: on Z with the "
            "sliding kinks held)."
        ),
        measure=_direction,
        limit=0.04,
        tolerance="1 - cosine over 200 steps from step 3000; 0.04 is the book's bound for kinks held",
        expected=CORRECTED,
        chapter="along_the_manifold",
        seconds=1.0,
    ),
    Claim(
        id="section-4.6-smooth",
        source="section 4.6, Assumption 4.2",
        statement="After memorisation a smooth network (softplus) follows the norm-minimising direction on Z.",
        measure=_direction_smooth,
        limit=0.01,
        tolerance="1 - cosine over 200 steps from step 5000, when the residual has settled",
        expected=HOLDS,
        chapter="along_the_manifold",
        seconds=1.5,
    ),
    Claim(
        id="remark-4.15-one-step",
        source="Remark 4.15",
        statement="Along the level set weight decay alone moves the network, in steepest descent of the norm.",
        measure=_single_step,
        limit=1e-8,
        tolerance="relative gap of P step = -eta wd P theta for one step; exact for every step, so rounding",
        expected=HOLDS,
        chapter="along_the_manifold",
        seconds=1.0,
    ),
    Claim(
        id="section-4.6-norm-law",
        source="sections 4.5 and 4.6, eq. 3",
        statement=(
            "The squared norm of a ReLU network falls at the rate 4 lambda |P theta|^2 (corrected: with the sliding "
            "kinks held)."
        ),
        measure=_norm_law,
        limit=0.05,
        tolerance="relative gap over 200 steps from step 5000; of it one or two hundredths are the stretch itself",
        expected=CORRECTED,
        chapter="along_the_manifold",
        seconds=1.5,
    ),
    Claim(
        id="appendix-D-estimator",
        source="Appendix D, eq. 29",
        statement=(
            "Projecting at the point after 100 steps without weight decay gives the norm-minimising direction (for a "
            "smooth network)."
        ),
        measure=_estimator,
        limit=0.01,
        tolerance="1 - cosine over 200 steps from step 5000 with P at theta'",
        expected=HOLDS,
        chapter="along_the_manifold",
        seconds=1.5,
    ),
    Claim(
        id="figure-5-peak",
        source="section 4.6, caption of Fig. 5",
        statement="The cosine is greatest exactly while the network generalises.",
        measure=_peak,
        limit=0.0,
        tolerance="half of the test accuracy at step 20000 minus that at the peak of the cosine; at most 0 if grokking",
        expected=FAILS,
        chapter="along_the_manifold",
        seconds=2.5,
    ),
    Claim(
        id="section-3.3-kinks",
        source="section 3.3",
        statement="The points where a ReLU network is not smooth can be left aside.",
        measure=_sliding,
        limit=0.01,
        tolerance="share of the pairs of sample and unit that slide on a kink at step 3000",
        expected=FAILS,
        chapter="along_the_manifold",
        seconds=1.0,
    ),
    Claim(
        id="section-4.4-gap",
        source="sections 3.3 and 4.4",
        statement="Training does not meet singular points (it stays off them, though the gap shrinks with the norm).",
        measure=_singular_values,
        limit=0.9,
        tolerance="fall of the smallest singular value of J to step 10000, as a share of its largest; 1 is singular",
        expected=HOLDS,
        chapter="along_the_manifold",
        seconds=1.5,
    ),
)
