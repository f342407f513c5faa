"""Chapters as notebooks: the download of each page, the button to Binder, and a run with nothing but the package."""

import functools
import gzip
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import parse_qs, quote, urlsplit
from urllib.request import urlopen

import jupytext
import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pages import parse
from test_repository import LOCAL_PATH

ADDRESS = "https://github.com/some-one/a-book"
HEADER = """\
---
jupytext:
  formats: md:myst
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

"""
MARKUP = re.compile(r"\{[a-z:-]+\}`[^`]*`|^(?:`{3,}|:{3,})\{.*|^\([\w-]+\)=|\$\$ \(.*|\]\(#claim", re.MULTILINE)
CELL = "```{code-cell} ipython3\n1 + 1\n```\n"
PAGES = ("front", "cells", "words")
TOC = {"format": "jb-book", "root": "book/front", "chapters": [{"file": "book/cells"}, {"file": "book/words"}]}


def links(page, css):
    return [a["href"] for a in parse(page).select(f"{css}[href]")]


class TestDownload:
    @pytest.fixture
    def cells(self, root, chapter):
        """The code cells of the chapter's source."""
        source = (root / f"{chapter}.md").read_text(encoding="utf-8")
        return [cell for cell in jupytext.reads(source, fmt="md:myst").cells if cell.cell_type == "code"]

    def test_a_page_with_cells_offers_them_and_no_other_does(self, book, chapter, cells):
        found = links(book / f"{chapter}.html", "a.btn-download-notebook-button")
        assert found == ([f"../_sources/{chapter}.ipynb"] if cells else [])

    def test_the_notebook_is_the_chapter_and_nothing_of_the_machine(self, book, chapter, cells):
        if not cells:
            assert not (book / "_sources" / f"{chapter}.ipynb").exists()
            return
        text = (book / "_sources" / f"{chapter}.ipynb").read_text(encoding="utf-8")
        assert not LOCAL_PATH.findall(text)
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
        assert notebook.metadata.keys() == {"kernelspec"} and notebook.metadata.kernelspec.name == "python3"
        first, *code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert first.source.startswith("import grokutil ")
        assert [cell.source for cell in code] == [cell.source for cell in cells]
        assert not [cell for cell in code if cell.outputs or cell.execution_count]
        assert "pip install" in notebook.cells[0].source
        words = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        assert not MARKUP.findall(words)

    def test_boxes_and_references_become_words(self, book):
        """What plain Jupyter would show as code, or as braces."""
        read = nbformat.read(book / "_sources" / "book" / "closed_form.ipynb", 4)
        words = "\n".join(cell.source for cell in read.cells if cell.cell_type == "markdown")
        number = parse(book / "book" / "closed_form.html").select_one("#prop-reduced-cost .caption-number")
        assert f"**{number.get_text(strip=True)} (The reduced cost).**" in words
        assert "ridge regression (Hoerl and Kennard, 1970)" in words
        assert "*Simulated grokking*: run the formula" in words
        opened, closed = words.count("<details><summary>Solution</summary>\n\n"), words.count("\n\n</details>")
        assert opened == closed > 0 and words.count("*Proof.*") == words.count("∎") > 0


@pytest.fixture(scope="module")
def build(root, tmp_path_factory):
    """Build three small pages with the book's own settings, without running their cells; warnings fail."""

    @functools.cache
    def build(address, environment=()):
        site = tmp_path_factory.mktemp("site")
        shutil.copytree(root / "book", site / "book", ignore=shutil.ignore_patterns("*.md", "*.yml", "assignments"))
        shutil.copyfile(root / "CITATION.cff", site / "CITATION.cff")
        config = yaml.safe_load((root / "_config.yml").read_text())
        config["repository"]["url"] = address
        config["execute"]["execute_notebooks"] = "off"
        (site / "_config.yml").write_text(yaml.safe_dump(config))
        (site / "_toc.yml").write_text(yaml.safe_dump(TOC))
        (site / "book" / "summaries.yml").write_text(
            "".join(f"book/{name}: about {name}\n" for name in ("front", "words", "cells"))
        )
        for name, text in (("front", "# Front\n"), ("words", "# Words\n"), ("cells", f"{HEADER}# Cells\n\n{CELL}")):
            (site / "book" / f"{name}.md").write_text(text)
        command = [Path(sys.executable).with_name("jupyter-book"), "build", ".", "-W", "-n", "--keep-going"]
        alone = {name: said for name, said in os.environ.items() if not name.startswith("GITHUB_")}
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        done = subprocess.run(command, cwd=site, env=alone | dict(environment), **piped)
        assert done.returncode == 0, done.stdout[-3000:]
        return site / "_build" / "html" / "book"

    return build


