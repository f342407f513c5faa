"""What gives points in a problem set, and the hidden tests that decide how many."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from grokutil.course.checking import Answers, Call, Tally
from grokutil.course.student import Student, hashed


@dataclass(frozen=True)
class Part:
    """A part of the problem set ``set``: judged by a hidden test, or (``hidden`` is None) by a teacher.

    ``answers`` names the student's variables that the hidden test looks at, ``title`` is the question's as students
    read it.
    """

    set: str
    id: str
    points: float
    answers: tuple[str, ...]
    hidden: str | None
    title: str = ""

    def draw(self, me: Student, seed: int) -> list[Call]:
        """The calls that the hidden test asks for: the same for the same student and ``seed``."""
        draw = _run(self.set, self.id, self.hidden or "").get("draw")
        return list(draw(me, np.random.default_rng([seed, hashed(me.id, self.set, self.id)]))) if draw else []

    def check(self, me: Student, answers: Answers, calls: list[Call]) -> tuple[float, str]:
        """The points that the hidden test gives, and what it says of pieces that are wrong.

        Raises:
            AssertionError: none, for the reason in the message.
            ValueError: ``check`` gave no finite number.
        """
        given = _run(self.set, self.id, self.hidden or "")["check"](me, answers, calls)
        if given is None:
            return self.points, ""
        points = given.points if isinstance(given, Tally) else given
        if not math.isfinite(points):
            raise ValueError(f"check gave {points} points")
        points = min(max(float(points), 0.0), self.points)
        if points == self.points:
            return points, ""
        return points, given.message if isinstance(given, Tally) else "partly right: some cases are wrong"


@functools.cache
def _run(set: str, id: str, hidden: str) -> dict[str, Any]:
    """What a hidden test defines; run once, so that it can keep what it has computed for a student."""
    namespace: dict[str, Any] = {"__name__": "hidden_tests"}
    exec(compile(hidden, f"<hidden tests of {set}: {id}>", "exec"), namespace)
    return namespace
