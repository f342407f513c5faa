"""The examination: every solution a second time, by another way, for students with other numbers."""

import re

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from grokutil.adders import adder
from grokutil.course import student
from grokutil.course.__main__ import main
from grokutil.course.exam import Question, filled, paper, read_exam, written
from grokutil.data import modular_addition
from grokutil.fourier import fourier_features
from grokutil.isolated import first_layer_velocity
from grokutil.model import gaussian_embedding
from grokutil.train import ridge_from_weight_decay, slow_time

IDS = [f"student-{number}" for number in range(6)]


@pytest.fixture(scope="module")
def exam(root):
    return read_exam(root / "book" / "assignments" / "exam.md")


@pytest.fixture(params=IDS)
def numbers(exam, request):
    """The numbers of each question, by the question's number, as attributes."""
    me = student(request.param)
    return {q.number: type("Numbers", (), q.numbers(me) | {"me": me}) for q in exam[1]}


def close(value, truth, rtol=1e-9):
    assert value == pytest.approx(truth, rel=rtol), (value, truth)


def flow(velocity, start, end):
    """Where an ordinary differential equation leads."""
    start = np.atleast_1d(np.asarray(start, float))
    return solve_ivp(lambda t, w: velocity(w), (0, end), start, rtol=1e-10, atol=1e-12, method="LSODA").y[:, -1]


def steps_to_add(c, ridge, eta):
    """Steps of gradient descent until the test loss is low."""
    w, k = np.array([-c, c], float), 0
    while ((w - 1) ** 2).sum() > 0.05:
        w, k = w - eta * (2 * (w.sum() - 2) + 2 * ridge * w), k + 1
    return k


def test_1_gradient_descent_takes_as_long(numbers):
    q = numbers[1]
    for steps, c, ridge in ((q.steps, q.c, q.ridge), (q.half, q.c, q.ridge / 2), (q.far, 2 * q.c, q.ridge)):
        close(steps, steps_to_add(c, ridge, q.eta), rtol=0.01)  # the rest is of order lambda


def test_2_least_squares_finds_the_shortest(numbers):
    q = numbers[2]
    shortest = np.linalg.lstsq(np.array([[q.a, q.b]]), np.array([q.y]), rcond=None)[0]
    close([q.w1, q.w2], shortest)
    close(q.says, shortest.sum())


def test_3_the_slow_flow_on_the_hyperbola(numbers):
    q = numbers[3]

    def velocity(w):  # minus twice the part of w that is tangent to the level set
        J = w[::-1] / np.linalg.norm(w)
        return -2 * (w - (w @ J) * J)

    begin = np.array([q.w, q.y / q.w])
    close(q.start, begin @ begin)
    close(q.later, (flow(velocity, begin, q.s) ** 2).sum(), rtol=1e-6)
    close(q.least, (flow(velocity, begin, 20) ** 2).sum(), rtol=1e-6)


def test_4_distances_by_search(numbers):
    q = numbers[4]
    close(q.r**2, q.loss)
    close(q.first * q.sigma, q.r)
    close(q.second, brentq(lambda w: w**4 - q.loss, 0, 1, xtol=1e-14), rtol=1e-6)
    close(q.third, brentq(lambda u: (u / (1 + u**2)) ** 2 - q.loss, 1, 1e6), rtol=1e-6)


def test_5_the_projection_by_a_pseudo_inverse(numbers):
    q = numbers[5]
    J, theta = np.array([[q.j1, q.j2, q.j3]], float), np.array([q.t1, q.t2, q.t3], float)
    P = np.eye(3) - np.linalg.pinv(J) @ J
    close([q.p1, q.p2, q.p3], P @ theta, rtol=1e-9)
    gradient = np.array([q.g1, q.g2, q.g3])
    close(gradient, 2 * J[0] * q.r)
    assert np.abs(P @ gradient).max() < 1e-12
    step = 1e-6 * -2 * 0.01 * P @ theta
    close(q.rate, ((theta + step) @ (theta + step) - theta @ theta) / 1e-6, rtol=1e-4)


