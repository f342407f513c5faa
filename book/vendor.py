"""Fetch the browser libraries that the book serves itself, and write book/static/vendor/README.md.

Needs npm. To take another library or version, change LIBRARIES and run `make vendor`.
"""

import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).parent / "static" / "vendor"

# MathJax without its menu and without MathML as input: 165 KB instead of 266 on the way. Its loader takes what follows
# it in one file, if told so, as in the files that MathJax publishes.
LOADER, *PARTS = "startup", "core", "input/tex", "output/chtml", "output/chtml/fonts/tex", "a11y/assistive-mml"

# folder: (npm package, licence, what a page needs of it)
LIBRARIES = {
    "mathjax": (
        "mathjax@3.2.2",
        "Apache-2.0",
        {  # file or folder in the package -> its place in book/static/vendor/mathjax
            "LICENSE": "LICENSE",
            "es5/input/tex/extensions": "input/tex/extensions",  # loaded when a formula needs one
            "es5/output/chtml/fonts/woff-v2": "output/chtml/fonts/woff-v2",
        },
    ),
    "html-manager": (
        "@jupyter-widgets/html-manager@1.0.15",
        "BSD-3-Clause; its parts in embed.js.LICENSE.txt",
        {
            "dist/embed.js": "embed.js",
            "dist/embed.js.LICENSE.txt": "embed.js.LICENSE.txt",
            "dist/1551f4f60c37af51121f.woff2": "1551f4f60c37af51121f.woff2",  # Font Awesome: the signs on buttons
        },
    ),
}
UNUSED = shutil.ignore_patterns("all-packages.js")  # each package is there on its own

README = """\
# Libraries that the pages load

`make vendor` fetches them from npm and writes this file. A test compares the checksums.

| folder | npm package | licence |
|---|---|---|
{table}

SHA-256 of every file:

```
{checksums}
```
"""


def fetch(package: str, folder: Path, wanted: dict[str, str]) -> None:
    """Unpack the wanted files of an npm package into a new folder."""
    with tempfile.TemporaryDirectory() as temporary:
        command = ["npm", "pack", "--silent", package]
        archive = subprocess.run(command, cwd=temporary, check=True, capture_output=True, text=True)
        with tarfile.open(Path(temporary) / archive.stdout.strip()) as tar:
            tar.extractall(temporary, filter="data")
        shutil.rmtree(folder, ignore_errors=True)
        for source, target in wanted.items():
            origin, place = Path(temporary) / "package" / source, folder / target
            place.parent.mkdir(parents=True, exist_ok=True)
            if origin.is_dir():
                shutil.copytree(origin, place, ignore=UNUSED)
            else:
                shutil.copy(origin, place)
        if folder.name == "mathjax":
            (folder / "mathjax.js").write_text(mathjax(Path(temporary) / "package" / "es5"), encoding="utf-8")


def mathjax(es5: Path) -> str:
    """The parts of MathJax that the pages use, in one script."""
    loader, *parts = ((es5 / f"{name}.js").read_text(encoding="utf-8") for name in (LOADER, *PARTS))
    return "\n".join([loader, f"MathJax.loader.preLoad(...{json.dumps(PARTS)});", *parts])


def checksums() -> dict[str, str]:
    """SHA-256 of every vendored file, by its path."""
    return {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(VENDOR.rglob("*"))
        if path.is_file() and path != VENDOR / "README.md"
    }


if __name__ == "__main__":
    for folder, (package, _, wanted) in LIBRARIES.items():
        fetch(package, VENDOR / folder, wanted)
    rows = [f"| {folder} | {package} | {licence} |" for folder, (package, licence, _) in LIBRARIES.items()]
    sums = [f"{checksum}  {path}" for path, checksum in checksums().items()]
    (VENDOR / "README.md").write_text(README.format(table="\n".join(rows), checksums="\n".join(sums)))
