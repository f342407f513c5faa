"""Print the lectures as PDF: the slides with reveal.js's layout for paper, and plans and sheets on A4.

`make lectures PDF=1` calls this. It needs Chromium or Chrome.
"""

import functools
import http.server
import shutil
import sys
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

HTML = Path(__file__).parent.parent.parent / "_build" / "html"
TO = HTML.parent / "lectures"
BROWSERS = ("chromium", "google-chrome", "chromium-browser")
TYPESET = "() => window.MathJax?.startup.promise.then(() => true)"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the built book and says nothing."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Write a PDF for each lecture, plan and sheet."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        sys.exit(f"no browser to print with: install one of {', '.join(BROWSERS)}")
    TO.mkdir(parents=True, exist_ok=True)
    handler = functools.partial(Quiet, directory=HTML)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as driver:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox"]).new_page()
        for path in sorted((HTML / "lectures").glob("*.html")):
            slides = path.name[0].isdigit()
            page.goto(f"http://127.0.0.1:{server.server_port}/lectures/{path.name}{'?print-pdf' if slides else ''}")
            page.wait_for_function(TYPESET)
            if slides:
                page.wait_for_selector(".pdf-page")
            page.pdf(path=TO / f"{path.stem}.pdf", prefer_css_page_size=True, print_background=True)
        server.shutdown()
    print(f"The PDFs are in {TO}")


if __name__ == "__main__":
    main()
