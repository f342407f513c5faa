"""Explorers with a kernel: JupyterLab opens chapters as notebooks, as `make lab` does, and a control is moved.

The build has run each chapter whole. Here only the cells stay that the explorers need, several chapters to a notebook.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress

import jupytext
import psutil
import pytest
from jupyter_client import BlockingKernelClient
from playwright.sync_api import TimeoutError as NothingHappened
from test_explorers_browser import explorer_pages

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TOKEN = "explorers"
STOPPED = "explore"  # the first to be opened, by itself: its laboratory is stopped, its equations are counted
TOGETHER = 5  # chapters in each of the other notebooks
SMALLER = {"fourier_circles": ("p, d_h = 37, 512", "p, d_h = 11, 64")}  # seconds for a minute
HANGS, PATIENCE = 900_000, 3000  # milliseconds: on a busy machine a notebook takes long; until a click is repeated
EQUATIONS = "\n$$\nL = 1, \\tag{12}\n$$\n\n$$\nL = 2\n$$ (own)\n\nBy {eq}`own`.\n"
NUMBERS = """() => [...document.querySelectorAll(".katex .tag, [aria-label='Link to this Equation']")]
    .filter((number) => number.checkVisibility()).map((number) => number.textContent)"""
LIVE = ".jp-OutputArea-output .needs-kernel"
RUNNING = r"() => [...document.querySelectorAll('.jp-InputPrompt')].some((p) => /\[(\*|\d+)\]/.test(p.textContent))"
SETTLED = """() => {
    const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt:not(.jp-Placeholder-prompt)")];
    return prompts.length > 0 && prompts.every((prompt) => /\\[\\d+\\]/.test(prompt.textContent));
}"""


def pytest_generate_tests(metafunc):
    if "together" in metafunc.fixturenames:  # of the module: a notebook is opened once for its tests
        metafunc.parametrize("together", bundles(metafunc.config.rootpath), ids="-".join, scope="module")


def bundles(root):
    """The chapters with explorers, by notebooks."""
    others = [path.stem for path in explorer_pages(root) if path.stem != STOPPED]
    return [[STOPPED], *(others[k : k + TOGETHER] for k in range(0, len(others), TOGETHER))]


@pytest.fixture(scope="module")
def lab(root, tmp_path_factory):
    """The address of a JupyterLab on a copy of the book, and its runtime folder."""
    home = tmp_path_factory.mktemp("lab")
    shutil.copytree(root / "book", home / "book", ignore=shutil.ignore_patterns("static"))
    for names in bundles(root):
        chapters = [shortened(home / "book" / f"{name}.md") for name in names]
        chapters[0].cells = [cell for chapter in chapters for cell in chapter.cells]
        jupytext.write(chapters[0], home / "book" / f"{'-'.join(names)}.md", fmt="md:myst")
    with (home / "book" / f"{STOPPED}.md").open("a") as page:
        page.write(EQUATIONS)
    settings = home / "settings"
    settings.mkdir()
    overrides = json.loads((root / "book" / "lab" / "settings.json").read_text())
    overrides["@jupyterlab/notebook-extension:tracker"] = {"windowingMode": "none"}  # cells out of sight stay
    (settings / "overrides.json").write_text(json.dumps(overrides))
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "TQDM_DISABLE": "1",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0", f"--app-dir={app_dir()}"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--LabApp.app_settings_dir={settings}"]
    command += [f"--LabApp.extra_labextensions_path={root / 'book' / 'lab'}"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield wait_for_server(home / "runtime", home / "log"), home / "runtime"
    finally:
        server.terminate()
        server.wait(HANGS / 1000)


def shortened(path):
    """Of a chapter the explorers, and the code that binds the names that they need."""
    chapter, needed, kept = jupytext.read(path), set(), []
    large, small = SMALLER.get(path.stem, ("", ""))
    assert any(large in cell.source for cell in chapter.cells)
    for cell in reversed(chapter.cells):
        if cell.cell_type == "code":
            tree = ast.parse(cell.source)
            bound = set().union(*map(binds, tree.body))
            if "explorer" not in cell.metadata.get("tags", ()) and not needed & bound:
                continue
            for statement in reversed(tree.body):
                needed -= binds(statement)
                needed |= reads(statement)
            cell.source = cell.source.replace(large, small)
            kept.append(cell)
    chapter.cells = kept[::-1]
    return chapter


def stores(node):
    return isinstance(getattr(node, "ctx", None), ast.Store)


def binds(statement):
    """The names that a statement defines for the cells after it."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and stores(node)}


def reads(statement):
    """The names that a statement needs from before it."""
    nodes = list(ast.walk(statement))
    found = {node.id for node in nodes if isinstance(node, ast.Name) and not stores(node)}
    found |= {node.target.id for node in nodes if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)}
    if isinstance(statement, ast.FunctionDef):  # not its own
        found -= {node.arg for node in nodes if isinstance(node, ast.arg)}
        found -= {node.id for node in nodes if isinstance(node, ast.Name) and stores(node)}
    return found


def app_dir():
    return os.path.join(sys.prefix, "share", "jupyter", "lab")


