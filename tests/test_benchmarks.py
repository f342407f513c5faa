"""The benchmarks compare like with like: every way of a subject gives the same result. Nothing here is timed."""

import importlib
import itertools
import json
import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from grokutil import results
from grokutil.benchmarks import __main__ as table
from grokutil.benchmarks import scaling, tangent_projection_large
from grokutil.benchmarks.__main__ import MODULES
from grokutil.benchmarks.compare import FLOOR, Row, compare, interleaved
from grokutil.benchmarks.first_layer_velocity import FLOPS, flops
from grokutil.benchmarks.one_run import WAYS, one_run
from grokutil.benchmarks.resolved_flow import Cost, resolved_flow
from grokutil.benchmarks.table import print_costs, print_rows
from grokutil.benchmarks.whole_runs import whole_runs
from grokutil.manifold import TangentSpace
from grokutil.runs.storage import save_npz

SMALLER = {tangent_projection_large.__name__: (19, 192)}  # in full its factor takes a minute and 2.7 GB


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_all_ways_give_the_same_result(module):
    first, *others = [way() for way in importlib.import_module(module).ways(*SMALLER.get(module, ())).values()]
    for other in others:
        assert float((other - first).norm()) < 1e-9 * float(first.norm())


@pytest.mark.slow
def test_in_full_the_large_projection_is_tangent_and_the_table_has_its_gap():
    """P theta = theta - J^T u with J P theta = 0 has one solution: the factor is not needed to see that this is it."""
    W1, W2, X = tangent_projection_large.network()
    space = TangentSpace(W1, W2, X, solver="conjugate_gradients")
    ours, factor = tangent_projection_large.ways()
    tangent = tangent_projection_large.ways()[ours]()
    normal = space.theta - tangent
    assert float(space.product(tangent).norm()) < 1e-9 * float(space.product(space.theta).norm())
    assert float(space.project(normal).norm()) < 1e-9 * float(normal.norm())
    stored = json.loads(results.path("performance", "benchmarks.json").read_text())["rows"]
    gaps = {row["way"]: row["gap"] for row in stored if row["subject"] == tangent_projection_large.SUBJECT}
    assert gaps.keys() == {ours, factor} and gaps[factor] < 1e-9


