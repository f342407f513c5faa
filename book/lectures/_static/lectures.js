// Explorers on slides: each is mounted when its slide is shown for the first time, from the files of the book's pages.
// Where modules cannot be loaded (pages opened as files, print) the figure in its place stays.
const explorers = new URL("../../_static/live/", document.currentScript.src);
const mount = (slide) => slide?.querySelectorAll(".live-place:not([data-mounted])").forEach((place) => {
  place.dataset.mounted = "";
  import(new URL(`${place.dataset.face}.js`, explorers))
    .then((face) => face.mount(place, {}))
    .then(() => place.nextElementSibling.remove())
    .catch(() => place.remove());
});
addEventListener("DOMContentLoaded", () => {
  if (/print-pdf/.test(location.search)) return;
  const show = () => mount(Reveal.getCurrentSlide());
  Reveal.on("ready", show);
  Reveal.on("slidechanged", show);
  if (Reveal.isReady()) show();
});
