"""The notation page: every function and test it names exists, and it names every function with an equation.

And its first table: a letter of the book's formulas means one thing, on the pages where it may stand.
"""

import importlib
import inspect
import pkgutil
import re
from functools import cache
from types import ModuleType

import pytest
import yaml
from mutants.listed import MUTANTS

import grokutil
from tests.house import imports

QUOTES = {"claims", "errata", "api", "references", "genindex"}  # pages in the letters of others
GREEK = (
    "alpha|beta|gamma|delta|(?:var)?epsilon|zeta|eta|(?:var)?theta|kappa|lambda|mu|nu|xi|pi|(?:var)?rho|(?:var)?sigma"
)
GREEK += "|tau|(?:var)?phi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega|ell"
MARKS = "hat|tilde|bar|underline|overline|mathcal|mathbb"
LETTER = re.compile(
    rf"\\({MARKS})\s*\{{?\s*(\\(?:{GREEK})|[A-Za-z])(?![A-Za-z])\}}?|(\\(?:{GREEK}))(?![a-zA-Z])|(?<!\\)([A-Za-z])"
)
# What is no letter: upright names, words, and commands.
UPRIGHT = r"\\(?:mathrm|mathbf|operatorname\*?|text\w*|label|tag|begin|end)\s*\{[^{}]*\}(?:\{[lcr|]+\})?"
COMMAND = rf"\\(?!(?:{MARKS}|{GREEK})(?![a-zA-Z]))[A-Za-z]+"
WORDS = re.compile(rf"{UPRIGHT}|(?<![A-Za-z\\])(?:wd|in|[a-z]{{3,}})(?![A-Za-z])|{COMMAND}")
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$([^$\n]+(?:\n[^$\n]+)?)\$(?!\w)", re.DOTALL)
CELL = re.compile(r"^```\{code-cell\}.*?^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<![\\$\w])\$[^$\n]+(?:\n[^$\n]+)?\$(?!\w)")
FILLED_IN = re.compile(r"\{[^{}\\$=]*[:.(\[][^{}\\$]*\}")  # by an f-string
KERNELS = re.compile(r"(?<!tangent )(?<!_)\bkernels?\b(?! matri)", re.IGNORECASE)
RUNS = r"Jupyter|kernelspec|notebook|computes|without a kernel|with a kernel|needs? (?:no|a) kernel|a running kernel"
TAU = re.compile(r"\\tau(?![a-z])|τ|(?<![\\\w])taus?\b")
PARTS = {"Build it", "Decouple it", "Beyond it", "Use it", "Appendix"}


def letters(text):
    """The letters of a page's formulas, with what marks them: ``\\hat r``, ``\\lambda``, ``K``."""
    text = CELL.sub(lambda cell: " ".join(INLINE.findall(FILLED_IN.sub(" ", cell.group()))), text)  # captions, labels
    text = re.sub(r"(?<!`)`[^`\n]+`(?!`)", "", text)
    formulas = (WORDS.sub(" ", display or inline) for display, inline in FORMULA.findall(text))
    return {
        f"\\{mark} {marked}" if mark else greek or latin
        for formula in formulas
        for mark, marked, greek, latin in LETTER.findall(formula)
    }


