"""Files written whole or not at all; arrays and their provenance in one ``.npz`` file, read without pickle."""

from __future__ import annotations

import io
import json
import os
import platform
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

import grokutil


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of ``path`` at the end of the block.

    It has a temporary name beside ``path`` and is renamed: a reader sees the old file or the new one, never half of
    one. When the block raises, the old file stays. A device or a pipe is written to as it is.
    """
    if path.exists() and not path.is_file():
        whole = io.BytesIO()
        yield whole
        path.write_bytes(whole.getbuffer())
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replacing(path) as file:
        file.write(text.encode())


def save_npz(path: str | Path, arrays: Mapping[str, np.ndarray], notes: Mapping[str, Any]) -> Path:
    """Write ``arrays`` and ``notes`` (anything JSON can hold) to ``path``.

    Raises:
        ValueError: an array that only pickle could hold, or notes that JSON cannot.
    """
    path = Path(path)
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(f"array {name!r} has dtype object, which only pickle can store; convert it to numbers")
    try:
        text = json.dumps(dict(notes), sort_keys=True)
    except TypeError as error:
        raise ValueError(f"notes must be plain JSON (numbers, strings, lists, dictionaries): {error}") from error
    with replacing(path) as file:
        np.savez_compressed(file, notes=np.array(text), **arrays)  # type: ignore[arg-type]
    return path


def load_npz(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what :func:`save_npz` wrote: ``(arrays, notes)``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a file written by :func:`save_npz`.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        notes = json.loads(str(arrays.pop("notes")))
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{path} is not a file written by grokutil ({type(error).__name__}: {error})") from error
    return arrays, notes


def provenance(command: str) -> dict[str, str]:
    """What a stored result must say of its making: the command, and the versions it ran on."""
    packages = {"grokutil": grokutil.__version__} | {name: version(name) for name in ("torch", "numpy")}
    return {"command": command, "python": platform.python_version(), "machine": platform.machine(), **packages}
