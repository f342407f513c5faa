"""The engine of the live pages in a browser, against this package on one thread: CPU seconds of equation 20, memory.

``python -m grokutil.benchmarks.live_engine`` in a clone of the repository, with Chromium and the packages of
requirements.txt. ``--reference FOLDER`` measures another checkout of grokutil beside it, in the same run: of the tag or
commit that says "Version 0.1.0", say, made by ``git worktree add --detach FOLDER COMMIT``.
"""

from __future__ import annotations

import argparse
import http.server
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from grokutil.benchmarks.__main__ import machine
from grokutil.results import HERE
from grokutil.runs.storage import write_text

TARGET = HERE / "performance" / "live_engine.json"
BUILT = Path("book/static/live")
SIZES = ((11, 128, 1000), (23, 256, 100), (37, 512, 20))  # p, width, evaluations a repeat: the browser counts 10 ms
REPEATS = 7

PACKAGE = """
import sys, time
import torch
from grokutil.data import modular_addition
from grokutil.isolated import FirstLayerDynamics
from grokutil.model import gaussian_embedding
torch.set_num_threads(1)
p, width = map(int, sys.argv[1:])
task, E = modular_addition(p, 0.7, seed=0), gaussian_embedding(p, width, seed=0)
dynamics = FirstLayerDynamics(task.X_train, task.Y_train)
for line in sys.stdin:
    begin = time.process_time()
    for _ in range(int(line)):
        dynamics(E)
    print(time.process_time() - begin, flush=True)
"""

MAKE = """
async ([p, width, plain]) => {
  const E = await import("/engine.js"), task = E.modularAddition({ p, fraction: 0.7, seed: 0 });
  const numbers = E.FirstLayerDynamics.numbers(p, width, task.train.length / 2) + 4 * p * width;
  const kernels = plain ? await E.plainKernels() : await E.wasmKernels(numbers);
  const dynamics = new E.FirstLayerDynamics({ p, width, pairs: task.train, activation: "relu" }, kernels);
  const W = E.gaussianEmbedding(p, width, 0, "deviation", kernels.alloc(p * width)), V = kernels.alloc(p * width);
  (window.evaluate ??= {})[plain] = (count) => {
    for (let i = 0; i < count; i++) {
      W[0] = -W[0]; // another place: at the same one the factor would be kept
      dynamics.velocity(W, V);
    }
  };
}
"""

RUN = """
async (spec) => {
  const { Engine } = await import("/engine.js"), engine = new Engine();
  const hear = (resolve) => (message) => message.type === "done" && resolve(message);
  const last = await new Promise((resolve) => engine.run(spec, hear(resolve)));
  engine.close();
  return last.evaluations;
}
"""
MEMORY = """
async (spec) => {
  const { begin } = await import("/engine.js"), { kernels } = await begin(spec);
  return kernels.alloc(0).buffer.byteLength;
}
"""
DEFAULT = {"kind": "isolated", "p": 23, "width": 256, "fraction": 0.7, "activation": "relu", "ridge": 0.0, "seed": 0}
DEFAULT |= {"method": "euler", "step": 1e-3, "until": 5.0}


@dataclass(frozen=True)
class Row:
    """One way at one size: CPU milliseconds of an evaluation, as multiples of this and the other package's; medians."""

    p: int
    width: int
    way: str
    milliseconds: float
    times_package: float
    times_reference: float | None


Burn = Callable[[int], float]  # CPU seconds of so many evaluations