def wait_for_server(runtime, log):
    for _ in range(HANGS // 500):
        for file in runtime.glob("jpserver-*.json"):
            url = json.loads(file.read_text())["url"]
            try:
                urllib.request.urlopen(f"{url}api?token={TOKEN}", timeout=2)
                return url
            except (OSError, json.JSONDecodeError):
                pass
        time.sleep(0.5)
    pytest.fail(f"JupyterLab did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def notebook(browser, lab):
    """Open a notebook and run all its cells; it stays open until another is asked for."""
    url, _ = lab
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    opened = {}

    def close():
        for page in opened.values():
            page.close()
        opened.clear()
        for kernel in kernels(url):
            request = urllib.request.Request(f"{url}api/kernels/{kernel}?token={TOKEN}", method="DELETE")
            urllib.request.urlopen(request, timeout=HANGS / 1000)

    def notebook(name):
        if name not in opened:
            close()
            opened[name] = run(context.new_page(), url, name)
        return opened[name]

    yield notebook
    close()
    context.close()


def run(page, url, name):
    page.goto(f"{url}lab/tree/book/{name}.md?token={TOKEN}&reset")
    page.wait_for_selector(".jp-NotebookPanel .jp-CodeCell", timeout=HANGS)
    page.wait_for_selector(".jp-Toolbar-kernelName:has-text('Python 3')", timeout=HANGS)  # not "No Kernel"
    for _ in range(HANGS // PATIENCE):  # nothing runs before JupyterLab has heard from the kernel
        page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
        with suppress(NothingHappened):
            page.wait_for_function(RUNNING, timeout=PATIENCE)
            break
    page.wait_for_function(SETTLED, timeout=HANGS)
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    return page


def kernels(url):
    with urllib.request.urlopen(f"{url}api/kernels?token={TOKEN}", timeout=30) as answer:
        return [kernel["id"] for kernel in json.load(answer)]


def picture(box):
    """The text of the picture that the kernel has drawn; None before the first."""
    images = box.locator("img.frame")
    return images.first.get_attribute("alt") if images.count() else None


def wait_until(page, condition):
    for _ in range(HANGS // 100):
        if condition():
            return
        page.wait_for_timeout(100)
    pytest.fail("what was waited for did not happen")


def processor_seconds(kernel):
    """What a kernel has used so far."""
    every = ((process, process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))  # or just ended
    (process,) = (process for process, words in every if f"kernel-{kernel}.json" in " ".join(words))
    return sum(process.cpu_times()[:2])


def test_the_laboratory_is_stopped_half_way_and_the_kernel_answers(notebook, lab):
    page = notebook(STOPPED)
    url, runtime = lab
    (kernel,) = kernels(url)
    box = page.locator(LIVE, has=page.locator("button", has_text="Run")).last
    box.scroll_into_view_if_needed()
    until = box.locator(".widget-text", has_text="until").locator("input")
    until.fill("200")  # so that it does not end before it is stopped
    until.press("Enter")
    box.locator("button", has_text="Run").click()
    bar = box.locator(".progress-bar")

    def share():
        return float(re.search(r"([\d.]+)%", bar.get_attribute("style"))[1]) / 100

    wait_until(page, lambda: 0.001 < share() < 1)
    client = BlockingKernelClient(connection_file=str(runtime / f"kernel-{kernel}.json"))
    client.load_connection_file()
    client.start_channels()
    begin = processor_seconds(kernel)
    box.locator("button", has_text="Stop").click()
    reply = client.execute("6 * 7", reply=True, timeout=HANGS // 1000)
    assert reply["content"]["status"] == "ok" and processor_seconds(kernel) - begin < 1
    client.stop_channels()
    wait_until(page, lambda: "stopped" in box.locator("[role=status]").inner_text())
    assert share() < 1 and picture(box)


def test_an_equation_has_one_number(notebook):
    """That of the paper, where it has one; else JupyterLab counts."""
    page = notebook(STOPPED)
    # Counts come first, then formulas and what hides a second number.
    wait_until(page, lambda: [number == "(12)" for number in page.evaluate(NUMBERS)] == [True, False])
    ours = page.evaluate(NUMBERS)[1]
    assert re.fullmatch(r"\(\d+\)", ours)
    assert ours in page.locator("a.hover-link").inner_text()


def test_a_moved_control_shows_what_the_kernel_computes(notebook, together):
    page = notebook("-".join(together))
    assert page.locator(LIVE).count() > 0
    for box in page.locator(LIVE).all():
        box.scroll_into_view_if_needed()
        if picture(box) is None:  # this one computes on request
            compute(page, box, None)
        before = picture(box)
        control = box.locator(".noUi-handle, select, input[type=number]").first
        if control.evaluate("(c) => c.tagName") == "SELECT":
            control.select_option(index=int(control.evaluate("(c) => c.selectedIndex === 0")))
        else:
            control.focus()
            highest = control.evaluate("(c) => c.ariaValueNow !== null && c.ariaValueNow === c.ariaValueMax")
            page.keyboard.press("ArrowDown" if highest else "ArrowUp")
        page.wait_for_timeout(800)
        if picture(box) == before:
            compute(page, box, before)


def compute(page, box, before):
    """Run until there is a picture, and another than before; then stop."""
    box.locator("button", has_text="Run").click()
    wait_until(page, lambda: picture(box) != before)
    stop = box.locator("button", has_text="Stop")
    if stop.is_enabled():
        with suppress(NothingHappened):  # it may end by itself just now
            stop.click(timeout=PATIENCE)
        wait_until(page, lambda: not stop.is_enabled())


def test_a_picture_is_drawn_when_it_is_chosen(notebook, together):
    """Here somebody sits at the kernel: it holds the pictures that were asked for, and no others."""
    page = notebook("-".join(together))
    for box in page.locator(".jp-OutputArea-output .kernel-free").all():
        box.scroll_into_view_if_needed()
        assert box.locator("img.frame").count() == 1
        before = picture(box)
        handle = box.locator(".noUi-handle")
        handle.focus()
        first = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemin")
        page.keyboard.press("ArrowRight" if first else "ArrowLeft")
        wait_until(page, lambda box=box, before=before: picture(box) != before)
