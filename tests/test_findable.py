"""Who looks for something finds it: glossary, index, search, citations."""

import json
import re
from copy import copy

import pytest
import yaml
from conftest import chapters
from pages import OVERHANG, load, parse
from pybtex.database import parse_file, parse_string

NO_TERMS_NEEDED = {  # pages whose words are explained where they lead to
    "book/map": "boxes that lead to chapters",
    "book/claims": "entries that lead to chapters",
    "book/notation": "a table",
    "book/glossary": "the terms themselves",
    "book/references": "a list",
    "book/genindex": "a list",
    "book/api": "docstrings",
}
TERM = re.compile(r"\{term\}`(?:[^`<]+ <([^`>]+)>|([^`]+))`")
ENTRY = re.compile(r"^(\S.*)\n((?:  .+\n)+)", re.MULTILINE)
# How the chapters write the paper's numbers. Our own theorems have letters, or numbers that Sphinx fills in.
MENTIONED = {
    "theorem": r"Theorems? ([4-5]\.\d+|[A-E]\.\d)(?: and (\d\.\d+))?",
    "lemma": r"Lemma ([A-E]\.\d)",
    "definition": r"Def(?:s|\.|inition|initions) (\d\.\d+)(?:-(\d\.\d+)| and (\d\.\d+))?",
    "assumption": r"Assumption (\d\.\d+)",
    "remark": r"Remark (\d\.\d+)",
    "figure": r"Figs?\.? (\d)(?: (?:and|to) (\d))?|Figures? (\d)(?: (?:and|to) (\d))?",
    "equation": r"\b[Ee](?:qs?\.?|quations?) (\d+)(?:(?:,| and| to) (\d+))?(?: and (\d+))?|\\tag\{(\d+)\}",
    "appendix": r"Appendix ([A-E])",
}
BROWSE = {  # what a reader types: the chapter that should be among the first three
    "Riemannian": "constrained_optimization",
    "equation 20": "closed_form",
    "eq. 20": "closed_form",
    "thm 4.14": "gradient_orthogonality",
    "kink": "along_the_manifold",
    "sliding": "along_the_manifold",
    "AdamW": "noise",
}
ELSEWHERE = {  # words that other works use: the page that says what this book has of them comes first
    "lazy regime": "lazy",
    "double descent": "Not treated",
    "NTK": "kernel",
    "pseudoinverse": "pseudo-inverse",
    "implicit bias": "weight decay",
    "circuit": "does not use the word",
}


@pytest.fixture(scope="module")
def sources(root):
    return {page: (root / f"{page}.md").read_text(encoding="utf-8") for page in chapters()}


@pytest.fixture(scope="module")
def glossary(sources):
    """What each term means."""
    block = re.search(r"^```\{glossary\}\n(.*?)^```$", sources["book/glossary"], re.MULTILINE | re.DOTALL)
    return {term: " ".join(said.split()) for term, said in ENTRY.findall(block[1])}


@pytest.fixture(scope="module")
def linked(sources):
    """The terms that each page links to, with repetitions."""
    return {page: [a or b for a, b in TERM.findall(text)] for page, text in sources.items()}


@pytest.fixture(scope="module")
def citation(root):
    return yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))


def parsed(book, page):
    return parse(book / f"{page}.html")


# Glossary


def test_a_term_is_said_in_two_sentences_and_leads_to_its_chapter(glossary, sources):
    assert 40 <= len(glossary) <= 80
    assert list(glossary) == sorted(glossary, key=str.lower)
    for term, said in glossary.items():
        found = re.fullmatch(r"(.+?\.) \((?:(.+); )?\[[^\]]+\]\((\w+)\.md\)\)", said)
        assert found, f"{term}: {said}"
        meaning, symbols, chapter = found.groups()
        assert len(re.findall(r"\.(?= [A-Z]|$)", meaning)) <= 2, term
        assert f"book/{chapter}" in sources, term
        for symbol in re.findall(r"\$([^$ ]+)\$", symbols or ""):
            assert symbol.replace("^+", "") in sources["book/notation"], f"{term}: {symbol} is not on the notation page"


def test_every_term_is_linked_from_a_chapter(glossary, linked):
    assert {term for terms in linked.values() for term in terms} == set(glossary)


def test_every_chapter_links_terms_and_each_term_once(linked):
    for page, terms in linked.items():
        assert len(set(terms)) >= 3 or page in NO_TERMS_NEEDED, page
        assert len(set(terms)) == len(terms), f"{page}: a term is linked where it comes first, and only there"


