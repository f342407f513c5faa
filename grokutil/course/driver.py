"""Runs a student's notebook in a kernel of its own: ``python -m grokutil.course.driver``, started by the grader.

It reads a job as JSON from its standard input and writes one line of JSON for each cell, each answer and each call to
its standard output. The kernel runs beside it in the same sandbox, and the student's code may do and say there whatever
it likes: all of it is data.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from queue import Empty
from typing import Any, BinaryIO

import grokutil
from grokutil.course.pictures import from_bundle, readable
from grokutil.course.watch import limit

STOPPED = "stopped:"  # how the message on what ran out of time begins
NOT_DEFINED = "not defined"
QUESTION = "question_request"
HANDED_IN = "/handed-in"  # in a sandbox: the student's files, read-only
FOR_PICTURES = 8 * 2**20  # characters of all pictures together
COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
OVERWRITTEN = re.compile(r"[^\n]*\r(?=[^\n])")  # by a bar of progress
LINE = re.compile(r"Cell In\[\d+\], line (\d+)")
# as ipykernel_launcher: a student's file next to the notebook takes the place of no module of Jupyter's own
KERNEL = "import sys; del sys.path[0]; from grokutil.course.kernel import App; App.launch_instance()"


def main() -> None:
    """Run the job on standard input."""
    job = json.loads(sys.stdin.buffer.read())
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed past the kernel goes to standard error, which the grader cuts
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    limit(job["limits"])
    if os.path.isdir(HANDED_IN):
        shutil.copytree(HANDED_IN, os.getcwd(), dirs_exist_ok=True)
    asyncio.run(run(job, channel))
    os._exit(0)


async def run(job: Mapping[str, Any], channel: BinaryIO) -> None:
    """Run the cells, then read the answers, then make the calls; say each result as soon as it is there."""

    def say(**frame: Any) -> None:
        channel.write(json.dumps(frame).encode() + b"\n")
        channel.flush()

    client = notebook_client(job["cells"], job["limits"])
    await client.async_start_new_kernel(env=os.environ | {"PYTHONPATH": str(Path(grokutil.__path__[0]).parent)})
    await client.async_start_new_kernel_client()
    room = FOR_PICTURES
    for number, cell in enumerate(client.nb.cells):
        replies: list[Mapping[str, Any]] = []
        client.on_cell_executed = lambda replies=replies, **done: replies.append(done["execute_reply"]["content"])
        await client.async_execute_cell(cell, number)
        outputs = shown(cell.get("outputs", ()), job["limits"]["output"], room)
        room -= sum(len(output.get("picture", "")) for output in outputs)
        say(cell=number, outputs=outputs, error=error(*replies))
    for name in job["answers"]:
        say(answer=name, **await ask(client, name=name))
    for number, (name, *arguments) in enumerate(job["calls"]):
        say(call=number, **await ask(client, name=name, arguments=arguments))
    say(done=True)
    await client._async_cleanup_kernel()


def notebook_client(cells: list[str], limits: Mapping[str, Any]) -> Any:
    """A client for a notebook of these cells; its kernel is reached through files, so it needs no network."""
    import nbformat  # these here, because the grader needs this module's name alone
    import zmq.asyncio
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec
    from nbclient import NotebookClient

    os.makedirs(".jupyter", exist_ok=True)
    options = [f"--Kernel.{name}={limits[name]}" for name in ("cell", "cells", "call", "output")]

    class Manager(AsyncKernelManager):
        kernel_spec = KernelSpec(
            argv=[sys.executable, "-c", KERNEL, "-f", "{connection_file}", *options],
            display_name="",
            language="python",
        )

    context = zmq.asyncio.Context()
    context.setsockopt(zmq.RCVHWM, 0)  # lose no output, however much comes at once
    manager = Manager(context=context, transport="ipc", connection_file=".jupyter/kernel.json")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    waits = int(limits["clock"])  # the grader stops it then, if nothing else does
    return NotebookClient(
        notebook, km=manager, timeout=None, startup_timeout=waits, iopub_timeout=waits, allow_errors=True
    )


async def ask(client: Any, **question: Any) -> Mapping[str, Any]:
    """What the kernel replies to a question of the grader's."""
    message = client.kc.session.msg(QUESTION, question)
    client.kc.shell_channel.send(message)
    while True:
        try:
            reply = await client.kc.shell_channel.get_msg(timeout=1)
        except Empty:
            await client._async_check_alive()
            continue
        if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
            return {key: reply["content"][key] for key in ("value", "failed") if key in reply["content"]}


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
            kept = text[:characters]
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


def message(name: str, text: Any, line: int | None) -> str:
    """What a student reads about an error in a cell."""
    where = f" (line {line} of its cell)" if line else ""
    try:
        return f"{name}: {str(text)[:500]}{where}"
    except BaseException:
        return f"{name}{where}"


if __name__ == "__main__":
    main()
