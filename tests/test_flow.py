"""Integration: laws of Euler's method, exact times, memory, interruption, sharpness."""

import gc
import math
import os
import weakref
from contextlib import nullcontext
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from tqdm import tqdm

from grokutil.data import modular_addition
from grokutil.flow import StableStep, integrate, sharpness
from grokutil.isolated import FirstLayerDynamics, reduced_cost
from grokutil.model import gaussian_embedding
from grokutil.runs.progress import progress_bar
from grokutil.runs.trajectory import Trajectory

START = torch.tensor([[1.0, -2.0]], dtype=torch.float64)


def decay(W):
    return -W


@settings(deadline=None)
@given(times=st.lists(st.floats(0, 3), min_size=1, max_size=6, unique=True).map(sorted), step=st.floats(0.01, 1.5))
def test_times_are_exactly_those_asked_and_no_step_is_longer(times, step):
    seen = []
    run = integrate(lambda W: seen.append(W) or decay(W), START, times, step=step, progress=False)
    assert run.times.tolist() == times and run.complete and run.evaluations == len(seen)
    expected, steps = START, 0
    for begin, end, state in zip(times[:-1], times[1:], run.states[1:], strict=True):
        count = max(1, math.ceil((end - begin) / step * (1 - 1e-9)))
        expected, steps = expected * (1 - (end - begin) / count) ** count, steps + count
        torch.testing.assert_close(state, expected, rtol=1e-9, atol=1e-12)
    assert run.evaluations == steps


def test_euler_converges_with_first_order():
    errors = [
        abs(float(integrate(decay, START, [0, 1], step=h).states[-1][0, 0]) - math.exp(-1)) for h in (0.01, 0.005)
    ]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.02)


def test_a_run_knows_its_clock_and_settings():
    task = modular_addition(5, 0.6)
    run = integrate(FirstLayerDynamics(task.X_train, task.Y_train), gaussian_embedding(5, 20), [0, 0.01], step=1e-3)
    assert run.clock == "tau" and run.settings["step"] == 1e-3 and run.settings["method"] == "euler"
    assert integrate(decay, START, [0.0]).clock == "t"


def test_a_run_can_be_saved(tmp_path):
    run = integrate(decay, START, [0.0, 0.5, 1.0], step=StableStep(decay))
    loaded = Trajectory.load(run.save(tmp_path / "run.npz"))
    assert loaded.complete and loaded.settings == run.settings and torch.equal(loaded.states[-1], run.states[-1])


def test_only_asked_states_are_kept():
    """Of 5000 states, all but the two asked ones are gone when the run ends, and never many live at once."""
    born, most_alive = [], 0

    def velocity(W):
        nonlocal most_alive
        born.append(weakref.ref(W))
        most_alive = max(most_alive, sum(r() is not None for r in born[-20:]))
        return -W

    run = integrate(velocity, START, [0, 5], step=1e-3)
    gc.collect()
    assert len(born) == 5000 and len(run.states) == 2
    assert sum(r() is not None for r in born) <= 2 and most_alive <= 3


def test_the_record_shares_no_memory_with_the_start():
    start = START.clone()
    run = integrate(decay, start, [0, 1])
    start.zero_()
    assert torch.equal(run.states[0], START)


def stops_after(calls):
    count = 0

    def velocity(W):
        nonlocal count
        count += 1
        if count > calls:
            raise KeyboardInterrupt
        return -W

    return velocity


def test_an_interrupted_run_keeps_what_it_has_and_can_be_taken_up_again():
    times = [0.0, 0.5, 1.0]
    with pytest.warns(RuntimeWarning, match="interrupted at t = 0.7"):
        part = integrate(stops_after(7), START, times, step=0.1)
    assert not part.complete and part.times.tolist() == pytest.approx([0.0, 0.5, 0.7])
    rest = integrate(decay, part.states[-1], [part.times[-1], 1.0], step=0.1)
    whole = integrate(decay, START, times, step=0.1)
    torch.testing.assert_close(rest.states[-1], whole.states[-1], rtol=1e-12, atol=0)


