// What scrolls sideways in its own box can be reached with the Tab key, and nothing else stops it on its way.
(() => {
  const BOXES = "pre, div.math, span.math, .pst-scrollable-table-container, .cell_output > .output, .argument-map";
  const fits = (box) => box.scrollWidth <= box.clientWidth;
  const stop = (box) => {
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
    // MathJax makes each formula a stop, for its menu: hundreds on a page. The menu is on the right mouse button.
    document.querySelectorAll("mjx-container[tabindex='0']").forEach((formula) => { formula.tabIndex = -1; });
    document.documentElement.dataset.stops = innerWidth; // the stops are those of a page this wide: tests wait for it
  };
  // The theme takes the focus off its switch when it is pressed; with a keyboard one would start again at the top.
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".theme-switch-button");
    if (button && event.detail === 0) setTimeout(() => button.focus(), 50);
  });
  const watch = new ResizeObserver((entries) => entries.forEach((entry) => stop(entry.target)));
  addEventListener("load", async () => {
    await window.MathJax?.startup?.promise;
    await document.fonts.ready; // a formula gets its width from its font
    document.querySelectorAll("article span.math").forEach(keep);
    look();
    document.fonts.addEventListener("loadingdone", look);
    boxes().forEach((box) => watch.observe(box));
    addEventListener("resize", () => setTimeout(look, 500)); // after the theme has had its say
  });
})();
