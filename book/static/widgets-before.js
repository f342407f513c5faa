// The library that draws explorers is large: it comes when a reader comes near one, or follows a link to a run.
(() => {
  const LIBRARY = new URL("vendor/html-manager/embed.js", document.currentScript.src), NEAR = "400px";
  const views = document.querySelectorAll("script[type='application/vnd.jupyter.widget-view+json']");
  const fetchLibrary = () => {
    near.disconnect();
    const script = Object.assign(document.createElement("script"), { src: LIBRARY });
    // It waits for the page, which may be there already.
    script.onload = () => { if (document.readyState === "complete") dispatchEvent(new Event("load")); };
    document.head.append(script);
  };
  const near = new IntersectionObserver(
    (seen) => { if (seen.some(({ isIntersecting }) => isIntersecting)) fetchLibrary(); }, { rootMargin: NEAR });
  if (/^#[a-z]+:/.test(location.hash)) fetchLibrary();
  else views.forEach((view) => near.observe(view.closest(".cell")));
  // It still calls MathJax 2 after each view; MathJax 3 has no Hub.
  addEventListener("load", () => { if (window.MathJax) window.MathJax.Hub ??= { Queue() {} }; });
})();