def main() -> None:
    """Measure, print as it comes, and store it if asked to."""
    parser = argparse.ArgumentParser(prog="python -m grokutil.benchmarks.live_engine", description=__doc__)
    parser.add_argument("--reference", type=Path, help="another checkout of grokutil to measure beside this one")
    parser.add_argument("--store", action="store_true", help=f"put what was measured into {TARGET.name}")
    options = parser.parse_args()
    rows, memory = [], []
    print(f"{'p':>3}{'width':>7}  {'way':20}{'CPU ms':>9}{'to ours':>9}{'to the other':>14}")
    with browser() as (page, cpu):
        for p, width, count in SIZES:
            for row in measured(p, width, count, page, cpu, options.reference):
                rows.append(row)
                other = "" if row.times_reference is None else f"{row.times_reference:14.2f}"
                line = f"{p:3}{width:7}  {row.way:20}{row.milliseconds:9.3f}{row.times_package:9.2f}{other}"
                print(line, flush=True)
        for p, width, _ in SIZES:
            size = page.evaluate(MEMORY, DEFAULT | {"p": p, "width": width})
            memory.append({"p": p, "width": width, "bytes": size})
            print(f"{p:3}{width:7}  {size / 1e6:.1f} MB of WebAssembly memory in a run, which does not grow")
        begin = cpu()
        evaluations = page.evaluate(RUN, DEFAULT)
        seconds = cpu() - begin
    print(f"the default run, p = 23, {evaluations} evaluations with 121 records: {seconds:.1f} s of CPU")
    if options.store:
        notes = machine("python -m grokutil.benchmarks.live_engine --store")
        if options.reference:
            git = ["git", "-C", str(options.reference), "log", "-1", "--format=%h %s"]
            notes["reference"] = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
        record: dict[str, object] = {"notes": notes, "rows": [asdict(row) for row in rows], "memory": memory}
        record |= {"default_run_cpu_seconds": seconds}
        write_text(TARGET, json.dumps(record, indent=1) + "\n")


def measured(p: int, width: int, count: int, page: Any, cpu: Callable[[], float], reference: Path | None) -> list[Row]:
    """All ways at one size, interleaved."""

    def in_page(plain: bool) -> Burn:
        def burn(evaluations: int) -> float:
            begin = cpu()
            page.evaluate("([plain, count]) => evaluate[plain](count)", [plain, evaluations])
            return cpu() - begin

        page.evaluate(MAKE, [p, width, plain])
        return burn

    beside = package(p, width, reference) if reference else nullcontext()
    with package(p, width, None) as ours, beside as other:
        ways = {"grokutil": ours, "WebAssembly": in_page(False), "plain JavaScript": in_page(True)}
        if other:
            ways["reference"] = other
        for burn in ways.values():  # compilers come to their best in a while
            burn(count)
        seconds = [{way: burn(count) / count for way, burn in ways.items()} for _ in range(REPEATS)]

    def times(way: str, base: str) -> float:
        return median(s[way] / s[base] for s in seconds)

    return [
        Row(
            p,
            width,
            way,
            milliseconds=1e3 * median(s[way] for s in seconds),
            times_package=times(way, "grokutil"),
            times_reference=times(way, "reference") if other else None,
        )
        for way in ways
    ]


@contextmanager
def package(p: int, width: int, checkout: Path | None) -> Iterator[Burn]:
    """The package in a process of its own, from a checkout if one is given."""
    command = [sys.executable, "-c", PACKAGE, str(p), str(width)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=checkout)

    def burn(evaluations: int) -> float:
        assert process.stdin and process.stdout
        print(evaluations, file=process.stdin, flush=True)
        return float(process.stdout.readline())

    yield burn
    process.communicate()


@contextmanager
def browser() -> Iterator[tuple[Any, Callable[[], float]]]:
    """A blank page that can import the engine, and the CPU seconds of all processes of its browser so far."""
    from playwright.sync_api import sync_playwright  # which readers of the table need not have

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """The page, or a part of the engine."""
            script = self.path in ("/engine.js", "/kernels.js")
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if script else "text/html")
            self.end_headers()
            self.wfile.write((BUILT / self.path[1:]).read_bytes() if script else b"<!doctype html>")

        def log_message(self, *_: Any) -> None:
            """Silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, sync_playwright() as driver:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page, session = chromium.new_page(), chromium.new_browser_cdp_session()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        yield page, lambda: sum(p["cpuTime"] for p in session.send("SystemInfo.getProcessInfo")["processInfo"])
        chromium.close()
        server.shutdown()


if __name__ == "__main__":
    main()
