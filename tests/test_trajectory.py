"""The record of a run."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch

from grokutil.runs.storage import save_npz
from grokutil.runs.trajectory import Trajectory


def record(**changes):
    states = [torch.full((2, 3), float(k), dtype=torch.float64) for k in range(3)]
    fields = {"times": [0.0, 0.5, 2.0], "states": states, "clock": "tau", "evaluations": 7, "settings": {"step": 0.1}}
    return Trajectory(**(fields | changes))


def test_it_cannot_be_changed():
    trajectory = record()
    with pytest.raises(dataclasses.FrozenInstanceError):
        trajectory.clock = "t"
    with pytest.raises(ValueError, match="read-only"):
        trajectory.times[0] = 1.0
    with pytest.raises(TypeError):
        trajectory.states[0] = None
    with pytest.raises(TypeError):
        trajectory.settings["step"] = 1.0


def test_it_does_not_share_its_times():
    times = np.array([0.0, 1.0, 2.0])
    trajectory = record(times=times)
    times[0] = -1.0
    assert trajectory.times[0] == 0.0


def test_round_trip(tmp_path):
    for states in (record().states, [(s, s[:1] + 1) for s in record().states]):
        trajectory = record(states=states, complete=False)
        loaded = Trajectory.load(trajectory.save(tmp_path / "run.npz"))
        torch.testing.assert_close(loaded.states, trajectory.states, rtol=0, atol=0)
        assert np.array_equal(loaded.times, trajectory.times) and dict(loaded.settings) == dict(trajectory.settings)
        assert (loaded.clock, loaded.evaluations, loaded.complete) == ("tau", 7, False)


def test_another_file_is_not_taken_for_a_trajectory(tmp_path):
    path = save_npz(tmp_path / "other.npz", {"a": np.ones(2)}, {})
    with pytest.raises(ValueError, match="other.npz holds other data than a saved trajectory"):
        Trajectory.load(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clock": ""}, "clock must be a name such as 'tau'"),
        ({"clock": None}, "clock must be a name such as 'tau'"),
        ({"measured": {"a": np.ones(3)}}, "3 states for 3 times; there must be the last state alone"),
        ({"measured": {"a": np.ones(2)}, "states": [np.ones(1)]}, r"measured 'a' has shape \(2,\)"),
        ({"times": [0.0, 1.0]}, "3 states for 2 times"),
        ({"times": [0.0, 1.0, 1.0]}, "increase strictly"),
        ({"times": [0.0, 1.0, float("inf")]}, "times has 1 entries that are not finite"),
        ({"times": []}, "non-empty"),
    ],
)
def test_bad_records_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        record(**changes)


def test_some_of_its_times_can_be_taken():
    part = record().at([0, 2])
    assert part.times.tolist() == [0.0, 2.0] and part.clock == "tau" and float(part.states[1][0, 0]) == 2.0
    with pytest.raises(ValueError, match="nothing was recorded at 1; the nearest record is at 0.5"):
        record().at([0, 1])


def test_a_time_is_taken_to_the_spacing_of_the_records():
    """Rounding passes, a neighbour does not, at any scale of the times."""
    for times, missing in (([0, 1e-9, 1], 5e-9), ([0, 1e5, 3e5], 300_002), ([0, 0.5, 2], 0.5001), ([0, 0.5, 2], 2.1)):
        trajectory = record(times=times)
        with pytest.raises(ValueError, match="nothing was recorded"):
            trajectory.at([missing])
    tenths = record(times=np.arange(3) * 0.1)
    assert tenths.at([0.1 + 0.1]).times.tolist() == [0.2]
    assert len(record(times=[0.3], states=record().states[:1]).at([0.1 + 0.2])) == 1


def test_the_spacing_is_that_of_the_records_beside_it():
    near = record(times=[0, 1e-6, 1.0])
    for wrong in (1e-6 + 1e-13, 1e-6 - 1e-13):
        with pytest.raises(ValueError, match="nothing was recorded"):
            near.at([wrong])
    far = replace(near, times=[1e-6, 1000, 2000])
    for times in ([1000 + 1e-7], [1000 - 1e-7], [2000 - 1e-7]):  # 1e-9 of 1000 is 1e-6
        assert far.at(times).times[0] in (1000, 2000)
    assert replace(near, times=[1e-6, 2e-6, 2000], states=far.states).at([2000 + 1e-7]).times[0] == 2000


def test_it_shares_nothing_with_who_made_it():
    settings, values = {"seed": 1}, np.arange(3.0)
    kept = record(states=[np.ones(1)], settings=settings, measured={"a": values})
    settings["seed"], values[0] = 2, 9.0  # and it stays theirs to write to
    assert kept.settings["seed"] == 1 and kept.measured["a"].tolist() == [0, 1, 2]


def test_states_may_come_as_arrays(tmp_path):
    trajectory = record(states=[np.full((2, 3), float(k)) for k in range(3)])
    torch.testing.assert_close(trajectory.states, record().states)
    assert len(Trajectory.load(trajectory.save(tmp_path / "run.npz"))) == 3


def test_it_is_shown_in_a_line():
    assert repr(record()).startswith(f"Trajectory({len(record())} states (") and repr(record()).endswith("tau 0 to 2)")
    assert repr(record(complete=False)).endswith("tau 0 to 2, interrupted)")
