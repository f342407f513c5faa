"""The kink explorer: its lines are the run's, its colours the rule's."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from grokutil.data import modular_addition
from grokutil.kinks import sliding_kinks
from grokutil.train import gradient_descent, ridge_from_weight_decay
from grokutil.widgets.kink_explorer import EPSILON, STEPS, UNIT, compute, draw, kink_explorer, looks


@pytest.mark.parametrize("unit", [89, 3])
def test_the_lines_and_their_colours_are_those_of_an_ordinary_run(unit):
    task = modular_addition(11, train_size=59, seed=0)
    states = gradient_descent(task, times=[0, *range(281, 341)]).states[1:]
    held = sliding_kinks(states[:20], task.X_train, task.Y_train, ridge_from_weight_decay(1e-4, 59, 11))[:, unit]
    z = np.array([(task.X_train @ W1[:, unit]).numpy() for W1, _ in states])
    figure = Figure()
    text = draw(figure, 300, unit)
    wide, zoom = ([line.get_ydata() for line in ax.lines if len(line.get_xdata()) == 60] for ax in figure.axes)
    for lines in (wide, zoom):
        np.testing.assert_allclose(lines, np.hstack((z[:, ~held.numpy()], z[:, held.numpy()])).T, atol=1e-9)
    assert f"{int(held.sum())} slide on zero" in text and f"{int((z[19] > 0).sum())} are positive" in text


def test_what_the_chapter_says_about_it():
    """More and more pre-activations slide, and they stay near zero after the step that the rule has seen."""
    seen = looks()
    count = [int(seen[step].slides.sum()) for step in STEPS]
    assert count[-1] > 2 * count[1] and count[1:] == sorted(count[1:])
    of_the_unit = [int(seen[step].slides[:, UNIT].sum()) for step in STEPS]
    assert of_the_unit[1:] == sorted(of_the_unit[1:]) and of_the_unit[-1] > 3 * of_the_unit[0]
    late = seen[30_000]
    assert np.abs(late.Z[:, late.slides]).max() < 3 * EPSILON


def test_the_live_face_trains_in_pieces():
    *way, last = compute(unit=5, step=4500, seed=1)
    assert [round(progress.done, 2) for progress in way] == [0.44, 0.88, 0.99]
    assert last.done == 1.0 and "Unit 5 around step 4500" in last.picture


@pytest.mark.parametrize(
    ("bad", "sentence"), [({"unit": 128}, "units 0 to 127"), ({"step": 3}, "at least 20"), ({"seed": -1}, "seed")]
)
def test_a_bad_choice_is_a_sentence(bad, sentence):
    with pytest.raises(ValueError, match=sentence):
        list(compute(**({"unit": 0, "step": 300, "seed": 0} | bad)))


def test_both_faces():
    box = kink_explorer()
    assert ["kernel-free" in child._dom_classes for child in box.children] == [True, False]
    assert len(box.children[0].children[-1].children) == len(STEPS)
