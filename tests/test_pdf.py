"""The printed book: everything of the pages is in its LaTeX, and explorers are pictures there."""

import importlib.util
import re
import shutil
import subprocess
import sys

import pytest
from conftest import chapters
from test_reading import CELL

LATEX_HAS = {"book/genindex"}  # it makes the index itself


@pytest.fixture(scope="module")
def pdf(root):
    spec = importlib.util.spec_from_file_location("pdf", root / "book" / "pdf.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def printed(pdf, book, tmp_path_factory):
    """The main file of the book as LaTeX, from the cells as they were executed for the pages."""
    folder = tmp_path_factory.mktemp("printed")
    command = [sys.executable, pdf.__file__, "--latex", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Executing notebook" not in done.stdout + done.stderr
    return folder / "latex" / "book.tex"


@pytest.fixture(scope="module")
def text(printed):
    return printed.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sources(root):
    return {page: (root / f"{page}.md").read_text(encoding="utf-8") for page in chapters()}


def escaped(title):
    return title.replace("-", r"\sphinxhyphen{}").replace("_", r"\_")


def test_every_page_is_a_chapter_in_the_order_of_the_book(text, sources):
    titles = [re.search(r"^# (.+)$", text, re.MULTILINE)[1] for page, text in sources.items() if page not in LATEX_HAS]
    assert re.findall(r"^\\chapter\{(.+)\}$", text, re.MULTILINE) == [escaped(title) for title in titles]


def test_what_is_folded_on_a_page_has_its_first_line_as_a_heading(text, sources):
    folded = [cell for source in sources.values() for cell in CELL.findall(source) if "hide-input" in cell]
    checks = sum("\n# Check: " in cell for cell in folded)
    assert text.count(r"\sphinxstylestrong{Check: ") == checks > 100
    assert r"\PYGZsh{} Check: " not in text


def test_chapters_have_the_numbers_that_they_have_on_the_pages(text, book):
    """Theorems bring their numbers from the pages, and figures get theirs from LaTeX: both count chapters."""
    printed, numbered, last = {}, False, 0
    marks = r"\\(numbered|loose)chapters\b|^\\chapter\{(.+)\}$"
    for switch, title in re.findall(marks, text.split(r"\begin{document}")[1], re.MULTILINE):
        if switch:
            numbered = switch == "numbered"
        elif numbered:
            last += 1
            printed[title] = str(last)
    shown = {}
    for page in chapters():
        heading = re.search(r"<title>(?:(\d+)\. )?(.+?) &#8212;", (book / f"{page}.html").read_text(encoding="utf-8"))
        if heading[1]:
            shown[escaped(heading[2])] = heading[1]
    assert printed == shown and len(shown) > 10


def test_every_explorer_is_two_pictures(text, sources, printed):
    explorers = sum(len(re.findall(r"^:?tags: .*explorer", source, re.MULTILINE)) for source in sources.values())
    assert explorers >= 7
    pictures = re.findall(r"\\sphinxincludegraphics(?:\[[^]]*\])?\{\{([\w-]+-(?:first|last))\}\.png\}", text)
    assert len(pictures) == len(set(pictures)) == 2 * explorers
    assert all((printed.parent / f"{name}.png").stat().st_size > 1000 for name in pictures)
    assert text.count("On its page this picture moves") == explorers


def test_no_widget_stands_as_code(text):
    assert "VBox(" not in text and "FloatProgress(" not in text


def test_every_figure_and_theorem_is_there(text, sources):
    for page, source in sources.items():
        labels = re.findall(r"^    name: (fig-[\w-]+)$", source, re.MULTILINE)
        labels += re.findall(r"^```\{prf:(?!proof)\w+\}.*\n:label: ([\w-]+)$", source, re.MULTILINE)
        for label in labels:
            assert f"{page}:{label}" in text.replace(r"\_", "_"), f"{page}: {label}"


def test_solutions_stand_open(text, sources):
    solutions = re.findall(r"^`{3,}\{solution(?:-start)?\}", "\n".join(sources.values()), re.MULTILINE)
    assert text.count("Solution to ") == len(solutions) > 50


def test_the_map_the_glossary_and_the_index_are_printed(text):
    assert text.count(r"\begin{tikzpicture}") == 2 and text.count(r"\draw[") > 50
    assert "Riemannian gradient flow" in text
    assert r"\index{equation of the paper@\spxentry{equation of the paper}!20@\spxentry{20}" in text
    assert r"\printindex" in text


def test_without_tex_the_packages_are_named(pdf, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pdf.PrintError, match=r"latexmk and xelatex and makeindex not found.*\n.*texlive-xetex"):
        pdf.typeset(tmp_path / "book.tex")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("latexmk") is None or shutil.which("xelatex") is None, reason="TeX is not installed")
def test_tex_has_nothing_to_complain_of(pdf, printed):
    file = pdf.typeset(printed)
    assert file.read_bytes().startswith(b"%PDF")
    log = file.with_suffix(".log").read_text(encoding="utf-8", errors="replace").replace("\n", "")
    assert "Missing character" not in log
    assert not re.findall(r"[Rr]eference `[^']+' on page \d+ undefined", log)
    beyond = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)", log)]
    assert max(beyond, default=0) < 15, "something is cut off at the right"
