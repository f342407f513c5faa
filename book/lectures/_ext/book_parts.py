"""Parts of the built book's pages, taken out of them: a theorem, a formula, a cell, an exercise, a section.

What is taken keeps its text and its formulas; what leads elsewhere on the page is left out.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

from bs4 import BeautifulSoup, Tag

LABEL = re.compile(r'\bid="([\w-]+)"')
BARE = re.compile(r'<span id="[\w-]+"></span>')  # an address before something, or of something that has moved
TITLE = re.compile(r"<h1>(.*?)</h1>", re.DOTALL)
LEFT_OUT = "a.headerlink, details, button, script, .figure-text"


class PartError(ValueError):
    """A part that the book does not have."""


class BookParts:
    """The pages of the built book in a folder, and parts of them by their labels."""

    def __init__(self, book: Path) -> None:
        if not (book / "book" / "intro.html").is_file():
            raise PartError(f"no built book in {book}: run make book first")
        self.texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted((book / "book").glob("*.html"))}
        self._pages: dict[str, BeautifulSoup] = {}

    @cached_property
    def places(self) -> dict[str, str]:
        """The page of each label: the first that has what it names, or else the first that has the bare address."""
        pages = list(reversed(self.texts.items()))
        pages += [(name, BARE.sub("", text)) for name, text in pages]  # what comes later counts
        return {label: name for name, text in pages for label in LABEL.findall(text)}

    def page(self, name: str) -> BeautifulSoup:
        """The main text of one page.

        Raises:
            PartError: there is no such page.
        """
        if name not in self.texts:
            raise PartError(f"the book has no page {name!r}; it has {', '.join(self.texts)}")
        if name not in self._pages:
            _, start, text = self.texts[name].partition("<article")
            self._pages[name] = BeautifulSoup(start + text.partition("</article>")[0], "html.parser")
        return self._pages[name]

    def title(self, name: str) -> str:
        """The title of a page, without its number."""
        if name not in self.texts or not (found := TITLE.search(self.texts[name])):
            raise PartError(f"the book has no page {name!r} with a title")
        return words(BeautifulSoup(found[1], "html.parser")).lstrip("0123456789. ")

    def labelled(self, label: str, page: str = "") -> tuple[str, Tag]:
        """The page that has a label, and the element: a theorem, a figure, an exercise, or a formula.

        Raises:
            PartError: no page has it.
        """
        for id in (label, f"equation-{label}"):
            if name := page or self.places.get(id):
                if found := self.page(name).find(id=id):
                    if not found.get_text(strip=True):  # the target that stands before a formula
                        found = found.find_next(class_="math")
                    return name, found
        raise PartError(f"no page of the book has the label {label!r}")

    def html(self, label: str, page: str = "") -> str:
        """An element by its label, as HTML that can stand alone."""
        return alone(self.labelled(label, page)[1])

    def statement(self, label: str) -> tuple[str, str]:
        """A theorem's or an exercise's title, and what it says, as HTML."""
        _, box = self.labelled(label)
        title = words(box.select_one(".admonition-title"))
        body = box.select_one("section")
        if body is None:
            raise PartError(f"{label!r} is no theorem and no exercise")
        return title, inside(body)

    def section(self, page: str, id: str, paragraphs: int = 1) -> str:
        """The first paragraphs of a section, as HTML."""
        found = self.page(page).find(id=id)
        if found is None:
            raise PartError(f"{page} has no section {id!r}")
        return "".join(alone(part) for part in found.find_all("p", recursive=False)[:paragraphs])

    def cell(self, page: str, words: str) -> str:
        """The code of the cell that contains some words, as HTML."""
        cells = [code for code in self.page(page).select("div.cell_input") if words in code.get_text()]
        if len(cells) != 1:
            raise PartError(f"{len(cells)} cells of {page} contain {words!r}; name one")
        return alone(cells[0].select_one("pre"))


def words(element: Tag | None) -> str:
    """The text of an element in one line."""
    return " ".join(element.get_text().split()).rstrip("#").strip() if element else ""


def alone(element: Tag) -> str:
    """An element as HTML, without what leads elsewhere."""
    copy = BeautifulSoup(str(element), "html.parser")
    for part in copy.select(LEFT_OUT):
        part.decompose()
    for number in copy.select(".eqno"):
        number.decompose()
    for link in copy.find_all("a"):
        link.unwrap()
    for part in copy.find_all(id=True):
        del part["id"]
    return str(copy)


def inside(element: Tag) -> str:
    """What an element holds, as HTML without what leads elsewhere."""
    return BeautifulSoup(alone(element), "html.parser").find().decode_contents()
