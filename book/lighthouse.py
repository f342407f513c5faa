"""How the built pages come to a phone: Lighthouse's marks and times, the median of three visits.

`python book/lighthouse.py` after `make book`, on a machine that does nothing else: from what it sees there, Lighthouse
computes what a slow phone on a slow line would take. It needs npm, which fetches Lighthouse, and Chromium or Chrome.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from published import browser, published

LIGHTHOUSE = "lighthouse@12.8.2"
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-background-networking --disable-component-update"
PAGES = ("intro", "isolated_dynamics", "closed_form")  # words; a chapter with pictures; one with an explorer
MARKS = ("performance", "accessibility", "best-practices", "seo")


def visit(address: str) -> dict[str, float]:
    """Marks out of 100; seconds to the largest contentful paint; how much jumps; milliseconds of blocking; KiB."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = ["npx", "--yes", LIGHTHOUSE, address, "--quiet", "--output=json", f"--output-path={report}"]
        command += [f"--only-categories={','.join(MARKS)}", f"--chrome-flags={FLAGS}"]
        subprocess.run(command, check=True, env=os.environ | {"CHROME_PATH": browser()})
        seen = json.loads(report.read_text())
    value = {name: audit.get("numericValue", 0) for name, audit in seen["audits"].items()}
    return {name: 100 * seen["categories"][name]["score"] for name in MARKS} | {
        "LCP s": value["largest-contentful-paint"] / 1000,
        "CLS": value["cumulative-layout-shift"],
        "blocked ms": value["total-blocking-time"],
        "KiB": value["total-byte-weight"] / 1024,
    }


def main() -> None:
    """Print a line for each page, with the load of the machine before it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", default=PAGES, help=f"default: {' '.join(PAGES)}")
    parser.add_argument("--visits", type=int, default=3, help="of which the median is taken (default 3)")
    options = parser.parse_args()
    print(f"{'page':26}" + "".join(f"{name:>16}" for name in (*MARKS, "LCP s", "CLS", "blocked ms", "KiB", "load")))
    with published() as address:
        for page in options.pages:
            load = os.getloadavg()[0]
            visits = [visit(f"{address}book/{page}.html") for _ in range(options.visits)]
            median = {name: statistics.median(one[name] for one in visits) for name in visits[0]}
            digits = {"LCP s": 1, "CLS": 2}
            row = "".join(f"{value:16.{digits.get(name, 0)}f}" for name, value in median.items())
            print(f"{page:26}{row}{load:16.1f}", flush=True)


if __name__ == "__main__":
    main()
