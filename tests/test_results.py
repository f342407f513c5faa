"""The stored results: each says where it comes from, and a part of each is computed again and compared."""

import importlib.util

import numpy as np
import pytest
import torch

from grokutil import results
from grokutil.data import modular_addition
from grokutil.model import predict
from grokutil.results import __main__ as make_results
from grokutil.runs.storage import load_npz
from grokutil.runs.sweep import load


def test_every_file_is_there_with_its_provenance():
    assert "simulated_grokking" in results.folders()
    for folder in results.folders():
        files = {path.stem for path in (results.HERE / folder).glob("*.npz")}
        recipe = results.recipe(folder)
        assert files == set(getattr(recipe, "CELLS", ()))
        if hasattr(recipe, "GRID"):
            found = load(results.path(folder, "sweep.jsonl"))
            assert found.axes == {name: tuple(values) for name, values in recipe.GRID.items()}
            assert len(found) == np.prod([len(values) for values in recipe.GRID.values()])
            assert None not in found.results and all(origin["command"] == "make results" for origin in found.provenance)
        for cell in files:
            arrays, notes = results.load(folder, cell)
            assert notes["command"] == "make results" and "seed" in notes
            assert {"torch", "numpy", "python", "grokutil", "machine", "seconds"} <= notes.keys()
            assert arrays and all(array.size for array in arrays.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule", ["published", "small", "resolved", "stabilised", "variance_published", "variance_stabilised"]
)
def test_the_beginning_of_a_simulation_is_computed_again(rule):
    """To tau = 0.05: long past the first jump, and before rounding has grown along the run."""
    recipe = results.recipe("simulated_grokking")
    expected, _ = results.load("simulated_grokking", f"{rule}_0")
    assert np.array_equal(expected["times"], recipe.record_times(recipe.END[rule]))
    # a method that chooses its steps cuts the last one short, so it goes further than what is compared
    _, again = recipe.run(rule, seed=0, end=0.15 if rule.endswith("stabilised") else 0.05)
    for name, array in again.items():
        times = again["times" if len(array) == len(again["times"]) else "coarse_times"]
        size = int((times <= 0.05).sum())
        array, old = array[:size], expected[name][:size]
        if name == "residual":
            assert array.max() < 1e-8 and old.max() < 1e-8  # rounding: its size is what repeats
        elif name == "sharpness":
            np.testing.assert_allclose(array, old, rtol=5e-3)  # Lanczos stops at 1e-3
        else:
            np.testing.assert_allclose(array, old, rtol=1e-6, atol=1e-9, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["relu", "softplus", "quadratic"])
def test_the_beginning_of_a_path_along_the_manifold_is_computed_again(name):
    """To step 300: the pairs near a kink may differ by a few where rounding does."""
    recipe = results.recipe("along_the_manifold")
    expected, notes = results.load("along_the_manifold", f"{name}_0")
    assert expected["times"].tolist() == list(recipe.RECORDS)
    assert notes["projections"] == list(recipe.projections(name)) and notes["stretches"] == list(recipe.STRETCHES)
    again = recipe.run(name, seed=0, end=300)
    assert again.keys() == expected.keys()
    for key, array in again.items():
        old = expected[key][: len(array)]
        if key in ("count", "overlap"):
            assert abs(array - old).max() <= 5, key
        elif name == "relu" and key not in ("times", "train_loss", "test_loss", "norm2", "singular"):
            np.testing.assert_allclose(array, old, rtol=0.02, atol=5e-3, err_msg=key)
        else:
            np.testing.assert_allclose(array, old, rtol=1e-6, atol=1e-9, err_msg=key)


@pytest.mark.slow
def test_the_beginning_of_other_paths_is_computed_again():
    """Two walks to length one, and one sweep over a short time; both of smooth networks."""
    recipe = results.recipe("other_paths")
    expected, _ = results.load("other_paths", "walks_0")
    again = recipe.walks(0, length=1.0, names=["angle 60", "held"])
    for name in ("angle 60", "held"):
        np.testing.assert_allclose(again[name], expected[name][:, :3], rtol=1e-6, err_msg=name)
    expected, _ = results.load("other_paths", "quadratic_13_0")
    again = recipe.sweep("quadratic", 13, 0, s_end=recipe.S_END["quadratic", 13] / 5, fractions=[0.7])
    i = recipe.FRACTIONS[13].index(0.7)
    np.testing.assert_allclose(again["train"][0, :, -1], expected["train"][i, :, 0], rtol=1e-6)
    np.testing.assert_allclose(again["whole"][:, -1], expected["whole"][:, 0], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["quadratic", "softplus", "relu"])
