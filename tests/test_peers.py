"""The comparison with other groups: every row agrees, the command says so, and their numbers are printed."""

import subprocess
import sys

from grokutil import peers


def test_every_row_agrees_and_says_who_and_what():
    rows = peers.comparisons()
    assert len({(row.peer, row.what) for row in rows}) == len(rows) >= 8
    assert {row.peer for row in rows} == {peers.HE, peers.MORWANI, peers.TRUONG}
    assert all(row.agrees and row.theirs and row.ours and row.verdict for row in rows)


def test_the_command_prints_them_and_its_status_is_whether_they_agree(monkeypatch, capsys):
    done = subprocess.run([sys.executable, "-m", "grokutil.peers"], capture_output=True, text=True, check=True)
    assert "norm at epochs 500" in done.stdout and "36.6137" in done.stdout and "DOES NOT" not in done.stdout
    monkeypatch.setattr(peers, "NORM", (5.9, *peers.NORM[1:]))
    assert peers.main() == 1
    assert capsys.readouterr().out.count("DOES NOT HOLD") == 1


def test_a_span_is_the_mean_and_the_range():
    assert peers.span([1.0, 2.0, 6.0]) == "3 [1, 6]"