@pytest.fixture
def alphabet(root):
    """The first table: letter, and the pages where it may stand (None: everywhere). And the stand-ins."""
    text = (root / "book" / "notation.md").read_text().partition("## One letter")[2].partition("\n## ")[0]
    table = re.findall(r"^\| (\$[^|]+\$) \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE)
    named = [(letter, where) for shown, where in table for letter in letters(shown)]
    assert len(named) == len(dict(named)) >= len(table) > 40, "a row for each letter, and no letter twice"
    allowed = {k: None if where == "many" else set(re.findall(r"\((\w+)\.md\)", where)) for k, where in named}
    return allowed, letters(text.partition("stand-ins")[2].partition(". As indices")[0])


def pages(root):
    texts = {path.stem: path.read_text() for path in (root / "book").glob("*.md") if path.stem not in QUOTES}
    return texts | {path.name: path.read_text() for path in (root / "book").glob("*.yml")}


def test_a_letter_means_one_thing_and_stands_where_the_table_says(root, alphabet):
    allowed, stand_ins = alphabet
    assert not stand_ins & allowed.keys()
    used = {name: letters(text) for name, text in pages(root).items()}
    marked = {rf"\{mark} {letter}" for mark in ("hat", "tilde", "bar") for letter in allowed.keys() | stand_ins}
    strange = {name: found - allowed.keys() - stand_ins - marked for name, found in used.items()}
    assert not any(strange.values()), f"letters that the table does not have: {strange}"
    elsewhere = {
        name: {letter for letter in found & allowed.keys() if name not in (allowed[letter] or {name})}
        for name, found in used.items()
        if name not in ("notation", "glossary") and not name.endswith(".yml")
    }
    assert not any(elsewhere.values()), (
        f"does the letter mean there what the table says? Then add the page: {elsewhere}"
    )
    del used["notation"]
    for letter, where in allowed.items():
        unused = [name for name in where or () if letter not in used[name]]
        assert not unused and any(letter in found for found in used.values()), (
            f"{letter}: in the table, not in {unused}"
        )


def test_letters_are_found_in_formulas_and_words_are_not():
    text = (
        r"Let $\hat{r}$ be `K` of $\frac{1}{n_{train}} \sigma'(z) \mathrm{e}^{-t}$ and $$ \mathcal R = \max_i d_{in} $$"
    )
    assert letters(text) == {r"\hat r", "n", r"\sigma", "z", "t", r"\mathcal R", "i", "d"}
    cell = '```{code-cell} ipython3\nw = E @ x\nax.set(xlabel=r"$\\Xi$", title=f"$q = {w[0]:.2f}$")\n```'
    assert letters(cell) == {r"\Xi", "q"}


def test_a_kernel_is_jupyters_a_matrix_or_tangent(root):
    """The null space of a matrix is not called a kernel."""
    for name, text in pages(root).items():
        prose = re.sub(
            r"^```\{code-cell\}.*?^```$|(?<!`)`[^`\n]+`(?!`)|\{eq\}`[^`]*`|\([\w-]*\)", "", text, flags=re.M | re.S
        )
        for line in prose.splitlines():
            assert not KERNELS.search(line) or re.search(RUNS, line, re.IGNORECASE), f"{name}: which kernel? {line}"


def after_the_toys(root):
    """The pages from *Build it* to *Use it* and the appendix, code and captions included."""
    parts = yaml.safe_load((root / "_toc.yml").read_text())["parts"]
    names = {c["file"] for part in parts if part["caption"] in PARTS for c in part["chapters"]}
    return {name.removeprefix("book/"): (root / f"{name}.md").read_text() for name in names}


def test_from_the_first_network_on_time_is_told_in_s(root):
    """Elsewhere than where it is defined, no formula, label, caption or code speaks of tau."""
    told = {
        name: TAU.findall(text) for name, text in after_the_toys(root).items() if name not in ("closed_form", "api")
    }
    assert len(told) > 10 and not any(told.values()), told
    widgets = {path.name: path.read_text() for path in (root / "grokutil" / "widgets").glob("*.py")}
    speak = {name for name, text in widgets.items() if TAU.search(text)}
    assert speak == {"fourier_viewer.py"}, "it names the clock of a reader's own run; the others show s"


def test_code_that_runs_on_tau_says_so_once(root):
    for name, text in after_the_toys(root).items():
        if re.search(r"(?:FirstLayer|Feature)Dynamics\(", text) and re.search(r"\b(?:integrate|solve_ivp)\(", text):
            assert re.search(r"\b2 (?:\* )?(?:s\b|moments\b|np\.linspace)|/ 2  # s", text), f"{name} does not say 2 s"


def test_tau_is_found_however_it_is_written():
    assert TAU.findall(r"$\tau = 2$, τ, tau = 2, restau, \taut") == [r"\tau", "τ", "tau"]


@pytest.fixture
def rows(root):
    """(function, test) of each row of the tables that names a function."""
    lines = [line for line in (root / "book" / "notation.md").read_text().splitlines() if line.startswith("| ")]
    return re.findall(r"\| `([\w.]+)`: ([\w ]+) \|$", "\n".join(lines), re.MULTILINE)


def named(path: str):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(f"grokutil.{module}"), name)


def test_functions_and_tests_exist(rows, root):
    assert len(rows) > 20
    for function, test in rows:
        assert callable(named(function))
        module, _ = function.split(".")
        source = (root / "tests" / f"test_{module}.py").read_text()
        name = "test_" + test.replace(" ", "_")
        assert re.search(rf"^ *def {name}\(", source, re.MULTILINE), f"{name} is not in tests/test_{module}.py"


NODE = re.compile(r"test_(\w+)\.py::(?:\w+::)?test_(\w+)")


@pytest.fixture(scope="module")
def below():
    """Maps a module to itself and all that it builds on."""
    graph = imports()

    @cache
    def found(module):
        return {module}.union(*map(found, graph[module]))

    return found


def without_a_mutant(rows, mutants, below):
    """Rows whose test is named by no mutant of the function's module, or of one that this module builds on."""
    named = {(*NODE.match(test).groups(), mutant.module) for mutant in mutants for test in mutant.tests}

    def has_one(function, test):
        module, _ = function.split(".")
        return any((module, test.replace(" ", "_"), broken) in named for broken in below(module))

    return [row for row in rows if not has_one(*row)]


def test_every_formula_has_a_mutant_that_its_test_should_notice(rows, below):
    """That it does is found in ``test_mutants``."""
    assert without_a_mutant(rows, MUTANTS, below) == []


def test_a_formula_without_a_mutant_is_found(rows, below):
    others = [mutant for mutant in MUTANTS if mutant.module != "symbolic"]
    (row,) = without_a_mutant(rows, others, below)
    assert row[0] == "symbolic.velocity_by_entries" and without_a_mutant(rows, [], below) == rows


def test_every_function_with_a_source_in_the_paper_has_a_row(rows):
    listed = {function for function, _ in rows}
    public = {
        f"{module.__name__.removeprefix('grokutil.')}.{name}"
        for module in modules()
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
        if (inspect.isfunction(thing) or inspect.isclass(thing)) and re.search("Source: ", thing.__doc__ or "")
    }
    assert len(public) > 10
    assert public - listed == set(), "functions with a source in the paper that the notation page does not list"


def modules() -> list[ModuleType]:
    return [importlib.import_module(f"grokutil.{m.name}") for m in pkgutil.iter_modules(grokutil.__path__)]
