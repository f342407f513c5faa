"""The built pages as GitHub serves those of a repository: below a folder, compressed, `404.html` where there is none.

The browser tests read them so, `lighthouse.py` measures them so, `picture.py` takes its picture of them.
"""

import contextlib
import functools
import gzip
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HTML = Path(__file__).parent.parent / "_build" / "html"
FOLDER = "/a-book/"
BROWSERS = ("chromium", "google-chrome", "chromium-browser")
PACKED = {".woff", ".woff2", ".webp", ".png", ".jpg"}  # what gzip makes no smaller


class Published(http.server.SimpleHTTPRequestHandler):
    """Answers with the files of a folder."""

    protocol_version = "HTTP/1.1"  # connections stay open

    def do_GET(self) -> None:
        """Send a file, or `404.html`."""
        path = Path(self.translate_path(self.path.removeprefix(FOLDER.rstrip("/"))))
        path = path / "index.html" if path.is_dir() else path
        found = self.path.startswith(FOLDER) and path.is_file()
        path = path if found else Path(self.directory, "404.html")
        body = packed(path)
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Cache-Control", "max-age=600")
        self.send_header("Content-Length", str(len(body)))
        if path.suffix not in PACKED:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@functools.cache
def packed(path: Path) -> bytes:
    """A file as it is sent."""
    return path.read_bytes() if path.suffix in PACKED else gzip.compress(path.read_bytes(), 6)


@contextlib.contextmanager
def published(folder: Path = HTML) -> Iterator[str]:
    """Serve the pages of a folder, and say where."""
    handler = functools.partial(Published, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{FOLDER}"
        server.shutdown()


def browser() -> str:
    """The program that shows pages.

    Raises:
        FileNotFoundError: there is none.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise FileNotFoundError(f"no browser: install one of {', '.join(BROWSERS)}")
    return found
