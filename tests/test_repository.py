"""What the repository promises about itself."""

import hashlib
import os
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from conftest import group

import grokutil

# An absolute path, unless it is one that every machine has.
LOCAL_PATH = re.compile(r"""(?:^|[\s"'`(])/(?!usr/|bin/|dev/|etc/|proc/|sys/)\w[\w.-]*/\w""", re.MULTILINE)
PACKAGE_INDEX = re.compile(r"(?:index-url|find-links|registry)[ =]+([^\s`]+)")
PUBLIC_INDEXES = {"https://download.pytorch.org/whl/cpu"}


@pytest.fixture
def files(root):
    """Path and text of every text file of the project, vendored ones apart."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    paths = [root / name for name in listed.split("\0") if name and "/vendor/" not in name]
    texts = {}
    for path in filter(lambda path: path.is_file(), paths):
        try:
            texts[path] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or a stored result
    return texts


def test_vendored_files_are_as_published(root):
    vendor = root / "book" / "static" / "vendor"
    listed = re.findall(r"^([0-9a-f]{64})  (.+)$", (vendor / "README.md").read_text(), re.MULTILINE)
    present = {
        path.relative_to(vendor).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.rglob("*")
        if path.is_file() and path.name != "README.md"
    }
    assert present == {name: checksum for checksum, name in listed}


def test_requirements_are_exact(root):
    for line in (root / "requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r"[\w.-]+==[\w.]+", line), line


def test_make_help_lists_every_target(root):
    targets = re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE)
    command = ["make", "--no-print-directory", "help"]
    shown = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    assert [line.split()[1] for line in shown.splitlines()] == targets


def test_nothing_names_a_developers_machine(root, files):
    for path, text in files.items():
        assert not LOCAL_PATH.findall(text), f"{path.relative_to(root)}: an absolute path"
        foreign = set(PACKAGE_INDEX.findall(text)) - PUBLIC_INDEXES
        assert not foreign, f"{path.relative_to(root)}: {foreign}"


def test_one_version_everywhere(root):
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert yaml.safe_load((root / "CITATION.cff").read_text())["version"] == version
    assert grokutil.__version__ == version
    newest = re.search(r"^## (\d\S*)", (root / "CHANGELOG.md").read_text(), re.MULTILINE)  # below what comes next
    assert newest and newest.group(1) == version


def test_the_readme_lists_every_page(root):
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    pages = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    text = (root / "README.md").read_text()
    assert [page for page in pages if f"({page}.md)" not in text] == []


@pytest.mark.slow
def test_the_readmes_example_groks(root, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    accuracies = [float(line.split()[1]) for line in done.stdout.splitlines()]
    assert accuracies[0] < 0.1 and accuracies[-1] > 0.95 and (tmp_path / "path.npz").exists()


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="tests run one after the other")
def test_tests_that_share_something_run_in_one_process(request):
    assert request.node.nodeid.endswith(f"@{group(request.node)}")
