// Explorers on slides: each is mounted when its slide is shown for the first time, from the files of the book's pages.
// Where modules cannot be loaded (pages opened as files, print) the figure in its place stays.
const explorers = new URL("../../_static/live/", document.currentScript.src), LEAST = 18;
// Letters of a chart are never below 18 pixels of the slide, however small the chart is.
const letters = new ResizeObserver((entries) => entries.forEach(({ target }) => {
  const scale = target.getScreenCTM()?.a / Reveal.getScale();
  if (scale) target.style.setProperty("--letter", `${LEAST / scale}px`);
}));
// A remote control turns the page also while a slider has the focus; Escape gives the keys back to the slides.
const KEYS = { PageDown: () => Reveal.next(), PageUp: () => Reveal.prev(), Escape: () => {} };
const keys = (event) => {
  if (!KEYS[event.key]) return;
  event.preventDefault();
  event.stopPropagation();
  document.activeElement.blur();
  KEYS[event.key]();
};
const mount = (slide) => slide?.querySelectorAll(".live-place:not([data-mounted])").forEach((place) => {
  place.dataset.mounted = "";
  place.addEventListener("keydown", keys);
  import(new URL(`${place.dataset.face}.js`, explorers))
    .then((face) => face.mount(place, {}))
    .then(() => {
      place.nextElementSibling.remove();
      place.firstElementChild.dataset.visibility = "uncounted"; // it is a section, and no slide
      place.querySelectorAll("svg").forEach((chart) => letters.observe(chart));
    })
    .catch(() => place.remove());
});
addEventListener("DOMContentLoaded", () => {
  if (location.protocol === "file:" || /print-pdf|receiver/.test(location.search)) return; // receiver: the speaker's window
  const show = () => mount(Reveal.getCurrentSlide());
  Reveal.on("ready", show);
  Reveal.on("slidechanged", show);
  if (Reveal.isReady()) show();
});