def test_an_interrupt_before_the_first_step_keeps_the_start():
    with pytest.warns(RuntimeWarning, match="interrupted at t = 0"):
        part = integrate(stops_after(0), START, [0.0, 1.0])
    assert len(part) == 1 and not part.complete and torch.equal(part.states[0], START)


def test_progress_is_shown_for_long_runs_only(monkeypatch, capsys):
    monkeypatch.setattr("grokutil.runs.progress.DELAY", 0.0)
    integrate(decay, START, [0, 1])
    assert "t 100%" in capsys.readouterr().err
    integrate(decay, START, [0, 1], progress=False)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("grokutil.runs.progress.DELAY", 60.0)
    integrate(decay, START, [0, 1])
    assert capsys.readouterr().err == ""


BAR_IN_A_CELL = """
import torch
import grokutil.runs.progress
from grokutil.flow import integrate
grokutil.runs.progress.DELAY = 0.0
integrate(lambda W: -W, torch.ones(2, dtype=torch.float64), [0, 1]);
"""


def test_a_notebook_shows_a_notebooks_bar_and_nothing_else_does(monkeypatch, capsys):
    (cell,) = (
        NotebookClient(new_notebook(cells=[new_code_cell(BAR_IN_A_CELL)]))
        .execute(env={k: v for k, v in os.environ.items() if k != "TQDM_DISABLE"})
        .cells
    )
    assert [list(output.data)[-1] for output in cell.outputs] == ["application/vnd.jupyter.widget-view+json"]
    import_module("ipykernel.zmqshell")
    monkeypatch.setattr("grokutil.runs.progress.DELAY", 0.0)
    integrate(decay, START, [0, 1])
    assert "t 100%" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "magic"}, "unknown method 'magic'; known: euler"),
        ({"step": 0.0}, "step must be positive, got 0.0"),
        ({"step": lambda t, W: -1.0}, "step must be positive, got -1.0"),
        ({"times": [1.0, 0.0]}, "times must increase"),
        ({"start": START.float()}, "start must be float64"),
        ({"start": START * torch.nan}, "start has 2 entries that are not finite"),
    ],
)
def test_bad_input_says_what_to_do(changes, words):
    with pytest.raises(ValueError, match=words):
        integrate(**({"velocity": decay, "start": START, "times": [0.0, 1.0]} | changes))


def test_an_explosion_is_noticed_and_says_to_take_a_smaller_step():
    with pytest.raises(ValueError, match=r"state at t = 200 has 2 entries that are not finite.*smaller"):
        integrate(lambda W: W**3, START, [0, 200.0], step=1.0)


class TestSharpness:
    def setup_method(self):
        task = modular_addition(5, 0.6)
        self.X, self.Y = task.X_train, task.Y_train
        self.E = gaussian_embedding(5, 14, seed=2)

    @pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
    def test_it_is_the_largest_eigenvalue_of_the_hessian_of_half_the_cost(self, activation):
        dynamics = FirstLayerDynamics(self.X, self.Y, activation)

        def half_cost(flat):
            return reduced_cost(flat.reshape(self.E.shape), self.X, self.Y, activation) / 2

        H = torch.autograd.functional.hessian(half_cost, self.E.flatten())
        eigenvalues, eigenvectors = torch.linalg.eigh(H)
        value, vector = sharpness(dynamics, self.E, tolerance=1e-8)
        assert value == pytest.approx(float(eigenvalues[-1]), rel=1e-6)
        assert abs(float(vector.flatten() @ eigenvectors[:, -1])) == pytest.approx(1, abs=1e-4)
        assert sharpness(dynamics, self.E, guess=vector)[0] == pytest.approx(value, rel=1e-3)

    def test_eulers_method_is_stable_just_below_two_and_not_above(self):
        rate = torch.tensor([[1.0, 50.0]], dtype=torch.float64)
        limit = 2 / sharpness(lambda W: -rate * W, START, tolerance=1e-8)[0]
        below, above = (integrate(lambda W: -rate * W, START, [0, 20], step=limit * f) for f in (0.98, 1.02))
        assert below.states[-1].norm() < START.norm() < above.states[-1].norm()

    def test_a_stable_step_keeps_its_promise(self):
        dynamics = FirstLayerDynamics(self.X, self.Y)
        run = integrate(dynamics, self.E, np.linspace(0, 0.3, 16), step=StableStep(dynamics, 0.5, every=1))
        assert "StableStep(fraction=0.5" in run.settings["step"]
        rule = StableStep(dynamics, 0.5, longest=1.0, every=1)
        for E in run.states:
            assert rule(0.0, E) * sharpness(dynamics, E)[0] == pytest.approx(0.5, rel=0.06)
        costs = [float(dynamics.cost(E)) for E in run.states]
        assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize("method", ["euler", "rk45", "rkc"])
