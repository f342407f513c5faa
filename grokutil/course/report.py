"""What people read: a page of feedback for each student and set, and a summary for the teacher."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from grokutil.course.marks import row

if TYPE_CHECKING:
    from grokutil.course.grading import Batch
    from grokutil.course.sandbox import Sandbox

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
LONGEST = 200_000  # characters of a cell on a page
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
body { color: #1a1a1a; background: #fff; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #bbb; vertical-align: top; }
td { overflow-wrap: anywhere; } tbody th { font-weight: normal; overflow-wrap: break-word; }
pre { background: #f3f3f3; padding: .6rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
pre.text { background: none; border-left: 3px solid #bbb; font: inherit; }
img { max-width: 100%; }
.error { border-left: 4px solid #b3261e; padding-left: .6rem; } .note { color: #444; }
"""


def page(record: dict[str, Any]) -> str:
    """The feedback as HTML: students' text as text, their figures as PNG. Nothing on the page runs or is loaded."""
    _, _, total, out_of, automatic, manual, to_be_marked, _, _ = row(record)
    so_far = f"{automatic} points by tests, {manual} by hand; {to_be_marked} of {out_of} are still to be marked"
    mark = f"{total} of {out_of} points" if total else so_far
    title = escape(f"{record['set']}: {record['id']}")
    lines = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1><p><strong>{mark}</strong></p>",
    ]
    lines += [f'<p class="error">{escape(flag)}</p>' for flag in record["flags"]]
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Question", "Points", "Remark"))
    lines.append(f"<table><thead><tr>{head}</tr></thead><tbody>")
    alike = Counter(part["title"] for part in record["parts"])
    for part in record["parts"]:
        name = part["part"].removeprefix("test_").replace("_", " ")
        question = name if not part["title"] else part["title"] + (f" ({name})" if alike[part["title"]] > 1 else "")
        points = "to be marked" if part["points"] is None else f"{part['points']:g} of {part['of']:g}"
        message = part["message"] or ("right" if part["points"] == part["of"] and not part["manual"] else "")
        lines.append(f'<tr><th scope="row">{escape(question)}</th><td>{points}</td><td>{escape(message)}</td></tr>')
    lines.append('</tbody></table><h2>Your answers</h2><p class="note">As they were run for grading.</p>')
    under = None
    for cell in record["cells"]:
        if shown := _cell(cell, record.get("file") or "the notebook"):
            title = cell.get("title") or "At the beginning"
            lines += [] if title == under else [f"<h3>{escape(title)}</h3>"]
            lines += shown
            under = title
    return "\n".join([*lines, "</body></html>\n"])


def _cell(cell: dict[str, Any], file: str) -> list[str]:
    """A cell that the student wrote, with what it printed; of a given cell only its error."""
    lines = []
    if cell["own"]:
        kind = "code" if cell["type"] == "code" else "text"
        text = cell.get("text", cell["source"])
        lines.append(f'<pre class="{kind}">{escape(text[:LONGEST])}</pre>')
        if len(text) > LONGEST:
            cut = f"{len(text) - LONGEST} more characters of this cell are not shown here; they are in {file}"
            lines.append(f'<p class="note">{escape(cut)}</p>')
        of = escape(f" of question {cell['title']}" if cell.get("title") else "")
        for number, picture in enumerate(cell.get("pictures", ()), 1):
            lines.append(f'<img alt="picture {number}{of}" src="{escape(picture)}">')
        for output in cell.get("outputs", ()):
            if "picture" in output:
                lines.append(f'<img alt="figure{of}" src="{escape(output["picture"])}">')
            else:
                lines.append(f'<pre class="note">{escape(output["text"])}</pre>')
    if cell.get("error") and (cell["own"] or not cell["error"].startswith(("not reached", "not run"))):
        where = "" if cell["own"] else "In a cell that was given: "
        lines.append(f'<p class="error">{where}{escape(cell["error"])}</p>')
    return lines


def line(record: dict[str, Any]) -> str:
    """One line on a submission."""
    _, _, total, out_of, automatic, _, to_be_marked, status, remarks = row(record)
    mark = f"{total} of {out_of}" if total else f"{automatic} of {out_of}, {to_be_marked} to be marked"
    return f"{record['id']}  {record['set']}  {mark}  {status}  {record['seconds']:.1f} s" + (
        f"  ({remarks})" if remarks else ""
    )


def summary(batch: Batch, sandbox: Sandbox, reached: Sequence[str]) -> str:
    """The whole batch for the teacher: how code was shut in, what was found, how long it took."""
    statuses = Counter(record["status"] for record in batch.records)
    counted = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    lines = [shut_in(sandbox, reached), "", *map(line, batch.records)]
    if batch.remarks:
        lines += ["", "Remarks:", *batch.remarks]
    again = f", {batch.reused} of them from before" if batch.reused else ""
    return "\n".join([*lines, "", f"{len(batch.records)} submissions: {counted}{again}; {batch.seconds:.0f} s", ""])


def shut_in(sandbox: Sandbox, reached: Sequence[str]) -> str:
    """How students' code is shut in here, and what it can reach all the same."""
    how = {
        "bubblewrap": "Sandbox: bubblewrap. No network; only the system, Python and the student's own files are seen.",
        "another user id": "Sandbox: another user id for each process.",
        "none": "NO SANDBOX: students' code runs with your rights. Grade in a virtual machine that holds nothing else.",
    }[sandbox.kind]
    found = (
        "WARNING: students' code can reach " + "; ".join(reached) if reached else "tried out: nothing else is reached"
    )
    return f"{how}\n{found}."