@pytest.mark.slow
class TestLaunchButton:
    def test_with_an_address_a_chapter_opens_as_a_notebook_in_jupyterlab(self, build, root):
        (link,) = links(build(ADDRESS) / "cells.html", "a[href*=binder]")
        parts = urlsplit(link)
        assert (parts.scheme, parts.netloc) == ("https", "mybinder.org")
        branch = yaml.safe_load((root / "_config.yml").read_text())["repository"]["branch"]
        assert parts.path.split("/")[1:] == ["v2", "gh", "some-one", "a-book", branch]
        assert parse_qs(parts.query) == {"urlpath": ["lab/tree/book/cells.md"]}  # lab_settings.py makes it a notebook

    def test_pages_without_cells_have_none(self, build):
        assert not links(build(ADDRESS) / "words.html", "a[href*=binder]")
        assert links(build(ADDRESS) / "words.html", f"a[href^='{ADDRESS}']")  # but source, edit, issues

    def test_without_an_address_nothing_leads_nowhere(self, build):
        for name in PAGES:
            page = build("") / f"{name}.html"
            assert not links(page, "a[href*=binder]") + links(page, "a[href*=github]")

    def test_a_copy_that_githubs_workflow_publishes_has_all_links(self, build):
        surroundings = (("GITHUB_REPOSITORY", "Some-One/a-book"), ("GITHUB_SERVER_URL", "https://github.com"))
        page = build("", surroundings) / "cells.html"
        site, home = page.parent.parent, "https://some-one.github.io/a-book/"
        assert links(page, "a[href*=binder]") and links(
            page, "a[href^='https://github.com/Some-One/a-book/edit/main/']"
        )
        assert links(page, "a[href^='https://github.com/Some-One/a-book/issues']")
        assert links(page, "link[rel=canonical]") == [f"{home}book/cells.html"]
        door = parse(site / "index.html")
        assert door.select_one("link[rel=canonical]")["href"] == f"{home}book/front.html"
        card = door.select_one('meta[property="og:image"]')["content"]
        assert card.startswith(home) and (site / card.removeprefix(home)).is_file()
        lost = (site / "404.html").read_text(encoding="utf-8")
        assert re.findall(r'href="([^"]+)"', lost) == [
            f"{home}book/front.html",
            f"{home}search.html",
            f"{home}book/genindex.html",
        ]
        listed = re.findall(r"<loc>(.*)</loc>", (site / "sitemap.xml").read_text(encoding="utf-8"))
        assert listed == [f"{home}book/{name}.html" for name in ("cells", "front", "words")]
        assert f"Sitemap: {home}sitemap.xml" in (site / "robots.txt").read_text(encoding="utf-8")

    def test_what_is_shared_and_found_leads_to_the_published_page(self, build, published):
        """The addresses that a page tells of itself, on a server that has the pages where GitHub has them."""
        site, home = build("", (("GITHUB_REPOSITORY", "some-one/a-book"),)).parent, "https://some-one.github.io/a-book/"
        with published(site) as address:
            for name in PAGES:
                page = parse(site / "book" / f"{name}.html")
                said = {tag["property"]: tag["content"] for tag in page.select("meta[property^='og:']")}
                data = json.loads(page.select_one("script[type='application/ld+json']").get_text())
                assert said["og:description"] == data["description"] == f"about {name}"
                assert {*links(site / "book" / f"{name}.html", "link[rel=canonical]"), said["og:url"], data["url"]} == {
                    f"{home}book/{name}.html"
                }
                for told in (said["og:url"], said["og:image"]):
                    assert urlopen(told.replace(home, address)).status == 200
            for told in re.findall(r'href="([^"]+)"', (site / "404.html").read_text(encoding="utf-8"))[1:]:
                assert told.startswith(home)
            with pytest.raises(HTTPError, match="404") as lost:
                urlopen(f"{address}no/such/page.html")
            assert b"There is no such page" in gzip.decompress(lost.value.read())

    def test_codebergs_buttons_lead_there(self, build):
        address = "https://codeberg.org/some-one/a-book"
        page = build(address) / "cells.html"
        assert links(page, "a[href*=binder]") == [
            f"https://mybinder.org/v2/git/{quote(address)}/main?urlpath=lab/tree/book/cells.md"
        ]
        assert links(page, ".dropdown-source-buttons a") == [
            address,
            f"{address}/_edit/main/book/cells.md",
            links(page, f"a[href^='{address}/issues/new']")[0],
        ]
        assert "fa-github" not in page.read_text(encoding="utf-8")

    def test_the_download_says_where_grokutil_comes_from(self, build):
        def first(address):
            return nbformat.read(build(address).parent / "_sources" / "book" / "cells.ipynb", 4).cells[0].source

        assert f"pip install 'grokutil[book] @ git+{ADDRESS}@main'" in first(ADDRESS)
        assert "pip install '.[book]'" in first("")


