"""What was measured, as text for a screen."""

from __future__ import annotations

from collections.abc import Sequence

from grokutil.benchmarks.compare import Row
from grokutil.benchmarks.resolved_flow import Cost
from grokutil.benchmarks.scaling import Scan


def print_rows(rows: Sequence[Row]) -> None:
    """One subject: a line for each way."""
    print(f"\n{rows[0].subject}")
    print(f"{'':34}{'seconds':>10}{'x ours':>8}{'CPU s':>10}{'x ours':>8}{'MB':>9}{'gap':>9}")
    for row in rows:
        cpu = f"{'':>18}" if row.cpu_seconds is None else f"{row.cpu_seconds:10.4f}{row.cpu_times_ours:8.2f}"
        print(
            f"{row.way:34}{row.seconds:10.4f}{row.times_ours:8.2f}{cpu}{row.megabytes:9.1f}{row.gap:9.0e}", flush=True
        )


def print_scans(scans: Sequence[Scan]) -> None:
    """One evaluation of eq. 20, by size."""
    print(f"\none evaluation of eq. 20, one thread\n{'p':>6}{'n':>7}{'width':>7}{'CPU s':>10}{'x floor':>9}")
    for one in scans:
        for (p, n, width), seconds, floor in zip(one.sizes, one.seconds, one.floor, strict=True):
            print(f"{p:6}{n:7}{width:7}{seconds:10.4f}{seconds / floor:9.2f}")
        low, high = one.spread
        print(f"  grows with {one.along} to the power {one.exponent:.2f} ({low:.2f} to {high:.2f})")


def print_costs(pairs: Sequence[tuple[Cost, Cost]]) -> None:
    """Stored runs to tau = 2.5: evaluations and products with Dv."""
    print("\nresolved flow to tau = 2.5 within 2 % of the reference, stored (make results)")
    print(f"{'':16}{'method':>8}{'rtol':>7}{'gap':>8}{'evaluations':>14}{'products':>10}{'x ours':>9}")
    for pair in pairs:
        for cost in pair:
            name, evaluations = f"{cost.activation}, seed {cost.seed}", f"{cost.bound}{cost.evaluations}"
            ratio = f"{cost.bound}{cost.total / pair[0].total:.1f}"
            print(
                f"{name:16}{cost.method:>8}{cost.rtol:7.3f}{100 * cost.gap:6.1f} %"
                f"{evaluations:>14}{cost.products:10}{ratio:>9}"
            )
