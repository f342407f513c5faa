"""Print one table and write ``_build/benchmarks.json``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.compare import compare
from grokutil.storage import provenance

MODULES = (
    "benchmarks.first_layer_velocity",
    "benchmarks.tangent_projection",
    "benchmarks.tangent_projection_kinks",
    "benchmarks.tangent_projection_large",
)
TARGET = Path(__file__).parents[1] / "_build" / "benchmarks.json"


def main() -> None:
    """Measure every module of ``MODULES``."""
    notes = provenance("make benchmark") | {"cores": os.cpu_count(), "threads": torch.get_num_threads(), "seed": 0}
    print(", ".join(f"{key} {value}" for key, value in notes.items()))
    rows = []
    for module in MODULES:
        compared = compare(module)
        ours = compared[0]
        print(f"\n{ours.subject}\n{'':36}{'ms':>9}{'times ours':>12}{'MB':>8}{'times ours':>12}{'gap':>10}")
        for row in compared:
            time_ratio, memory_ratio = row.seconds / ours.seconds, row.megabytes / max(ours.megabytes, 1e-3)
            print(
                f"{row.way:36}{1e3 * row.seconds:9.1f}{time_ratio:12.1f}"
                f"{row.megabytes:8.1f}{memory_ratio:12.1f}{row.gap:10.0e}"
            )
        rows += [asdict(row) for row in compared]
    TARGET.parent.mkdir(exist_ok=True)
    temporary = TARGET.with_suffix(".tmp")
    temporary.write_text(json.dumps({"notes": notes, "rows": rows}, indent=1))
    os.replace(temporary, TARGET)
    print(f"\nwritten to {TARGET}")


if __name__ == "__main__":
    main()
