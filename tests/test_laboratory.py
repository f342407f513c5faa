"""The closed-form laboratory: its runs are eq. 20's, its estimates are sums, bad choices are sentences."""

import re
import time

import numpy as np
import pytest
from matplotlib.figure import Figure

from grokutil.data import modular_addition
from grokutil.flow import integrate
from grokutil.isolated import FirstLayerDynamics
from grokutil.measure import accuracy
from grokutil.model import gaussian_embedding, predict
from grokutil.widgets import laboratory
from grokutil.widgets.laboratory import (
    NORMS,
    SMALL_ACTIVATIONS,
    Curves,
    compute,
    draw,
    expect,
    follow,
    live,
    plan,
    small_run,
)

CHOICE = {
    **{"p": 7, "width": 40, "fraction": 0.7, "activation": "gelu", "ridge": 0.0},
    **{"step": 1e-2, "until": 0.25, "seed": 3, "view": NORMS},
}


def test_the_curves_are_those_of_an_ordinary_run_of_eq_20():
    task, start = modular_addition(7, 0.7, seed=3), gaussian_embedding(7, 40, seed=3)
    *_, (_, state, curves) = follow(task, "gelu", start, 0.1, 1e-2, 0.25)
    dynamics = FirstLayerDynamics(task.X_train, task.Y_train, "gelu", 0.1)
    E = integrate(dynamics, start, [0, 0.5], step=1e-2).states[-1]  # eq. 20 runs on 2 s
    np.testing.assert_allclose(state, E, rtol=1e-9)
    output = predict(E, dynamics.readout(E), task.X_test, "gelu")
    assert curves.accuracy[-1] == accuracy(output, task.labels_test)
    assert curves.layer_1[-1] == pytest.approx(float(E.square().sum()), rel=1e-9)
    assert curves.times[0] == 0 and curves.times[-1] == 0.25 and (np.diff(curves.times) > 0).all()


def test_what_the_chapter_says_of_the_small_runs():
    last = {name: small_run(name).accuracy[-1] for name in SMALL_ACTIVATIONS}
    assert last["gelu"] == last["softplus"] == 1 and last["tanh"] == 0
    assert 0.5 < last["relu"] < 1 and 0.5 < last["quadratic"] < 1
    tanh = small_run("tanh")
    assert tanh.layer_1[-1] + tanh.layer_2[-1] < 0.1 * (tanh.layer_1[0] + tanh.layer_2[0])


def test_the_text_of_a_picture_has_its_numbers():
    curves = Curves(*(values[:21] for values in small_run("relu")))
    figure = Figure()
    text = draw(figure, curves, 3.0, "relu")
    norms = [float(number) for number in re.findall(r"norms are (\d+) of layer 1 and (\d+) of", text)[0]]
    assert norms == pytest.approx([curves.layer_1[-1], curves.layer_2[-1]], abs=0.5)
    assert curves.times[-1] == pytest.approx(0.5) and f"{curves.accuracy[-1]:.2f}" in text
    x, y = figure.axes[0].lines[-1].get_data()
    assert (x[-1], y[-1]) == (curves.times[-1], curves.accuracy[-1])


def test_it_yields_often_and_ends_with_the_last_picture():
    begin, gaps, seen = time.process_time(), [], []  # on a busy machine it yields as often for the work it does
    for progress in compute(**CHOICE):
        gaps.append(time.process_time() - begin)
        begin = time.process_time()
        seen.append(progress)
    assert max(gaps) < 1.0 and seen[-1].done == 1.0 and "s = 0.25" in seen[-1].picture


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"width": 10}, "Singular: 20 training pairs and a width of 10"),
        ({"view": laboratory.CIRCLE, "p": 8}, "The circle needs an odd p, not 8"),
        ({"p": 113, "width": 7000}, "Large: about"),
        ({"p": 997}, "choose smaller sizes"),
        ({"step": 0.0}, "step must be positive"),
        ({"p": 1}, "p must be a whole number of at least 2"),
    ],
)
def test_a_bad_choice_is_named_before_it_runs(changes, sentence):
    face = live()
    for name, value in (CHOICE | changes).items():
        face.controls[name].value = value
    assert sentence in face.message.value


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"width": 10}, "use a width of at least 20"),
        ({"view": laboratory.CIRCLE, "p": 8, "width": 60}, "odd"),
    ],
)
def test_a_bad_choice_that_runs_ends_in_a_sentence(changes, sentence):
    face = live()
    for name, value in (CHOICE | changes).items():
        face.controls[name].value = value
    face.start()
    face.wait()
    assert sentence in face.message.value and "Traceback" not in face.message.value


def test_estimates_grow_with_the_work():
    small, large = (plan(**(CHOICE | {"p": p, "width": 40 * p})) for p in (7, 37))
    assert large.seconds_a_step > 5 * small.seconds_a_step and large.gigabytes > 20 * small.gigabytes
    assert "about" in expect(**CHOICE) and small.steps == 50
