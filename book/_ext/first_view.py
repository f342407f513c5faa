"""What a reader waits for before a page is there, and no more.

- Scripts and styles that no page uses are left out, the others wait until the page is read. Jupyter Book always adds
  Thebe (live code on a page), whose second script is an error besides, and the styles of sphinx-design; it adds MathJax
  to every notebook. `templates/layout.html` leaves out the search, which only its own page needs.
- The theme brings three fonts and a script of 1.5 MB with all icons of Font Awesome. Here they come from fonts that
  hold what the pages show.
- Pictures say their size, are WebP, and wait until they are near. Those inside a cell's output, of explorers and films,
  become files too.
"""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from fontTools import subset
from fontTools.ttLib import TTFont
from PIL import Image
from sphinx.application import Sphinx

UNUSED_SETTINGS = ("var THEBE_JS_URL", "const THEBE_JS_URL", "DOCUMENTATION_OPTIONS.")  # the latter come too early
UNUSED = ("sphinx-thebe", "sphinx-design", "design-tabs")
IMAGES = "_images"
PICTURE = re.compile(r"<img\b[^>]*?>")
SOURCE = re.compile(rf'\bsrc="[^"]*{IMAGES}/([^"/]+)"')
INSIDE = re.compile(r"(?P<lazy>\bsrc=)?(?P<quote>\\?\")data:image/(?P<kind>\w+);base64,(?P<data>[\w+/=]+)")
ICON = re.compile(r"\bfa-([a-z0-9-]+)")
ICON_RULE = re.compile(r'((?:\.fa-[\w-]+:before,?)+)\{content:"\\(\w+)"\}')
ICON_FACE = re.compile(r"@font-face\{[^}]*webfonts/[^}]*\}")
ICONS_OF_SCRIPTS = ("play", "pause", "stop", "retweet")  # the Play button of explorers
ESCAPED = re.compile(r'content:"\\([0-9a-f]{4})"')
PRIVATE = re.compile("[\ue000-\uf8ff]")  # where icons have their places in a font
ICON_FONTS = "vendor/fontawesome/webfonts"
STATE = "application/vnd.jupyter.widget-state+json"


def slim(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave out what the page does not use; let the rest wait."""
    formulas = doctree is not None and any(doctree.findall(is_formula))

    def used(file: Any) -> bool:
        told, name = file.attributes.get("body") or "", str(file.filename or "")
        return not (
            any(unused in name for unused in UNUSED)
            or told.startswith(UNUSED_SETTINGS)
            or (("mathjax" in name or "window.MathJax" in told) and not formulas)
        )

    context["css_files"] = [file for file in context["css_files"] if used(file)]
    scripts = []
    for file in filter(used, context["script_files"]):
        attributes = dict(file.attributes)
        if file.filename and pagename != "search":  # whose own scripts do not wait
            attributes.setdefault("defer", "defer")
        if attributes.get("type") == STATE:
            attributes["body"] = unpacked(app, attributes["body"], context["pathto"])
        scripts.append(type(file)(file.filename, priority=file.priority, **attributes))
    context["script_files"] = scripts
    # The theme's layout says it again.
    context["metatags"] = re.sub(r'<meta name="viewport"[^>]*>\s*', "", context.get("metatags", ""))
    if "body" in context:
        body = unpacked(app, context["body"], context["pathto"])
        context["body"] = with_sizes(app, body)


def is_formula(node: nodes.Node) -> bool:
    """Whether MathJax is needed for it."""
    return isinstance(node, nodes.math | nodes.math_block)


def unpacked(app: Sphinx, text: str, pathto: Any) -> str:
    """The text, with the pictures that stand in it as files beside it: they are fetched when they are shown."""

    def file(found: re.Match[str]) -> str:
        data = base64.b64decode(found["data"])
        name = f"{hashlib.sha256(data).hexdigest()}.{found['kind']}"
        target = Path(app.outdir, IMAGES, name)
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(data)
        lazy = "loading=lazy src=" if found["lazy"] else ""
        return f"{lazy}{found['quote']}{pathto(f'{IMAGES}/{name}', 1)}"

    return INSIDE.sub(file, text)


def with_sizes(app: Sphinx, body: str) -> str:
    """The page with the size of each picture, so that nothing jumps; all but the first wait until they are near."""
    places = {name: uri for uri, name in app.builder.images.items()}
    first = True

    def sized(found: re.Match[str]) -> str:
        nonlocal first
        tag, source = found[0], SOURCE.search(found[0])
        if source is None or source[1] not in places:
            return tag
        path = Path(app.srcdir, places[source[1]])
        if "width=" not in tag:
            with Image.open(path) as image:
                tag = tag.replace("<img", '<img width="{}" height="{}"'.format(*image.size), 1)
        if not first:
            tag = tag.replace("<img", '<img loading="lazy"', 1)
        first = False
        return tag

    body = PICTURE.sub(sized, body)
    return re.sub(rf"({IMAGES}/[\w.-]+)\.png\b", r"\1.webp", body)


def finish(app: Sphinx, exception: Exception | None) -> None:
    """When all pages are written: icons, pictures, and what was only for developers of the theme."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    for png in (out / IMAGES).glob("*.png"):
        webp = png.with_suffix(".webp")
        if not webp.exists() or webp.stat().st_mtime < png.stat().st_mtime:
            Image.open(png).save(webp, lossless=True, method=5)
        png.unlink()
    static = out / "_static"
    cut_icons(out, static)
    for file in {*static.rglob("*.map"), *static.glob("scripts/fontawesome.js*")}:
        file.unlink()


def cut_icons(out: Path, static: Path) -> None:
    """Leave the theme's fonts and rules for those icons that a page or a style shows; `book.css` names the fonts."""
    pages = (page.read_text(encoding="utf-8") for page in out.rglob("*.html"))
    named = {*ICONS_OF_SCRIPTS, *(name for page in pages for name in ICON.findall(page))}
    shown: set[int] = set()

    def rule(found: re.Match[str]) -> str:
        if not named & set(ICON.findall(found[1])):
            return ""
        shown.add(int(found[2], 16))
        return found[0]

    for file in static.glob("styles/*.css"):
        style = file.read_text(encoding="utf-8")
        file.write_text(ICON_FACE.sub("", ICON_RULE.sub(rule, style)), encoding="utf-8")
        rest = ICON_RULE.sub("", style)
        shown |= {*map(ord, PRIVATE.findall(rest)), *(int(place, 16) for place in ESCAPED.findall(rest))}
    for file in sorted((static / ICON_FONTS).glob("*.ttf")):
        font = TTFont(file)
        cutter = subset.Subsetter(subset.Options(layout_features=[], name_IDs=[0, 1, 2, 13, 14], notdef_outline=True))
        cutter.populate(unicodes=shown)
        cutter.subset(font)
        font.flavor = "woff"
        font.save(file.with_suffix(".woff"))
    for file in [*(static / ICON_FONTS).glob("*.ttf"), *(static / ICON_FONTS).glob("*.woff2")]:
        file.unlink()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("html-page-context", slim, priority=900)  # when all have added theirs
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
