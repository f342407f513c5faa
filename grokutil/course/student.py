"""Each student's own modulus, split and random numbers, from the id alone."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from grokutil.course.files import text_of

if TYPE_CHECKING:
    from grokutil.data import Task

T = TypeVar("T")

PLACEHOLDER = "STUDENT_ID"
PRIMES = (11, 13, 17, 19)
FRACTIONS = tuple(percent / 100 for percent in range(60, 81, 2))
RULE = "a student's id has 1 to 64 letters, digits and _ @ + . - and starts with none of . and -"
ALLOWED = re.compile(r"[\w@+][\w@+.-]{0,63}")


@dataclass(frozen=True)
class Student:
    """A student's own numbers: the same for the same id, on every machine and in every session.

    ``p`` is an odd prime from :data:`PRIMES`, ``train_fraction`` from :data:`FRACTIONS`, ``seed`` below a million.
    """

    id: str
    p: int
    seed: int
    train_fraction: float

    def task(self) -> Task:
        """The student's modular-addition task: own modulus, own split."""
        from grokutil.data import modular_addition  # here, because PyTorch takes seconds to import

        return modular_addition(self.p, self.train_fraction, seed=self.seed)

    def rng(self, name: str) -> np.random.Generator:
        """A generator of the student's own numbers for the purpose ``name``, fresh at each call."""
        return np.random.default_rng(hashed(self.id, "rng", name))

    def choose(self, name: str, options: Sequence[T]) -> T:
        """One of ``options`` for the purpose ``name``, always the same one for this student."""
        return options[hashed(self.id, "choose", name) % len(options)]


def student(id: str) -> Student:
    """The :class:`Student` with this id; capitals and surrounding blanks make no difference.

    Raises:
        ValueError: the placeholder of the generic release, or characters that a folder's name could not carry.
    """
    if id == PLACEHOLDER:
        raise ValueError(f'put your own id in place of {PLACEHOLDER}, for example student("ada")')
    id = canonical(id)
    return Student(
        id=id,
        p=PRIMES[hashed(id, "p") % len(PRIMES)],
        seed=hashed(id, "seed") % 10**6,
        train_fraction=FRACTIONS[hashed(id, "train_fraction") % len(FRACTIONS)],
    )


def canonical(id: str) -> str:
    """The one spelling of an id: no surrounding blanks, small letters, one Unicode form.

    Raises:
        ValueError: not a string of 1 to 64 letters, digits and ``_ @ + . -``, or one that starts with ``.`` or ``-``.
    """
    spelled = unicodedata.normalize("NFC", id.strip().casefold()) if isinstance(id, str) else ""
    if not ALLOWED.fullmatch(spelled):
        raise ValueError(f"{RULE}, got {id!r}")
    return spelled


def read_ids(path: Path) -> list[str]:
    """The ids in a text file, one a line; blank lines and lines that start with # do not count.

    Raises:
        ValueError: ids that are not allowed, all of them in one message, ids that occur twice, or an encoding that is
            not known.
    """
    lines = (line.strip() for line in text_of(path).splitlines())
    ids, bad = [], []
    for line in lines:
        if line and not line.startswith("#"):
            try:
                ids.append(canonical(line))
            except ValueError:
                bad.append(repr(line))
    if bad:
        raise ValueError(f"{path.name}: {RULE}; not so: {', '.join(bad)}")
    if twice := sorted({id for id in ids if ids.count(id) > 1}):
        raise ValueError(f"{path.name} lists twice: {', '.join(twice)}")
    if not ids:
        raise ValueError(f"{path.name} lists no ids; write one a line")
    return ids


def hashed(*names: str) -> int:
    """A number below 2**64 that is the same for the same names on every machine."""
    return int.from_bytes(hashlib.sha256("\0".join(names).encode()).digest()[:8], "big")
