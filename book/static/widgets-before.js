// The theme's Font Awesome replaces every <i class="fa">, also those that the Play button keeps a hand on.
// Nest its pictures instead; it reads this before it starts.
window.FontAwesomeConfig = Object.assign({}, window.FontAwesomeConfig, { autoReplaceSvg: "nest" });
// The widget library still calls MathJax 2 after each view; MathJax 3 has no Hub.
addEventListener("load", () => { if (window.MathJax) window.MathJax.Hub ??= { Queue() {} }; });
