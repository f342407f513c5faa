"""One recorder for integration, training and walks: what is measured, when it stops, what it keeps of a start."""

import contextlib
import copy
import functools
import gc
import inspect
import itertools
import pickle
import threading
import weakref
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from grokutil.data import modular_addition
from grokutil.flow import StableStep, integrate
from grokutil.model import default_weights, loss
from grokutil.runs.trajectory import Trajectory
from grokutil.train import gradient_descent
from grokutil.walks import norm_descent, projected_flow, retract, unit_speed

TASK = modular_addition(4, train_size=7, seed=0)
X, Y = TASK.X_train, TASK.Y_train
ONE = torch.tensor([[1.0, -2.0]], dtype=torch.float64)


def decay(W):
    return -W


def integrated(make=integrate, **options):
    return make(decay, ONE, np.linspace(0, 1, 6), step=0.01, progress=False, **options)


def stabilised(make=integrate, **options):
    return make(decay, ONE, np.linspace(0, 1, 6), method="rkc", rtol=1e-3, progress=False, **options)


def trained(make=gradient_descent, **options):
    return make(TASK, width=8, activation="tanh", steps=50, record_every=10, progress=False, **options)


@functools.cache
def memorised():
    return retract(*default_weights(4, 12, 4, seed=1), X, Y, "tanh")


def walked(make=projected_flow, **options):
    return make(memorised(), X, Y, np.linspace(0, 0.1, 6), activation="tanh", progress=False, **options)


RUNS = pytest.mark.parametrize("run", [integrated, stabilised, trained, walked])
BEGUN = pytest.mark.parametrize(
    ("run", "begin"),
    [
        (integrated, functools.partial(integrated, integrate.begin)),
        (stabilised, functools.partial(stabilised, integrate.begin)),
        (trained, functools.partial(trained, gradient_descent.begin)),
        (functools.partial(walked, step=0.005), functools.partial(walked, projected_flow.begin, step=0.005)),
    ],
)


def norm2(time, state):
    parts = state if isinstance(state, tuple) else (state,)
    return {"norm2": sum(float(part.square().sum()) for part in parts), "at": time}


@RUNS
def test_what_is_measured_is_what_the_states_have(run, tmp_path):
    kept, measured = run(), run(measure=norm2)
    assert measured.measured["norm2"].tolist() == [norm2(0, state)["norm2"] for state in kept.states]
    assert np.array_equal(measured.measured["at"], kept.times) and np.array_equal(measured.times, kept.times)
    assert len(measured.states) == 1 and measured.evaluations == kept.evaluations and measured.complete
    assert norm2(0, measured.states[-1]) == norm2(0, kept.states[-1])
    again = Trajectory.load(measured.save(tmp_path / "run.npz"))
    assert np.array_equal(again.measured["norm2"], measured.measured["norm2"]) and len(again.states) == 1
    end = measured.at(kept.times[[1, 5]])
    assert end.measured["at"].tolist() == kept.times[[1, 5]].tolist()
    assert norm2(0, end.states[-1])["norm2"] == end.measured["norm2"][-1]
    part = measured.at(kept.times[[1, 3]])  # of its last time no state was kept, and it has no other's
    assert part.measured["at"].tolist() == kept.times[[1, 3]].tolist() and part.states == ()
    again = Trajectory.load(part.save(tmp_path / "part.npz"))
    assert again.states == () and repr(again) == repr(part) and "2 records" in repr(part)
    with pytest.raises(ValueError, match="read-only"):
        measured.measured["norm2"][0] = 0


@RUNS
def test_a_run_ends_where_until_says(run):
    whole = run()
    level = norm2(0, whole.states[3])["norm2"]
    part = run(until=lambda time, state: norm2(time, state)["norm2"] == level)
    assert part.times.tolist() == whole.times[:4].tolist() and part.complete
    assert 0 < part.evaluations < whole.evaluations
    assert len(run(until=lambda time, state: True)) == 1
    asked = []
    assert len(run(until=lambda time, state: asked.append(time))) == len(whole) and asked == whole.times.tolist()


@RUNS
def test_at_each_record_it_is_measured_and_then_asked_whether_to_end(run):
    calls = []
    run(measure=lambda t, W: calls.append(("measure", t)) or {"t": t}, until=lambda t, W: calls.append(("until", t)))
    assert calls == [(call, t) for t in run().times.tolist() for call in ("measure", "until")]


