"""The model answers of the problem sets get all points, whatever numbers a student has.

The first ids go through the grader, with processes of their own for each. For the others the cells and the hidden tests
run here, which spares them the imports: most of what a submission costs. Of these, CI draws some anew for each commit.
"""

import random
import subprocess
import sys

import pytest
from mutants.stored import seed
from test_assignments import SETS, all_points, quiet_figures, run, sets, verdicts  # noqa: F401

GRADED, DRAWN, ALL = 1, 2, 20


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_the_grader_gives_model_answers_all_points(root, name):
    path = root / "book" / "assignments" / f"{name}.md"
    command = [sys.executable, "-m", "grokutil.course", "model", path, "--ids", str(GRADED)]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    assert f"{GRADED} ids in " in result.stdout and "parts that lost points: 0" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_hidden_tests_give_model_answers_all_points(sets, name):  # noqa: F811
    for id in (f"student-{number}" for number in random.Random(seed() or 0).sample(range(GRADED, ALL), DRAWN)):
        names, errors = run(sets[name], id)
        assert not errors, id
        assert verdicts(sets[name], names, id) == all_points(sets[name]), id
