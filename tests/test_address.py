"""Where the code is: only an address that every reader can open is one."""

import subprocess
import sys

import pytest


@pytest.fixture
def address(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "book" / "_ext"))
    import address

    yield address
    sys.modules.pop("address")


@pytest.mark.parametrize("host", ["github.com", "gitlab.com", "codeberg.org"])
def test_an_https_address_of_a_public_host_counts(address, host):
    assert address.public(f"https://{host}/some-one/a-book") == f"https://{host}/some-one/a-book"
    assert address.public(f"https://{host}/some-one/a-book.git\n") == f"https://{host}/some-one/a-book"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "../a-book",
        "file:///srv/a-book.git",
        "git@github.com:some-one/a-book.git",
        "ssh://git@github.com/some-one/a-book.git",
        "http://github.com/some-one/a-book",
        "https://git.example.org/some-one/a-book",
        "https://github.com.example.org/some-one/a-book",
        "https://example.org/github.com/a-book",
        "https://name:secret@github.com/some-one/a-book",
        "https://secret@github.com/some-one/a-book",
        "https://github.com:8443/some-one/a-book",
        "https://github.com/some-one",
        "https://github.com/",
    ],
)
def test_nothing_else_counts(address, url):
    assert address.public(url) == ""


def test_a_clone_has_its_remotes_address(address, tmp_path):
    assert address.repository(tmp_path, {}) == ""
    for command in (["init", "-q"], ["remote", "add", "origin", "https://gitlab.com/some-one/a-book.git"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    assert address.repository(tmp_path, {}) == "https://gitlab.com/some-one/a-book"
    subprocess.run(["git", "remote", "set-url", "origin", "https://me:secret@gitlab.com/a/b"], cwd=tmp_path, check=True)
    assert address.repository(tmp_path, {}) == ""


def test_a_folder_in_somebody_elses_clone_has_none(address, tmp_path):
    for command in (["init", "-q"], ["remote", "add", "origin", "https://github.com/an-other/project"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    (tmp_path / "book").mkdir()
    assert address.repository(tmp_path / "book", {}) == ""


def test_githubs_workflow_says_which_repository_it_builds(address, tmp_path):
    surroundings = {"GITHUB_REPOSITORY": "some-one/a-book", "GITHUB_SERVER_URL": "https://github.com"}
    assert address.repository(tmp_path, surroundings) == "https://github.com/some-one/a-book"
    assert address.repository(tmp_path, surroundings | {"GITHUB_SERVER_URL": "https://git.example.org"}) == ""


def test_githubs_pages(address):
    assert address.pages("https://github.com/Some-One/a-book") == "https://some-one.github.io/a-book/"
    assert address.pages("https://github.com/some-one/Some-One.github.io") == "https://some-one.github.io/"
