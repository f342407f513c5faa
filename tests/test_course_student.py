"""Students' own numbers."""

import collections

import numpy as np
import pytest

from grokutil.course import student
from grokutil.course.problems import read_set
from grokutil.course.student import FRACTIONS, PRIMES


def test_the_same_id_gives_the_same_numbers_in_every_release_of_this_book():
    me = student("ada")
    assert (me.id, me.p, me.seed, me.train_fraction) == ("ada", 13, 519092, 0.72)
    assert me.rng("w").integers(10**9) == 408865207


def test_capitals_blanks_and_unicode_forms_make_no_difference():
    assert student(" Ada ") == student("ada")
    assert student("zoe\u0308") == student("zo\u00eb")


def test_students_differ_and_every_choice_occurs():
    class_ = [student(f"s{number}") for number in range(400)]
    assert len({(me.p, me.seed, me.train_fraction) for me in class_}) == 400
    primes = collections.Counter(me.p for me in class_)
    assert set(primes) == set(PRIMES) and min(primes.values()) > 60
    assert {me.train_fraction for me in class_} == set(FRACTIONS)
    assert len({me.rng("x").normal() for me in class_}) == 400


def test_draws_for_two_purposes_are_independent_of_each_other():
    me = student("ada")
    assert me.rng("a").normal() == me.rng("a").normal() != me.rng("b").normal()
    assert me.choose("a", [1, 2, 3]) == me.choose("a", [1, 2, 3])
    assert {me.choose(str(n), "xyz") for n in range(50)} == set("xyz")


def test_hidden_tests_ask_each_student_and_each_class_something_else(root):
    (part, *_) = read_set(root / "tests" / "course" / "set0_line.md").parts

    def asked(id, seed):
        return [float(argument.sum()) for call in part.draw(student(id), seed) for argument in call.args]

    same_p = [f"s{number}" for number in range(40) if student(f"s{number}").p == 13][:2]
    drawn = [asked(id, seed) for id in same_p for seed in (5, 6, 2**62)]
    assert drawn == [asked(id, seed) for id in same_p for seed in (5, 6, 2**62)]
    assert len(set(map(tuple, drawn))) == len(drawn) == 6


def test_the_task_has_the_students_modulus_fraction_and_split():
    me = student("ada")
    task = me.task()
    pairs = me.p * (me.p + 1) // 2
    assert task.p == me.p and len(task.X_train) == round(me.train_fraction * pairs)
    assert task.seed == me.seed and np.array_equal(task.X_train, me.task().X_train)


@pytest.mark.parametrize("id", ["", "..", "a/b", "a b", "-rf", "=1+1", "x" * 65, "a\n", None, 7])
def test_ids_that_no_folder_could_carry_are_refused(id):
    if id == "a\n":
        assert student(id).id == "a"
    else:
        with pytest.raises(ValueError, match="1 to 64 letters"):
            student(id)


def test_the_placeholder_asks_for_an_id():
    with pytest.raises(ValueError, match="put your own id"):
        student("STUDENT_ID")