def test_terms_lead_to_the_glossary(book, chapter, linked):
    links = parsed(book, chapter).select('article a[href*="#term-"]')
    assert len([link for link in links if link.select("span.std-term")]) == len(linked[chapter])


# Index


@pytest.fixture(scope="module")
def index(book):
    """The pages at which each entry of the index leads, by the entry; of subentries, by "entry: subentry"."""
    found = {}
    for item in parsed(book, "book/genindex").select(".general-index li"):
        line = item.find("p")
        name = line.get_text().partition(":")[0]
        above = item.parent.parent if item.parent.parent.name == "li" else None
        if above is not None:
            name = f"{above.find('p').get_text().partition(':')[0]}: {name}"
        found[name] = [link["href"].partition("#")[0].removesuffix(".html") for link in line.select("a")]
    return found


def test_the_index_has_every_number_of_the_paper_that_a_chapter_mentions(sources, index):
    mentioned = {
        f"{kind} {number} (paper)"
        for page, text in sources.items()
        if page not in {"book/glossary", "book/genindex"}
        for kind, pattern in MENTIONED.items()
        for found in re.finditer(pattern, re.sub(r"^```\{index\}.*$", "", text, flags=re.MULTILINE))
        for number in found.groups()
        if number
    }
    assert len(mentioned) > 50
    assert mentioned - index.keys() == set()
    assert all(index[name] for name in mentioned)


def test_a_numbered_equation_is_indexed_in_its_chapter(sources, index):
    for page, text in sources.items():
        for number in re.findall(r"\\tag\{(\d+)\}", text):
            assert page.removeprefix("book/") in index[f"equation {number} (paper)"], f"{page}: equation {number}"


def test_the_index_has_the_terms_and_our_theorems(glossary, index):
    assert glossary.keys() <= index.keys()
    assert {"Theorem A", "Theorem B"} <= index.keys()


def test_numbers_stand_in_their_order(index):
    equations = [int(n) for name in index for n in re.findall(r"^equation (\d+) \(paper\)$", name)]
    theorems = [tuple(map(int, n)) for name in index for n in re.findall(r"^theorem (\d)\.(\d+) \(paper\)$", name)]
    assert equations == sorted(equations) and theorems == sorted(theorems)
    assert len(equations) > 20 and len(theorems) >= 4


# Search


@pytest.mark.browser
def test_search_finds_the_chapter_and_shows_readable_extracts(browser, server):
    page = browser.new_page()
    faults = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith((server, "data:")) else faults.append(asked.url))
    for typed, chapter in BROWSE.items():
        page.goto(f"{server}search.html?q={typed}", wait_until="load")
        page.wait_for_selector("#search-results li")
        page.wait_for_function("() => document.querySelector('.search-summary')?.textContent.includes('finished')")
        page.wait_for_function("() => document.querySelectorAll('#search-results li p.context').length >= 3")
        first = page.eval_on_selector_all("#search-results li a", "links => links.slice(0, 3).map(link => link.href)")
        assert any(f"/{chapter}.html" in link for link in first), f"{typed}: {first}"
        shown = page.eval_on_selector_all("#search-results li p.context", "all => all.map(one => one.textContent)")
        assert all(shown)
        assert not [text for text in shown if "\\" in text or "Contents" in text or ".ipynb" in text]
    page.close()
    assert faults == []


@pytest.mark.browser
@pytest.mark.parametrize("typed", ELSEWHERE)
def test_a_word_of_other_works_leads_to_what_this_book_says_of_it(browser, server, typed):
    page = browser.new_page()
    page.goto(f"{server}search.html?q={typed}", wait_until="load")
    page.wait_for_function("() => document.querySelector('.search-summary')?.textContent.includes('finished')")
    page.wait_for_selector("#search-results li p.context")
    first = page.locator("#search-results li a").first.get_attribute("href")
    page.goto(f"{server}{first}", wait_until="load")
    said = page.locator("article").inner_text()
    page.close()
    assert "glossary.html" in first and ELSEWHERE[typed] in said


@pytest.mark.browser
def test_who_looks_how_to_install_finds_the_introduction(browser, server):
    page = browser.new_page()
    page.goto(f"{server}search.html?q=install", wait_until="load")
    page.wait_for_function("() => document.querySelector('.search-summary')?.textContent.includes('finished')")
    found = page.eval_on_selector_all("#search-results li a", "links => links.slice(0, 3).map(link => link.href)")
    page.close()
    assert any("/intro.html" in link or "/glossary.html" in link for link in found)


