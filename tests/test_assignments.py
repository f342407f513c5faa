"""The four problem sets: model answers pass, wrong and copied ones do not, and no student has it harder.

Here cells and hidden tests run in this process; test_course_grading.py sends the model answers through the grader.
"""

import functools
import re
import warnings

import numpy as np
import pytest

from grokutil.course import kernel, student
from grokutil.course.checker import judge
from grokutil.course.problems import HIDDEN, fill_in, grade_id, read_set
from grokutil.course.values import encode

SEED = 5  # of the draws
TOYS, SPACE, FLOW, OPEN = SETS = ["set1_toys", "set2_tangent_space", "set3_isolated_dynamics", "set4_investigation"]
FAST = SETS[:3]
IDS = [f"student-{number}" for number in range(100)]

# Set, line of the model answer, what stands there instead, parts that must lose points, points left to them.
MISTAKES = [
    (
        TOYS,
        "return 2 * (x @ w - y) * x + 2 * ridge * w",
        "return (x @ w - y) * x + ridge * w",
        "test_gradient",
        0,
    ),
    (TOYS, "limit = a * y / (a + ridge)", "limit = y", "test_flow", 0),
    (TOYS, "passed = np.sign(r0) * np.sqrt(eps)", "passed = -np.sqrt(eps)", "test_memorisation", 1),
    (TOYS, "/ (4 * ridge)", "/ (2 * ridge)", "test_grokking", 0),
    (TOYS, "grokked.append(k)", "grokked.append(k + 3)", "test_descent", 0),
    (TOYS, "memorised.append(mem)", "memorised.append(mem + 2)", "test_descent", 2),
    (TOYS, "-np.log(r0 / EPS**0.5) / (2 * a)]", "-np.log(r0 / EPS**0.5) / 4]", "test_law", 3),
    (TOYS, "measured = np.polyfit(1 / RIDGES, delay, 1)", "measured = [0.8, -0.5]", "test_law", 3),
    (TOYS, "np.exp(-4 * s)", "np.exp(-2 * s)", "test_hyperbola", 2),
    (TOYS, "np.sqrt(1.01**2 - 1)", "0.01", "test_hyperbola", 2),
    (TOYS, "limit = -2 * C / norm_squared(0.5, HYPERBOLA)", "limit = -1.0", "test_residual", 2),
    (TOYS, "np.sum((Y / (X @ X) * X - 1) ** 2)", "0.0", "test_adding", 0),
    (SPACE, "sigma.slope(Z), W2).flatten(2)", "sigma.value(Z), W2).flatten(2)", "test_jacobian", 0),
    (
        SPACE,
        "return v - Q @ (Q.T @ v)",
        "return v - J.T @ torch.cholesky_solve((J @ v)[:, None], torch.linalg.cholesky(J @ J.T))[:, 0]",
        "test_project",
        3,
    ),
    (SPACE, "return v - Q @ (Q.T @ v)", "return v", "test_project", 0),
    (SPACE, "slope + 2 * 0.05 * THETA", "slope + 0.05 * THETA", "test_leaves", 0),
    (
        SPACE,
        "theta[:, None]).solution[:, 0]",
        "theta[:, None]).solution[:, 0] / 2",
        "test_multiplier",
        0,
    ),
    (SPACE, "float((-r / ridge - mu)", "float((-r / wd - mu)", "test_residual", 0),
    (SPACE, "np.polyfit(np.log(DECAYS), np.log(gaps), 1)[0]", "2.0", "test_residual", 3),
    (SPACE, "mu_F = (m + 1) * F / Theta", "mu_F = 2 * F / Theta", "test_step_1", 2),
    (SPACE, "-m * a * factor, w * factor", "m * a * factor, w * factor", "test_step_2", 2),
    (SPACE, "(F - y + lam * mu_F)", "(F - y) - lam * mu_F", "test_step_2", 3),
    (SPACE, "B = w**2 - m * a**2", "B = w**2 - a**2", "test_step_2", 3),
    (SPACE, "sp.Rational(1, m + 1)", "sp.Rational(1, m)", "test_step_3", 0),
    (SPACE, "points.append(row)", "points.append(row) if axis == 0 else None", "test_bowl", 0),
    (SPACE, "int(1 - 2 * other * mu_here < 0)", "0", "test_bowl", 3),
    (
        FLOW,
        "return H.T @ torch.cholesky_solve(Y,",
        "return H.T @ torch.cholesky_solve(2 * Y,",
        "test_readout",
        0,
    ),
    (FLOW, "return E.square().sum() + (Y", "return (Y", "test_cost", 0),
    (FLOW, "* sigma.slope(Z)) - E", ") - E", "test_velocity", 0),
    (
        FLOW,
        "(B @ (B.T @ H) * sigma.slope(Z)) - E",
        "(B @ (B.T @ H) * (Z > 0)) - E",
        "test_velocity",
        5,
    ),
    (FLOW, "w_squared = (x * y - lam) / x**2", "w_squared = y / x", "test_rest", 2),
    (FLOW, "rate = 4 * (1 - lam / (x * y))", "rate = 4", "test_rest", 1),
    (FLOW, "norm_rate = float(2 *", "norm_rate = float(", "test_balance", 1),
    (FLOW, "for k in range(1, 1501)", "for k in range(1, 1401)", "test_flow", 0),
    (
        FLOW,
        "accuracies = [test_accuracy(V) for V in states]",
        "accuracies = [0.0] * 4",
        "test_flow",
        4,
    ),
    (FLOW, "sharp, u = sharpest(E)", "sharp, u = 20.0, E / E.norm()", "test_sharpness", 0),
    (FLOW, "sharp_later = sharpest(V)[0]", "sharp_later = sharp", "test_sharpness", 3),
    (FLOW, "run_tau = RATE * DECAY * STEPS", "run_tau = RATE * DECAY * STEPS / 2", "test_clocks", 1),
]


