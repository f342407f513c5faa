"""Files are written whole or not at all, and nothing is pickled."""

import os
from pathlib import Path

import numpy as np
import pytest

from grokutil.runs.storage import load_npz, provenance, replacing, save_npz, write_text


def test_arrays_and_notes_come_back(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([1 + 2j])}
    path = save_npz(tmp_path / "new" / "x.npz", arrays, {"seed": 3, "rule": "small"})
    loaded, notes = load_npz(path)
    assert loaded.keys() == arrays.keys() and notes == {"seed": 3, "rule": "small"}
    assert all(np.array_equal(loaded[k], arrays[k]) and loaded[k].dtype == arrays[k].dtype for k in arrays)


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "new" / "x"
    with replacing(path) as file:
        file.write(b"whole")
        assert not path.exists()
    with pytest.raises(OSError, match="no space"), replacing(path) as file:
        file.write(b"half a fi")
        raise OSError("no space left on device")
    assert path.read_bytes() == b"whole" and list(path.parent.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path, monkeypatch):
    path = save_npz(tmp_path / "x.npz", {"a": np.ones(1)}, {})

    def full_disk(file, **arrays):
        file.write(b"half a fi")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez_compressed", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_npz(path, {"a": np.zeros(1)}, {})
    assert load_npz(path)[0]["a"] == 1 and list(tmp_path.iterdir()) == [path]


def test_a_file_is_on_the_disk_before_it_takes_the_place_of_the_old_one(tmp_path, monkeypatch):
    """Else a crash of the machine may leave the new name with nothing in it."""
    calls, sync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: calls.append(os.fstat(file).st_size) or sync(file))
    monkeypatch.setattr(os, "replace", lambda *paths: calls.append("replaced") or replace(*paths))
    write_text(tmp_path / "x", "whole")
    assert calls == [5, "replaced"]


def test_what_a_killed_save_left_blocks_no_later_one(tmp_path):
    """Each save has a temporary name of its own."""
    path = tmp_path / "x.npz"
    with replacing(path) as one, replacing(path) as other:
        assert one.name != other.name
    Path(one.name).write_bytes(b"half a fi")
    assert load_npz(save_npz(path, {"a": np.ones(1)}, {}))[0]["a"] == 1


def test_what_is_no_regular_file_is_written_to_and_stays_what_it_is(tmp_path):
    """As root, to save to /dev/null would else put a file in the place of the device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "through")
    assert os.read(reader, 100) == b"through" and pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]
    os.close(reader)
    with pytest.raises(IsADirectoryError):
        write_text(tmp_path, "text")


def test_what_only_pickle_could_hold_is_refused_both_ways(tmp_path):
    with pytest.raises(ValueError, match="'a' has dtype object, which only pickle"):
        save_npz(tmp_path / "x.npz", {"a": np.array([{}])}, {})
    with pytest.raises(ValueError, match="notes must be plain JSON"):
        save_npz(tmp_path / "x.npz", {}, {"f": print})
    np.savez(tmp_path / "pickled.npz", notes=np.array("{}"), a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="pickled.npz is not a file written by grokutil.*allow_pickle"):
        load_npz(tmp_path / "pickled.npz")


def test_other_files_are_named(tmp_path):
    (tmp_path / "x.npz").write_text("text")
    with pytest.raises(ValueError, match="x.npz is not a file written by grokutil"):
        load_npz(tmp_path / "x.npz")
    with pytest.raises(FileNotFoundError):
        load_npz(tmp_path / "missing.npz")


def test_provenance_names_command_and_versions():
    notes = provenance("make results")
    assert notes["command"] == "make results" and {"python", "torch", "numpy", "grokutil"} <= notes.keys()