@pytest.mark.parametrize("method", ["rk45", "rkc"])
def test_a_run_ends_in_the_middle_of_a_step(method):
    times = np.linspace(0, 1e-4, 30)
    options = {"method": method, "rtol": 1e-2, "progress": False}
    part = integrate(decay, ONE, times, until=lambda time, state: time >= times[7], **options)
    assert part.times.tolist() == times[:8].tolist() and part.complete


@BEGUN
def test_a_run_as_it_goes_has_the_moments_of_the_whole_run_and_the_ends_of_its_steps(run, begin):
    whole, going = run(), begin()
    moments = list(going)
    assert all(a.time < b.time for a, b in itertools.pairwise(moments))
    recorded = [moment for moment in moments if moment.recorded]
    assert [moment.time for moment in recorded] == whole.times.tolist()
    torch.testing.assert_close([moment.state for moment in recorded], list(whole.states), rtol=0, atol=0)
    assert going.evaluations == whole.evaluations and list(going) == []
    again = going.trajectory()
    assert again.complete and again.settings == whole.settings and again.times.tolist() == whole.times.tolist()


@BEGUN
def test_a_run_can_be_left_and_taken_up_again_where_it_was(run, begin):
    """In the middle: a record of what there is, with the state that was reached; and nothing of it goes on."""
    whole, going = run(), begin(measure=norm2)
    moment = next(moment for moment in going if not moment.recorded)
    spent, threads, part = going.evaluations, threading.active_count(), going.trajectory()
    assert spent < whole.evaluations and not part.complete and threads == threading.active_count()
    assert part.times[-1] == moment.time and part.measured["norm2"][-1] == norm2(0, moment.state)["norm2"]
    assert part.evaluations == going.evaluations == spent
    rest = list(going)
    assert moment.time < rest[0].time and going.evaluations == whole.evaluations
    path = going.trajectory()
    assert path.times.tolist() == whole.times.tolist() and path.complete
    assert path.measured["norm2"].tolist() == [norm2(0, state)["norm2"] for state in whole.states]


def test_a_run_that_is_left_lets_go_of_its_states():
    going = integrated(integrate.begin)
    states = [weakref.ref(next(going).state) for _ in range(40)]
    del going
    gc.collect()
    assert not any(state() is not None and state() is not ONE for state in states)


def test_until_ends_a_run_as_it_goes():
    going = integrated(integrate.begin, until=lambda time, state: time > 0.3)
    assert [moment.time for moment in going if moment.recorded] == pytest.approx([0, 0.2, 0.4])
    assert going.trajectory().complete


def test_an_interrupt_in_the_loop_leaves_what_there_is():
    going = integrated(integrate.begin)
    with pytest.raises(KeyboardInterrupt):
        for moment in going:
            if moment.time > 0.505:
                raise KeyboardInterrupt
    part = going.trajectory()
    assert part.times.tolist() == pytest.approx([0, 0.2, 0.4, 0.51]) and not part.complete
    assert going.whole().times.tolist() == integrated().times.tolist()


def test_a_rule_for_the_step_begins_once_however_a_run_is_taken():
    """A run cut by hand into pieces would estimate the sharpness anew in each."""

    class Counts(StableStep):
        begun = 0

        def begin(self):
            self.begun += 1
            super().begin()

    for take in (list, lambda run: run.whole()):
        rule = Counts(decay, longest=0.1, every=1000)
        take(integrate.begin(decay, ONE, np.linspace(0, 1, 6), step=rule))
        assert rule.begun == 2  # once where it is made


def test_the_whole_run_says_what_it_takes_and_where_it_begins():
    for function in (integrate, gradient_descent, projected_flow):
        whole, going = inspect.signature(function), inspect.signature(function.begin)
        assert whole.parameters == going.parameters and f"{function.__name__}.begin``" in function.__doc__
        assert (whole.return_annotation, going.return_annotation) == ("Trajectory", "Run")


