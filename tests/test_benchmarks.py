"""The benchmarks compare like with like: every way of a subject gives the same result. Nothing here is timed."""

import importlib

import pytest

from benchmarks.__main__ import MODULES
from benchmarks.compare import FLOOR, Row, compare


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_all_ways_give_the_same_result(module):
    first, *others = [way() for way in importlib.import_module(module).ways().values()]
    for other in others:
        assert float((other - first).norm()) < 1e-9 * float(first.norm())


def test_a_subject_that_counts_its_flops_gets_a_floor(tmp_path, monkeypatch):
    (tmp_path / "counted.py").write_text(
        "import torch\n"
        "SUBJECT, FLOPS = 'counted', 2 * 512**3\n"
        "A = torch.ones(512, 512, dtype=torch.float64)\n"
        "def ways():\n"
        "    return {'product': lambda: A @ A}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    _, floor = compare("counted", repeats=1)
    assert floor.way == FLOOR and floor.seconds > 0


def test_a_comparison_names_its_subject_and_measures_each_way(tmp_path, monkeypatch):
    (tmp_path / "two_ways.py").write_text(
        "import torch\n"
        "SUBJECT = 'eight'\n"
        "def ways():\n"
        "    return {'add': lambda: torch.full((1000, 1000), 8.0).double(), 'double': lambda: torch.tensor(8.0)}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    big, small = compare("two_ways", repeats=2)
    assert isinstance(big, Row) and (big.subject, big.way, small.way) == ("eight", "add", "double")
    assert big.megabytes > 5 > small.megabytes and big.gap == 0.0 and big.seconds > 0
