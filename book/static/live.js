// Live faces: a box of controls that needs a kernel, with a class live-NAME, is replaced by static/live/NAME.js when the
// reader comes near. Where that cannot run, the box stays, and widgets.js puts its line there.
(() => {
  const here = document.currentScript.src, NEAR = "600px";
  const asked = location.hash.match(/^#(\w+):/)?.[1]; // a link that reproduces a run
  const take = () =>
    document.querySelectorAll(".needs-kernel[class*='live-']:not([hidden])").forEach((box) => {
      const kind = [...box.classList].find((name) => name.startsWith("live-")), name = kind.slice("live-".length);
      const place = document.createElement("div");
      place.className = "live-place";
      box.hidden = true;
      (box.closest(".cell_output") ?? box).after(place);
      const give = () => {
        box.classList.remove(kind);
        box.hidden = false;
        place.remove();
      };
      const mount = () => import(new URL(`live/${name}.js`, here)).then((face) => face.mount(place)).catch(give);
      const near = new IntersectionObserver((seen) => {
        if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
        near.disconnect();
        mount();
      }, { rootMargin: NEAR });
      if (name === asked) mount().then(() => place.scrollIntoView());
      else near.observe(place);
    });
  new MutationObserver(take).observe(document.documentElement, { childList: true, subtree: true });
  take();
})();
