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

  // Formulas as they are read: TeX's names of letters and signs become these, its other commands go.
  const SIGNS = {
    alpha: "α", beta: "β", gamma: "γ", delta: "δ", varepsilon: "ε", zeta: "ζ", eta: "η", theta: "θ", kappa: "κ", lambda: "λ",
    mu: "μ", nu: "ν", xi: "ξ", pi: "π", rho: "ρ", sigma: "σ", tau: "τ", phi: "ϕ", varphi: "φ", psi: "ψ", omega: "ω", Theta: "Θ",
    Sigma: "Σ", Phi: "Φ", Omega: "Ω", top: "⊤", nabla: "∇", partial: "∂", infty: "∞", to: "→", in: "∈", le: "≤", leq: "≤",
    ge: "≥", geq: "≥", ne: "≠", approx: "≈", times: "×", cdot: "·", pm: "±", sum: "∑", int: "∫", sqrt: "√", lVert: "‖",
    rVert: "‖", lvert: "|", rvert: "|", langle: "⟨", rangle: "⟩", ldots: "…", dots: "…", quad: " ", qquad: " ", mid: "|",
  };
  const plain = (tex) => tex
    .replace(/\\[()[\]]/g, "")
    .replace(/\\([dt]?frac)\s*\{([^{}]*)\}\s*\{([^{}]*)\}/g, "$2/$3")
    .replace(/\\([A-Za-z]+)\s*/g, (_, name) => SIGNS[name] ?? "")
    .replace(/\\[,;:! ]/g, " ")
    .replace(/\\([|{}])/g, (_, sign) => ({ "|": "‖", "{": "❴", "}": "❵" })[sign])
    .replace(/[{}&\\]/g, "")
    .replace(/❴/g, "{").replace(/❵/g, "}")
    .trim();

  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const menus = "#jb-print-docs-body, .bd-header-article, .prev-next-footer, .bd-sidebar-secondary, .bd-footer-content";
    page.querySelectorAll(`${menus}, .headerlink, div.math`).forEach((element) => element.remove());
    page.querySelectorAll("span.math").forEach((formula) => { formula.textContent = plain(formula.textContent); });
    page.querySelectorAll(".argument-map :is(text, tspan)").forEach((line) => line.append(" "));
    // Code comes last: an extract shows it where no sentence has the word.
    page.querySelectorAll("article .cell_input").forEach((code) => code.closest("article").append(" ", code));
    const place = anchor && page.querySelector(`[role="main"] ${anchor}`);
    const text =
      place && place.matches("span, dt")
        ? `${place.textContent} ${following(place)}`
        : htmlToText(page.documentElement.outerHTML, anchor);
    return text.trim();
  };
})();
