"""Claims of section 4.6, Appendix D and Figs 5 and 7 on what training follows after memorisation."""

from __future__ import annotations

import torch

from grokutil.claims.appendix_D import DECAY, compared, cosine, fallen, run, space, task, vector
from grokutil.claims.record import CORRECTED, FIVE, NOT_REPRODUCED, OURS, Claim
from grokutil.kinks import sliding_kinks
from grokutil.measure import learning_curves
from grokutil.train import gradient_descent, ridge_from_weight_decay

RECORDS = (1000, 1500, 2000, 2500, 3000, 4000, 5000, 7000, 10_000, 15_000, 20_000)  # most test pairs right at the last


def _delay(seed: int) -> tuple[float, None]:
    """Training error plus test accuracy at step 1000."""
    pairs = task(seed)
    curves = learning_curves(gradient_descent(pairs, seed=seed, times=[0, 1000], progress=False).states, pairs)
    return float(1 - curves.train_accuracy[-1] + curves.test_accuracy[-1]), None


def _direction(seed: int) -> tuple[float, float]:
    found = compared("relu", 3000, seed)
    return found["J"][0], found["kinks"][0]


def _direction_smooth(seed: int) -> tuple[float, None]:
    return compared("softplus", 5000, seed)["J"][0], None


def _norm_law(seed: int) -> tuple[float, None]:
    return compared("relu", 5000, seed)["kinks"][1], None


def _single_step(seed: int) -> tuple[float, None]:
    """Relative gap of P step = -eta wd P theta for one step of the ReLU network."""
    states = run("relu", seed, 3000).states
    before, after = vector(states[20]), vector(states[21])  # steps 3000 and 3001
    tangent = space(states[20], task(seed).X_train)
    pull = -DECAY * tangent.project(before)
    return float((tangent.project(after - before) - pull).norm() / pull.norm()), None


def _sliding(seed: int) -> tuple[float, None]:
    """A hundred over the number of pairs (sample, unit) that slide on a kink at step 3000."""
    pairs, states = task(seed), run("relu", seed, 3000).states
    ridge = ridge_from_weight_decay(DECAY, *pairs.Y_train.shape)
    return float(100 / sliding_kinks(states[1:21], pairs.X_train, pairs.Y_train, ridge).sum()), None


def _peak(seed: int) -> tuple[float, None]:
    """Half of the last test accuracy minus the one where the paper's cosine is greatest; 0 where that is less."""
    pairs, times = task(seed), sorted({0, *(k - j for k in RECORDS for j in (0, 10))})
    states = dict(zip(times, gradient_descent(pairs, seed=seed, times=times, progress=False).states, strict=True))
    cosines = {}
    for k in RECORDS:
        theta = vector(states[k])
        descent = -space(fallen(pairs, states[k]), pairs.X_train).project(theta)
        cosines[k] = cosine(theta - vector(states[k - 10]), descent)
    best = max(cosines, key=lambda k: cosines[k])
    accuracies = learning_curves([states[best], states[RECORDS[-1]]], pairs).test_accuracy
    return max(0.0, float(accuracies[-1] / 2 - accuracies[0])), None


def singular_values(activation: str, seed: int) -> tuple[float, None]:
    """How far the smallest singular value of J falls after step 200, as a share of its largest value."""
    pairs = task(seed)
    times = [0, 200, *range(1000, 10_001, 1000)]
    states = gradient_descent(pairs, activation=activation, seed=seed, times=times, progress=False).states[1:]
    kernels = [space(state, pairs.X_train, activation).ntk for state in states]
    sizes = torch.stack([torch.linalg.eigvalsh(kernel)[0].clamp(min=0).sqrt() for kernel in kernels])
    return float(1 - sizes.min() / sizes.max()), None


def _singular_values(seed: int) -> tuple[float, None]:
    return singular_values("quadratic", seed)