def test_the_beginning_of_the_walks_to_their_end_is_computed_again(name):
    """To s = 0.25, as far as rounding has not grown along kinks."""
    recipe = results.recipe("where_it_ends")
    expected, notes = results.load("where_it_ends", f"{name}_0")
    assert expected["s"].tolist() == list(recipe.S) and notes["cuts"] == list(recipe.CUTS)
    again = recipe.run(name, seed=0, end=0.1 if name == "relu" else 0.25)
    for key, array in again.items():
        old = expected[key][: len(array)]
        if name == "relu" and key in ("held", "smallest_held", "cosine", "speed", "rank"):
            np.testing.assert_allclose(array, old, rtol=0.02, atol=5e-3, err_msg=key)
        else:
            np.testing.assert_allclose(array, old, rtol=1e-6, atol=1e-9, err_msg=key)


@pytest.mark.slow
def test_the_beginning_of_the_slow_flow_to_its_end_is_computed_again():
    recipe = results.recipe("where_it_ends")
    expected, notes = results.load("where_it_ends", "flow_0")
    assert expected["s"].tolist() == list(recipe.FLOW_S) and notes["weight_decays"] == list(recipe.FLOW_DECAYS)
    for key, array in recipe.flow(0, end=0.5).items():
        old = expected[key][..., :2] if key == "distance" else expected[key][:2]
        np.testing.assert_allclose(array, old, rtol=1e-6, atol=1e-8, err_msg=key)


def test_the_narrow_networks_fit_with_fewer_weights_than_outputs():
    recipe = results.recipe("where_it_ends")
    for seed in range(5):
        found, _ = results.load("where_it_ends", f"narrow_{seed}")
        task = modular_addition(recipe.P, train_size=recipe.TRAIN, seed=seed)
        W1, W2 = (torch.from_numpy(found[key]) for key in ("W1", "W2"))
        assert W1.numel() + W2.numel() < task.Y_train.numel()
        assert (predict(W1, W2, task.X_train, "quadratic") - task.Y_train).norm() < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize("cell, records, rtol", [("off_1", 4, 1e-6), ("graph_0", 3, 1e-6), ("end_2", 2, 1e-5)])
def test_the_beginning_of_four_paths_is_computed_again(cell, records, rtol):
    recipe = results.recipe("four_paths")
    expected, notes = results.load("four_paths", cell)
    kind, seed = cell.split("_")
    assert np.array_equal(expected["times"], recipe.LONG if kind == "end" else recipe.TIMES)
    again, names, _ = recipe.run(kind, int(seed), expected["times"][:records])
    assert names == notes["paths"] and again.keys() == expected.keys()
    for key, array in again.items():
        old = expected[key][..., :records]
        np.testing.assert_allclose(array, old, rtol=rtol, atol=1e-8, err_msg=key)


@pytest.mark.slow
def test_the_beginning_of_four_relu_paths_is_computed_again():
    """Along kinks rounding decides single steps: outputs agree to their chatter."""
    recipe = results.recipe("four_paths")
    expected, _ = results.load("four_paths", "relu_0")
    again, _, _ = recipe.run("relu", 0, recipe.TIMES[:2])
    for key in ("distance", "norm2_first", "norm2_readout", "test_error", "concentration"):
        np.testing.assert_allclose(again[key], expected[key][..., :2], rtol=1e-3, atol=2e-3, err_msg=key)


@pytest.mark.slow
def test_the_beginning_of_grokking_times_is_computed_again():
    """To s = 0.7, where rounding may have moved a test pair by a record."""
    recipe = results.recipe("grokking_time")
    stored = load(results.path("grokking_time", "sweep.jsonl"))
    steps = recipe.STEPS[recipe.S <= 0.7]
    for activation, p in (("quadratic", 11), ("relu", 17)):
        (expected,) = stored.where(activation=activation, p=p, fraction=0.9, seed=0).results
        again = recipe.run(activation, p, 0.9, seed=0, steps=steps)
        right = np.array(expected["right"][: len(steps)])
        assert right.max() >= 4 and abs(again["right"] - right).max() <= 1 and (again["right"] != right).sum() <= 5
        assert again["of"] == expected["of"] and again["memorised"] == pytest.approx(expected["memorised"], rel=0.2)


