"""The book as readers meet it: below a folder of a host, compressed. Each address that a page names answers."""

import gzip
import re
from urllib.parse import urldefrag, urljoin, urlsplit
from urllib.request import urlopen

import pytest
from pages import parse

IN_STYLE = re.compile(r"url\([\"']?([^\"')]+)")


def named(path):
    """What a page or a style names, as it is written."""
    if path.suffix == ".css":
        return IN_STYLE.findall(path.read_text(encoding="utf-8"))
    found = parse(path).select("[href], [src], [srcset]")
    sources = (source.split()[0] for tag in found for source in tag.get("srcset", "").split(",") if source.strip())
    return [*(tag[name] for tag in found for name in ("href", "src") if tag.get(name)), *sources]


@pytest.fixture(scope="module")
def addresses(book, server):
    """Every address of this site that a page or a style names, with one place that does."""
    found = {}
    for path in [*book.glob("*.html"), *book.glob("book/*.html"), *book.glob("_static/**/*.css")]:
        here = urljoin(server, path.relative_to(book).as_posix())
        for said in named(path):
            address = urldefrag(urljoin(here, said)).url
            if urlsplit(address).netloc == urlsplit(server).netloc:
                found.setdefault(address, f"{path.relative_to(book)}: {said}")
    return found


def test_nothing_leads_above_the_books_folder(addresses, server):
    """But those of the page for lost readers, which is shown anywhere: it has the folder from the public address."""
    outside = {address: place for address, place in addresses.items() if not address.startswith(server)}
    assert {place.partition(":")[0] for place in outside.values()} <= {"404.html"}


def test_every_address_answers_with_its_file(addresses, server, book):
    below = [address for address in addresses if address.startswith(server)]
    assert len(below) > 200
    for address in below:
        place = addresses[address]
        path = book / urlsplit(address).path.removeprefix(urlsplit(server).path)
        path = path / "index.html" if path.is_dir() else path
        assert path.is_file(), place
        with urlopen(address) as answer:
            body = answer.read()
            packed = answer.headers["Content-Encoding"] == "gzip"
        assert (gzip.decompress(body) if packed else body) == path.read_bytes(), place
