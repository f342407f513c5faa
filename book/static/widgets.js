// On a static page, controls that need a kernel are replaced by one line that says how to get one.
(() => {
  const launch = document.querySelector('a[href*="mybinder.org"]'); // the theme's launch button, if the book has one
  const line = () => {
    const hint = document.createElement("p");
    hint.className = "kernel-hint";
    hint.append("More controls, which compute, need a kernel: ");
    if (launch) {
      const link = Object.assign(document.createElement("a"), { href: launch.href, textContent: "open this chapter on Binder" });
      hint.append(link, ", or run ");
    } else {
      hint.append("run ");
    }
    hint.append(Object.assign(document.createElement("code"), { textContent: "make lab" }), " in a copy of the book.");
    return hint;
  };
  const replace = () =>
    document.querySelectorAll(".needs-kernel:not([hidden])").forEach((box) => {
      box.hidden = true;
      box.before(line());
    });
  // Names for what the widget library leaves without one.
  const PLAY = ["play or pause", "stop, and back to the start", "repeat"];
  const name = (widget) => widget.querySelector(".widget-label")?.textContent.trim() || "value";
  const label = () => {
    document.querySelectorAll(".widget-play").forEach((play) =>
      play.querySelectorAll("button").forEach((button, i) => button.setAttribute("aria-label", PLAY[i])));
    document.querySelectorAll(".widget-slider").forEach((slider) => {
      const readout = slider.querySelector(".widget-readout");
      slider.querySelectorAll("[role=slider]").forEach((handle) => {
        handle.setAttribute("aria-label", name(slider));
        if (readout) handle.setAttribute("aria-valuetext", readout.textContent); // the library says the position
      });
      readout?.setAttribute("contenteditable", "false"); // nothing reads what is typed there
    });
    document.querySelectorAll(".kernel-free").forEach(tell);
  };
  // Say what a new picture shows, once it stands still; while it plays, say nothing.
  const QUIET = 1500; // ms, longer than any player shows a picture
  const told = new WeakMap();
  const tell = (box) => {
    const shown = [...box.querySelectorAll("img.frame")].find((image) => image.checkVisibility())?.alt;
    if (!shown) return;
    if (!told.has(box)) {
      const line = document.createElement("p");
      line.className = "visually-hidden";
      line.setAttribute("role", "status");
      box.append(line);
      told.set(box, { line, shown });
    }
    const last = told.get(box);
    if (last.shown === shown) return;
    clearTimeout(last.timer);
    last.shown = shown;
    last.timer = setTimeout(() => { last.line.textContent = shown; }, QUIET);
  };
  // Pictures that are not shown yet come when a reader comes to the controls.
  const STATES = "script[type='application/vnd.jupyter.widget-state+json']";
  const fetchAll = ({ target }) => {
    if (!target.closest?.(".kernel-free")) return;
    for (const sign of SIGNS) document.removeEventListener(sign, fetchAll);
    const states = [...document.querySelectorAll(STATES)].map((state) => state.textContent).join();
    for (const [address] of states.matchAll(/[./]*_images\/\w+\.webp/g)) new Image().src = address;
  };
  const SIGNS = ["pointerover", "focusin"];
  for (const sign of SIGNS) document.addEventListener(sign, fetchAll);
  const look = () => { replace(); label(); };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  look();
})();
