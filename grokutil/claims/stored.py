"""Verdicts of the long checks: measured in groups that share their runs, stored, and known again by a fingerprint."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable
from types import CodeType
from typing import Any

from grokutil import results
from grokutil.claims.record import Claim, Numbers, Verdict
from grokutil.runs.outcomes import Sweep, load

FOLDER, FILE = "claims", "sweep.jsonl"


class StaleError(LookupError):
    """The stored verdict belongs to an older check, or there is none."""


def group(claim: Claim) -> str:
    """The run that the claim shares with others, or else its chapter: what is measured in one process."""
    return claim.shares or claim.chapter


def groups(claims: Iterable[Claim]) -> dict[str, list[Claim]]:
    """Claims by group, in order."""
    found: dict[str, list[Claim]] = {}
    for claim in claims:
        found.setdefault(group(claim), []).append(claim)
    return found


def fingerprint(claim: Claim) -> str:
    """Sixteen hexadecimal digits that change with the check.

    They are of the source of ``measure`` and of the functions in
    ``grokutil.claims`` that it calls, of the constants these use, of the limit and of the seeds.
    """
    if claim.measure is None:
        raise ValueError(f"{claim.id} has no check")
    parts: dict[str, str] = {}
    _collect(claim.measure, parts)
    text = repr((sorted(parts.items()), claim.limit, claim.seeds))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _collect(function: Callable, parts: dict[str, str]) -> None:
    function = inspect.unwrap(function)
    if (name := f"{function.__module__}.{function.__qualname__}") in parts:
        return
    parts[name] = inspect.getsource(function)
    for used in sorted(_names(function.__code__)):
        value = function.__globals__.get(used)
        if inspect.isfunction(inner := inspect.unwrap(value) if callable(value) else value):
            if inner.__module__.startswith("grokutil.claims"):
                _collect(inner, parts)
        elif _is_constant(value):
            parts[f"{function.__module__}.{used}"] = repr(value)


def _names(code: CodeType) -> set[str]:
    """Global names of a function and of those defined in it."""
    return set(code.co_names).union(*(_names(inner) for inner in code.co_consts if isinstance(inner, CodeType)))


def _is_constant(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_constant, value))
    return isinstance(value, (int, float, str))


def stored() -> Sweep:
    """What ``make results`` measured, one cell for each group of long claims and seed."""
    return load(results.path(FOLDER, FILE))


def stored_verdict(claim: Claim, sweep: Sweep) -> Verdict:
    """The verdict on the stored numbers.

    Raises:
        StaleError: they belong to an older check, or there are none.
    """
    found: list[Numbers] = []
    seconds = 0.0
    for seed in claim.seeds:
        entries = [
            (outcome.result.get(claim.id), outcome.seconds)
            for outcome in sweep.outcomes
            if outcome.cell == {"group": group(claim), "seed": seed} and outcome.result is not None
        ]
        entry, took = entries[0] if entries else (None, None)
        if entry is None or entry["fingerprint"] != fingerprint(claim):
            raise StaleError(
                f"the stored verdict on {claim.id} is {'missing' if entry is None else 'that of an older check'}: "
                f"`python -m grokutil.results {FOLDER}` makes it again"
            )
        measured, corrected = entry["measured"], entry["corrected"]
        found.append((float("nan") if measured is None else measured, corrected))
        seconds += entry["seconds"]
    return claim.verdict(found, seconds)