@pytest.mark.slow
def test_the_beginning_of_the_resolved_flow_is_computed_again():
    """To tau = 0.02: what it costs, and where it leads."""
    recipe = results.recipe("performance")
    for cell, method, rtol in (("relu_0", "rkc", 0.1), ("tanh_0", "rk45", 0.01)):
        expected, notes = results.load("performance", cell)
        assert np.array_equal(expected["times"], recipe.TIMES) and notes["limit"] == recipe.LIMIT
        run, _ = recipe.follow(cell, method, rtol, recipe.EARLY_END)
        i = expected[f"{method}_rtol"].tolist().index(rtol)
        assert run.evaluations == pytest.approx(expected[f"{method}_early_evaluations"][i], rel=0.1)
        assert run.gap(expected["norm2"]) == pytest.approx(expected[f"{method}_early_gap"][i], rel=0.1, abs=5e-4)


def test_the_costs_of_the_resolved_flow_are_what_they_claim():
    """The first tolerance within the gap counts, no later one was tried, and a stopped run has spent its limit."""
    recipe = results.recipe("performance")
    for cell in recipe.CELLS:
        arrays, notes = results.load("performance", cell)
        assert arrays["norm2"].shape == recipe.TIMES.shape and notes["reference_rtol"] < 0.1
        for method in recipe.METHODS:
            rtol, gap, early, evaluations, reached = (
                arrays[f"{method}_{name}"] for name in ("rtol", "gap", "early_gap", "evaluations", "reached")
            )
            assert rtol.tolist() == list(recipe.LADDER[: len(rtol)])
            assert gap[-1] <= recipe.GAP and not (gap[:-1] <= recipe.GAP).any()
            assert np.array_equal(np.isnan(gap), early > recipe.GAP)
            assert reached[-1] == recipe.END or evaluations[-1] == recipe.LIMIT


RECIPE = """
from pathlib import Path

import numpy as np

CELLS = ("one", "two")


def make(cell):
    (Path({folder!r}) / f"{{cell}} was made").touch(exist_ok=False)
    if cell == {bad!r}:
        raise ValueError(cell)
    return {{"x": np.ones(1)}}, {{"seed": 0}}
"""


def module_from(file):
    spec = importlib.util.spec_from_file_location("made", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_run_that_was_not_complete_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    """Finished files are not made again; nothing is stored before all of a folder are there."""
    folder, waiting = tmp_path / "squares", tmp_path / "_build" / "results" / "squares"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(make_results, "HERE", tmp_path)
    monkeypatch.setattr(make_results, "folders", lambda: ["squares"])
    monkeypatch.setattr(make_results, "recipe", lambda name: module_from(tmp_path / name / "recipe.py"))
    monkeypatch.setattr("sys.argv", ["grokutil.results", "--workers", "1"])
    (folder / "recipe.py").write_text(RECIPE.format(folder=str(tmp_path), bad="two"))
    with (
        pytest.warns(RuntimeWarning, match="1 of 2 cells failed.*\n.*ValueError: two"),
        pytest.raises(SystemExit, match="squares is not complete; the same command goes on"),
    ):
        make_results.main()
    assert (waiting / "one.npz").exists() and not list(folder.glob("*.npz"))

    (tmp_path / "two was made").unlink()
    (folder / "recipe.py").write_text(RECIPE.format(folder=str(tmp_path), bad="none"))
    make_results.main()
    assert "squares: 2 results stored in" in capsys.readouterr().out
    assert {path.name for path in folder.glob("*.npz")} == {"one.npz", "two.npz"}
    assert load_npz(folder / "one.npz")[1]["command"] == "make results"
    assert not list(waiting.glob("[!.]*"))


def test_an_unknown_folder_is_named(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["grokutil.results", "nowhere"])
    with pytest.raises(SystemExit):
        make_results.main()
    assert "no recipe in nowhere; there is one in" in capsys.readouterr().err


def test_a_result_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match="no stored result four_paths/end_9.npz; .*end_0.npz"):
        results.load("four_paths", "end_9")
    with pytest.raises(FileNotFoundError, match="no stored result nowhere/a.npz; there are .*four_paths"):
        results.load("nowhere", "a")


@pytest.mark.slow
def test_two_searches_for_the_least_norm_are_computed_again():
    recipe = results.recipe("price")
    expected, notes = results.load("price", "some_quadratic_11_0")
    assert expected["n"].tolist() == recipe.sizes("quadratic", 11) and notes["ridges"] == list(recipe.RIDGES)
    again = recipe.some("quadratic", 11, 0, chosen=expected["n"][:1].tolist())
    for key, array in again.items():
        np.testing.assert_allclose(array, expected[key][:1], rtol=1e-3, atol=1e-3, err_msg=key)
    whole, _ = results.load("price", "whole_relu_5")
    assert abs(recipe.whole("relu", 5, starts=1)["norm2"] / whole["norm2"] - 1).min() < 1e-3


