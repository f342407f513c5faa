"""Fig. 6a as published, in whole processes: eq. 20 as printed against ``FirstLayerDynamics``, in the same loop.

Each seed and way is a process of its own (``grokutil.benchmarks.one_run``) with one thread, as in a sweep. Its time
includes the start-up: Python, PyTorch, the task.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np

from grokutil.benchmarks.compare import Row
from grokutil.benchmarks.one_run import RECORDS, WAYS
from grokutil.runs.processes import ONE_THREAD


def whole_runs(seeds: Sequence[int], steps: int) -> list[Row]:
    """Run every way with every seed in turn, each in a process of its own; seconds are sums over the seeds.

    Megabytes count from the import of torch. The gap is the largest relative difference in ||E||^2 at the end.
    """
    seconds, cpu_seconds = {way: 0.0 for way in WAYS}, {way: 0.0 for way in WAYS}
    ends: dict[str, list[dict]] = {way: [] for way in WAYS}
    for seed in seeds:
        for way in WAYS:
            begin, cpu_begin = time.perf_counter(), _children()
            command = [sys.executable, "-m", "grokutil.benchmarks.one_run", way, str(seed), str(steps)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ | ONE_THREAD)
            seconds[way] += time.perf_counter() - begin
            cpu_seconds[way] += _children() - cpu_begin
            ends[way].append(json.loads(done.stdout))
    norms = {way: np.array([end["norm2"] for end in ends[way]]) for way in WAYS}
    subject = f"Fig. 6a as published: {len(seeds)} x {steps} steps, {RECORDS} states kept; whole processes, one thread"
    rows = []
    for way in WAYS:
        megabytes = max(end["megabytes"] for end in ends[way])
        gap = 0.0 if way == WAYS[2] else float(abs(norms[way] / norms[WAYS[0]] - 1).max())
        wall, cpu = ((clock[way], clock[way] / clock[WAYS[0]]) for clock in (seconds, cpu_seconds))
        rows.append(Row(subject, way, *wall, *cpu, megabytes, gap))
    return rows


def _children() -> float:
    """CPU seconds of all processes that we have started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
