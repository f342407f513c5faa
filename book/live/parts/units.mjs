// The units of a network as waves over the numbers, one by one; and the numbers on the plane of their two principal
// components, at the start and now.
import { defaultWeights, gaussianEmbedding } from "../engine/engine.mjs";
import { chart, element, form, html, picture, round, speaker } from "./shared.mjs";

const LEAD = "A unit's weights over the numbers, and the wave nearest to them; then the numbers on the two principal components of the first layer.";
const FINE = 8; // points of a drawn wave from one number to the next

// The wave c + x cos(2 pi k j / p) + y sin(2 pi k j / p) nearest to v (p,), of the frequency that leaves least, and its
// share of all squares of v - c.
export function wave(v) {
  const p = v.length, c = v.reduce((sum, x) => sum + x, 0) / p, all = v.reduce((sum, x) => sum + (x - c) ** 2, 0);
  let best = { k: 0, x: 0, y: 0, size: -1 };
  for (let k = 1; 2 * k < p; k++) {
    const [x, y] = [Math.cos, Math.sin].map((f) => (2 / p) * v.reduce((sum, value, j) => sum + value * f((2 * Math.PI * k * j) / p), 0));
    const size = (p / 2) * (x * x + y * y);
    if (size > best.size) best = { k, x, y, size };
  }
  const { k, x, y, size } = best;
  return { k, share: size / all, at: (j) => c + x * Math.cos((2 * Math.PI * k * j) / p) + y * Math.sin((2 * Math.PI * k * j) / p) };
}

// Rows of W (p, width) from their mean, on the two directions in which they vary most: points (p, 2), and the share of all
// variance that each direction has. Eigenvectors of the p x p Gram matrix, by Jacobi's rotations.
export function principal(W, p, width) {
  const mean = Float64Array.from({ length: width }, (_, h) => Array.from({ length: p }, (_, j) => W[j * width + h]).reduce((a, b) => a + b) / p);
  const row = (i) => W.subarray(i * width, (i + 1) * width).map((x, h) => x - mean[h]), rows = Array.from({ length: p }, (_, i) => row(i));
  const G = rows.map((a) => rows.map((b) => a.reduce((sum, x, h) => sum + x * b[h], 0))), V = rows.map((_, i) => rows.map((_, j) => +(i === j)));
  const whole = G.reduce((sum, line, i) => sum + line[i], 0);
  for (let sweep = 0; sweep < 12; sweep++)
    for (let i = 0; i < p; i++)
      for (let j = i + 1; j < p; j++) {
        if (Math.abs(G[i][j]) < 1e-15 * whole) continue;
        const z = (G[j][j] - G[i][i]) / (2 * G[i][j]), t = (z < 0 ? -1 : 1) / (Math.abs(z) + Math.hypot(z, 1)), c = 1 / Math.hypot(t, 1), s = t * c;
        for (const M of [G, V]) for (const line of M) [line[i], line[j]] = [c * line[i] - s * line[j], s * line[i] + c * line[j]];
        [G[i], G[j]] = [G[i].map((x, l) => c * x - s * G[j][l]), G[j].map((x, l) => s * G[i][l] + c * x)];
      }
  const two = [...G.keys()].sort((i, j) => G[j][j] - G[i][i]).slice(0, 2);
  return { points: V.map((line) => two.map((i) => line[i] * Math.sqrt(Math.max(G[i][i], 0)))), shares: two.map((i) => G[i][i] / whole) };
}

// The numbers on their principal plane.
function cloud(when) {
  const node = picture(330, 230);
  return {
    node,
    draw({ points, shares }) {
      const reach = Math.max(...points.flat().map(Math.abs)) || 1, text = `${when}, ${(100 * (shares[0] + shares[1])).toFixed(0)} % of the variance`;
      node.replaceChildren();
      element("text", { x: 4, y: 13, class: "title" }, node, text);
      points.forEach(([u, v], j) => element("text", { x: 165 + (u / reach) * 150, y: 130 - (v / reach) * 92, "text-anchor": "middle" }, node, j));
      node.setAttribute("aria-label", `The numbers on the plane of two principal components of the first layer: ${text}.`);
    },
  };
}

export function units() {
  let network = null;
  const said = speaker(), layers = ["first layer", "readout"].map((name) => chart({ title: `weights of the unit, ${name}`, xlabel: "number" }));
  const [before, now] = [cloud("The numbers at the start"), cloud("The numbers now")];
  const draw = () => {
    for (const { node } of [...layers, before, now]) node.toggleAttribute("hidden", !network || network.p < 3);
    if (!network) return said.say("Run it first.");
    const { p, width, seed, reading, weights } = network;
    if (p < 3) return said.say("Waves need a modulus of at least 3.");
    const of = (W, h) => Array.from({ length: p }, (_, j) => W[j * width + h]), square = (W, h) => of(W, h).reduce((sum, x) => sum + x * x, 0);
    const order = Array.from({ length: width }, (_, h) => [h, square(weights[0], h) * square(weights[1], h)]).sort(([, a], [, b]) => b - a);
    const { rank } = controls.values(), [h] = order[Math.min(rank, width) - 1];
    controls.input("rank").max = width;
    const found = weights.map((W, l) => {
      const v = of(W, h), fit = wave(v), xs = Array.from({ length: (p - 1) * FINE + 1 }, (_, i) => i / FINE);
      layers[l].draw({
        series: [{ name: "weights", color: `var(--layer${l + 1})`, xs: v.map((_, j) => j), values: v }, { name: `wave of frequency ${fit.k}`, color: "var(--measurement)", xs, values: xs.map(fit.at), className: "thin" }],
        x: [0, p - 1], text: `The weights of unit ${h} in the ${l ? "readout" : "first layer"}, and a wave of frequency ${fit.k} through them.`,
      });
      return `one of frequency ${fit.k} is ${(100 * fit.share).toFixed(0)} % of its ${l ? "readout" : "first layer"}`;
    });
    said.say(`Unit ${h}, in size ${Math.min(rank, width)} of ${width}: as waves, ${found.join(", ")}.`);
    before.draw(principal(reading ? gaussianEmbedding(p, width, seed, reading) : defaultWeights(p, width, seed)[0], p, width));
    now.draw(principal(weights[0], p, width));
  };
  const controls = form([["rank", "unit, by size", { type: "range", min: 1, max: 512, step: 1, value: 1 }]], {}, draw);
  return {
    nodes: [controls.node, ...said.nodes, html("p", { className: "key", textContent: LEAD }), html("div", { className: "charts" }, ...layers.map(({ node }) => node), before.node, now.node)],
    know(known) {
      network = known;
      draw();
    },
  };
}
