"""Print the book as one PDF, from the executed chapters that `make book` has kept. `make pdf` calls this.

Nothing is executed again. What print needs in place of controls is in `_ext/printed.py`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from jupyter_book.sphinx import build_sphinx

from grokutil.runs.storage import replacing

ROOT = Path(__file__).parent.parent
PDF = ROOT / "_build" / "pdf" / "geometry-of-grokking.pdf"
PROGRAMS = ("latexmk", "xelatex", "makeindex")
PACKAGES = (
    "latexmk texlive-xetex texlive-latex-recommended texlive-latex-extra texlive-fonts-recommended "
    "fonts-freefont-otf fonts-dejavu-core"
)


class PrintError(Exception):
    """The book could not be printed; the message says what to do."""


def latex(folder: Path) -> Path:
    """Write the book as LaTeX below a folder and return its main file.

    Raises:
        PrintError: Sphinx found an error or a warning.
    """
    overrides = {
        "external_toc_path": str(ROOT / "_toc.yml"),
        "latex_individualpages": False,
        "nitpicky": True,
        "nb_execution_cache_path": str(ROOT / "_build" / ".jupyter_cache"),
    }
    result = build_sphinx(
        ROOT,
        folder / "latex",
        noconfig=True,
        path_config=ROOT / "_config.yml",
        confoverrides=overrides,
        doctreedir=folder / "doctrees",
        builder="latex",
        warningiserror=True,
        keep_going=True,
    )
    if result != 0:
        raise PrintError(f"Sphinx could not write the book as LaTeX: {result}. Its messages stand above.")
    return folder / "latex" / "book.tex"


def look_for_tex() -> None:
    """See that the programs are there.

    Raises:
        PrintError: a program is missing; the message names the packages.
    """
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise PrintError(
            f"{' and '.join(missing)} not found. On Debian or Ubuntu, install TeX (about 700 MB) with\n"
            f"  sudo apt install --no-install-recommends {PACKAGES}\n"
            "and run make pdf again."
        )


def typeset(source: Path) -> Path:
    """Make a PDF of a LaTeX file, in its folder.

    Raises:
        PrintError: a program is missing, or TeX failed.
    """
    look_for_tex()
    command = ["latexmk", "-xelatex", "-interaction=nonstopmode", "-halt-on-error", "-quiet", source.name]
    settings = os.environ | {"LATEXOPTS": ""}  # Sphinx's latexmkrc reads it
    if subprocess.run(command, cwd=source.parent, env=settings, stdout=subprocess.DEVNULL).returncode:
        log = source.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
        told = "\n".join(log[max(log.find("\n!"), 0) :].splitlines()[:12])
        raise PrintError(f"TeX failed:{told}\nIf a package or font is missing, install\n  {PACKAGES}")
    return source.with_suffix(".pdf")


def main() -> None:
    """Write the PDF to its place, whole or not at all."""
    with tempfile.TemporaryDirectory() as folder, replacing(PDF) as file:
        file.write(typeset(latex(Path(folder))).read_bytes())
    print(f"The PDF is at {PDF.relative_to(ROOT)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Print the book as one PDF.")
    parser.add_argument("--latex", type=Path, metavar="FOLDER", help="write the LaTeX to this folder, and stop there")
    parser.add_argument("--check", action="store_true", help="only see whether TeX is installed")
    options = parser.parse_args()
    folder = options.latex
    try:
        if options.check:
            look_for_tex()
        elif folder:
            print(f"The LaTeX is at {latex(folder.resolve())}")
        else:
            main()
    except PrintError as error:
        sys.exit(str(error))
