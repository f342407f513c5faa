"""The ledger in words and as Markdown tables, for the chapter that shows it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from grokutil.claims.labels import NUMBERED, PAPER, numbers
from grokutil.claims.record import (
    CORRECTED,
    FAILS,
    HOLDS,
    NOT_REPRODUCED,
    NOT_TESTABLE,
    OUTCOMES,
    REPRODUCED,
    THE_PAPERS,
    WHOSE,
    Claim,
    Verdict,
)

MARKS = {HOLDS: "✓", CORRECTED: "≈", FAILS: "✗", REPRODUCED: "✓", NOT_REPRODUCED: "✗", NOT_TESTABLE: "–"}
TITLES = {
    "eq.": "Equations",
    "Fig.": "Figures",
    "Appendix": "Appendices",
    "question": "Questions of the reviewers",
    "section": "Sections",
    "Lemma": "Lemmas",
}
COLUMNS = ("statement, and what is measured", "measured", "verdict")


class Markdown:
    """Text that a notebook shows as MyST Markdown."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_markdown_(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


class Verdicts:
    """Verdicts by id, for programs that read an executed notebook: nothing is to be seen on the page.

    The output's data have ``MIME``: a JSON object from id to ``[outcome, measured]``, null where nothing is measured.
    """

    MIME = "application/vnd.grokutil.verdicts+json"

    def __init__(self, verdicts: Mapping[str, Verdict]) -> None:
        self.verdicts = verdicts

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        found = {
            name: [verdict.outcome, None if math.isnan(verdict.measured) else verdict.measured]
            for name, verdict in self.verdicts.items()
        }
        return {self.MIME: found, "text/plain": ""}


def anchor(claim: Claim) -> str:
    """The claim's anchor on the ledger's page."""
    return "claim-" + re.sub(r"[^a-z0-9]+", "-", claim.id.lower())


def claims_table(title: str, claims: Iterable[Claim], verdicts: Mapping[str, Verdict]) -> str:
    """One row for each tested claim, with its anchor; ``title`` is Markdown."""
    rows = []
    for claim in claims:
        verdict = verdicts[claim.id]
        took = f"stored, about {claim.seconds:.0f} s" if claim.long else f"{verdict.seconds:.1f} s"
        used = f"seed{'s' if len(claim.seeds) > 1 else ''} {seeds(claim.seeds)}, " if claim.seeds else ""
        rows.append(
            (
                f"{_name(claim)}: {escape(claim.statement)} {_below(escape(claim.tolerance) + '.')}",
                f"{readable(verdict.measured)} {_below('at most ' + readable(claim.limit))}",
                f"{MARKS[verdict.outcome]} {verdict.outcome} {_below(used + took)}",
            )
        )
    return table(title, COLUMNS, rows, "ledger")


def counts_table(title: str, claims: Iterable[Claim], verdicts: Mapping[str, Verdict]) -> str:
    """Entries by verdict, one row for each owner of the statement: the paper, the reviewers, the book."""
    claims = tuple(claims)
    rows = []
    for whose in WHOSE:
        found = Counter(verdicts[claim.id].outcome for claim in claims if claim.whose == whose)
        rows.append((whose, *(str(found[outcome] or "–") for outcome in OUTCOMES), str(found.total())))
    return table(title, ("whose statement", *OUTCOMES, "all"), rows, "numbers")


def untested(claims: Iterable[Claim]) -> list[str]:
    """The paper's numbers without a tested entry of its own, in its order; the reviewers' questions are not its."""
    claims = [claim for claim in claims if claim.measure and claim.whose == THE_PAPERS]
    tested = set().union(*(numbers(claim.source) for claim in claims))
    return [label for label in PAPER if label not in tested and not label.startswith("question")]


def numbers_tables(claims: Iterable[Claim]) -> str:
    """For each kind of the paper's numbers a table from the number to the claims, with the marks of their verdicts."""
    entries: dict[str, list[Claim]] = {}
    for claim in claims:
        for label in numbers(claim.source):
            entries.setdefault(label, []).append(claim)

    def row(label: str) -> tuple[str, str]:
        links = (f"{MARKS[claim.expected]} [{escape(claim.id)}](#{anchor(claim)})" for claim in entries[label])
        return label, ", ".join(links)

    tables = []
    for kind, of_a_kind in NUMBERED.items():
        labels = [f"{kind} {number}" for number in of_a_kind] + (["abstract"] if kind == "section" else [])
        rows = [row(label) for label in labels]
        tables.append(table(TITLES.get(kind, f"{kind}s"), ("number", "entries"), rows, "numbers"))
    return "\n\n".join(tables)


def reasons_table(claims: Iterable[Claim]) -> str:
    """The claims that are not tested, with their anchors and the reasons."""
    rows = [(f"{_name(claim)}: {escape(claim.statement)}", f"{escape(claim.reason)}.") for claim in claims]
    return table("Not tested", ("statement", "reason"), rows, "reasons")


def _name(claim: Claim) -> str:
    """Its source, which carries its anchor."""
    return f"[{escape(claim.source[:1].upper() + claim.source[1:])}]{{#{anchor(claim)} .source}}"


def _below(text: str) -> str:
    """Text on a line of its own, in small letters."""
    return f"[{text}]{{.below}}"


def table(title: str, header: Iterable[str], rows: Iterable[Iterable[str]], name: str) -> str:
    """A MyST table with a caption, of the CSS class ``name``."""
    header = tuple(header)
    lines = ["| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows)]
    return "\n".join((f":::{{table}} {title}", f":class: {name}", "", *lines, ":::"))


def escape(text: str) -> str:
    """Text in which Markdown finds no markup."""
    return re.sub(r"([\\`*_{}\[\]<>|$~^#!@])", r"\\\1", text)


def readable(x: float) -> str:
    """A number as one reads it: small integers and everyday sizes in full, the rest as a power of ten."""
    if math.isnan(x):
        return "none"
    if x == 0 or 1e-3 <= abs(x) < 1e4:
        return f"{x:.3g}" if abs(x) < 1000 else f"{x:.0f}"
    mantissa, exponent = f"{x:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def seeds(used: tuple[int, ...]) -> str:
    """Seeds as a reader writes them: 0 to 4."""
    whole = len(used) > 1 and used == tuple(range(used[0], used[-1] + 1))
    return f"{used[0]} to {used[-1]}" if whole else ", ".join(map(str, used))
