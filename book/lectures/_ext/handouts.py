"""What goes with the slides: a plan for each lecture, a sheet for each chapter, their common page, and the figure pack.

All of it is put together from the sources of the slides and from the pages of the book.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import yaml
from book_parts import BookParts, PartError, alone, words
from docutils import nodes
from slides import answered, book_parts, figures, question, said, say
from sphinx.application import Sphinx

HERE = Path(__file__).parent.parent
SHEETS = HERE / "sheets.yml"
TOC = HERE.parent.parent / "_toc.yml"
SUMMARIES = HERE.parent / "summaries.yml"
TAUGHT = ("See it", "Prove it", "Build it", "Decouple it", "Beyond it")  # the parts whose chapters have sheets
TOLD = {"fifteen_minutes", "why"}  # summaries themselves
LICENCE = "CC BY 4.0"
PACK = "figures.zip"
READ_ME = """\
The figures of "The Geometry of Grokking: an executable companion", by the grokutil contributors.

Each is here as SVG and as PDF, in a folder for its chapter, with the cell that drew it. figures.csv has for each its
title, caption, alternative text and licence. All are licensed under CC BY 4.0,
https://creativecommons.org/licenses/by/4.0/: use and change them, and name the source.
"""


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """All pages beside the slides, for Sphinx to write."""
    parts = book_parts(app.config.lectures_book)
    plans = [plan(app, name, parts) for name in sorted(app.env.found_docs)]
    for one in plans:
        yield f"plan_{one['name']}", one, "plan.html"
    chosen = yaml.safe_load(SHEETS.read_text(encoding="utf-8"))
    summaries = yaml.safe_load(SUMMARIES.read_text(encoding="utf-8"))
    sheets = [sheet(name, chosen.get(name, {}), parts, summaries) for name in taught()]
    for one in sheets:
        yield f"sheet_{one['name']}", one, "sheet.html"
    yield "sheet_book", book_sheet(chosen["book"], parts, sheets), "sheet_book.html"
    yield "index", {"plans": plans, "sheets": sheets, "figures": len(figures(app.config.lectures_cache))}, "index.html"


def front(name: str) -> dict[str, Any]:
    """What stands above a lecture's slides."""
    text = (HERE / f"{name}.md").read_text(encoding="utf-8")
    return yaml.safe_load(text.split("---\n")[1])


def plan(app: Sphinx, name: str, parts: BookParts) -> dict[str, Any]:
    """A lecture in a table: its slides with minutes, ways and words, and its questions."""
    doctree = app.env.get_doctree(name)
    rows, asked = [], []
    for place, section in enumerate(doctree.findall(nodes.section)):
        title = marked(section.next_node(nodes.title))
        own = [child for child in section.children if not isinstance(child, nodes.section)]
        shown = [part["label"] for child in own for part in child.findall(nodes.raw) if part.get("label")]
        for node in (found for child in own for found in child.findall(say)):
            where = [link(parts, label) for label in dict.fromkeys([*shown, *node["see"]])]
            told = {"title": title, "place": place, "words": said(node)[1:], "where": where}
            rows.append(told | node.attributes)
        for node in (found for child in own for found in child.findall(question)):
            right, catches = answered(node)
            answers = [marked(item[0]) for item in node.findall(nodes.list_item)]
            asked.append({"text": node["text"], "answers": answers, "right": right, "catches": catches})
    told = front(name)
    ways = {way: sum(row["minutes"] for row in rows if row["way"] == way) for way in ("board", "slide", "live", "room")}
    return {
        "name": name,
        "number": int(name[:2]),
        "title": doctree.next_node(nodes.title).astext(),
        "rows": rows,
        "questions": asked,
        "ways": ways,
        "minutes": sum(row["minutes"] for row in rows),
        "sheets": [chapter for chapter in told["chapters"] if chapter in taught()],
        "chapter_titles": {chapter: parts.title(chapter) for chapter in told["chapters"]},
        **told,
    }


def marked(element: nodes.Element) -> str:
    """A line as HTML, with its formulas."""
    return "".join(
        f'<span class="math">\\({escape(part.astext())}\\)</span>'
        if isinstance(part, nodes.math)
        else escape(part.astext())
        for part in element.children
    )