@RUNS
def test_a_measure_that_changes_its_names_is_refused(run):
    with pytest.raises(ValueError, match="measure must return the same names each time"):
        run(measure=lambda time, state: {f"at {time}": 1.0})
    asked = []
    with pytest.raises(ValueError, match="one at least, in a mapping; got {}"):
        run(measure=lambda time, state: asked.append(time) or {})
    assert len(asked) == 1  # at once, and not after the run


@RUNS
def test_a_record_goes_through_a_process_and_can_be_copied(run):
    whole = run()
    for again in (pickle.loads(pickle.dumps(whole)), copy.deepcopy(whole)):
        assert np.array_equal(again.times, whole.times) and again.settings == whole.settings
        assert again.clock == whole.clock and again.evaluations == whole.evaluations
        torch.testing.assert_close(again.states, whole.states, rtol=0, atol=0)


def test_a_record_comes_back_from_another_process():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        torch.testing.assert_close(pool.submit(trained).result().states, trained().states)


@pytest.mark.parametrize("method", ["euler", "rk45", "rkc"])
def test_a_start_with_a_graph_is_data(method, tmp_path):
    """Weights of a module: no state keeps the graph of the steps before it."""
    start = torch.nn.Parameter(ONE.clone())
    run = integrate(decay, start, [0, 0.5, 1], method=method, step=0.1, progress=False)
    assert not any(state.requires_grad for state in run.states)
    run.save(tmp_path / "run.npz")
    assert not StableStep(decay)(0.0, start) > 1


def test_training_and_walks_from_parameters_keep_no_graph(tmp_path):
    weights = tuple(torch.nn.Parameter(W.clone()) for W in memorised())
    for run in (
        gradient_descent(TASK, activation="tanh", start=weights, steps=5, progress=False),
        projected_flow(weights, X, Y, [0, 0.02], activation="tanh", progress=False),
    ):
        assert not any(W.requires_grad for state in run.states for W in state)
        run.save(tmp_path / "run.npz")
    assert loss(*weights, X, Y, "tanh").requires_grad  # what promises a derivative keeps it


def test_long_training_from_parameters_keeps_only_what_is_asked():
    weights = tuple(torch.nn.Parameter(W) for W in default_weights(4, 8, 4))
    gradient_descent(TASK, start=weights, steps=5, progress=False)
    gc.collect()
    before = sum(type(thing) is torch.Tensor for thing in gc.get_objects())
    run = gradient_descent(TASK, start=weights, steps=300, record_every=300, progress=False)
    gc.collect()
    assert sum(type(thing) is torch.Tensor for thing in gc.get_objects()) - before < 20 and len(run) == 2


def test_any_name_is_a_clock():
    class Mine:
        clock = "hours"

        def __call__(self, W):
            return -W

    assert integrate(Mine(), ONE, [0, 1], step=0.5, progress=False).clock == "hours"


def test_a_field_without_a_name_is_as_good_as_a_function():
    field = functools.partial(lambda scale, space: scale * space.theta, -2.0)
    run = projected_flow(memorised(), X, Y, [0, 0.02], field=field, activation="tanh", progress=False)
    torch.testing.assert_close(run.states[-1], walked(field=norm_descent).at([0, 0.02]).states[-1])
    assert "partial" in run.settings["field"]
    unit = projected_flow(memorised(), X, Y, [0, 0.02], field=unit_speed(field), activation="tanh", progress=False)
    assert "partial" in unit.settings["field"]


def test_an_interrupt_after_a_blow_up_records_no_infinity():
    calls = []

    def velocity(W):
        calls.append(1)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return W**3 * 1e30

    with pytest.warns(RuntimeWarning, match="interrupted"):
        run = integrate(velocity, ONE, [0, 100.0], step=1.0, progress=False)
    assert all(bool(torch.isfinite(state).all()) for state in run.states) and not run.complete


def test_the_bar_of_a_run_that_was_begun_counts_what_is_left(monkeypatch):
    bars, moves = [], []

    @contextlib.contextmanager
    def bar(clock, total, shown):
        bars.append((clock, total))
        yield SimpleNamespace(update=moves.append)

    monkeypatch.setattr("grokutil.runs.recorder.progress_bar", bar)
    going = integrated(integrate.begin)
    done = next(moment.time for moment in going if moment.time > 0.33)
    going.whole()
    assert bars == [("t", pytest.approx(1 - done))] and sum(moves) == pytest.approx(1 - done) and min(moves) > 0