def test_6_the_multiplier_in_the_books_units(numbers):
    q = numbers[6]
    close(q.ridge, ridge_from_weight_decay(q.wd, q.n, q.d))
    close(-q.r / q.ridge, q.mu)
    close(-q.smaller / ridge_from_weight_decay(q.wd / 10, q.n, q.d), q.mu)


def test_7_residual_and_fast_variable_of_two_weights(numbers):
    q, sizes = numbers[7], []
    for ridge in (1e-2, 1e-2 / q.factor):

        def velocity(w, ridge=ridge):
            return -2 * (w[0] * w[1] - 1) * w[::-1] - 2 * ridge * w

        w = flow(velocity, (2, 0.5), 0.3 / ridge)
        r = w[0] * w[1] - 1
        sizes.append((abs(r), abs(r + ridge * 2 * w[0] * w[1] / (w @ w))))
    (r, e), (r_less, e_less) = sizes
    close(q.factor, r / r_less, rtol=0.02)
    close(q.square, e / e_less, rtol=0.05)


def test_8_pairs_counted_and_the_linear_model_fitted(numbers):
    q = numbers[8]
    task = modular_addition(q.p, 0.5, seed=0)
    X, Y = torch.cat((task.X_train, task.X_test)), torch.cat((task.Y_train, task.Y_test))
    labels = torch.cat((task.labels_train, task.labels_test))
    assert len(X) == q.pairs and set(torch.bincount(labels).tolist()) == {q.each}
    W = torch.linalg.lstsq(X, Y).solution
    close(q.right, float(((X @ W).argmax(1) == labels).double().mean()))


def test_9_similarities_by_drawing_units(numbers):
    q, rng = numbers[9], np.random.default_rng(0)
    units = rng.normal(size=(400_000, 5))
    a, b, c, d, e = np.eye(5)

    def similarity(x, y):
        return (np.maximum(units @ x, 0) * np.maximum(units @ y, 0)).mean()

    unit = similarity(a + b, d + e)
    close(q.share, similarity(a + b, a + c) / unit, rtol=0.02)  # 400,000 draws
    close(q.double, similarity(2 * a, a + b) / unit, rtol=0.02)


def test_10_the_clock_of_the_book(numbers):
    q = numbers[10]
    close(q.s, slow_time(q.k, q.eta, q.wd))
    close(slow_time(q.k2, q.eta2, q.wd2), q.s)


def test_11_a_step_with_that_cosine(numbers):
    q = numbers[11]
    step = np.array([q.part, q.across])  # along -P theta, and across
    close(np.linalg.norm(step), q.length)
    close(step[0] / np.linalg.norm(step), q.cosine)


def test_12_a_padded_staircase_counts_its_rank(numbers):
    q = numbers[12]
    sums = np.arange(2 * q.p - 1)
    H = np.maximum(4 * (sums[:, None] - sums) + 2, 0)  # unit h is on from the sum h upwards
    assert np.linalg.matrix_rank(H) == 2 * q.p - 1 < q.width  # so 2p - 1 units fit any labels of the sums
    W1, W2 = np.zeros((q.p, 2 * q.p - 1)), np.zeros((2 * q.p - 1, q.p))
    assert q.rank == W1.size + W2.size
    assert q.outputs == q.n * q.p and q.short == q.outputs - q.rank > 0


def test_13_the_price_by_an_adder(numbers):
    q = numbers[13]
    close(q.price, float(sum(W.square().sum() for W in adder(q.p))), rtol=1e-6)
    v = np.linspace(0.2, 1.5, 100_001)
    close(q.crossing, q.price / (1 / (2 * v) + v**2).min(), rtol=1e-6)
    close(q.share * q.p * (q.p + 1) / 2, q.crossing)
    assert q.few < q.crossing


def test_14_the_first_layer_by_the_books_function(numbers):
    q = numbers[14]
    one = lambda value: torch.full((1, 1), float(value), dtype=torch.float64)  # noqa: E731
    close(q.velocity, float(first_layer_velocity(one(q.w), one(q.x), one(q.y), "identity")), rtol=1e-9)
    at_rest = float(first_layer_velocity(one(q.rest), one(q.x), one(q.y), "identity"))
    assert abs(at_rest) < 1e-9


