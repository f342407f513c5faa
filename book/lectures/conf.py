"""The lectures: slides, plans, sheets and the figure pack, built beside the book's pages. `make lectures` does it.

Nothing is computed here. Figures, theorems and numbers are those of the built book.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent / "_ext")]

project = "The Geometry of Grokking: lectures"
author = "the grokutil contributors"
extensions = ["myst_parser", "sphinx.ext.mathjax", "sphinx_revealjs", "slides", "handouts"]
root_doc = "01_two_weights"
exclude_patterns = ["_*"]
templates_path = ["_templates"]
language = "en"
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
highlight_language = "python"

lectures_book = str(ROOT / "_build" / "html")
lectures_cache = str(ROOT / "_build" / ".jupyter_cache")

# The libraries and the explorers of the book: they lie beside the lectures and are not copied.
mathjax_path = "../../_static/vendor/mathjax/mathjax.js"
mathjax_options = {"defer": "defer"}
mathjax3_config = {"tex": {"inlineMath": [[r"\(", r"\)"]]}}
html_assets_policy = "always"  # formulas come with the theorems too
html_copy_source = False
html_favicon = str(HERE.parent / "static" / "favicon.svg")
html_title = project

revealjs_html_theme = "revealjs-simple"
revealjs_style_theme = "lectures.css"
revealjs_static_path = ["_static"]
revealjs_use_section_ids = True
revealjs_js_files = [("lectures.js", {"defer": "defer"})]
revealjs_script_files = ["revealjs/dist/reveal.js"]
revealjs_script_plugins = [
    {"src": "revealjs/plugin/notes/notes.js", "name": "RevealNotes"},
    {"src": "revealjs/plugin/zoom/zoom.js", "name": "RevealZoom"},
]
revealjs_script_conf = """{
    width: 1280, height: 720, margin: 0, center: false, hash: true, transition: "none", display: "flex",
    controls: false, slideNumber: "c/t", scrollActivationWidth: null, pdfMaxPagesPerSlide: 1,
    keyboardCondition: () => !document.activeElement?.closest(".live-place"),
}"""
