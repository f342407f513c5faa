"""The built book, served on this machine, and a browser to read it with.

A test that asks for `chapter` runs once for each chapter in _toc.yml.
"""

import functools
import http.server
import os
import shutil
from pathlib import Path

import jupytext
import nbformat
import pytest
import yaml
from hypothesis import settings
from jupyter_cache import get_cache

settings.register_profile("repeatable", derandomize=True)  # the same examples in every run
settings.load_profile("repeatable")

LONG = {  # begun first
    *("test_mutants", "test_explorers_live", "test_course_grading", "test_results", "test_assignments"),
    *("test_course_models", "test_course_handed_in", "test_course_kernel", "test_style", "test_lectures"),
}
ROOT = Path(__file__).parent.parent
BROWSERS = ["chromium", "google-chrome", "chromium-browser"]
QUIET_BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chapters():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    return [toc["root"]] + [entry["file"] for part in toc["parts"] for entry in part["chapters"]]


def pytest_generate_tests(metafunc):
    if "chapter" in metafunc.fixturenames:
        metafunc.parametrize("chapter", chapters())


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups
def pytest_collection_modifyitems(config, items):
    for item in items:
        if "book" in item.fixturenames:
            item.add_marker("book")
    if hasattr(config, "workerinput"):
        for item in items:
            item.add_marker(pytest.mark.xdist_group(group(item)))
        items.sort(key=lambda item: item.path.stem not in LONG)


def group(item):
    """Tests of a group run in one process, for what they share: a visit to a page, or what their module's fixtures
    make."""
    if "visit" in item.fixturenames:
        return item.callspec.params["chapter"]
    if item.path.stem == "test_course_models":  # minutes each, and nothing to share
        return item.nodeid
    if item.path.stem == "test_explorers_browser" and "explorer_page" in item.fixturenames:
        return f"explorers of {item.callspec.params['explorer_page']}"
    return item.path.stem


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def book():
    """The folder of the built pages."""
    html = ROOT / "_build" / "html"
    if not (html / "index.html").exists():
        pytest.fail("The book is not built: run `make book` first.")
    return html


def built_after(root, *places):
    """Whether the book was built after the last change of any of these files and folders."""
    files = [file for place in places for file in ([place] if place.is_file() else place.rglob("*.*"))]
    built = root / "_build" / "built"
    return built.exists() and built.stat().st_mtime > max(
        file.stat().st_mtime for file in files if "__pycache__" not in file.parts
    )


def notebook_of(root, chapter):
    """The notebook of a chapter as it was executed in the build; None for a page without cells."""
    cache = get_cache(root / "_build" / ".jupyter_cache")
    records = [record for record in cache.list_cache_records() if record.uri == str(root / f"{chapter}.md")]
    return cache.get_cache_bundle(max(records, key=lambda record: record.created).pk).nb if records else None


@pytest.fixture
def executed(root, book, chapter):
    """``notebook_of`` the chapter; its metadata have the seconds of processor time of each code cell."""
    notebook = notebook_of(root, chapter)
    if notebook is None:
        assert "{code-cell}" not in (root / f"{chapter}.md").read_text()
        return nbformat.v4.new_notebook(metadata={"seconds": []})
    sources = [cell.source for cell in jupytext.read(root / f"{chapter}.md").cells if cell.cell_type == "code"]
    assert [cell.source for cell in notebook.cells] == sources
    return notebook


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def published():
    """What serves a folder of built pages as GitHub does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "book")
        from published import published
    return published


@pytest.fixture(scope="session")
def server(book, published):
    """The address at which the built book is served, as it is published."""
    with published(book) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        yield launched(driver.chromium)


def launched(kind, **options):
    """A browser of this machine, or the one that Playwright has brought."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), kind.executable_path)
    if not Path(executable).exists():
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(f"No browser found: install one of {', '.join(BROWSERS)}.")
    return kind.launch(executable_path=executable, args=QUIET_BROWSER, **options)


@pytest.fixture(scope="session")
def visit(browser, server):
    """What there is to see on a chapter's page; each page is opened once."""
    import pages  # here, because what conftest imports is part of every mutant's trial

    return functools.cache(functools.partial(pages.visit, browser, server))
