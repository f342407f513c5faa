"""A chapter's text for readers without MyST: a box becomes a bold heading, a reference the words that a page shows.

Titles, numbers and years are those of the pages; Sphinx's environment knows them.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from pybtex.database import parse_file

Name = Callable[[str, str], str]  # what a reference is called, by its role and its target

FENCE = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<kind>[\w:-]+)\}\s*(?P<title>.*)$")
OPTION = re.compile(r"^:(\w+): ?(.*)$")
ROLE = re.compile(r"\{([\w:]+)\}`([^`<]*?)(?:\s*<([^`>]+)>)?`")
NUMBERED = re.compile(r"^\$\$ \(([\w-]+)\)$", re.MULTILINE)
LABEL = re.compile(r"^\([\w-]+\)=\n", re.MULTILINE)
ENTRY = re.compile(r"\[([^\]]*)\]\(#claim-[\w-]+\)")  # the verdicts lead to the ledger's page
CHAPTER = re.compile(r"\[([^\]]*)\]\(\w+\.md\)")  # no other chapter lies beside a download


def plain(text: str, name: Name) -> str:
    """The text of a cell without MyST's markup."""
    text = NUMBERED.sub(lambda label: rf"\tag{{{name('eq', label[1]).strip('()')}}}" + "\n$$", text)
    text = ENTRY.sub(r"\1", LABEL.sub("", "\n".join(boxes(text.split("\n"), name))))
    text = CHAPTER.sub(r"*\1*", text)
    text = ROLE.sub(lambda role: role[2] if role[3] or role[1] == "term" else name(role[1], role[2]), text)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


def boxes(lines: list[str], name: Name) -> list[str]:
    """Lines with a heading in place of each fence, also of those within others."""
    found, at = [], 0
    while at < len(lines):
        opened = FENCE.match(lines[at])
        if opened is None:
            found.append(lines[at])
            at += 1
            continue
        end = next((k for k in range(at + 1, len(lines)) if lines[k].rstrip() == opened["fence"]), len(lines))
        body, options = lines[at + 1 : end], {}
        while body and (option := OPTION.match(body[0])):
            options[option[1]] = option[2]
            body = body[1:]
        found += box(opened["kind"], opened["title"], options.get("label", ""), boxes(body, name), name)
        at = end + 1
    return found


def box(kind: str, title: str, label: str, body: list[str], name: Name) -> list[str]:
    """A box of this kind; its body is plain already."""
    named = f" ({title})" if title else ""
    if kind in ("index", "solution-end"):
        return []
    if kind == "solution":
        return ["<details><summary>Solution</summary>", "", *body, "", "</details>"]
    if kind == "solution-start":
        return ["**Solution.**", *body]
    if kind == "exercise":
        return [f"**Exercise{named}.**", "", *body]
    if kind == "prf:proof":
        return ["*Proof.*", *body, "∎"]
    if kind.startswith("prf:"):
        return [f"**{name('prf:ref', label) if label else kind[4:].title()}{named}.**", "", *body]
    return [f"**{title}**", "", *body]


def names_of(env: Any) -> Name:
    """What the pages of this book call a reference."""

    def number(docname: str, kind: str, target: str) -> str:
        return ".".join(map(str, env.toc_fignumbers.get(docname, {}).get(kind, {}).get(target, ())))

    def name(role: str, target: str) -> str:
        standard = env.get_domain("std")
        if role == "ref" and target in standard.labels:
            return f"*{standard.labels[target][2]}*"
        if role == "numref" and target in standard.anonlabels:
            return f"Fig. {number(standard.anonlabels[target][0], 'figure', standard.anonlabels[target][1])}"
        if role == "eq" and target in env.get_domain("math").equations:
            docname, alone = env.get_domain("math").equations[target]
            return f"({number(docname, 'displaymath', f'equation-{target}') or alone})"
        if role == "prf:ref" and target in env.proof_list:
            proof = env.proof_list[target]
            numbered = "" if proof["nonumber"] else number(proof["docname"], proof["countertype"], target)
            return f"{proof['realtype'].title()} {numbered}".strip()
        if role.startswith("cite"):
            return cited(Path(env.srcdir, env.config.bibtex_bibfiles[0]), target, inside=role != "cite:t")
        return f"*{target}*"

    return name


def cited(file: Path, keys: str, inside: bool) -> str:
    """Authors and year: "(Power et al., 2022)", or "Power et al. (2022)" as a part of the sentence."""
    found = []
    for key in keys.split(","):
        entry = works(file)[key.strip()]
        last = [" ".join(person.last_names) for person in entry.persons["author"]]
        authors = f"{last[0]} et al." if len(last) > 2 else " and ".join(last)
        found.append(f"{authors}, {entry.fields['year']}" if inside else f"{authors} ({entry.fields['year']})")
    return f"({'; '.join(found)})" if inside else ", ".join(found)


@cache
def works(file: Path) -> Any:
    """The works of a BibTeX file."""
    return parse_file(file).entries