@pytest.mark.browser
def test_an_extract_shows_code_where_no_sentence_has_the_word(browser, server):
    page = browser.new_page()
    page.goto(f"{server}search.html?q=FirstLayerDynamics", wait_until="load")
    page.wait_for_function("() => document.querySelectorAll('#search-results li p.context').length >= 3")
    shown = page.eval_on_selector_all(
        "#search-results li p.context", "all => all.slice(0, 3).map(one => one.textContent)"
    )
    page.close()
    assert all("firstlayerdynamics" in text.lower() for text in shown)


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1300])
def test_the_search_page_has_one_search_field_and_fits(browser, server, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    load(page, f"{server}search.html?q=kink")
    fields = page.eval_on_selector_all("input[type=search]", "all => all.filter(one => one.checkVisibility()).length")
    overhang = page.evaluate(OVERHANG)
    page.close()
    assert fields == 1
    assert overhang <= 0


# Citations


def test_the_book_and_the_paper_can_be_cited(book, citation):
    paper, ours = citation["references"][0], citation
    blocks = [block.get_text() for block in parsed(book, "book/references").select("div.highlight pre")]
    plain_ours, bibtex_ours, plain_paper, bibtex_paper = blocks
    assert ours["title"] in " ".join(plain_ours.split()) and f"Version {ours['version']}" in plain_ours
    assert paper["title"] in " ".join(plain_paper.split()) and paper["doi"] in plain_paper
    (entry,) = parse_string(bibtex_ours, "bibtex").entries.values()
    assert (entry.fields["title"], entry.fields["note"]) == (ours["title"], f"Version {ours['version']}")
    assert str(entry.persons["author"][0]) == f"{{{ours['authors'][0]['name']}}}"
    (entry,) = parse_string(bibtex_paper, "bibtex").entries.values()
    assert (entry.fields["title"], entry.fields["doi"]) == (paper["title"], paper["doi"])


def test_the_papers_entry_is_that_of_the_references(book, root):
    shown = parse_string(parsed(book, "book/references").select("div.highlight pre")[3].get_text(), "bibtex")
    ((key, entry),) = shown.entries.items()
    ours = parse_file(root / "book" / "references.bib").entries[key]
    assert {name: ours.fields[name] for name in entry.fields} == dict(entry.fields)
    assert entry.persons == ours.persons


def test_every_reference_is_complete_and_cited(root, sources):
    citations = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", "\n".join(sources.values()))
    cited = {key for keys in citations for key in keys.split(",")}
    entries = parse_file(root / "book" / "references.bib").entries
    assert set(entries) == cited
    place = {"article": "journal", "inproceedings": "booktitle", "book": "publisher", "misc": "note"}
    for key, entry in entries.items():
        assert entry.persons["author"], key
        assert {"title", "year", place[entry.type]} <= set(entry.fields), key


@pytest.mark.browser
def test_a_citation_can_be_copied(browser, server, citation):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    load(page, f"{server}book/references.html")
    page.locator("button.copybtn").nth(1).click()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    context.close()
    (entry,) = parse_string(copied, "bibtex").entries.values()
    assert entry.fields["title"] == citation["title"]


# What search engines and previews read


def test_a_page_says_what_it_is(book, chapter, citation, root):
    page = parsed(book, chapter)
    summary = yaml.safe_load((root / "book" / "summaries.yml").read_text(encoding="utf-8"))[chapter]
    graph = {tag["property"]: tag["content"] for tag in page.select('meta[property^="og:"]')}
    heading = copy(page.select_one("article h1"))
    for aside in heading.select(".section-number, .headerlink"):
        aside.decompose()
    title = heading.get_text().strip()
    assert (graph["og:title"], graph["og:description"]) == (title, summary)
    (script,) = page.select('script[type="application/ld+json"]')
    assert page.select_one('meta[name="twitter:card"]')
    data = json.loads(script.get_text())
    whole = data if data["@type"] == "Book" else data["isPartOf"]
    assert (whole["name"], whole["version"]) == (citation["title"], citation["version"])
    assert (data["@type"] == "Book") == (chapter == chapters()[0])
    assert data["description"] == summary


def test_the_bare_address_says_what_it_is_and_leads_on(book, citation, root):
    door = parsed(book, "index")
    first = chapters()[0]
    assert door.title.get_text() == citation["title"]
    assert door.select_one('meta[property="og:title"]')["content"]
    summary = yaml.safe_load((root / "book" / "summaries.yml").read_text(encoding="utf-8"))[first]
    assert door.select_one("meta[name=description]")["content"] == summary
    assert door.select_one("meta[http-equiv=refresh]")["content"] == f"0; url={first}.html"
    assert door.select_one("a")["href"] == f"{first}.html"


def test_links_to_other_sites_are_safe(book, chapter):
    assert not parsed(book, chapter).select('article a[href^="http:"]')
