"""What slides are made of: words for the lecturer, questions for the room, and the chapters' own parts.

- ``{say} 6 board``: minutes, and how: slide, board, live, room or break; the text goes into the speaker's notes.
  ``see`` names labels of the book: what to read before one proves it.
- ``{question} What ...?``: with the answers as a list, and the options right, catches, because.
- ``{figure-of} fig-NAME``: a figure of a chapter, as SVG, with its alternative text; ``part`` shows a part, larger.
- ``{from-book} LABEL``: a theorem, a proposition or a formula, with the words of its chapter.
- ``{live} FACE``: an explorer that computes in the browser. ``poster`` is the figure for paper and for files;
  ``controls`` (names of inputs) and ``charts`` (numbers) are those that there is room for.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

from book_parts import BookParts, PartError
from chapter_figures import Figure, stored
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

LOADED = {"LICENSE", "dist/reveal.js", "dist/reveal.css", "plugin/notes/notes.js", "plugin/zoom/zoom.js"}
SIZE = re.compile(r'<svg [^>]*?\bwidth="([\d.]+)pt" height="([\d.]+)pt"')
ROOM = 1240, 570  # pixels for a figure
WAYS = ("slide", "board", "live", "room", "break")


class say(nodes.Element):  # noqa: N801
    """Words for the lecturer, with minutes and a way."""


class question(nodes.Element):  # noqa: N801
    """A question for the room."""


@lru_cache(maxsize=1)
def book_parts(folder: str) -> BookParts:
    """The pages of the book, read once."""
    return BookParts(Path(folder))


@lru_cache(maxsize=1)
def figures(cache: str) -> dict[str, tuple[Figure, Path]]:
    """The chapters' figures by name, each with the folder of its files."""
    return {figure.name: (figure, folder) for figure, folder in stored(Path(cache))}


