"""What Binder builds from `.binder/`: repo2docker prints its Dockerfile without building it."""

import json
import os
import re
import subprocess
import sys

import pytest
from packaging.utils import canonicalize_name
from test_notebooks import needed
from test_repository import PACKAGE_INDEX, PUBLIC_INDEXES

from grokutil.runs.processes import ONE_THREAD


@pytest.fixture(scope="module")
def dry_run(root):
    """What repo2docker says: its log and the Dockerfile."""
    command = [
        sys.executable,
        "-m",
        "repo2docker",
        "--no-build",
        "--debug",
        "--user-id=1000",
        "--user-name=jovyan",
        ".",
    ]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


def test_the_image_takes_our_files_in_order(dry_run):
    steps = [
        "environment-2epy-2d3-2e11-2dlinux",  # Python 3.11's conda packages, as repo2docker names their file
        "COPY --chown=1000:1000 src/ ${REPO_DIR}/",
        'pip install --no-cache-dir -r ".binder/requirements.txt"',  # after the copy: it reads our other files
        "RUN ./.binder/postBuild",
        'ENV R2D_ENTRYPOINT="${REPO_DIR}/.binder/start"',
    ]
    places = [dry_run.find(step) for step in steps]
    assert -1 not in places, steps[places.index(-1)]
    assert places == sorted(places)
    assert "Building conda environment for python=3.11\n" in dry_run


def pins(root):
    lines = (root / "requirements.txt").read_text().splitlines()
    return {canonicalize_name(line.split("==")[0]) for line in lines if line and not line.startswith("#")}


def installed_on_binder(root):
    """Names of all packages that .binder/requirements.txt brings, from what the installed ones declare."""
    lines = (root / ".binder" / "requirements.txt").read_text().splitlines()
    assert ".[book]" in lines  # the project, with what its chapters need
    return needed(*(line for line in lines if re.match(r"\w", line)), "grokutil[book]").keys() - {"grokutil"}


def test_everything_in_the_image_has_its_version_from_our_requirements(root):
    text = (root / ".binder" / "requirements.txt").read_text()
    assert "--constraint ../requirements.txt\n" in text
    assert set(PACKAGE_INDEX.findall(text)) == PUBLIC_INDEXES  # where the CPU build of PyTorch is
    found = installed_on_binder(root)
    gpu = {name for name in found if name.startswith(("nvidia-", "cuda-", "triton"))}  # not in the CPU build
    assert found - gpu <= pins(root)
    assert {"torch", "jupyterlab", "jupyterlab-myst", "jupytext", "ipykernel", "ipywidgets", "matplotlib"} <= found


def test_tools_that_build_and_test_the_book_stay_out(root):
    tools = {
        "jupyter-book",
        "sphinx",
        "nbgrader",
        "pytest",
        "hypothesis",
        "playwright",
        "mypy",
        "ruff",
        "jupyter-repo2docker",
    }
    assert tools <= pins(root)
    assert not tools & installed_on_binder(root)


@pytest.mark.parametrize("script", ["postBuild", "start"])
def test_scripts_are_executable_and_parse(root, script):
    path = root / ".binder" / script
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/bin/bash\n")
    subprocess.run(["bash", "-n", path], check=True)


def test_a_session_starts_with_one_thread_for_the_linear_algebra(root):
    show = "import json, os, torch; print(json.dumps([os.getpid(), dict(os.environ), torch.get_num_threads()]))"
    environment = {name: value for name, value in os.environ.items() if name not in ONE_THREAD}
    command = [root / ".binder" / "start", sys.executable, "-c", show]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        process_id, variables, threads = json.loads(process.communicate()[0])
    assert process_id == process.pid  # start has become the command
    assert threads == 1
    assert {name for name in ONE_THREAD if variables.get(name) == "1"} >= set(ONE_THREAD) - {"VECLIB_MAXIMUM_THREADS"}


def test_lab_and_binder_give_jupyterlab_the_same_settings(root, tmp_path):
    for file in (root / "Makefile", root / ".binder" / "postBuild"):
        assert re.search(r"python book/lab_settings\.py$", file.read_text(), re.MULTILINE), file
    code = f"import sys; sys.prefix = {str(tmp_path)!r}; import lab_settings; lab_settings.main()"
    subprocess.run([sys.executable, "-c", code], cwd=root / "book", check=True)
    (written,) = tmp_path.rglob("overrides.json")
    assert written.parent == tmp_path / "share" / "jupyter" / "lab" / "settings"
    extension = tmp_path / "share" / "jupyter" / "labextensions" / "equations"
    assert (extension / json.loads((extension / "package.json").read_text())["jupyterlab"]["_build"]["load"]).is_file()
    viewers = json.loads(written.read_text())["@jupyterlab/docmanager-extension:plugin"]["defaultViewers"]
    assert viewers["markdown"] == "Jupytext Notebook"


def test_their_kernel_starts_with_what_openmp_reads(root, tmp_path):
    """Chapters import PyTorch first. The file is the kernel's own; it is started as any Jupyter starts it."""
    code = f"import sys; sys.prefix = {str(tmp_path)!r}; import lab_settings; lab_settings.main()"
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    subprocess.run([sys.executable, "-c", code], cwd=root / "book", env=environment, check=True)
    run = """
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
cell = new_code_cell("import os; os.environ.get('GOMP_SPINCOUNT')")
NotebookClient(new_notebook(cells=[cell]), kernel_name="python3").execute()
print(cell.outputs[0].data["text/plain"])
"""
    environment |= {"JUPYTER_PATH": str(tmp_path / "share" / "jupyter"), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", run], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout == "'10000'\n"