def link(parts: BookParts, label: str) -> tuple[str, str]:
    """The address of what has a label in the book, as the lectures see it, and what it is called there."""
    page, element = parts.labelled(label)
    name = element.select_one(".caption-number")
    target = label if parts.page(page).find(id=label) else f"equation-{label}"
    unnamed = f"{'the explorer' if label.startswith('explorer-') else 'a formula'} in {parts.title(page)}"
    return f"../book/{page}.html#{target}", words(name) if name else unnamed


def taught() -> list[str]:
    """The chapters that have a sheet, in the book's order."""
    toc = yaml.safe_load(TOC.read_text(encoding="utf-8"))
    found = [entry["file"] for part in toc["parts"] if part["caption"] in TAUGHT for entry in part["chapters"]]
    return [Path(file).name for file in found if Path(file).name not in TOLD]


def sheet(name: str, chosen: dict[str, str], parts: BookParts, summaries: dict[str, str]) -> dict[str, Any]:
    """One page about a chapter, from the parts of its page.

    Raises:
        PartError: the chapter has no such part.
    """
    page = parts.page(name)

    def label(kind: str, selector: str) -> str:
        first = page.select_one(selector)
        return chosen.get(kind) or (first["id"].removeprefix("equation-") if first else "")

    statement = label("statement", "div.theorem.proof[id], div.proposition.proof[id]")
    formula = label("formula", "div.math[id^='equation-eq-']")
    warm_up = [box["id"] for box in page.select("div.exercise[id]") if "Warm-up" in box.get_text()]
    if len(warm_up) != 1:
        raise PartError(f"{name} has {len(warm_up)} warm-ups; a sheet needs one")
    return {
        "name": name,
        "title": parts.title(name),
        "summary": summaries[f"book/{name}"],
        "claim": parts.section(name, "now-you-know"),
        "picture": picture(parts, label("picture", "figure[id]")),
        "statement": parts.statement(statement) if statement else None,
        "formula": parts.html(formula, name) if formula else "",
        "code": parts.cell(name, chosen["code"]) if "code" in chosen else "",
        "exercise": parts.statement(warm_up[0]),
    }


def picture(parts: BookParts, label: str) -> dict[str, str]:
    """A figure's name, alternative text and caption."""
    _, figure = parts.labelled(label)
    caption = figure.select_one(".caption-text")
    return {"name": label, "alt": figure.img["alt"], "caption": alone(caption) if caption else ""}


def book_sheet(chosen: dict[str, Any], parts: BookParts, sheets: list[dict[str, Any]]) -> dict[str, Any]:
    """One page about the whole book."""
    return {
        "title": "The geometry of grokking",
        "claim": parts.section("intro", "the-idea-in-one-picture", paragraphs=9),
        "picture": picture(parts, chosen["picture"]),
        "statements": [parts.statement(label) for label in chosen["statements"]],
        "formulas": [parts.html(label) for label in chosen["formulas"]],
        "sheets": sheets,
    }


def write_pack(app: Sphinx, exception: Exception | None) -> None:
    """All figures with their table in one archive."""
    if exception is not None:
        return
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["name", "chapter", "title", "caption", "alternative text", "licence", "SVG", "PDF", "cell"])
    parts = book_parts(app.config.lectures_book)
    with zipfile.ZipFile(Path(app.outdir, PACK), "w", zipfile.ZIP_DEFLATED, compresslevel=4) as pack:
        for name, (figure, folder) in sorted(figures(app.config.lectures_cache).items()):
            place = f"figures/{figure.chapter}/{name}"
            for end in ("svg", "pdf"):
                pack.write(folder / f"{name}.{end}", f"{place}.{end}")
            pack.writestr(f"{place}.py", figure.cell + "\n")
            _, shown = parts.labelled(name, figure.chapter)
            title = words(shown.select_one(".caption-number"))
            ends = [f"{place}.{end}" for end in ("svg", "pdf", "py")]
            caption = " ".join(figure.caption.split())
            rows.writerow([name, figure.chapter, title, caption, figure.alt, LICENCE, *ends])
        pack.writestr("figures/figures.csv", table.getvalue())
        pack.writestr("figures/README.txt", READ_ME)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("html-collect-pages", pages)
    app.connect("build-finished", write_pack)
    return {"version": "1", "parallel_read_safe": True}
