"""The stored results: each says where it comes from, and a part of each is computed again and compared."""

import importlib.util

import numpy as np
import pytest

from grokutil.storage import load_npz


@pytest.fixture(scope="module")
def make_results(root):
    spec = importlib.util.spec_from_file_location("make_results", root / "book" / "data" / "make_results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stored(root):
    return {path.stem: load_npz(path) for path in (root / "book" / "data" / "simulated_grokking").glob("*.npz")}


def test_every_run_is_there_with_its_provenance(make_results, stored):
    assert stored.keys() == {f"{rule}_{seed}" for rule, seeds in make_results.RUNS.items() for seed in seeds}
    for name, (arrays, notes) in stored.items():
        assert name == f"{notes['rule']}_{notes['seed']}" and notes["command"] == "make results"
        assert {"torch", "numpy", "python", "grokutil", "machine", "step", "evaluations", "seconds"} <= notes.keys()
        assert np.array_equal(arrays["times"], make_results.record_times(make_results.END[notes["rule"]]))
        assert all(np.isfinite(array).all() for array in arrays.values())


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["published", "small", "resolved"])
def test_the_beginning_of_a_run_is_computed_again(make_results, stored, rule):
    """To tau = 0.05: long past the first jump, and before rounding has grown along the run."""
    expected, _ = stored[f"{rule}_0"]
    _, again = make_results.run(rule, seed=0, end=0.05)
    for name, array in again.items():
        old = expected[name][: len(array)]
        if name == "residual":
            assert array.max() < 1e-8 and old.max() < 1e-8  # rounding: its size is what repeats
        elif name == "sharpness":
            np.testing.assert_allclose(array, old, rtol=5e-3)  # Lanczos stops at 1e-3
        else:
            np.testing.assert_allclose(array, old, rtol=1e-6, atol=1e-9, err_msg=name)


def test_a_run_that_was_stopped_goes_on_where_it_was(make_results, tmp_path, monkeypatch, capsys):
    """Finished runs are not made again; nothing is stored before all are there."""
    monkeypatch.setattr(make_results, "HERE", tmp_path / "data")
    monkeypatch.setattr(make_results, "WAITING", tmp_path / "waiting")
    monkeypatch.setattr("sys.argv", ["make_results.py"])
    (tmp_path / "data").mkdir()
    waiting = tmp_path / "waiting" / make_results.FOLDER
    waiting.mkdir(parents=True)
    for rule, seeds in make_results.RUNS.items():
        for seed in seeds:
            (waiting / f"{rule}_{seed}.npz").write_text(f"{rule} {seed}")
    make_results.main()
    assert "0 of 11 runs to make" in capsys.readouterr().out
    assert (tmp_path / "data" / make_results.FOLDER / "small_2.npz").read_text() == "small 2"
    assert not list(waiting.iterdir())