def test_a_state_may_be_a_vector_or_a_stack(method):
    """dx/dt = -x, entry by entry, whatever the shape."""
    for shape in ((3,), (2, 3, 4)):
        start = torch.arange(1.0, 1 + math.prod(shape), dtype=torch.float64).reshape(shape)
        end = integrate(decay, start, [0, 1], method=method, rtol=1e-6, progress=False).states[-1]
        assert end.shape == shape and torch.allclose(end, start * math.exp(-1), rtol=1e-3)
        value, vector = sharpness(decay, start)
        assert value == pytest.approx(1) and vector.shape == shape


def test_a_stack_of_runs_is_each_run():
    task = modular_addition(5, 0.8)
    data, starts = (task.X_train, task.Y_train), [gaussian_embedding(5, 40, seed=seed) for seed in range(2)]
    velocity, both = FirstLayerDynamics(*data, "tanh"), FirstLayerDynamics(*(torch.stack([M, M]) for M in data), "tanh")
    together = integrate(both, torch.stack(starts), [0, 0.01], progress=False).states[-1]
    for start, end in zip(starts, together, strict=True):
        assert torch.allclose(integrate(velocity, start, [0, 0.01], progress=False).states[-1], end)


@pytest.mark.parametrize("total", [40, 2.5])
def test_a_bar_that_has_come_to_its_end_is_complete(total, monkeypatch):
    """A notebook paints a bar red that is left before its total."""
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    for share, complete in ((1, True), (0.5, False)):
        with progress_bar("t", total, shown=True) as bar:
            bar.update(share * total)
        assert (bar.n == bar.total) == complete


@pytest.mark.parametrize("method", ["euler", "rk45", "rkc"])
def test_a_velocity_without_a_value_at_the_start_says_so(method):
    where = "the state at t" if method == "euler" else "the velocity at the start"
    with pytest.raises(ValueError, match=f"{where}.* not finite"):
        integrate(lambda W: W * torch.nan, START, [0, 1], method=method, progress=False)


@pytest.mark.parametrize("method", ["rk45", "rkc"])
def test_a_trial_where_the_velocity_does_not_exist_is_taken_back(method):
    """dx/dt = -sqrt(x), which exists for x >= 0 only: x = (1 - t/2)^2, and long trial steps go below zero."""

    def velocity(W):
        if (W < 0).any():
            raise ValueError("no root of a negative number")
        return -W.sqrt()

    start = torch.ones(1, 2, dtype=torch.float64)
    run = integrate(velocity, start, [0, 1.9], method=method, rtol=1e-4, progress=False)
    assert run.states[-1][0, 0] == pytest.approx(0.05**2, rel=0.2)
    with pytest.raises(ValueError, match="no root of a negative number"):  # what the velocity said is not hidden
        integrate(velocity, start, [0, 3], method=method, rtol=1e-4, progress=False)
    with pytest.raises(ValueError, match="^no root of a negative number$"):
        integrate(velocity, -start, [0, 1], method=method, progress=False)


def test_a_rule_serves_many_runs():
    def cubic(W):
        return -(W**3)

    rule = StableStep(cubic, 0.5, longest=10.0)
    for u in (0.1, 10.0, 0.1):
        again, fresh = (
            integrate(cubic, torch.full((2,), u).double(), [0, 1], step=step, progress=False).states[-1]
            for step in (rule, StableStep(cubic, 0.5, longest=10.0))
        )
        assert torch.equal(again, fresh) and float(again[0]) == pytest.approx(u / math.sqrt(1 + 2 * u * u), rel=0.1)


