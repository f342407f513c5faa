"""The figures of the chapters as files: SVG, PDF, caption, alternative text, and the cell that drew each.

A chapter's kernel draws each figure in every form of `DRAWN`. The book shows the PNG. `take` moves the others out of
the executed notebook, so that it is what it would be without them; `stored` finds them again in the cache.
"""

import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from jupyter_cache import get_cache
from nbformat import NotebookNode

DRAWN = "{'png', 'svg', 'pdf'}"
FORMS = {"image/svg+xml": "svg", "application/pdf": "pdf"}
TABLE = "figures.json"


@dataclass(frozen=True)
class Figure:
    """A figure of a chapter: its label, its words, and the source of its cell."""

    name: str
    chapter: str
    caption: str
    alt: str
    cell: str


def take(notebook: NotebookNode, chapter: str, folder: Path) -> list[Path]:
    """Move the vector forms of the labelled figures into a folder, with a table; return the files."""
    files, told = [], []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            drawn = {form: output["data"].pop(form) for form in FORMS if form in output.get("data", {})}
            for form in drawn:
                output.metadata.pop(form, None)
            mystnb = cell.metadata.get("mystnb", {})
            if not drawn or "name" not in mystnb.get("figure", {}):
                continue
            name = mystnb["figure"]["name"]
            for form, data in drawn.items():
                file = folder / f"{name}.{FORMS[form]}"
                file.write_bytes(data.encode() if FORMS[form] == "svg" else b64decode(data))
                files.append(file)
            summary = output["data"].get("text/plain", "").partition("\n")[0]
            alt = f"{mystnb.get('image', {}).get('alt', '').strip()} {summary}".strip()
            told.append(Figure(name, chapter, mystnb["figure"]["caption"].strip(), alt, cell.source))
    table = folder / TABLE
    table.write_text(json.dumps([asdict(figure) for figure in told], indent=1, ensure_ascii=False), encoding="utf-8")
    return [*files, table]


def stored(cache: Path) -> Iterator[tuple[Figure, Path]]:
    """The figures of all executed chapters, each with the folder that holds its files."""
    newest = {record.uri: record for record in sorted(get_cache(cache).list_cache_records(), key=lambda r: r.created)}
    for record in newest.values():
        folder = cache / "executed" / record.hashkey / "artifacts"
        if (folder / TABLE).is_file():
            for told in json.loads((folder / TABLE).read_text(encoding="utf-8")):
                yield Figure(**told), folder
