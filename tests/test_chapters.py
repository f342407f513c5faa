"""The measurement of whole chapters, on notebooks whose cost is known; the stored table; the remarks on slow cells."""

import json
import re
import sys
from statistics import median

import pytest
from conftest import notebook_of

from grokutil.benchmarks import chapters
from grokutil.benchmarks.chapters import Chapter

LIMIT = 1024  # MiB
SLOW, NOISE, FACTOR = 5.0, 2.0, 4.0  # seconds from which a cell says how long it takes; how far this may be off
REMARK = re.compile(r"# about (\d+) s\b")
KERNEL = "---\nkernelspec:\n  display_name: Python 3\n  language: python\n  name: python3\n---\n\n"


def page(folder, name, *cells):
    text = "".join(f"```{{code-cell}} ipython3\n{cell}\n```\n\n" for cell in cells)
    (folder / f"{name}.md").write_text(f"{KERNEL}# A page\n\n{text}")


class TestMeasurement:
    def test_pages_without_cells_are_left_out(self, tmp_path):
        page(tmp_path, "with_cells", "1")
        page(tmp_path, "words")
        assert [path.name for path in chapters.chapters(tmp_path)] == ["with_cells.md"]
        with pytest.raises(FileNotFoundError, match="no chapter .*missing.md: say --book"):
            chapters.chapters(tmp_path, ["with_cells", "missing"])
        with pytest.raises(FileNotFoundError, match=r"no chapter .*\*.md"):
            chapters.chapters(tmp_path / "nowhere")

    def test_a_stored_table_comes_back_row_by_row(self, tmp_path, capsys):
        file = tmp_path / "c.json"
        first, second = Chapter("one", 3.0, [0.5, 1.5], 300), Chapter("another", 1.0, [1.0], 200)
        for row in (Chapter("one", 9.0, [9.0], 900), second, first):
            chapters.store(row, file)
        assert chapters.read(file) == [second, first] and first.cpu_seconds == 2.0
        chapters.print_chapters([first])
        assert capsys.readouterr().out.splitlines()[-1].split() == ["one", "3.0", "2.0", "1.5", "300"]
        assert {"command", "torch", "processor", "python"} <= json.loads(file.read_text())["notes"].keys()

    def test_a_table_of_another_machine_is_not_mixed_with_ours(self, tmp_path, monkeypatch):
        chapters.store(row := Chapter("one", 3.0, [0.5], 300), tmp_path / "c.json")
        monkeypatch.setattr(chapters, "machine", lambda command: {"processor": "other"})  # noqa: ARG005
        with pytest.raises(ValueError, match="another .*processor.*measure all chapters again"):
            chapters.store(row, tmp_path / "c.json")

    @pytest.mark.slow
    @pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells about processes")
    def test_time_memory_and_cores_are_those_of_the_kernel_and_its_children(self, tmp_path, monkeypatch):
        from grokutil.benchmarks.one_chapter import measure

        burn = "import time\nend = time.process_time() + 1\nwhile time.process_time() < end: pass"
        hold = "import time\nx = bytearray(300 << 20)\nx[::4096] = b'1' * len(x[::4096])\n"
        hold += "time.sleep(3)"  # until the measurement has looked, five times a second
        child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {hold!r}], check=True)"
        core = "import os\nassert len(os.sched_getaffinity(0)) == 1 and os.environ['OMP_NUM_THREADS'] == '1'"
        core += "\nassert os.environ['GOMP_SPINCOUNT'] == '10000'"
        monkeypatch.delenv("GOMP_SPINCOUNT")
        page(tmp_path, "small", "1")
        page(tmp_path, "alone", burn, hold)
        page(tmp_path, "child", burn, hold, child, core)
        small, alone, both = (Chapter(*measure(tmp_path / f"{name}.md")) for name in ("small", "alone", "child"))
        assert 0.9 < alone.cells[0] < 1.5 and len(both.cells) == 4
        assert 290 < alone.megabytes - small.megabytes < 320 and 290 < both.megabytes - alone.megabytes < 330


def test_every_chapter_fits_into_a_gigabyte_on_one_core(root):
    rows = {row.name: row for row in chapters.read()}
    assert rows.keys() == {path.stem for path in chapters.chapters(root / "book")}
    for row in rows.values():
        assert 50 < row.megabytes < LIMIT, row.name


@pytest.fixture(scope="module")
def slowness(root, book):
    """How much more processor time than they say the cells with a remark took in this build: their median.

    Machines differ by a factor of three, and a remark can only be right for one of them.
    """
    ratios = []
    for path in chapters.chapters(root / "book"):
        if notebook := notebook_of(root, f"book/{path.stem}"):
            cells = zip(notebook.cells, notebook.metadata["seconds"], strict=True)
            ratios += [used / float(said[1]) for cell, used in cells if (said := REMARK.match(cell.source))]
    assert len(ratios) > 15
    return max(1, median(ratios))


def test_a_slow_cell_says_how_long_it_takes(executed, slowness):
    for cell, used in zip(executed.cells, executed.metadata["seconds"], strict=True):
        source, seconds = cell.source, used / slowness
        remark = REMARK.match(source)
        if remark:
            said = float(remark[1])
            assert said >= SLOW, source
            assert said / FACTOR < seconds < said * FACTOR, f"takes {seconds:.1f} s: {source}"
        else:
            assert seconds < SLOW * NOISE, f"takes {seconds:.1f} s and does not say so: {source}"
