"""Files of students, read with care."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

LARGEST_NOTEBOOK = 20 * 2**20  # bytes
LARGEST_FOLDER = 50 * 2**20
MOST_FILES = 200
DEEPEST = 3


def read_bytes(path: Path, largest: int = LARGEST_NOTEBOOK) -> bytes:
    """The content of a file that a student handed in.

    Raises:
        ValueError: a link, a pipe or another thing that is no plain file, one that cannot be read, or one that is too
            large; the message says which.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        kind = "a link; hand in the file itself" if path.is_symlink() else f"not readable ({error.strerror})"
        raise ValueError(kind) from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a plain file")
        content = file.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"larger than {largest >> 20} MB; clear the outputs and hand in again")
    return content


def plain_files(folder: Path, depth: int = DEEPEST) -> Iterator[Path]:
    """The plain files in a student's folder, in the order of their names; links and hidden files are passed over.

    At most :data:`MOST_FILES` files, at most :data:`DEEPEST` folders deep.
    """
    files = _walk(folder, depth)
    for _, path in zip(range(MOST_FILES), files, strict=False):
        yield path


def odd_files(folder: Path) -> list[str]:
    """Names in a student's folder that are links, pipes or the like."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return []
    return [e.name for e in entries if e.is_symlink() or not (e.is_dir() or e.is_file())][:MOST_FILES]


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir(follow_symlinks=False):
            if depth > 1:
                yield from _walk(Path(entry.path), depth - 1)
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def copy_folder(source: Path, target: Path) -> None:
    """Copy a student's plain files, up to :data:`LARGEST_FOLDER` bytes in all; what is beyond stays behind."""
    left = LARGEST_FOLDER
    for path in plain_files(source):
        try:
            content = read_bytes(path, left)
        except ValueError:
            continue
        left -= len(content)
        copied = target / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_bytes(content)


def remove_folder(folder: Path) -> None:
    """Remove a temporary folder, also where a student's code has taken away the right to."""

    def force(function: object, path: str, _: object) -> None:
        parent = os.path.dirname(path)
        os.chmod(parent, 0o700)
        if os.path.isdir(path) and not os.path.islink(path):
            os.chmod(path, 0o700)
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)

    try:
        shutil.rmtree(folder, onerror=force)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)


def shown(text: str) -> str:
    """Text of a student's that is safe in a report: short, printable, one line."""
    return "".join(c if c.isprintable() else "?" for c in text)[:100]
