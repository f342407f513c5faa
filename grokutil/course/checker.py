"""Runs the hidden tests of one submission in a fresh process: ``python -m grokutil.course.checker``.

It reads hidden tests and a student's answers as JSON from its standard input, runs nothing of the
student's, and writes one line of JSON for each part to its standard output.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from grokutil.course.checking import Answers
from grokutil.course.parts import Part
from grokutil.course.student import Student, student
from grokutil.course.values import decode
from grokutil.course.watch import limit


def main() -> None:
    """Judge the parts that the job on standard input holds."""
    job = json.loads(sys.stdin.buffer.read())
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    limit(job["limits"])
    me = student(job["id"])
    for entry in job["parts"]:
        part = Part(**{**entry["part"], "answers": tuple(entry["part"]["answers"])})
        print(json.dumps({"start": part.id}), file=channel, flush=True)
        verdict = judge(part, me, job["seed"], entry["frames"])
        print(json.dumps({"part": part.id, **verdict}), file=channel, flush=True)


def judge(part: Part, me: Student, seed: int, frames: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Points and a message for the student; ``broken`` if the hidden test itself failed to decide."""
    values: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for name, frame in frames["answers"].items():
        try:
            values[name] = opened(frame)
        except ValueError as error:
            failed[name] = str(error)
    calls = part.draw(me, seed)
    for number, call in enumerate(calls):
        if str(number) in frames["calls"]:
            try:
                calls[number] = replace(call, returned=opened(frames["calls"][str(number)]), failed=None)
            except ValueError as error:
                calls[number] = replace(call, failed=str(error))
    try:
        points, message = part.check(me, Answers(values, failed), calls)
        return {"points": points, "message": message[:1000]}
    except AssertionError as error:
        return {"points": 0.0, "message": str(error)[:1000] or "a hidden test failed"}
    except Exception as error:
        message = f"the answer has an unexpected form ({type(error).__name__})"
        return {"points": 0.0, "message": message, "broken": repr(error)[:300]}


def opened(frame: Mapping[str, Any]) -> Any:
    """The value that crossed; tensors as arrays.

    Raises:
        ValueError: nothing crossed; the message says why.
    """
    if "value" not in frame:
        raise ValueError(str(frame.get("failed", "no value came"))[:500])
    return decode(frame["value"], tensors=False)


if __name__ == "__main__":
    main()
