"""Examinations on paper: questions with a student's own numbers, and their solutions for the teacher.

The source is Markdown. Each question has a heading, its text, a block of Python, and a solution under its own heading.
The block computes numbers from ``me``, the student, and NumPy; ``[[name]]`` in both texts stands for one of them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from grokutil.course.student import Student

QUESTION = re.compile(r"^## (\d+)\. (.+)$", re.M)
PARTS = re.compile(r"\n(?P<text>.*?)\n```python\n(?P<code>.*?)```\n\n### Solution\n(?P<solution>.*)\Z", re.S)
PLACE = re.compile(r"\[\[(\w+)\]\]")
MARKS = re.compile(r"\*(\d+) points?, (\d+) minutes?, lecture (\d+)\.\*")
ANCHOR = re.compile(r'<a class="anchor-link".*?</a>')
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>@page {{ size: A4; margin: 18mm }} body {{ font: 11pt/1.4 sans-serif; max-width: 44rem; margin: auto }}
h2 {{ font-size: 12pt; margin: 1.4em 0 0.3em }} section {{ break-inside: avoid }}
.solution {{ border-left: 3px solid #888; padding-left: 0.8em }}</style>
<script>window.MathJax = {{"tex": {{"inlineMath": [["$", "$"]]}}}}</script><script defer src="{mathjax}"></script>
</head><body>{body}</body></html>
"""


@dataclass(frozen=True)
class Question:
    """A question; ``points``, ``minutes`` and ``lecture`` are read from the first line of its text."""

    number: int
    title: str
    text: str
    code: str
    solution: str
    points: int
    minutes: int
    lecture: int

    def numbers(self, me: Student) -> dict[str, Any]:
        """The numbers of this student's question and of its solution, by their names in the text."""
        found: dict[str, Any] = {"me": me, "np": np}
        exec(self.code, found)  # the teacher's own file
        return {name: value for name, value in found.items() if name not in ("me", "np", "__builtins__")}


def read_exam(path: Path) -> tuple[str, list[Question]]:
    """What stands above the questions, and the questions.

    Raises:
        ValueError: a question has no numbers, no solution or no marks, or names a number that it does not compute.
    """
    above, *pieces = QUESTION.split(path.read_text(encoding="utf-8"))
    questions = []
    for number, title, rest in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
        parts, marks = PARTS.match(rest), MARKS.search(rest)
        if not parts or not marks:
            needed = "text, numbers in a block of Python, a solution, and *N points, N minutes, lecture N.*"
            raise ValueError(f"{path.name}, question {number}: needs {needed}")
        told = {name: value.strip() for name, value in parts.groupdict().items()}
        points, minutes, lecture = map(int, marks.groups())
        questions.append(Question(int(number), title, **told, points=points, minutes=minutes, lecture=lecture))
    return above.strip(), questions


def filled(text: str, numbers: dict[str, Any]) -> str:
    """The text with a student's numbers, four digits each.

    Raises:
        ValueError: the text names a number that is not there.
    """

    def value(place: re.Match[str]) -> str:
        if place[1] not in numbers:
            raise ValueError(f"[[{place[1]}]] is not among the numbers {', '.join(numbers)}")
        return written(numbers[place[1]])

    return PLACE.sub(value, text)


def written(value: Any) -> str:
    """A number as it stands on paper: 0.0001, 1.2e-7, 12000."""
    if isinstance(value, int | np.integer):
        return str(value)
    number = float(f"{float(value):.4g}")
    return f"{number:.0f}" if number == round(number) and abs(number) < 1e6 else f"{number:.10g}"


def paper(above: str, questions: Sequence[Question], me: Student, mathjax: str, solutions: bool = False) -> str:
    """A page of HTML for one student: the questions, or the questions with their solutions.

    Args:
        above: Markdown above the questions.
        questions: those to be asked.
        me: whose numbers.
        mathjax: the address of MathJax, as the page sees it.
        solutions: for the teacher.
    """
    from nbconvert.filters.markdown_mistune import markdown2html_mistune  # nbgrader brings it

    body = ANCHOR.sub("", markdown2html_mistune(above)) + f"<p><strong>{html.escape(me.id)}</strong>, "
    body += f"{sum(question.points for question in questions)} points, "
    body += f"{sum(question.minutes for question in questions)} minutes</p>"
    for place, question in enumerate(questions, 1):
        numbers = question.numbers(me)
        body += f"<section><h2>{place}. {html.escape(question.title)}</h2>"
        body += markdown2html_mistune(filled(question.text, numbers))
        if solutions:
            body += f'<div class="solution">{markdown2html_mistune(filled(question.solution, numbers))}</div>'
        body += "</section>"
    kind = "Solutions" if solutions else "Examination"
    return PAGE.format(title=f"{kind}: {html.escape(me.id)}", mathjax=html.escape(mathjax), body=body)
