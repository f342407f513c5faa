"""A mutant: one text of one module replaced, what that breaks, and what must notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class MutantError(ValueError):
    """The list and the package do not fit together."""


@dataclass(frozen=True)
class Mutant:
    """One formula, broken.

    Attributes:
        module: file of the package without its ending, such as ``"isolated"`` or ``"claims/errata"``.
        old: what stands there, exactly once.
        new: what stands there in the mutant.
        breaks: which formula is broken, and how.
        tests: pytest node ids below ``tests/``; each must fail on an assertion. A false statement needs none.
        claims: ids of the ledger; the outcome of each must differ from the one that the book reports.
    """

    module: str
    old: str
    new: str
    breaks: str
    tests: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()

    @property
    def false_statement(self) -> bool:
        """Whether no formula is broken, but a statement of the ledger made false: its nearest wrong form."""
        return self.module.startswith("claims/")

    def apply(self, package: Path) -> None:
        """Replace the text in a copy of the package.

        Raises:
            MutantError: the old text does not occur exactly once, or the new one is no change.
        """
        file = package / f"{self.module}.py"
        if not file.is_file():
            raise MutantError(f"{self.breaks!r}: the package has no module {self.module}.py")
        text = file.read_text()
        if (found := text.count(self.old)) != 1:
            raise MutantError(
                f"{self.breaks!r}: {self.old!r} occurs {found} times in {file.name}, not once; "
                f"write the text that stands there now, with enough around it"
            )
        if self.new == self.old:
            raise MutantError(f"{self.breaks!r}: the new text is the old one")
        file.unlink()  # it may be a link to the whole package
        file.write_text(text.replace(self.old, self.new))
