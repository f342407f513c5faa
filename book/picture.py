"""Take README's picture anew: the top of the introduction, as `make book` has built it. Needs Chromium or Chrome."""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright
from published import browser, published

PICTURE = Path(__file__).parent / "static" / "book.png"
SIZE = {"width": 1300, "height": 960}
COME = """async () => {
    await window.MathJax?.startup?.promise;
    await document.fonts.ready;
    await Promise.all([...document.images].filter((image) => image.loading !== "lazy").map((image) => image.decode()));
}"""


def main() -> None:
    """Write the picture, in 64 colours."""
    with published() as address, sync_playwright() as driver:
        chrome = driver.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        page = chrome.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
        page.goto(f"{address}book/intro.html")
        page.evaluate(COME)
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        chrome.close()
    shot.quantize(64, dither=Image.Dither.NONE).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