def test_15_a_step_and_a_loss_of_norm(numbers):
    q = numbers[15]
    close(q.euler, 1 - q.eta * q.sharp)
    close(q.flow, flow(lambda v: -q.sharp * v, 1, q.eta)[0], rtol=1e-5)
    for eta, grows in ((0.99 * q.limit, False), (1.01 * q.limit, True)):
        assert (abs((1 - eta * q.sharp) ** 1000) > 1) == grows
    close(flow(lambda v: -4 * v, q.jump, q.cost)[0], 1, rtol=1e-6)


def test_16_the_scatter_of_random_rings(numbers):
    q, found = numbers[16], []
    E = gaussian_embedding(q.p, q.width, seed=0)
    j = torch.arange(q.p)
    for k, F in enumerate(fourier_features(E), 1):
        own = 2 * (torch.exp(2j * torch.pi * j * k / q.p)[:, None] * F).real
        plane = torch.linalg.qr(torch.stack((F.real, F.imag), 1))[0]
        found.append(float(((E - E.mean(0) - own) @ plane).norm() / own.norm()))
    close(q.scatter, np.mean(found), rtol=0.1)


def test_17_the_weight_at_rest(numbers):
    q = numbers[17]
    rest = brentq(lambda w: np.exp(q.scale * (1 - w)) - 2 * w, 0.5, 1)
    assert abs(q.near - rest) < 0.01


def test_every_text_has_its_numbers_and_nothing_else(exam):
    above, questions = exam
    assert [q.number for q in questions] == list(range(1, len(questions) + 1)) and len(questions) >= 12
    assert {q.lecture for q in questions} == set(range(1, 11))
    for q in questions:
        numbers = q.numbers(student("ada"))
        told = filled(q.text, numbers) + filled(q.solution, numbers)
        assert "[[" not in told and "nan" not in told and "inf" not in told.split()
        asked, answered = (re.findall(r"(?<!with )\(([a-d])\)", text) for text in (q.text, q.solution))
        assert asked == sorted(set(answered)), q.number


def test_students_have_different_papers_and_no_solutions(exam):
    above, questions = exam
    pages = [paper(above, questions, student(id), "mathjax.js") for id in IDS]
    assert len(set(pages)) == len(IDS)
    with_solutions = paper(above, questions, student(IDS[0]), "mathjax.js", solutions=True)
    assert pages[0].count('class="solution"') == 0 and with_solutions.count('class="solution"') == len(questions)
    assert re.findall(r'(?:src|href)="([^"]+)"', pages[0]) == ["mathjax.js"]
    for q in questions:
        assert filled(q.solution, q.numbers(student(IDS[0])))[:40] not in pages[0]


@pytest.mark.parametrize(
    "value, told", [(0.0001, "0.0001"), (12000, "12000"), (922.3, "922.3"), (1 / 3, "0.3333"), (np.float64(2), "2")]
)
def test_numbers_as_they_stand_on_paper(value, told):
    assert written(value) == told


def test_a_question_without_its_parts_is_named(tmp_path):
    broken = tmp_path / "exam.md"
    broken.write_text("# Exam\n\n## 1. Half\n\nText without marks.\n")
    with pytest.raises(ValueError, match="question 1: needs text"):
        read_exam(broken)
    question = Question(1, "One", "[[x]]", "y = 1", "", 1, 1, 1)
    with pytest.raises(ValueError, match=r"\[\[x\]\] is not among the numbers y"):
        filled(question.text, question.numbers(student("ada")))


def test_the_command_writes_papers_and_solutions_apart(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(root)
    ids, to = tmp_path / "ids.txt", tmp_path / "exam"
    ids.write_text("ada\nben\n")
    command = ["exam", "--ids", str(ids), "--to", str(to)]
    main([*command, "--only", "3", "1"])
    assert "2 papers of 2 questions" in capsys.readouterr().out
    assert {path.name for path in (to / "papers").iterdir()} == {"ada.html", "ben.html"}
    page = (to / "papers" / "ada.html").read_text()
    assert page.index("Along a bend") < page.index("The wait") and "solution" not in page.partition("</head>")[2]
    with pytest.raises(SystemExit, match="no question 99; there are 1 to 17"):
        main([*command, "--only", "99"])
