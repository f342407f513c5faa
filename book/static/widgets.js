// On a static page, controls that need a kernel are replaced by one line that says how to get one.
(() => {
  const launch = document.querySelector('a[href*="mybinder.org"]'); // the theme's launch button, if the book has one
  const line = () => {
    const hint = document.createElement("p");
    hint.className = "kernel-hint";
    hint.append("These controls compute and need a kernel: ");
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
  const label = () =>
    document.querySelectorAll(".widget-play button:not([aria-label])").forEach((button) => {
      button.setAttribute("aria-label", button.title || "play");
    });
  const look = () => { replace(); label(); };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  look();
})();
