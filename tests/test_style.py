"""Style and types, by the settings of pyproject.toml: as tests, so that they run beside the others."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("tool", [["ruff", "check"], ["mypy"]], ids=" ".join)
def test_a_tool_has_nothing_to_say(root, tool):
    done = subprocess.run([sys.executable, "-m", *tool], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
