"""The command line: ``python -m grokutil.course assignments``, ``grade``, ``exam`` and ``model``."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from grokutil.extras import extra

with extra("course"):
    import jupytext  # noqa: F401
    import nbclient  # noqa: F401
    import nbformat
    import nbgrader  # noqa: F401

from grokutil.course import choice, report
from grokutil.course.batch import grade_folder, handed_in
from grokutil.course.exam import paper, read_exam
from grokutil.course.problems import read_set, read_sets
from grokutil.course.sandbox import KINDS
from grokutil.course.student import read_ids, student

SOURCES = Path("book/assignments")
RELEASE = Path("_build/assignments/release")
EXAM = Path("_build/assignments/exam")
MATHJAX = Path("_build/html/_static/vendor/mathjax/mathjax.js")


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m grokutil.course", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    make = commands.add_parser("assignments", help="write what students get")
    make.add_argument("--ids", type=Path, help="a text file with one id a line; without it, one release for all")
    make.add_argument("--to", type=Path, default=RELEASE)
    grade = commands.add_parser("grade", help="grade a folder of submissions: ID/SET.ipynb")
    grade.add_argument("folder", type=Path)
    grade.add_argument("--ids", type=Path, help="a text file with the ids that should have handed in")
    grade.add_argument("--set", action="append", default=[], help="grade this set and no other; may be given again")
    grade.add_argument("--again", action="append", default=[], metavar="ID", help="run this student's notebooks anew")
    grade.add_argument("--to", type=Path, help="where marks and feedback go; FOLDER-graded when not given")
    exam = commands.add_parser("exam", help="write a paper for each student, and its solutions for the teacher")
    exam.add_argument("--ids", type=Path, required=True, help="a text file with one id a line")
    exam.add_argument("--only", type=int, nargs="+", default=[], metavar="N", help="these questions, in this order")
    exam.add_argument("--to", type=Path, default=EXAM)
    model = commands.add_parser("model", help="grade a set's model answers for made-up ids")
    model.add_argument("set", type=Path)
    model.add_argument("--ids", type=int, default=20, help="how many")
    for command in (make, grade, exam):
        command.add_argument("--sources", type=Path, default=SOURCES)
    for command in (grade, model):
        command.add_argument("--sandbox", choices=KINDS, help="this kind and no other")
        command.add_argument("--workers", type=int, help="submissions at a time; one for each core when not given")
    options = parser.parse_args(arguments)
    try:
        does = {"assignments": assignments, "grade": grade_all, "exam": examination, "model": model_answers}
        does[options.command](options)
    except (ValueError, OSError, RuntimeError) as error:
        raise SystemExit(f"{options.command}: {error}") from error
    except KeyboardInterrupt:
        raise SystemExit("stopped; what was graded is kept, and the same command goes on from there") from None


def assignments(options: argparse.Namespace) -> None:
    """Write the releases."""
    from grokutil.course.release import write_releases  # needs nbgrader, which grading does not

    ids = read_ids(options.ids) if options.ids else []
    written = write_releases(read_sets(options.sources), options.to, ids)
    print(f"{len(written)} notebooks for {len(ids) or 'all'} students in {options.to}")


def examination(options: argparse.Namespace) -> None:
    """Write the papers and, in a folder of their own, the solutions."""
    above, questions = read_exam(options.sources / "exam.md")
    if unknown := set(options.only) - {question.number for question in questions}:
        raise ValueError(f"no question {min(unknown)}; there are 1 to {len(questions)}")
    chosen = [questions[number - 1] for number in options.only] or questions
    folders = {False: options.to / "papers", True: options.to / "solutions"}
    ids = read_ids(options.ids)
    for solutions, folder in folders.items():
        folder.mkdir(parents=True, exist_ok=True)
        mathjax = os.path.relpath(MATHJAX, folder)
        for id in ids:
            page = paper(above, chosen, student(id), mathjax, solutions)
            (folder / f"{id}.html").write_text(page, encoding="utf-8")
    print(f"{len(ids)} papers of {len(chosen)} questions in {folders[False]}, their solutions in {folders[True]}")


def grade_all(options: argparse.Namespace) -> None:
    """Grade a folder of submissions."""
    results = options.to or options.folder.resolve().with_name(options.folder.resolve().name + "-graded")
    sets = read_sets(options.sources)
    ids = read_ids(options.ids) if options.ids else []
    handed_in(options.folder, sets)  # before anything is made: it may be the wrong folder
    results.mkdir(parents=True, exist_ok=True)
    kinds = [options.sandbox] if options.sandbox else choice.SHUT_IN
    sandbox, reached = choice.choose(options.sources, options.folder, results, kinds, tell=_say)
    print(report.shut_in(sandbox, reached), flush=True)
    chosen = {"workers": options.workers, "only": options.set, "again": options.again}
    batch = grade_folder(options.folder, results, sets, sandbox, reached, ids, tell=_say, **chosen)
    print(report.summary(batch, sandbox, reached).rpartition("\n\n")[2], end="")
    for remark in batch.remarks:
        print(f"remark: {remark}")
    print(f"Marks: {results}/marks.csv   to be marked: {results}/manual.csv   feedback: {results}/feedback")


def model_answers(options: argparse.Namespace) -> None:
    """Grade the model answers of one set for made-up ids; fail unless every part gives all its points."""
    from grokutil.course.release import model

    problem_set = read_set(options.set)
    with tempfile.TemporaryDirectory() as scratch:
        folder, results = Path(scratch, "submissions"), Path(scratch, "graded")
        for number in range(options.ids):
            path = folder / f"student-{number}" / f"{problem_set.name}.ipynb"
            path.parent.mkdir(parents=True)
            nbformat.write(model(problem_set, path.parent.name), path)
        results.mkdir()
        kinds = [options.sandbox] if options.sandbox else KINDS  # our own code needs no sandbox
        sandbox, reached = choice.choose(options.set.parent, folder, results, kinds)
        batch = grade_folder(folder, results, [problem_set], sandbox, reached, workers=options.workers, tell=_say)
    lost = [
        f"{record['id']}: {part['part']}: {part['points']} of {part['of']}: {part['message']}"
        for record in batch.records
        for part in record["parts"]
        if not part["manual"] and part["points"] != part["of"]
    ]
    print(f"{options.ids} ids in {batch.seconds:.0f} s; parts that lost points: {len(lost)}")
    if lost:
        raise SystemExit("\n".join(lost))


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