@pytest.fixture(scope="module")
def sets(root):
    return {name: read_set(root / "book" / "assignments" / f"{name}.md") for name in SETS}


@pytest.fixture(autouse=True)
def quiet_figures(monkeypatch):
    import matplotlib.pyplot as plt

    before = plt.get_backend(), dict(plt.rcParams)
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.rcParams.update(before[1])
    plt.switch_backend(before[0])


def run(problem_set, id, change=lambda source: source, until=None):
    """The names that the cells leave behind, and the errors of cells; model answers pass through ``change``."""
    names = {"__name__": "notebook"}
    return names, cells_run(fill_in(problem_set.copy(), id).cells, names, change, until)


def cells_run(cells, names, change=lambda source: source, until=None, before=None):
    """The errors of the cells; with the list ``before``, it gets the names that there were before each."""
    errors = {}
    for cell in cells:
        if before is not None:
            before.append(dict(names))
        if cell.cell_type == "code":
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    exec(compile(change(HIDDEN.sub("", cell.source)), f"<{grade_id(cell)}>", "exec"), names)
            except Exception as error:
                errors[grade_id(cell)] = error
            if until is not None and grade_id(cell) == until:
                break
    return errors


def frames(part, names, me):
    """What crosses to the grader for one part."""
    return {
        "answers": {name: kernel.crossing(lambda name=name: kernel.named(names, name), 20) for name in part.answers},
        "calls": {
            str(n): kernel.crossing(lambda c=c: kernel.make(names, c.name, encode(list(c.args)), encode(c.kwargs)), 20)
            for n, c in enumerate(part.draw(me, SEED))
        },
    }


def automatic(problem_set):
    return [part for part in problem_set.parts if part.hidden is not None]


def verdicts(problem_set, names, id):
    me = student(id)
    return {p.id: judge(p, me, SEED, frames(p, names, me)) for p in automatic(problem_set)}


def all_points(problem_set):
    return {part.id: {"points": part.points, "message": ""} for part in automatic(problem_set)}


@pytest.fixture(scope="module")
def adas(sets):
    """What ada's model answers leave behind, run once for each set."""
    return {name: run(sets[name], "ada") for name in FAST}