def test_steps_below_the_spacing_of_time_are_refused():
    with pytest.raises(ValueError, match="below the spacing of floating-point numbers near 1e\\+09"):
        integrate(decay, START, [1e9, 1e9 + 1e-6], step=1e-8, progress=False)


@pytest.mark.parametrize("size", [1, 2, 6, 7, 30])
def test_the_sharpness_of_flows_of_any_size(size):
    rates = torch.linspace(-5, 1, size, dtype=torch.float64)  # the largest, not the largest in magnitude
    value, vector = sharpness(lambda W: -rates * W, torch.ones(size, dtype=torch.float64), tolerance=1e-9)
    assert value == pytest.approx(float(rates.max()))
    assert float(vector.norm()) == pytest.approx(1) and abs(float(vector[-1])) == pytest.approx(1, abs=1e-4)
    flat, unit = sharpness(lambda W: W * 0 + 1, torch.ones(size, dtype=torch.float64))
    assert flat == 0 and float(unit.norm()) == pytest.approx(1)
    zero = torch.zeros(size, dtype=torch.float64)
    assert sharpness(lambda W: -rates * W, zero + 1, guess=zero)[0] == pytest.approx(float(rates.max()), abs=1e-2)


@pytest.mark.parametrize("method", ["euler", "rk45", "rkc"])
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_a_linear_flow_commutes_with_scaling_its_state(method, scale):
    """Tolerances are relative to the state, whatever its units."""
    rates = torch.tensor([[1.0, 30.0]], dtype=torch.float64)
    options = {"method": method, "rtol": 1e-5, "step": 1e-3, "progress": False}
    one, scaled = (integrate(lambda W: -rates * W, c * START, [0, 0.5], **options) for c in (1.0, scale))
    assert scaled.evaluations == one.evaluations
    torch.testing.assert_close(scaled.states[-1], scale * one.states[-1], rtol=1e-9, atol=0)


def test_a_guess_in_the_kernel_of_the_hessian_is_no_zero_hessian():
    rates = torch.zeros(30, dtype=torch.float64)
    rates[0] = 3.0
    guess = torch.zeros(30, dtype=torch.float64)
    guess[5] = 1.0
    assert sharpness(lambda W: -rates * W, rates + 1, guess=guess)[0] == pytest.approx(3.0, rel=1e-2)


def test_a_rule_takes_no_longer_step_than_the_longest():
    for rate in (1e-9, 0.1, 10.0):  # fraction / sharpness is 5e8, 5 and 0.05
        rule = StableStep(lambda W, rate=rate: -rate * W, 0.5, longest=0.3)
        assert rule(0.0, START) == pytest.approx(min(0.3, 0.5 / rate))


def test_a_guess_of_the_eigenvector_saves_products():
    rates = torch.linspace(0, 1, 400, dtype=torch.float64)
    calls = []

    def velocity(W):
        calls.append(1)
        return -rates * W

    _, vector = sharpness(velocity, rates, tolerance=1e-6)
    first = len(calls)
    again, _ = sharpness(velocity, rates, guess=vector, tolerance=1e-6)
    assert len(calls) - first < first / 2 and again == pytest.approx(1, abs=1e-5)


def test_every_velocity_of_a_stabilised_run_is_counted():
    class Flow:
        calls = 0

        def __call__(self, W):
            self.calls += 1
            return -W

        def linearize(self, W):
            return self(W), lambda V: -V

    flow = Flow()
    assert integrate(flow, START, [0, 1.0], method="rkc", progress=False).evaluations == flow.calls > 0


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("disabled", [True, False])
def test_a_bar_moves_in_a_terminal_writes_a_line_a_minute_to_a_log_and_can_be_switched_off(
    monkeypatch, terminal, disabled
):
    made, silent = [], nullcontext(tqdm(disable=True))
    monkeypatch.setattr("grokutil.runs.progress.tqdm", lambda **options: made.append(options) or silent)
    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: terminal, write=len, flush=int))
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    if disabled:
        monkeypatch.setenv("TQDM_DISABLE", "1")
    with progress_bar("t", 1, shown=True):
        pass
    assert made[0]["disable"] is disabled and made[0]["mininterval"] == (0.1 if terminal else 60)
