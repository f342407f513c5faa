// What scrolls sideways in its own box can be reached with the Tab key, and nothing else stops it on its way.
(() => {
  const BOXES = "pre, div.math, span.math, .pst-scrollable-table-container, .cell_output > .output, .argument-map";
  const SLIGHT = 2; // px: a leaning letter, or a rounded width
  const fits = (box) => box.scrollWidth <= box.clientWidth + SLIGHT;
  const more = (box) =>  // what goes on to the right says so at its edge
    box.toggleAttribute("data-more", !fits(box) && box.scrollLeft + box.clientWidth < box.scrollWidth - SLIGHT);
  const stop = (box) => {
    more(box);
    if (box.matches(".argument-map") || box.hasAttribute("contenteditable")) return;
    if (fits(box)) box.removeAttribute("tabindex");
    else box.tabIndex = 0;
  };
  const boxes = () => document.querySelectorAll(`article :is(${BOXES})`);
  // A mark of punctuation stays with the formula before it: MathJax's boxes allow a break there.
  const keep = (formula) => {
    const after = formula.nextSibling;
    const mark = after?.nodeType === Node.TEXT_NODE && /^[.,;:?!)\]”’]+|^-\S+/.exec(after.data)?.[0];
    if (!mark) return;
    const line = document.createElement("span");
    line.style.whiteSpace = "nowrap";
    formula.replaceWith(line);
    line.append(formula, mark);
    after.deleteData(0, mark.length);
  };
  const look = () => {
    boxes().forEach(stop);
    document.documentElement.dataset.stops = innerWidth; // the stops are those of a page this wide: tests wait for it
  };
  addEventListener("scroll", ({ target }) => { if (target.matches?.(BOXES)) more(target); }, true);
  // A link, or a hit of the search, may lead into what is folded.
  const FOLDED = ":is(details:not([open]), .toggle-hidden)";
  const unfold = (place) => {
    for (let box = place?.closest(FOLDED), last; box && box !== last; last = box, box = place.closest(FOLDED)) {
      if (box.matches("details")) box.open = true;
      else box.querySelector(".toggle-button")?.click();
    }
  };
  const arrive = () => {
    const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!place?.closest(FOLDED)) return;
    unfold(place);
    place.scrollIntoView();
  };
  addEventListener("hashchange", arrive);
  // On a small screen a tap shows a figure in its own size.
  const small = matchMedia("(max-width: 768px)");
  addEventListener("click", ({ target }) => {
    const shown = target.closest?.("dialog.enlarged");
    if (shown) shown.close();
    else if (small.matches && target.matches?.("article img:not(.frame)") && target.naturalWidth > 1.2 * target.clientWidth) {
      const dialog = document.createElement("dialog");
      dialog.className = "enlarged";
      dialog.ariaLabel = "Figure, enlarged";
      dialog.append(Object.assign(new Image(), { src: target.currentSrc, alt: target.alt }));
      dialog.addEventListener("keydown", ({ key }) => { if (key === "Escape") dialog.close(); }); // Sphinx takes it
      dialog.addEventListener("close", () => dialog.remove());
      document.body.append(dialog);
      dialog.showModal();
    }
  });
  // The theme takes the focus off its switch when it is pressed; with a keyboard one would start again at the top.
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".theme-switch-button");
    if (button && event.detail === 0) setTimeout(() => button.focus(), 50);
  });
  // Paper is light, and as wide as it is: formulas and tables that are wider are set smaller on it.
  const PAPER = 640; // px between the margins of A4 and of letter
  const page = document.documentElement;
  const wide = () => [...document.querySelectorAll("article :is(div.math, span.math, .pst-scrollable-table-container)")];
  let theme;
  addEventListener("beforeprint", () => {
    theme = page.dataset.theme;
    page.dataset.theme = "light";
    wide().forEach((box) => { box.style.maxWidth = `${PAPER}px`; });
    const shares = wide().map((box) => Math.min(1, PAPER / box.scrollWidth));
    wide().forEach((box, i) => { box.style.maxWidth = ""; box.style.setProperty("--on-paper", shares[i]); });
  });
  addEventListener("afterprint", () => { page.dataset.theme = theme; });
  const watch = new ResizeObserver((entries) => entries.forEach((entry) => stop(entry.target)));
  addEventListener("load", async () => {
    await window.MathJax?.startup?.promise;
    await document.fonts.ready; // a formula gets its width from its font
    document.querySelectorAll("article span.math").forEach(keep);
    look();
    arrive();
    document.querySelectorAll("article .highlighted").forEach(unfold);
    document.querySelectorAll(".btn-download-notebook-button, .btn-download-source-button").forEach((link) => {
      link.download = ""; // else a browser may show it, as its server calls it
    });
    document.fonts.addEventListener("loadingdone", look);
    boxes().forEach((box) => watch.observe(box));
    addEventListener("resize", () => setTimeout(look, 500)); // after the theme has had its say
  }, { once: true });
})();