class Say(SphinxDirective):
    """``{say} minutes way``."""

    required_arguments, optional_arguments, has_content = 2, 0, True
    option_spec = {"see": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Parse the words."""
        minutes, way = self.arguments
        if not minutes.isdigit() or way not in WAYS:
            raise self.error(f"say needs minutes and one of {', '.join(WAYS)}, got {minutes} {way}")
        node = say(minutes=int(minutes), way=way, see=self.options.get("see", "").split())
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


class Question(SphinxDirective):
    """``{question} text``, with the answers below."""

    required_arguments, final_argument_whitespace, has_content = 1, True, True
    option_spec = {
        "right": directives.unchanged_required,
        "catches": directives.unchanged_required,
        "because": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """Parse the question and its answers."""
        missing = self.option_spec.keys() - self.options.keys()
        if missing:
            raise self.error(f"a question needs {', '.join(sorted(missing))}")
        node = question(text=self.arguments[0], **self.options)
        asked, _ = self.state.inline_text(self.arguments[0], self.lineno)
        node += nodes.paragraph("", "", *asked, classes=["asked"])
        self.state.nested_parse(self.content, self.content_offset, node)
        for answers in node.findall(nodes.bullet_list):
            answers["classes"].append("answers")
        return [node]


def percents(text: str) -> list[int]:
    """Four whole numbers from 0 to 100."""
    found = [directives.percentage(number) for number in text.split()]
    if len(found) != 4:
        raise ValueError(f"a part has four edges, left, top, right, bottom; got {text!r}")
    return found


class FigureOf(SphinxDirective):
    """``{figure-of} name``."""

    required_arguments = 1
    option_spec = {"part": percents}

    def run(self) -> list[nodes.Node]:
        """Write the picture."""
        return [raw(picture(self, self.arguments[0], self.options.get("part", ())), self.arguments[0])]


class FromBook(SphinxDirective):
    """``{from-book} label``."""

    required_arguments = 1
    option_spec = {"class": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Copy the part."""
        parts, label = book_parts(self.config.lectures_book), self.arguments[0]
        try:
            _, element = parts.labelled(label)
            if element.select_one(".admonition-title"):
                title, text = parts.statement(label)
                html = f'<div class="statement"><p class="name">{escape(title)}</p>{text}</div>'
            else:
                html = parts.html(label)
        except PartError as error:
            raise self.error(str(error)) from error
        return [raw(f'<div class="{self.options.get("class", "part")}">{html}</div>', label)]


class Live(SphinxDirective):
    """``{live} face``."""

    required_arguments = 1
    option_spec = {
        "poster": directives.unchanged_required,
        "controls": directives.unchanged_required,
        "charts": directives.positive_int_list,
    }

    def run(self) -> list[nodes.Node]:
        """Leave a place for the explorer, a style for what it shows, and a figure where it cannot run."""
        face = self.arguments[0]
        if not (Path(self.config.lectures_book) / "_static" / "live" / f"{face}.js").is_file():
            raise self.error(f"the book has no explorer {face} that computes in the browser")
        poster = picture(self, self.options["poster"])
        named = "".join(f':not(:has([name="{name}"]))' for name in self.options["controls"].split())
        charts = self.options["charts"]
        shown = "".join(f":not(:nth-child({number}))" for number in charts)
        hidden = f'[data-face="{face}"] .controls > label{named}, [data-face="{face}"] .charts > {shown}'
        beside = f'.three[data-face="{face}"] .charts > :nth-child({charts[0]})'
        style = f"<style>{hidden} {{ display: none }} {beside} {{ grid-column: 2 }}</style>"
        place = "live-place three" if len(charts) == 3 else "live-place"
        return [raw(f'{style}<div class="{place}" data-face="{face}"></div>{poster}')]


def picture(directive: SphinxDirective, name: str, part: Sequence[int] = ()) -> str:
    """The HTML of a figure, or of a part of it: from left, top to right, bottom in percent.

    A browser that does not know parts shows the whole.
    """
    known = figures(directive.config.lectures_cache)
    if name not in known:
        raise directive.error(f"no chapter has drawn {name!r}: run make book, or name another figure")
    style = f' style="{cut(known[name][1] / f"{name}.svg", *part)}"' if part else ""
    return f'<img class="figure" src="figures/{name}.svg" alt="{escape(known[name][0].alt)}"{style}>'


def cut(picture: Path, left: int, top: int, right: int, bottom: int) -> str:
    """The style of a part of a picture, as large as it fits on a slide with a title of one line."""
    width, height = map(float, SIZE.search(picture.read_text(encoding="utf-8")).groups())
    shape = width * (right - left) / (height * (bottom - top))
    wide = min(ROOM[0], ROOM[1] * shape)
    edges = f"object-view-box: inset({top}% {100 - right}% {100 - bottom}% {left}%)"
    return f"{edges}; flex: none; width: {wide:.0f}px; height: {wide / shape:.0f}px; margin: 0; align-self: center"


def raw(html: str, label: str = "") -> nodes.raw:
    """A node of HTML; what it shows has this label in the book."""
    return nodes.raw("", html, format="html", label=label)


def notes(paragraphs: list[str]) -> str:
    """The element that reveal.js shows to the speaker alone."""
    return f'<aside class="notes">{"".join(f"<p>{escape(text)}</p>" for text in paragraphs)}</aside>'


def said(node: say) -> list[str]:
    """The paragraphs of what to say, the first with its minutes and its way."""
    lines = [paragraph.astext().replace("\n", " ") for paragraph in node.findall(nodes.paragraph)]
    return [f"From minute {node['from']}: {node['minutes']} min, {node['way']}.", *lines]


def answered(node: question) -> list[str]:
    """What the lecturer must know of a question."""
    because = node["because"][0].upper() + node["because"][1:]
    return [f"Right: {node['right']}. {because}", f"It catches: {node['catches']}."]


def visit_say(self: Any, node: say) -> None:
    """Write the notes."""
    self.body.append(notes(said(node)))
    raise nodes.SkipNode


def visit_question(self: Any, node: question) -> None:
    """Begin the question."""
    self.body.append('<div class="question">')


def depart_question(self: Any, node: question) -> None:
    """End it, with its answer for the speaker."""
    self.body.append("</div>" + notes(answered(node)))


def prepare(app: Sphinx, doctree: nodes.document) -> None:
    """Give each slide its minute. No table of contents holds the lectures: their own page lists them."""
    minute = 0
    for node in doctree.findall(say):
        node["from"] = minute
        minute += node["minutes"]
    app.env.metadata[app.env.docname]["orphan"] = "true"


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Put the pictures beside the slides, and leave out what no slide loads of reveal.js."""
    if exception is not None:
        return
    target = Path(app.outdir, "figures")
    target.mkdir(exist_ok=True)
    for name, (_, folder) in figures(app.config.lectures_cache).items():
        shutil.copy(folder / f"{name}.svg", target)
    reveal = Path(app.outdir, "_static", "revealjs")
    for file in reveal.rglob("*"):
        if file.is_file() and file.relative_to(reveal).as_posix() not in LOADED:
            file.unlink()
    for folder in sorted(filter(Path.is_dir, reveal.rglob("*")), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.add_config_value("lectures_book", "", "env")
    app.add_config_value("lectures_cache", "", "env")
    app.add_node(say, html=(visit_say, None), revealjs=(visit_say, None))
    app.add_node(question, html=(visit_question, depart_question), revealjs=(visit_question, depart_question))
    for name, directive in {
        "say": Say, "question": Question, "figure-of": FigureOf, "from-book": FromBook, "live": Live,
    }.items():  # fmt: skip
        app.add_directive(name, directive)
    app.connect("doctree-read", prepare)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True}
