"""Packages that only a part of ``grokutil`` needs, pip's extras: who lacks one is told its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Imports in this block are of packages that the extra ``name`` brings.

    Args:
        name: a name under ``optional-dependencies`` in pyproject.toml.

    Raises:
        ModuleNotFoundError: one of the packages is not there; the message has the command that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"this part of grokutil needs {error.name}: pip install 'grokutil[{name}]', "
            f"or in a clone pip install '.[{name}]'",
            name=error.name,
        ) from error
