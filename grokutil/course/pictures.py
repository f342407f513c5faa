"""Pictures of students: those that their cells display, and those in what they write."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

BEGINNINGS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
    "image/svg+xml": b"",  # as a picture on a page, it runs nothing and loads nothing
}
READABLE = ("text/markdown", "text/latex", "text/plain")
DATA = re.compile(r"data:(image/[a-z+]+);base64,([A-Za-z0-9+/=\s]+)")
IN_TEXT = re.compile(
    r"""!\[[^\]]*\]\(\s*<?((?:[^\s()<>]|\([^()]*\))+)>?(?:\s+["'][^)]*)?\s*\)"""  # ![](target "title")
    r"""|<img\b[^>]*?\bsrc\s*=\s*["']?([^"'>]+)["']?[^>]*>""",
    re.I,
)
TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.I | re.S)


def from_bundle(data: Mapping[str, Any]) -> str | None:
    """The picture in what a cell displayed, as a data URI, or None."""
    for kind in BEGINNINGS:
        if kind in data:
            text = _joined(data[kind])
            if kind == "image/svg+xml":
                text = base64.b64encode(text.encode()).decode()
            uri = f"data:{kind};base64,{''.join(text.split())}"
            return uri if is_picture(uri) else None
    found = DATA.search(_joined(data.get("text/html", "")))
    return from_bundle({found[1]: _decoded(*found.groups())}) if found else None


def readable(data: Mapping[str, Any]) -> str:
    """What a cell displayed, as text."""
    plain = _joined(data.get("text/plain", ""))
    if "text/html" in data and (not plain or plain.startswith("<IPython.core.display.")):
        return html.unescape(TAG.sub("", _joined(data["text/html"]))).strip()
    return next((_joined(data[kind]) for kind in READABLE if kind in data), plain)


def is_picture(uri: Any) -> bool:
    """Whether this is a picture as a data URI, and begins as its kind does."""
    if not isinstance(uri, str) or not (found := DATA.fullmatch(uri)) or found[1] not in BEGINNINGS:
        return False
    try:
        return base64.b64decode(found[2], validate=True).startswith(BEGINNINGS[found[1]])
    except ValueError:
        return False


def in_answer(
    source: str, attachments: Mapping[str, Any], file: Callable[[str], bytes | None]
) -> tuple[str, list[str]]:
    """What a student wrote, with ``[picture 1]`` and so on in place of the pictures in it, and these as data URIs.

    Pictures may be attached to the cell, pasted into its text, or lie beside the notebook: ``file`` reads those. What
    is no picture, or lies on the web, is named.
    """
    found: dict[str, str] = {}

    def shown(match: re.Match[str]) -> str:
        target = html.unescape((match[1] or match[2]).strip())
        if target.startswith("attachment:"):
            name = unquote(target.removeprefix("attachment:"))
            picture = from_bundle(attachments.get(name, {}))
            used.add(name)
        elif target.startswith("data:"):
            picture, name = ("".join(target.split()) if is_picture("".join(target.split())) else None), target[:40]
        else:
            picture, name = _from_file(unquote(target), file), target
        if picture is None:
            return f"{match[0] if len(match[0]) < 300 else ''} [picture not shown: {name}]"
        found.setdefault(picture, f"[picture {len(found) + 1}]")
        return found[picture]

    used: set[str] = set()
    text = IN_TEXT.sub(shown, source)
    for name, data in attachments.items():
        if name not in used and isinstance(data, dict):
            picture = from_bundle(data)
            if picture:
                found.setdefault(picture, f"[picture {len(found) + 1}]")
            text += f"\n{found[picture]}" if picture else f"\n[attached, not shown: {name}]"
    return text, list(found)


def _from_file(name: str, file: Callable[[str], bytes | None]) -> str | None:
    content = None if re.match(r"[a-z]+:|/", name, re.I) else file(name)
    if content is None:
        return None
    if content.lstrip().startswith((b"<svg", b"<?xml")):
        return "data:image/svg+xml;base64," + base64.b64encode(content).decode()
    for kind, beginning in BEGINNINGS.items():
        if beginning and content.startswith(beginning):
            return f"data:{kind};base64," + base64.b64encode(content).decode()
    return None


def _decoded(kind: str, text: str) -> str:
    return base64.b64decode(text).decode(errors="replace") if kind == "image/svg+xml" else text


def _joined(text: Any) -> str:
    return text if isinstance(text, str) else "".join(map(str, text)) if isinstance(text, list) else ""
