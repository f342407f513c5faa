"""The valley's explorer: its course is training and slow flow, its arrows are forces."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from grokutil.constraints import SingularPointError
from grokutil.widgets.valley import RIDGES, TIMES, UNTIL, VALLEYS, course, draw, valley


@pytest.fixture(scope="module")
def run():
    return course("w₁ w₂ = 1", (2.3, 1.1), 0.1)


def test_times_begin_at_zero_and_leave_room_for_the_fall():
    assert TIMES[0] == 0 and TIMES[-1] == UNTIL and (np.diff(TIMES) > 0).all()
    assert (TIMES < 0.01).sum() > 20


def test_the_ghost_stays_on_the_curve_and_training_comes_near(run):
    np.testing.assert_allclose(run.slow.prod(1), 1, atol=1e-7)
    assert np.hypot(*(run.training[-1] - run.slow[-1])) == pytest.approx(run.distance[-1], rel=1e-3)
    assert run.distance[0] < 1e-6 and run.distance.max() < 0.1  # of the order of the weight decay


def test_the_distance_is_of_the_order_of_the_weight_decay(run):
    """Theorem B, off the manifold: half the weight decay, half the distance."""
    half = course("w₁ w₂ = 1", (2.3, 1.1), 0.05)
    assert run.distance.max() / half.distance.max() == pytest.approx(2, rel=0.1)


def test_the_arrows_are_the_forces():
    figure = Figure()
    text = draw(figure, 0.1, 96)
    theta = course("y = x²", (1.1, 2.3), 0.1).training[96]
    x, y = theta
    loss = -2 * (y - x**2) * np.array([-2 * x, 1])
    sentence = r"loss is ([\d.]+), weight decay ([\d.]+), their sum ([\d.]+)"
    told = [float(value) for value in re.findall(sentence, text)[0]]
    forces = [loss, -0.2 * theta, loss - 0.2 * theta]
    assert told == pytest.approx([np.linalg.norm(force) for force in forces], rel=0.05)
    arrows = [np.subtract(arrow.xy, arrow.xyann) for arrow in figure.axes[0].texts]
    for arrow, force in zip(arrows, forces, strict=True):
        assert arrow @ force == pytest.approx(np.linalg.norm(arrow) * np.linalg.norm(force))


def test_a_singular_start_and_a_bad_weight_decay_are_refused():
    with pytest.raises(SingularPointError, match="Def. 4.9"):
        course("w₁ w₂ = 0", (0.0, 0.0), 0.1)
    with pytest.raises(ValueError, match="ridge must be positive"):
        course("w₁ w₂ = 0", (1.0, 0.0), 0.0)


def test_it_has_a_live_face_in_the_page():
    kernel_free, live = valley().children
    assert {"needs-kernel", "live-valley"} <= set(live._dom_classes) and "kernel-free" in kernel_free._dom_classes
    assert set(VALLEYS) == {"y = x²", "w₁ w₂ = 1", "w₁ w₂ = 0"}
    assert len(kernel_free.children[-1].children) == len(RIDGES)
