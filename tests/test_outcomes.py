"""The record of a sweep and its file."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from grokutil.runs.outcomes import Outcome, Sweep, append_line, as_json, key, load, write_lines

GRID = Sweep(
    tuple(
        Outcome({"sigma": sigma, "p": p, "seed": seed}, {"time": p + seed, "path": [p, None]}, 0.1)
        for sigma in ("relu", "gelu")
        for p in (23, 11)
        for seed in (0, 1)
        if (sigma, p, seed) != ("gelu", 11, 1)
    )
    + (Outcome({"sigma": "gelu", "p": 11, "seed": 1}, error="ValueError: no"),)
)
HEADER, ORIGIN = {"run": "m.run", "arguments": ["x"]}, {"provenance": {"command": "c"}}


def test_axes_are_sorted_whatever_the_order_of_the_outcomes():
    assert GRID.axes == {"sigma": ("gelu", "relu"), "p": (11, 23), "seed": (0, 1)}
    assert Sweep(GRID.outcomes[::-1]).axes == GRID.axes and Sweep(()).axes == {}
    mixed = Sweep(tuple(Outcome({"x": x}) for x in ("b", None, 2, 0.5, "a")))
    assert mixed.axes == {"x": (0.5, 2, "a", "b", None)}


def test_array_is_the_grid_with_nan_for_what_is_missing():
    times = GRID.array("time")
    assert times.shape == (2, 2, 2) and times.dtype == np.float64
    for outcome in GRID.outcomes[:-1]:
        cell = outcome.cell
        place = tuple(GRID.axes[k].index(cell[k]) for k in ("sigma", "p", "seed"))
        assert times[place] == outcome.result["time"]
    assert np.isnan(times[0, 0, 1]) and np.isnan(times).sum() == 1
    assert np.array_equal(GRID.array("time", over=("seed", "sigma", "p")), times.transpose(2, 0, 1), equal_nan=True)


def test_lists_become_the_last_axis_and_none_becomes_nan():
    paths = GRID.where(sigma="relu").array("path", over=("p", "seed"))
    assert paths.shape == (2, 2, 2) and (paths[..., 0] == [[11, 11], [23, 23]]).all() and np.isnan(paths[..., 1]).all()


def test_where_keeps_what_fits_and_array_drops_what_is_fixed():
    part = replace(GRID, provenance=({"command": "c"},)).where(p=np.int64(11), sigma="gelu")
    assert part.provenance == ({"command": "c"},)
    assert part.cells == ({"sigma": "gelu", "p": 11, "seed": 0}, {"sigma": "gelu", "p": 11, "seed": 1})
    assert part.array("time")[0] == 11 and len(part.failed) == 1 and part.results[1] is None
    assert GRID.where(p=23, sigma="gelu", seed=1).array("time") == 24  # no axis is left


@pytest.mark.parametrize(
    "ask, message",
    [
        (lambda: GRID.where(p=12), "no cell has {'p': 12}; .*(11, 23)"),
        (lambda: GRID.where(width=1), r"\['width'\] are no arguments"),
        (
            lambda: GRID.array("time", over=("q",)),
            r"over names \['q'\], but the arguments are \['sigma', 'p', 'seed'\]",
        ),
        (lambda: GRID.array("time", over=("p",)), r"\['sigma', 'seed'\] vary too"),
        (lambda: GRID.array("norm"), "has no 'norm'; it has"),
        (lambda: GRID.where(sigma="gelu", p=11, seed=1).array("time"), "no results yet"),
        (lambda: Sweep((Outcome({"x": 1}, {"a": [1]}), Outcome({"x": 2}, {"a": 1}))).array("a"), "'a' has the shapes"),
    ],
)
def test_what_cannot_be_asked_says_why(ask, message):
    with pytest.raises(ValueError, match=message):
        ask()


def test_plain_values_come_back_from_json_as_they_were():
    value = {
        "a": np.float64(0.1),
        "b": np.arange(3),
        "c": torch.tensor([[1.5, np.nan]]),
        "d": (True, None, "text"),
        "e": torch.tensor(2),
        "f": {"g": np.bool_(False), "h": float("nan")},
    }
    expected = {
        **{"a": 0.1, "b": [0, 1, 2], "c": [[1.5, None]], "d": [True, None, "text"], "e": 2},
        "f": {"g": False, "h": None},
    }
    assert as_json("x", value) == expected == json.loads(json.dumps(as_json("x", value), allow_nan=False))


@pytest.mark.parametrize(
    "value, message",
    [
        ({"a": [1.0, np.inf]}, r"x\['a'\]\[1\] is inf: JSON has no infinity; use None"),
        ({"a": 1j}, r"x\['a'\] is 1j, which JSON cannot hold"),
        ({1: 2}, "x is {1: 2}, which JSON cannot hold"),
        (object(), "which JSON cannot hold; use numbers"),
    ],
)
def test_what_json_cannot_hold_is_refused_by_name(value, message):
    with pytest.raises(ValueError, match=message):
        as_json("x", value)


def test_load_takes_the_last_line_of_each_cell_and_leaves_a_torn_file_alone(tmp_path):
    path = tmp_path / "sweep.jsonl"
    write_lines(path, [HEADER, ORIGIN, {"cell": {"x": 1}, "error": "no"}, {"cell": {"x": 2}, "result": {"y": 4}}])
    with open(path, "ab") as file:
        append_line(file, {"cell": {"x": 1}, "result": {"y": 1}, "seconds": 0.5})
        found = load(path)  # a line is in the file before it is closed: a kill would lose no more
    assert found.outcomes == (Outcome({"x": 1}, {"y": 1}, 0.5), Outcome({"x": 2}, {"y": 4}))
    assert found.provenance == ({"command": "c"},) and not found.failed and len(found) == 2

    torn = path.read_bytes()[:-5]
    path.write_bytes(torn)
    with pytest.warns(RuntimeWarning, match="the last line is torn; its cell counts as not run"):
        found = load(path)
    assert found.outcomes[0].error == "no" and path.read_bytes() == torn


@pytest.mark.parametrize("text", ["", "torn", "[1]\n", '{"a": 1}\n', '{"run": "r"}\n{"x": 1}\n', '{"run": "r"}\n1\n'])
def test_other_files_are_named(tmp_path, text):
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(ValueError, match="x.jsonl is not a file written by grokutil.sweep"):
        load(tmp_path / "x.jsonl")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing.jsonl")


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "sweep.jsonl"
    write_lines(path, [HEADER])
    with pytest.raises(TypeError):
        write_lines(path, [HEADER, {"cell": {"x": object()}}])
    assert list(tmp_path.iterdir()) == [path] and json.loads(path.read_text()) == HEADER


def test_a_name_that_is_no_argument_is_an_error_whatever_its_value():
    for value in (None, float("nan"), 1):
        with pytest.raises(ValueError, match=r"\['typo'\] are no arguments of this sweep"):
            GRID.where(typo=value)


def test_a_whole_number_is_one_value_however_it_is_written():
    sweep = Sweep((Outcome({"x": 1.0}, {"y": 2}), Outcome({"x": 0.5}, {"y": 3})))
    assert sweep.where(x=1).results == ({"y": 2},) and len(sweep.where(x=np.float64(1))) == 1
    assert key([{"a": 2.0}]) == key([{"a": 2}]) != key([{"a": True}])
    assert all(key(float(k)) == key(k) for k in (-3, 0, 10**20)) and key(-0.0) == key(0)


def test_rows_are_flat():
    first = GRID.rows()[0]
    assert first == {**GRID.cells[0], **GRID.results[0], "seconds": 0.1, "error": None}
    assert GRID.rows()[-1]["error"] == "ValueError: no" and len(GRID.rows()) == len(GRID)
    with pytest.raises(ValueError, match=r"\['x'\] name arguments and entries"):
        Sweep((Outcome({"x": 1}, {"x": 2}),)).rows()


def test_text_is_no_array():
    with pytest.raises(ValueError, match="'y' of {'x': 1} is 'two': no number"):
        Sweep((Outcome({"x": 1}, {"y": "two"}),)).array("y")