def test_the_bound_of_a_small_modulus_is_computed_again():
    recipe = results.recipe("relu_price")
    expected, notes = results.load("relu_price", "dual_5")
    assert notes["directions"] == recipe.DIRECTIONS and expected["largest"] == pytest.approx(1, abs=1e-6)
    assert recipe.dual(5)["bound"] == pytest.approx(expected["bound"], rel=1e-5)


def test_a_part_of_each_kind_of_cross_entropy_is_computed_again():
    """Two losses to step 1000, the flow at one scale with its rule, a larger task, a price, a small problem."""
    recipe = results.recipe("cross_entropy")
    same = {"rtol": 1e-5, "atol": 1e-8}

    expected, notes = results.load("cross_entropy", "training_softplus_0")
    assert notes["runs"] == list(recipe.RUNS)
    names = ("squared", "soft 0.1")
    for key, array in recipe.training("softplus", 0, end=1000, runs=names).items():
        old = expected[key][[list(recipe.RUNS).index(name) for name in names], :1]
        if key == "identity":
            assert array.max() < 1e-10 and old.max() < 1e-10  # rounding: its size is what repeats
        else:
            np.testing.assert_allclose(array, old, err_msg=key, **same)

    expected, _ = results.load("cross_entropy", "margins_0")
    for key, array in recipe.margin_runs(0, scales=(8,), parts=()).items():
        if key in ("active", "rule_near", "rule_held"):
            assert abs(array - expected[key][:1]).max() <= 3, key
        else:
            np.testing.assert_allclose(array, expected[key][:1], rtol=1e-3, atol=1e-6, err_msg=key)

    expected, _ = results.load("cross_entropy", "larger_0")
    again = recipe.larger(0, runs=recipe.LARGER[2:], times=recipe.LARGER_S[:2])
    np.testing.assert_allclose(again["norm2"], expected["norm2"][2:, :2], **same)
    expected, _ = results.load("cross_entropy", "price_0")
    np.testing.assert_allclose(recipe.price(0, pairs=(20,), whole=())["pairs"], expected["pairs"][:1], rtol=1e-3)
    expected, _ = results.load("cross_entropy", "clamped_0")
    np.testing.assert_allclose(recipe.clamped(0, scales=(6,))["margin"], expected["margin"][:1], rtol=1e-4)
    expected, _ = results.load("cross_entropy", "soft_1")
    for key, array in recipe.soft(1, ridges=recipe.SOFT_RIDGES[:1]).items():
        np.testing.assert_allclose(
            array, expected[key][:1] if key in ("error", "fast", "gap") else expected[key], rtol=1e-3
        )
    expected, _ = results.load("cross_entropy", "arrivals_2")
    again = recipe.arrivals(2, scales=(64,), finer=False)
    np.testing.assert_allclose(again["cosine"], expected["cosine"][:1], atol=1e-4)
    assert abs(again["arriving"] - expected["arriving"][:1]).max() <= 1
    expected, _ = results.load("cross_entropy", "toy_diagonal_2")
    np.testing.assert_allclose(
        recipe.toy("diagonal", 2, scales=(10, 20), starts=(5,))["error"], expected["error"][:2], rtol=1e-3
    )


def test_a_part_of_what_other_groups_measured_is_computed_again():
    """500 epochs with AdamW, which test pairs are known the other way round, and the bound."""
    recipe = results.recipe("peers")
    expected, _ = results.load("peers", "adamw_1")
    for key, array in recipe.adamw(1, recipe.EPOCHS[:1]).items():
        np.testing.assert_allclose(array, expected[key][:1], rtol=1e-4, err_msg=key)
    expected, _ = results.load("peers", "mirrored_1")
    again = recipe.mirrored(1, step=20)
    assert again["share"] == expected["share"] and again["memorised"] < 0.3
    expected, _ = results.load("peers", "margin")
    np.testing.assert_allclose(recipe.margin()["reached"], expected["reached"], rtol=1e-12)