def needed(*names):
    """The distributions with these names, extras in brackets, and all that they declare to need."""
    found, seen, queue = {}, set(), [Requirement(name) for name in names]
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        if (name, *sorted(requirement.extras)) not in seen:
            seen.add((name, *sorted(requirement.extras)))
            found[name] = importlib.metadata.distribution(name)
            extras = [{"extra": extra} for extra in ("", *requirement.extras)]
            lines = map(Requirement, found[name].requires or [])
            queue += [line for line in lines if not line.marker or any(map(line.marker.evaluate, extras))]
    return found


def link(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        pass
    except OSError:  # another file system
        shutil.copyfile(source, target)


@pytest.fixture(scope="module")
def clean(root, tmp_path_factory):
    """The Python of a fresh environment with grokutil from a wheel, the packages that it declares, and a kernel.

    The packages are those of this environment, in links: to unpack PyTorch again would take minutes.
    """
    folder = tmp_path_factory.mktemp("clean")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        check=True,
        capture_output=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if name.startswith(("grokutil/", "pyproject.toml", "README.md", "LICENSE")) and (root / name).is_file():
            link(root / name, folder / "source" / name)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder / "wheel", folder / "source"]
    subprocess.run(wheel, check=True)
    (wheel,) = (folder / "wheel").iterdir()

    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    subprocess.run([*pip, "--python", python, "install", "--no-deps", wheel], check=True)
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    brought = needed("grokutil[book]", "ipykernel", "nbclient")
    del brought["grokutil"]  # it is there from its wheel
    for distribution in brought.values():
        for file in distribution.files:
            if file.parts[:4] != ("..", "..", "..", "bin") and distribution.locate_file(file).is_file():
                link(distribution.locate_file(file), Path(os.path.normpath(site / file)))
    return python


RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
notebook.cells.append(nbformat.v4.new_code_cell("import grokutil; print(grokutil.__file__)"))
NotebookClient(notebook, timeout=600).execute()
print(notebook.cells[-1].outputs[0].text)
"""


@pytest.mark.slow
def test_a_downloaded_chapter_runs_with_nothing_but_the_package(book, clean, tmp_path):
    chapter = tmp_path / "errata.ipynb"  # it reads stored results, and is quick
    shutil.copyfile(book / "_sources" / "book" / chapter.name, chapter)
    environment = {name: value for name, value in os.environ.items() if not re.match("PYTHON|JUPYTER|IPYTHON", name)}
    environment |= {"HOME": str(tmp_path), "JUPYTER_PATH": str(tmp_path), "TQDM_DISABLE": "1"}
    done = subprocess.run(
        [clean, "-c", RUN, chapter.name], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert Path(done.stdout.strip()).is_relative_to(clean.parent.parent)
    packages = subprocess.run([clean, "-m", "pip", "--version"], capture_output=True)
    assert packages.returncode != 0  # nothing else is there
