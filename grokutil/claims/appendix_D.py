"""Claims of Appendix D about how the update and the norm-minimising direction are estimated; its runs, shared."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.func import jvp

from grokutil.activations import Activation, get_activation, softplus
from grokutil.claims.record import CORRECTED, FIVE, HOLDS, Claim
from grokutil.data import Task, modular_addition
from grokutil.kinks import sliding_kinks
from grokutil.manifold import TangentSpace, jacobian, split
from grokutil.measure import relative_residual
from grokutil.model import loss_gradient, predict
from grokutil.runs.trajectory import Trajectory
from grokutil.train import gradient_descent, ridge_from_weight_decay

DECAY = 1e-4
ACTIVATIONS: dict[str, str | Activation] = {"relu": "relu", "softplus": softplus(10)}
State = tuple[Tensor, Tensor]


def task(seed: int) -> Task:
    """Task of Appendix D."""
    return modular_addition(11, train_size=59, seed=seed)


@cache
def run(activation: str, seed: int, end: int) -> Trajectory:
    """Fig. 5's training: the last twenty states up to ``end``, the next one, and that 200 steps on."""
    times = [0, *range(end - 19, end + 2), end + 200]
    return gradient_descent(task(seed), activation=ACTIVATIONS[activation], seed=seed, times=times, progress=False)


def space(state: State, X: Tensor, activation: str | Activation = "relu", kinks: Tensor | None = None) -> TangentSpace:
    """Tangent space of Z, or of Z with the kinks held."""
    W1, W2 = state
    return TangentSpace(W1, W2, X, activation, kinks)


def vector(state: State) -> Tensor:
    """All weights of both layers, flat."""
    return torch.cat([W.flatten() for W in state])


def fallen(pairs: Task, state: State, activation: str | Activation = "relu") -> State:
    """The paper's theta': 100 steps with momentum and without weight decay."""
    return gradient_descent(
        pairs, activation=activation, start=state, weight_decay=0.0, momentum=0.9, times=[0, 100], progress=False
    ).states[-1]


@cache
def compared(activation: str, end: int, seed: int) -> dict[str, tuple[float, float]]:
    """1 - cosine and the gap of the norm law over the next 200 steps; P of J, at theta', and with the kinks held."""
    pairs, states, sigma = task(seed), run(activation, seed, end).states, ACTIVATIONS[activation]
    X, Y, past, after = pairs.X_train, pairs.Y_train, states[1:21], vector(states[-1])
    theta = vector(past[-1])
    spaces = {"J": space(past[-1], X, sigma), "theta'": space(fallen(pairs, past[-1], sigma), X, sigma)}
    if activation == "relu":
        kinks = sliding_kinks(past, X, Y, ridge_from_weight_decay(DECAY, *Y.shape))
        spaces["kinks"] = space(past[-1], X, sigma, kinks)
    found = {}
    for name, tangent in spaces.items():
        descent, moved = -tangent.project(theta), after - theta
        law = (after @ after - theta @ theta) / (-2 * 200 * DECAY * descent @ descent)
        found[name] = float(1 - moved @ descent / (moved.norm() * descent.norm())), abs(float(law) - 1)
    return found


def cosine(a: Tensor, b: Tensor) -> float:
    """Cosine of the angle between two vectors."""
    return float(a @ b / (a.norm() * b.norm()))


def _estimator(seed: int) -> tuple[float, None]:
    return compared("softplus", 5000, seed)["theta'"][0], None


def _low_loss(seed: int) -> tuple[float, None]:
    """Relative training residual at theta' of step 3000."""
    pairs, state = task(seed), run("relu", seed, 3000).states[20]
    return relative_residual(predict(*fallen(pairs, state), pairs.X_train), pairs.Y_train), None


def _averaging(seed: int) -> tuple[float, None]:
    """1 - cosine of ten steps over that of one, the mean of ten; with -P theta at the end of the steps."""
    pairs, states = task(seed), run("relu", seed, 3000).states[1:21]
    thetas = [vector(state) for state in states]
    gaps: dict[int, float] = {1: 0.0, 10: 0.0}
    for end in range(10, 20):
        down = -space(states[end], pairs.X_train).project(thetas[end])
        for steps in gaps:
            gaps[steps] += 1 - cosine(thetas[end] - thetas[end - steps], down)
    return gaps[10] / gaps[1], None


def _cancelling(seed: int) -> tuple[float, None]:
    """Deviation of ten-step means from each other, over that of single steps, in parts of what white noise leaves."""
    states = run("relu", seed, 3000).states[1:22]
    steps = torch.stack([vector(state) for state in states]).diff(dim=0)  # twenty
    single = (steps - steps.mean(0)).norm(dim=1).square().mean().sqrt()
    first, second = steps[:10].mean(0), steps[10:].mean(0)
    return float((first - second).norm() / 2**0.5 / single * 10**0.5), None


def _moves_the_outputs(seed: int) -> tuple[float, float]:
    """Derivative of the outputs along g over that along theta, g of eq. 29 with the loss's gradient as J, and J."""
    pairs, (W1, W2) = task(seed), run("relu", seed, 3000).states[20]
    theta = vector((W1, W2))
    parts = loss_gradient(W1, W2, pairs.X_train, pairs.Y_train, get_activation("relu"))

    def change(v: Tensor) -> Tensor:
        return jvp(lambda V1, V2: predict(V1, V2, pairs.X_train), (W1, W2), split(v, W1, W2))[1].norm()

    left = [
        float(change(theta - J.mT @ torch.linalg.solve(J @ J.mT, J @ theta)) / change(theta))
        for J in (vector(parts)[None], jacobian(W1, W2, pairs.X_train))
    ]
    return left[0], left[1]


CLAIMS = (
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
        seeds=FIVE,
        seconds=3.3,
    ),
    Claim(
        id="appendix-D-low-loss",
        source="Appendix D, estimate of the direction",
        statement="100 steps without weight decay reach a point of very low loss.",
        measure=_low_loss,
        limit=0.01,
        tolerance="residual over the size of the targets, ReLU, from step 3000; a hundredth",
        expected=HOLDS,
        chapter="along_the_manifold",
        seeds=FIVE,
        seconds=1.8,
    ),
    Claim(
        id="appendix-D-averaging",
        source="Appendix D, estimate of the update",
        statement="The mean of ten steps estimates the direction better than one step, which oscillates.",
        measure=_averaging,
        limit=1.0,
        tolerance="1 - cosine with -P theta, ten steps over one, means over steps 2991 to 3000, ReLU",
        expected=HOLDS,
        chapter="along_the_manifold",
        seeds=FIVE,
        seconds=0.6,
    ),
    Claim(
        id="appendix-D-cancelling",
        source="Appendix D, estimate of the update",
        statement="Averaging over ten steps cancels the noisy, fast oscillations of single steps.",
        measure=_cancelling,
        limit=0.5,
        tolerance="deviation of ten-step means over that of single steps, in parts of what averaging leaves of white "
        "noise, 1 / sqrt(10); an oscillation cancels better, half as much is left",
        expected=HOLDS,
        chapter="along_the_manifold",
        seeds=FIVE,
        seconds=0.5,
    ),
    Claim(
        id="appendix-D-jacobian",
        source="Appendix D, after eq. 29",
        statement="The J of eq. 29 is the gradient of the loss (corrected: the Jacobian of the outputs).",
        measure=_moves_the_outputs,
        limit=1e-6,
        tolerance="by how much (I - J^+ J) theta changes the outputs, over how much theta does, ReLU at step 3000; "
        "rounding only",
        expected=CORRECTED,
        chapter="errata",
        seeds=FIVE,
    ),
)