@pytest.fixture(scope="module")
def again(sets):
    """Run a set of ada's from one cell on, changed, as everything was before that cell the first time."""

    @functools.cache
    def first(name):
        names, before = {"__name__": "notebook"}, []
        cells = fill_in(sets[name].copy(), "ada").cells
        cells_run(cells, names, before=before)
        return cells, names, before

    def again(name, line, instead, until):
        cells, names, before = first(name)
        (at,) = (k for k, cell in enumerate(cells) if cell.cell_type == "code" and line in HIDDEN.sub("", cell.source))
        assert "### BEGIN SOLUTION" in cells[at].source, "the model answer no longer has this line"
        names.clear()  # functions look here for what they use
        names.update(before[at])
        cells_run(cells[at:], names, lambda source: source.replace(line, instead), until)
        return names

    return again


@pytest.mark.parametrize("name", FAST)
def test_model_answers_get_all_points(sets, adas, name):
    names, errors = adas[name]
    assert not errors
    assert verdicts(sets[name], names, "ada") == all_points(sets[name])


@pytest.fixture(scope="module")
def investigation(sets):
    """What carol's model answers to the open set leave behind."""
    return run(sets[OPEN], "carol", until="test_claim")


@pytest.mark.slow
@pytest.mark.parametrize("topic", ["train_fraction", "activation", "kinks"])
def test_each_topic_of_the_investigation_can_get_all_points(sets, investigation, topic):
    designs = {
        "activation": '[run(a, 0.8, seed) for a in ("relu", "quadratic", "softplus 10") for seed in SEEDS[:4]]',
        "kinks": '[run(a, 0.8, seed) for a in ("relu", "softplus 10", "softplus 40") for seed in SEEDS[:4]]',
    }

    def change(source):
        if 'TOPIC = "train_fraction"' in source:
            return f'TOPIC = "{topic}"\nresults = {designs[topic]}'
        if 'MEASURE = "test_loss"' in source:
            return source.replace("0.6", "relu").replace("0.88", "softplus 10")
        return source

    names, errors = run(sets[OPEN], "carol", change, until="test_claim") if topic in designs else investigation
    assert not errors
    assert verdicts(sets[OPEN], names, "carol") == all_points(sets[OPEN])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "line", "instead", "part", "left"), MISTAKES)
def test_a_mistake_costs_its_points(sets, again, name, line, instead, part, left):
    names = again(name, line, instead, part)
    (tested,) = (p for p in sets[name].parts if p.id == part)
    verdict = judge(tested, student("ada"), SEED, frames(tested, names, student("ada")))
    assert verdict["points"] == left and "broken" not in verdict
    said = verdict["message"]  # it names what is wrong, and gives no number away
    assert re.search("not right|missing|descents|shape|RuntimeWarning", said) and not re.search(r"\d\.\d|\d{3}", said)


def test_a_message_names_the_kind_of_case_that_is_wrong(sets):
    wrong = {
        "passed = np.sign(r0) * np.sqrt(eps)": "passed = np.sign(r0) * np.sqrt(eps if r0 > 0 else 2 * eps)",
        "measured = np.polyfit(1 / RIDGES, delay, 1)": "measured = [0.8, -0.5]",
    }

    def change(source):
        for line, instead in wrong.items():
            source = source.replace(line, instead)
        return source.replace("s_near = ", "s_nearly = ")

    names, _ = run(sets[TOYS], "ada", change)
    said = {id: verdict["message"] for id, verdict in verdicts(sets[TOYS], names, "ada").items()}
    assert said["test_memorisation"] == "starts below the line: memorisation_time is not right"
    assert said["test_law"] == "measured: the slope of the line is not right"
    assert said["test_hyperbola"] == "s_near: not defined"


@pytest.mark.parametrize("name", FAST)
def test_answers_of_another_student_get_nothing(sets, adas, name):
    """Values and what functions returned are taken from one id and handed in for another."""
    names, _ = adas[name]
    for part in automatic(sets[name]):
        if part.id != "test_rest":  # one formula, the same for all
            verdict = judge(part, student("bob"), SEED, frames(part, names, student("ada")))
            assert verdict["points"] == 0 and verdict["message"] and "broken" not in verdict, part.id


