"""Files of students, read with care."""

from __future__ import annotations

import codecs
import io
import os
import shutil
import stat
import time
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LARGEST_NOTEBOOK = 20 * 2**20  # bytes
LARGEST_FOLDER = 50 * 2**20
MOST_FILES = 2000
DEEPEST = 20
ARCHIVES = (".zip", ".ipynb", ".json", ".txt", "")  # endings that a zip of notebooks may have


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
    return _at_most(content, largest)


def _at_most(content: bytes, largest: int) -> bytes:
    if len(content) > largest:
        raise ValueError(f"larger than {largest >> 20} MB; clear the outputs and hand in again")
    return content


@dataclass(frozen=True)
class File:
    """A file that a student handed in: ``name`` as the student sees it, ``inner`` its name in the archive ``path``."""

    name: str
    path: Path
    time: float
    inner: str | None = None

    def read(self, largest: int = LARGEST_NOTEBOOK) -> bytes:
        """The content; see :func:`read_bytes`."""
        content = read_bytes(self.path, LARGEST_FOLDER if self.inner else largest)
        if self.inner is None:
            return content
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(self.inner) as file:
                content = file.read(largest + 1)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, OSError, EOFError) as error:
            raise ValueError(f"cannot be unpacked ({error})") from error
        return _at_most(content, largest)


@dataclass
class Folder:
    """What a student handed in: plain files, and what is passed over, by name and reason."""

    files: list[File] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    junk: list[str] = field(default_factory=list)


def is_junk(name: str) -> bool:
    """Whether a system or a program has left this, not a student."""
    return name.startswith(".") or name.lower() in ("__macosx", "__pycache__", "thumbs.db", "desktop.ini")


def look(folder: Path) -> Folder:
    """All that lies in a student's folder, in folders of it and in zips; nothing is unpacked on disk.

    At most :data:`MOST_FILES` files, at most :data:`DEEPEST` folders deep.
    """
    found = Folder()
    _walk(folder, "", found, DEEPEST)
    for file in [file for file in found.files if Path(file.name).suffix.lower() in ARCHIVES]:
        _unpack(file, found)
    if len(found.files) > MOST_FILES:
        found.files.sort(key=lambda file: ".ipynb" not in file.name.lower())
        found.passed.append(f"{len(found.files) - MOST_FILES} more files, above {MOST_FILES}")
        del found.files[MOST_FILES:]
    return found


def _walk(folder: Path, above: str, found: Folder, depth: int) -> None:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        found.passed.append(f"{above or folder.name}: not readable ({error.strerror})")
        return
    for entry in entries:
        name = above + entry.name
        if is_junk(entry.name):
            found.junk.append(name)
        elif entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            found.passed.append(f"{name}: a link or no plain file")
        elif entry.is_file():
            found.files.append(File(name, Path(entry.path), entry.stat().st_mtime))
        elif depth > 1:
            _walk(Path(entry.path), name + "/", found, depth - 1)
        else:
            found.passed.append(f"{name}: a folder more than {DEEPEST} deep")


def _unpack(file: File, found: Folder) -> None:
    """Put the files in an archive in place of it; an archive that cannot be opened stays a file."""
    try:
        content = file.read(LARGEST_FOLDER)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (ValueError, zipfile.BadZipFile, NotImplementedError, OSError):
        return
    found.files.remove(file)
    if len(entries) > 2 * MOST_FILES:
        found.passed.append(f"{file.name}: {len(entries)} files, of which {2 * MOST_FILES} are looked at")
        del entries[2 * MOST_FILES :]
    for entry in entries:
        steps, name = entry.filename.split("/"), f"{file.name}/{entry.filename}"
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if entry.is_dir():
            continue
        if ".." in steps or entry.filename.startswith("/") or "\\" in entry.filename or "\0" in entry.filename:
            found.passed.append(f"{name}: a path that leads out of the archive")
        elif kind not in (0, stat.S_IFREG):
            found.passed.append(f"{name}: a link or no plain file")
        elif entry.flag_bits & 1:
            found.passed.append(f"{name}: encrypted; hand it in without a password")
        elif any(map(is_junk, steps)):
            found.junk.append(name)
        else:
            moment = time.mktime((*entry.date_time, 0, 0, -1))
            found.files.append(File(name, file.path, moment, entry.filename))


def copy_files(files: Mapping[str, File], target: Path) -> list[str]:
    """Write files under their names, up to :data:`LARGEST_FOLDER` bytes in all; the names of those left behind."""
    left, behind = LARGEST_FOLDER, []
    for name, file in files.items():
        try:
            content = file.read(left)
            copied = target / name
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes(content)
            left -= len(content)
        except (ValueError, OSError):
            behind.append(name)
    return behind


def text_of(path: Path) -> str:
    """The text of a teacher's file: UTF-8, or UTF-16 as spreadsheets write it.

    Raises:
        ValueError: another encoding; the message says where, and what to do.
    """
    content = path.read_bytes()
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path.name} is not in UTF-8 (line {line}); save it again in UTF-8: a spreadsheet calls this "
            "'CSV UTF-8', an editor 'Encoding: UTF-8'"
        ) from error
    if "\0" in text:
        raise ValueError(f"{path.name} is not plain text; save it again as text in UTF-8")
    return text


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
