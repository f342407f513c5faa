"""What is numbered in the paper, and which of its numbers a claim's source names."""

from __future__ import annotations

import re

NUMBERED: dict[str, tuple[str, ...]] = {
    "eq.": tuple(str(k) for k in range(1, 30)),
    "Assumption": ("4.1", "4.2", "4.3", "4.4", "4.5"),
    "Definition": ("4.6", "4.7", "4.9", "4.11", "4.12", "4.13", "C.3"),
    "Theorem": ("4.8", "4.10", "4.14", "5.1", "B.2", "C.2"),
    "Lemma": ("A.1", "C.1"),
    "Proposition": ("B.1", "C.4"),
    "Remark": ("4.15",),
    "Fig.": tuple("1234567"),
    "section": (
        *("1", "2", "3.1", "3.2", "3.3", "3.4", "4", "4.1", "4.2", "4.3", "4.4", "4.5", "4.6", "5", "5.1"),
        *("6.1", "6.2", "6.3", "7.1", "7.2", "7.3", "7.3.1", "7.3.2", "8"),
    ),
    "Appendix": tuple("ABCDE"),
    "question": tuple("12345678"),  # of the reviewers
}
PAPER = tuple(f"{kind} {number}" for kind, of_a_kind in NUMBERED.items() for number in of_a_kind) + ("abstract",)

KINDS = {  # as a source writes them
    "eq": "eq.",
    "fig": "Fig.",
    "def": "Definition",
    "appendices": "Appendix",
    **{kind.lower(): kind for kind in NUMBERED},
}
NUMBER = r"[A-E](?:\.\d+)?\b|\d+(?:\.\d+)*"
MENTION = re.compile(
    rf"\b(eq|fig|def|{'|'.join(kind.lower().rstrip('.') for kind in NUMBERED)}|appendices)s?\.? "
    rf"((?:{NUMBER})(?:(?:-|, and |, | and )(?:{NUMBER}))*)",
    re.IGNORECASE,
)


def numbers(source: str) -> set[str]:
    """The paper's numbers in a claim's source: "Theorem 4.8, eqs 8-10" names Theorem 4.8, eq. 8, eq. 9, eq. 10.

    The labels are those of ``PAPER``; "abstract" is one of them.

    Raises:
        ValueError: the source names a number that the paper does not have.
    """
    found = {"abstract"} if "abstract" in source else set()
    for mention in MENTION.finditer(source):
        kind = KINDS.get(mention[1].lower()) or KINDS[mention[1].lower() + "."]
        known = NUMBERED[kind]
        for part in re.split(r", and |, | and ", mention[2]):
            ends = part.split("-")
            if unknown := [number for number in ends if number not in known]:
                raise ValueError(f"the paper has no {kind} {unknown[0]} (source: {source!r})")
            first, last = known.index(ends[0]), known.index(ends[-1])
            found |= {f"{kind} {number}" for number in known[first : last + 1]}
    return found