@pytest.mark.slow
def test_an_investigation_of_another_student_or_with_made_up_rows_gets_nothing(sets, investigation):
    problem_set, (names, _), carol = sets[OPEN], investigation, student("carol")
    for part in automatic(problem_set):
        assert judge(part, student("bob"), SEED, frames(part, names, carol))["points"] == 0

    (runs,) = (part for part in problem_set.parts if part.id == "test_runs")
    made_up = [row | {"test_loss": 0.9 * row["test_loss"]} for row in names["results"]]
    assert judge(runs, carol, SEED, frames(runs, names | {"results": made_up}, carol))["points"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("junk", [None, "3", [], {}, float("nan"), np.zeros((2, 2)), [[1, "a"]], {"a": [1]}])
def test_junk_gets_nothing_and_breaks_no_hidden_test(sets, junk):
    for problem_set in sets.values():
        for part in automatic(problem_set):
            names = dict.fromkeys(part.answers, junk)
            names |= {c.name: lambda *args, **kwargs: junk for c in part.draw(student("ada"), SEED)}
            verdict = judge(part, student("ada"), SEED, frames(part, names, student("ada")))
            assert verdict["points"] == 0 and verdict["message"], part.id
            assert "broken" not in verdict, (part.id, verdict)


def test_cells_that_students_write_hold_no_text_of_ours(sets):
    for problem_set in sets.values():
        for cell in problem_set.notebook.cells:
            if cell.cell_type == "markdown" and grade_id(cell):
                source = cell.source.strip()
                assert source.startswith("### BEGIN SOLUTION") and source.endswith("### END SOLUTION"), grade_id(cell)


def test_the_points_that_students_are_promised_are_those_of_the_parts(sets):
    for problem_set in sets.values():
        text = problem_set.notebook.cells[0].source
        total = sum(part.points for part in problem_set.parts)
        assert f"**{total:.0f} points" in text
        rows = [line.split("|")[2] for line in text.splitlines() if line.startswith("|")][2:]
        assert sum(map(int, rows)) == total


def test_the_chapters_that_a_set_names_are_in_the_book(sets, root):
    titles = {path.read_text().partition("\n# ")[2].partition("\n")[0] for path in (root / "book").glob("*.md")}
    for problem_set in sets.values():
        before = problem_set.notebook.cells[0].source.partition("**Before you start.**")[2].partition("\n")[0]
        named = re.findall(r"\*([^*]+)\*", before)
        assert named and set(named) <= titles


def test_toys_are_as_hard_for_all(sets):
    grokking = []
    for id in IDS:
        names, errors = run(sets[TOYS], id, until="times")
        assert not errors
        X, Y, W0, eps = (names[n] for n in ("X", "Y", "W0", "EPS"))
        assert 1 < np.linalg.norm(X) < 2 and abs(X @ W0 - Y) > 1
        for ridge in names["RIDGES"]:
            assert 0 < names["memorisation_time"](W0, X, Y, ridge, eps) < 2
            grokking.append(ridge * names["grokking_time"](W0, X, Y, ridge, eps))
    assert max(grokking) < 1.4 * min(grokking)  # the length of the runs, up to the factor 1 / ridge


def test_bowls_have_five_points_for_all():
    for id in IDS:
        draw = student(id).rng("bowl")
        k1, k2 = draw.permutation([draw.integers(14, 20) / 20, draw.integers(26, 40) / 20])
        assert min(k1, k2) > 0.5 and abs(k1 - k2) > 0.2  # both pairs exist, and are told apart


def test_every_split_leaves_wide_kernels_and_test_pairs(sets):
    for id in IDS:
        names, errors = run(sets[FLOW], id, until="data")
        assert not errors
        assert len(names["X"]) < 0.7 * 192 and len(names["TASK"].X_test) >= 18
