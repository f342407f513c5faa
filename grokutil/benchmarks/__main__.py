"""Print one table and write it as JSON, with machine, versions and seeds."""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from grokutil.benchmarks.compare import compare, peak
from grokutil.benchmarks.resolved_flow import resolved_flow
from grokutil.benchmarks.scaling import SCANS, evaluations, scan
from grokutil.benchmarks.table import print_costs, print_rows, print_scans
from grokutil.benchmarks.whole_runs import whole_runs
from grokutil.runs.storage import provenance, write_text

MODULES = (
    "grokutil.benchmarks.first_layer_velocity",
    "grokutil.benchmarks.narrow_network",
    "grokutil.benchmarks.tangent_projection",
    "grokutil.benchmarks.tangent_projection_kinks",
    "grokutil.benchmarks.tangent_projection_large",
)
SLICE, ALL = ([0], 500), (range(5), 5000)  # seeds and steps of whole runs
TARGET = Path("_build/benchmarks.json")  # under the working folder


def main() -> None:
    """Measure, print as it comes, write at the end."""
    parser = argparse.ArgumentParser(prog="python -m grokutil.benchmarks", description=__doc__)
    parser.add_argument("--all", action="store_true", help="whole runs of Fig. 6a in full, five seeds x 5000 steps")
    parser.add_argument("--output", type=Path, default=TARGET, help=f"default {TARGET}")
    options = parser.parse_args()

    notes = machine("make benchmark" + (" ALL=1" if options.all else ""))
    print(", ".join(f"{key} {value}" for key, value in notes.items()), flush=True)
    rows = []
    for module in MODULES:
        rows += (compared := compare(module))
        print_rows(compared)
    rows += (whole := whole_runs(*(ALL if options.all else SLICE)))
    print_rows(whole)

    scans = [scan(along) for along in SCANS]
    largest = scans[0].sizes[-1]
    memory = {"size": largest, "megabytes": peak(evaluations, largest, 1)}
    print_scans(scans)
    print(f"memory of one evaluation at p, n, width = {largest}: {memory['megabytes']:.0f} MB")
    pairs = resolved_flow()
    print_costs(pairs)

    record: dict[str, Any] = {"notes": notes, "rows": [asdict(row) for row in rows], "memory": memory}
    record |= {"scans": [asdict(one) for one in scans], "resolved": [[asdict(c) for c in pair] for pair in pairs]}
    write_text(options.output, json.dumps(record, indent=1) + "\n")
    print(f"\nwritten to {options.output}")


def machine(command: str) -> dict[str, Any]:
    """What the numbers depend on."""
    return provenance(command) | {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "seed": 0,
    }


def processor(file: Path = Path("/proc/cpuinfo")) -> str:
    """The name of the processor, as far as the system tells it."""
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