FAULTS = """
import resource
from grokutil.benchmarks.first_layer_velocity import ways
ours = next(iter(ways().values()))
[ours() for _ in range(3)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
[ours() for _ in range(20)]
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the threshold is glibc's")
def test_an_evaluation_finds_its_memory_again():
    def faults(**settings):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
        command = [sys.executable, "-c", FAULTS]
        return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment | settings).stdout)

    assert faults() < 100 and faults(MALLOC_TRIM_THRESHOLD_="131072") > 1000


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Makes a module that this process and its children can import."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return lambda name, *lines: (tmp_path / f"{name}.py").write_text("\n".join(lines))


def test_a_subject_that_counts_its_flops_gets_a_floor(module):
    module(
        "counted",
        "import torch",
        "SUBJECT, FLOPS = 'counted', 2 * 512**3",
        "A = torch.ones(512, 512, dtype=torch.float64)",
        "def ways(): return {'product': lambda: A @ A}",
    )
    ours, floor = compare("counted", repeats=2)
    assert (ours.way, floor.way) == ("product", FLOOR)
    assert floor.seconds > 0 and floor.cpu_seconds > 0 and ours.times_ours == ours.cpu_times_ours == 1


def test_a_comparison_names_its_subject_and_measures_each_way(module, monkeypatch):
    module(
        "two_ways",
        "import torch",
        "SUBJECT = 'eight'",
        "def ways():",
        "    return {'add': lambda: torch.full((1000, 1000), 8.0).double(), 'double': lambda: torch.tensor(8.0)}",
    )
    big, small = compare("two_ways", repeats=2)
    assert isinstance(big, Row) and (big.subject, big.way, small.way) == ("eight", "add", "double")
    assert big.megabytes > 5 > small.megabytes and big.gap == 0.0 and big.seconds > 0
    monkeypatch.setattr("grokutil.benchmarks.compare.peak", lambda *_: 0.0)
    once, _ = compare("two_ways", repeats=1)
    assert once.cpu_seconds is None and once.seconds > 0


def test_ways_are_timed_in_turns_each_after_a_call_that_is_not():
    ticks, calls = itertools.count(), []
    ways = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    seconds = interleaved(ways, 3, lambda: float(next(ticks)))
    assert calls == list("aabb" * 3)
    assert all(row.tolist() == [1.0] * 3 for row in seconds.values())


def test_the_flops_are_those_of_the_products():
    """A product of a x b and b x c takes 2 a b c; half of H H^T is needed, and Cholesky takes a third of n^3."""
    p, n, width = 5, 12, 20
    products = [(n, width, n), (n, n, p), (p, n, width), (n, p, width)]  # H H^T, A Y, B^T H, B (B^T H)
    gram, *others = (2 * a * b * c for a, b, c in products)
    assert flops(p, n, width) == gram / 2 + n**3 / 3 + sum(others)
    assert flops(37, 492, 512) == FLOPS == flops(74, 984, 1024) / 8


def test_a_run_is_the_same_with_both_formulas_and_keeps_to_its_steps():
    ours, printed, start = (one_run(way, seed=0, steps=50) for way in WAYS)
    assert ours["norm2"] == pytest.approx(printed["norm2"], rel=1e-9)
    assert ours["norm2"] > 1.5 * start["norm2"] and min(ours["megabytes"], printed["megabytes"]) >= 0


@pytest.mark.slow
def test_whole_runs_are_processes_of_their_own():
    ours, printed, start = whole_runs([1], 50)
    assert (ours.way, printed.way, start.way) == WAYS
    assert ours.subject == "Fig. 6a as published: 1 x 50 steps, 50 states kept; whole processes, one thread"
    assert 0 < printed.gap < 1e-9 and start.gap == 0 < min(row.cpu_seconds for row in (ours, printed, start))
    assert 20 < start.megabytes < ours.megabytes < 400


def test_a_scan_finds_the_power_of_a_known_cost(monkeypatch):
    """Time is replaced by a count of flops, which rise with the third power of n at fixed width / n and p / n."""
    monkeypatch.setitem(scaling.SCANS, "n", ((5, 10, 20), (10, 20, 40), (20, 40, 80)))
    monkeypatch.setattr(scaling, "BATCH", 1.0)

    def counted(ways, repeats, clock):  # noqa: ARG001
        cubes = {name: np.full(repeats, flops(*eval(name))) for name in ways if name != "product"}
        return cubes | {"product": np.full(repeats, 2.0 * scaling.SIDE**3)}

    monkeypatch.setattr(scaling, "interleaved", counted)
    scan = scaling.scan("n", repeats=3)
    assert scan.exponent == pytest.approx(3) and scan.spread == pytest.approx((3, 3)) and scan.rate == 1
    np.testing.assert_allclose(scan.seconds, scan.floor)
    assert scan.steps.tolist() == [10, 20, 40]


def test_evaluations_of_a_size_are_of_that_size():
    assert scaling.evaluations((5, 9, 12), 2)().shape == (5, 12)
    p, n, width = scaling.tasks((37,))[0]
    assert (p, n, width) == (37, 492, 512)


class TestStoredCosts:
    @pytest.fixture
    def pair(self, tmp_path):
        """Two tolerances were tried; RK45 was stopped at tau = 1.5."""
        arrays = {"times": np.array([0, 1.5, 2.5])}
        for method, evaluations, reached in (("rkc", 100, 2.5), ("rk45", 3000, 1.5)):
            last = {"rtol": 0.1, "gap": 0.01, "evaluations": evaluations, "products": 20, "reached": reached}
            arrays |= {f"{method}_{name}": np.array([np.nan, value]) for name, value in last.items()}
        save_npz(tmp_path / "gelu_3.npz", arrays, {"activation": "gelu", "seed": 3})
        (pair,) = resolved_flow(tmp_path)
        return pair

    def test_the_last_tolerance_counts(self, pair):
        assert pair[0] == Cost("gelu", 3, "rkc", 0.1, 0.01, 100, 20, 2.5, 2.5)
        assert pair[0].total == 120 and pair[0].bound == "" and pair[1].bound == "> "

    def test_a_lower_bound_is_printed_as_one(self, pair, capsys):
        print_costs([pair])
        ours, explicit = capsys.readouterr().out.splitlines()[-2:]
        assert ours.endswith("1.0") and explicit.split()[-5:] == [">", "3000", "20", ">", "25.2"]


def test_a_row_without_cpu_time_keeps_its_columns(capsys):
    print_rows([Row("s", "a", 1.0, 1.0, 1.0, 1.0, 5.0, 0.0), Row("s", "b", 2.0, 2.0, None, None, 5.0, 1e-9)])
    head, first, second = capsys.readouterr().out.splitlines()[2:]
    assert len(head) == len(first) == len(second) and second.endswith("1e-09")


def test_the_table_is_written_with_its_machine_and_versions(tmp_path, monkeypatch, capsys):
    row = Row("s", "a", 1.0, 1.0, 1.0, 1.0, 5.0, 0.0)
    asked = []
    monkeypatch.setattr(table, "MODULES", ("one",))
    monkeypatch.setattr(table, "compare", lambda module: [row])  # noqa: ARG005
    monkeypatch.setattr(table, "whole_runs", lambda seeds, steps: asked.append((list(seeds), steps)) or [row])
    monkeypatch.setattr(table, "peak", lambda *_: 12.0)
    scan = scaling.Scan("n", [(5, 10, 20), (5, 20, 40)], [1.0, 8.0], 3.0, (2.9, 3.1), 1.0)
    monkeypatch.setattr(table, "SCANS", ("n",))
    monkeypatch.setattr(table, "scan", lambda along: scan)  # noqa: ARG005
    monkeypatch.setattr(table, "resolved_flow", list)
    for options, runs in (([], ([0], 500)), (["--all"], ([0, 1, 2, 3, 4], 5000))):
        monkeypatch.setattr("sys.argv", ["benchmark", "--output", str(tmp_path / "b.json"), *options])
        table.main()
        assert asked[-1] == runs
    stored = json.loads((tmp_path / "b.json").read_text())
    assert {"command", "torch", "numpy", "python", "processor", "cores", "threads", "seed"} <= stored["notes"].keys()
    assert stored["notes"]["command"] == "make benchmark ALL=1" and stored["notes"]["processor"]
    assert [Row(**entry) for entry in stored["rows"]] == [row, row]
    assert stored["scans"][0]["exponent"] == 3.0 and stored["memory"]["megabytes"] == 12.0
    assert "grows with n to the power 3.00 (2.90 to 3.10)" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


def test_a_system_that_does_not_tell_its_processor(tmp_path):
    assert table.processor(tmp_path / "missing")
    (tmp_path / "cpuinfo").write_text("vendor_id: x\nmodel name\t: Some CPU\nmodel name\t: Some CPU\n")
    assert table.processor(tmp_path / "cpuinfo") == "Some CPU"
