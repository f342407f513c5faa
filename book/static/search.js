// The search page: short forms of the paper's numbers ("eq. 20"), and extracts that can be read.
(() => {
  const FULL = { eq: "equation", eqn: "equation", thm: "theorem", fig: "figure", def: "definition", sec: "section" };
  const SHORT = /\b(eqn?|thm|fig|def|sec)s?\.?\s*(?=\d)/gi;
  const { performSearch, performObjectSearch, htmlToText } = Search;
  const BEHIND = 20; // what a name of the package loses: chapters that explain a notion come first

  Search.performObjectSearch = (object, terms) =>
    performObjectSearch(object, terms).map(([page, title, anchor, said, score, ...rest]) =>
      [page, title, anchor, said, score - BEHIND, ...rest]);

  Search.performSearch = (query) =>
    performSearch(query.replace(SHORT, (_, short) => `${FULL[short.toLowerCase()]} `));

  // What follows an anchor that marks a place and holds no text: an index entry, or a term of the glossary.
  const following = (place) => {
    while (place && !place.nextElementSibling) place = place.parentElement;
    return place ? place.nextElementSibling.textContent : "";
  };

  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    page.querySelectorAll("#jb-print-docs-body, .cell_input, .headerlink, div.math").forEach((element) => element.remove());
    page.querySelectorAll(".argument-map :is(text, tspan)").forEach((line) => line.append(" "));
    const place = anchor && page.querySelector(`[role="main"] ${anchor}`);
    const text =
      place && place.matches("span, dt")
        ? `${place.textContent} ${following(place)}`
        : htmlToText(page.documentElement.outerHTML, anchor);
    return text.replace(/\\[()[\]]/g, "").trim();
  };
})();