@pytest.mark.slow
def test_a_part_of_how_long_training_takes_is_computed_again():
    """Two scales of a ReLU network, three learning rates, the first look at its faces; a small network, and a face."""
    recipe, same = results.recipe("how_long"), {"rtol": 1e-5, "atol": 1e-8}
    expected, notes = results.load("how_long", "scale_relu_0")
    assert tuple(notes["scales"]) == recipe.SCALES["relu"] and expected["mirrored_mse"].shape[1] == len(recipe.CLOCK)
    again = recipe.scale("relu", 0, scales=(1.0,))
    early = recipe.CLOCK < 0.1  # chatter across kinks grows rounding later
    np.testing.assert_allclose(again["mirrored_mse"][0][early], expected["mirrored_mse"][0][early], rtol=1e-3)
    expected, _ = results.load("how_long", "rate_0")
    for key, array in recipe.rate(0, rates=(2.0, 4.0)).items():
        np.testing.assert_allclose(array, expected[key][3:5], err_msg=key, **same)
    expected, _ = results.load("how_long", "faces_0")
    assert abs(recipe.faces(0, starts=(0.1,))["sliding"] - expected["sliding"][:1]).max() <= 20

    recipe = results.recipe("long_flow")
    expected, _ = results.load("long_flow", "tanh_0")
    again = recipe.long(0, ridges=(1e-2,), times=recipe.TIMES[:21])
    np.testing.assert_allclose(again["gap"][0], expected["gap"][0, :21], rtol=1e-3, atol=1e-4)
    again = recipe.face(0, ridges=(1e-2, 3e-3))  # which of forty runs is the first with room, rounding may decide
    assert again["end"] >= recipe.LEAST and again["error"][1] == pytest.approx(again["error"][0], rel=0.1)


def test_a_part_of_each_kind_of_noise_is_computed_again():
    """AdamW at its first marks, the edge on one network, mini-batches at the largest step."""
    from grokutil.results.noise import adams, small

    expected, notes = results.load("noise", "adamw_11_1e-3")
    assert notes["marks"] == list(adams.ADAM["adamw_11_1e-3"].marks) and notes["seeds"] == 5
    for key, array in adams.adam("adamw_11_1e-3", seeds=1, marks=adams.ADAM["adamw_11_1e-3"].marks[:2]).items():
        np.testing.assert_allclose(array, expected[key][:1, :2], rtol=1e-4, err_msg=key)

    expected, notes = results.load("noise", "edge_small")
    place = notes["seeds"].index(28)
    again, _ = small.edge_small(seeds=(28,), slow_steps=notes["slow_steps"][:1])
    # at the edge a run is chaotic: of eight starts 1e-13 apart the losses differed by up to 1.6 %, the ends by 0.5 %
    for key, rtol in {"end": 2e-2, "free": 1e-2, "loss": 4e-2, "predicted": 1e-9, "ridge": 1e-9}.items():
        np.testing.assert_allclose(again[key][0, 0], expected[key][0, place], rtol=rtol, err_msg=key)

    expected, notes = results.load("noise", "batches_small")
    again = small.batch_runs(small.batch_networks(), small.BATCH_STEADY, notes["slow_steps"][0], 1, notes["runs"])
    for key in ("normal", "tangent", "worst", "loss", "predicted"):
        np.testing.assert_allclose(again[key], expected[f"decay_{key}"][0], rtol=1e-3, err_msg=key)


@pytest.mark.slow
def test_a_part_of_each_kind_of_depth_is_computed_again():
    """A small network, training to s = 0.25, two isolated flows, a linear network, a normalised one to s = 0.08."""
    recipe = results.recipe("depth")
    expected, _ = results.load("depth", "small_1")
    again = recipe.small(True, depths=(3,), seeds=(0,))
    np.testing.assert_allclose(again["error"], expected["error"][1:2, :1], rtol=1e-3)

    expected, notes = results.load("depth", "network_2_0")
    assert notes["marks"] == list(recipe.MARKS) and (notes["width"], notes["rate"]) == recipe.DEPTHS[2]
    for key, array in recipe.network(2, 0, until=0.25).items():
        np.testing.assert_allclose(array, expected[key][: len(array)], rtol=1e-3, atol=1e-6, err_msg=key)

    expected, notes = results.load("depth", "head_11")
    assert notes["layers"] == ["1", "2", "3", "inf"]
    again = recipe.head_run(11, 2, 0)
    np.testing.assert_allclose(again["norm2"], expected["norm2"][1, 0], rtol=1e-3)
    assert abs(again["accuracy"] - expected["accuracy"][1, 0]).mean() < 0.02
    expected, _ = results.load("depth", "isolated_11_2_128")
    np.testing.assert_allclose(recipe.isolated_run(11, 2, 128, 0)["norm2"], expected["norm2"][0], rtol=1e-3)

    expected, notes = results.load("depth", "linear")
    again = recipe.linear_path(2, recipe.LINEAR_S[:7])
    np.testing.assert_allclose(again, expected["distance"][1, :, :7].T, rtol=1e-6)
    expected, notes = results.load("depth", "normalised_0")
    again = recipe.normalised(0, {0.3: 3e-4}, recipe.NORMED_S[:3])
    for key in ("norm2", "sharpness"):
        np.testing.assert_allclose(again[key], expected[key][:2, :3], rtol=1e-3, err_msg=key)