CLAIMS = (
    Claim(
        id="figure-7-delay",
        source="section 4.6, Figs 5 and 7",
        statement="The networks memorise the training pairs long before they get test pairs right.",
        measure=_delay,
        limit=0.15,
        tolerance="training error plus test accuracy at step 1000; one test pair is 1/7",
        chapter="along_the_manifold",
        seeds=FIVE,
        seconds=0.5,
    ),
    Claim(
        id="section-4.6-direction",
        source="section 4.6, eq. 29",
        statement=(
            "After memorisation a ReLU network follows the norm-minimising direction on Z (measured: the move over the "
            "next 200 steps from step 3000, with -P theta at its start; corrected: on Z with the sliding kinks held)."
        ),
        measure=_direction,
        limit=0.01,
        tolerance=(
            "1 - cosine; the limit of the smooth network. The paper's own measure, the last ten steps and P at "
            "theta', is figure-5-peak's"
        ),
        expected=CORRECTED,
        chapter="along_the_manifold",
        seeds=FIVE,
        seconds=2.0,
    ),
    Claim(
        id="section-4.6-smooth",
        source="section 4.6, Assumption 4.2",
        statement="After memorisation a smooth network (softplus) follows the norm-minimising direction on Z.",
        measure=_direction_smooth,
        limit=0.01,
        tolerance="1 - cosine over 200 steps from step 5000, when the residual has settled",
        chapter="along_the_manifold",
        seeds=FIVE,
        seconds=3.2,
    ),
    Claim(
        id="remark-4.15-one-step",
        source="Remark 4.15",
        statement="Along the level set weight decay alone moves the network, in steepest descent of the norm.",
        measure=_single_step,
        limit=1e-8,
        tolerance="relative gap of P step = -eta wd P theta for one step; exact for every step, so rounding",
        chapter="along_the_manifold",
        seeds=FIVE,
        seconds=1.0,
    ),
    Claim(
        id="section-4.6-norm-law",
        source="our addition to sections 4.5 and 4.6, eq. 3",
        statement="The squared norm of a ReLU network falls at the rate 4 lambda |P theta|^2, with the sliding kinks "
        "held.",
        measure=_norm_law,
        limit=0.05,
        tolerance="relative gap over 200 steps from step 5000; of it one or two hundredths are the stretch itself. "
        "With P of J alone the gap is a half",
        whose=OURS,
        chapter="along_the_manifold",
        seeds=FIVE,
        seconds=3.0,
    ),
    Claim(
        id="figure-5-peak",
        source="section 4.6, caption of Fig. 5",
        statement='"Interestingly, the similarity is greatest exactly during the grokking stage."',
        measure=_peak,
        limit=0.0,
        tolerance="half the test accuracy at step 20000, less that at the peak of the cosine; at most 0 if the peak "
        "comes while test pairs are being learned. The chapter tries two other readings",
        expected=NOT_REPRODUCED,
        figure=True,
        chapter="along_the_manifold",
        seeds=FIVE,
        seconds=11.0,
    ),
    Claim(
        id="section-3.3-kinks",
        source="section 3.3, our addition",
        statement="ReLU networks of Fig. 5 slide along hundreds of kinks: the points that are not smooth are a null "
        "set, but not for training.",
        measure=_sliding,
        limit=1.0,
        tolerance="100 over the number of pairs of sample and unit that slide on a kink at step 3000, of 7552",
        whose=OURS,
        chapter="along_the_manifold",
        seeds=FIVE,
        seconds=1.0,
    ),
    Claim(
        id="section-4.4-gap",
        source="sections 3.3 and 4.4",
        statement='"if the network is realized by a smooth function, we will almost never encounter a singularity '
        "during standard training\" (here: quadratic networks, Fig. 5's setting, to step 10000, s = 0.5, when test "
        "pairs are being learned; singular-end trains on).",
        measure=_singular_values,
        limit=0.9,
        tolerance="fall of the smallest singular value of J to step 10000, as a share of its largest; 1 is singular",
        chapter="along_the_manifold",
        seeds=FIVE,
        seconds=6.0,
    ),
)
