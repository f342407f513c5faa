"""Runs a student's notebook in a process of its own: ``python -m grokutil.course.driver``, started by the grader.

It reads a job as JSON from its standard input and writes one line of JSON for each cell, each answer and each call to
its standard output. Jupyter's kernel runs the cells, in this process: the student's code may say there whatever it
likes, and all of it is data.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from grokutil.course.pictures import from_bundle, readable
from grokutil.course.values import STOPPED, message
from grokutil.course.watch import limit

if TYPE_CHECKING:
    from grokutil.course.kernel import Kernel

HANDED_IN = "/handed-in"  # in a sandbox: the student's files, read-only
FOR_PICTURES = 8 * 2**20  # characters of all pictures together
COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
OVERWRITTEN = re.compile(r"[^\n]*\r(?=[^\n])")  # by a bar of progress
LINE = re.compile(r"Cell In\[\d+\], line (\d+)")


def main() -> None:
    """Run the job on standard input."""
    job = json.loads(sys.stdin.buffer.read())
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed past Python goes to standard error too, which the grader cuts
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    limit(job["limits"])
    if os.path.isdir(HANDED_IN):
        shutil.copytree(HANDED_IN, os.getcwd(), dirs_exist_ok=True)
    from grokutil.course.kernel import start  # here, because the grader needs no kernel

    errors = os.fdopen(os.dup(2), "w")
    try:
        asyncio.run(run(start(job["limits"]), job, channel))
    except BaseException:
        traceback.print_exc(file=errors)
        errors.flush()
        os._exit(1)
    os._exit(0)  # without the student's exit handlers


async def run(kernel: Kernel, job: Mapping[str, Any], channel: BinaryIO) -> None:
    """Run the cells, then read the answers, then make the calls; say each result as soon as it is there."""
    import nbformat  # here, because the grader needs this module's names alone
    from nbclient import NotebookClient

    def say(**frame: Any) -> None:
        channel.write(json.dumps(frame).encode() + b"\n")
        channel.flush()

    room, cells = FOR_PICTURES, [nbformat.v4.new_code_cell(source) for source in job["cells"]]
    client = NotebookClient(nbformat.v4.new_notebook(cells=cells), record_timing=False)
    for number, cell in enumerate(client.nb.cells):
        reply, client.clear_before_next_output = None, False
        for said in await kernel.run(cell.source) if cell.source.strip() else ():
            if said["msg_type"] == "execute_reply":
                reply = said["content"]
            elif said["msg_type"] != "status":
                client.process_message(said, cell, number)
        outputs = shown(cell.outputs, job["limits"]["output"], room)
        room -= sum(len(output.get("picture", "")) for output in outputs)
        say(cell=number, outputs=outputs, error=error(reply))
    for name in job["answers"]:
        say(answer=name, **kernel.value(name))
    for number, (name, *arguments) in enumerate(job["calls"]):
        say(call=number, **kernel.value(name, arguments))
    say(done=True)


def shown(outputs: Any, characters: int, room: int) -> list[dict[str, str]]:
    """What a cell printed and displayed, in order: ``characters`` of text, pictures as far as there is ``room``."""
    found: list[dict[str, str]] = []
    for output in outputs:
        if output["output_type"] == "error":
            continue
        picture = from_bundle(output.get("data", {}))
        if picture and len(picture) > room:
            picture, text = None, "[a picture left out, for its size: run the notebook to see it]"
        else:
            text = output["text"] if output["output_type"] == "stream" else readable(output["data"])
        if picture:
            room -= len(picture)
            found.append({"picture": picture})
        elif text:
            text = OVERWRITTEN.sub("", COLOURS.sub("", text).replace("\r\n", "\n"))
            kept = text if output["output_type"] == "stream" else text[: max(0, characters)]  # the kernel cuts streams
            characters -= len(kept)
            more = f"\n[{len(text) - len(kept)} more characters cut]" if len(text) > len(kept) else ""
            found.append({"text": kept + more})
    return found


def error(reply: Mapping[str, Any] | None = None) -> str | None:
    """What went wrong in a cell, in at most two lines, or None."""
    if reply is None or reply["status"] != "error":
        return None
    name, text = str(reply.get("ename")), str(reply.get("evalue"))
    if name in ("TimeLimit", "NotRun"):
        return f"{STOPPED} {text}" if name == "TimeLimit" else text
    lines = LINE.findall(COLOURS.sub("", "\n".join(map(str, reply.get("traceback") or ()))))
    return message(name, text, int(lines[-1]) if lines else None)


if __name__ == "__main__":
    main()
