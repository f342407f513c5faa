// Margins: two weights with the margins w1 w2 and w1^2 / 2.25. Training with cross-entropy at a scale of its logits, and
// its limit, the shortest way that keeps both margins at least one.
import { chart, coalesced, form, frame, html, linked, logarithm, player, power, refusal, round, share, speaker, spread } from "../parts/shared.mjs";
import { integrate } from "../parts/ode.mjs";
import { plane } from "../parts/plane.mjs";
import { general } from "../engine/checks.mjs";

const UNTIL = 1.2, RECORDS = 120, STEP = 5e-3; // slow time, records, step of the limit
const WALL = 2.25, EDGE = 1e-3, ROUNDING = 1e-12;
const TIMES = spread(0, UNTIL, RECORDS + 1);
const VIEW = [0, 3.2, 0, 2.2];
const NAMES = ["product", "square"];

const margins = ([u, v]) => [u * v, u ** 2 / WALL];
const slopes = ([u, v]) => [[v, u], [(2 * u) / WALL, 0]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1];

// theta' = -2 theta + sum_i e^l / (1 + e^(l q_i)) grad q_i, as grokutil.sweeping.margin_training.
export function training(start, scale) {
  const pull = (q) => Math.exp(Math.min(200, scale - Math.max(scale * q, 0) - Math.log1p(Math.exp(-Math.abs(scale * q)))));
  return integrate((theta) => {
    const weights = margins(theta).map(pull), J = slopes(theta);
    return theta.map((x, i) => -2 * x + weights[0] * J[0][i] + weights[1] * J[1][i]);
  }, start, TIMES, 1e-8);
}

// The shortest v with J v >= U, for one row or two: the longest of the moves to one edge that keep the other, or to both.
function shortestMove(J, U) {
  const onto = J.map((row, i) => row.map((x) => (x * U[i]) / dot(row, row)));
  const keeps = (v) => J.every((row, i) => dot(row, v) >= U[i] - ROUNDING * Math.abs(U[i]) - 1e-15);
  if (keeps([0, 0])) return [0, 0];
  const alone = onto.find((v, i) => U[i] > 0 && keeps(v));
  if (alone) return alone;
  const [[a, b], [c, d]] = J, det = a * d - b * c;
  return [(U[0] * d - b * U[1]) / det, (a * U[1] - c * U[0]) / det];
}

// Steepest descent of the norm inside: shrink, then catch up with the walls, as grokutil.sweeping.sweeping_flow.
export function limit(start) {
  const least = Math.min(...margins(start));
  if (least < 1 - 1e-9) throw new RangeError(`start has a margin of ${general(least)}: multiply it so that all are at least 1`);
  const caughtUp = (theta) => {
    for (let k = 0; k < 20; k++) {
      const lack = margins(theta).map((q) => 1 - q), J = slopes(theta), near = [0, 1].filter((i) => lack[i] > -EDGE);
      if (Math.max(...lack) <= ROUNDING) break;
      const v = shortestMove(near.map((i) => J[i]), near.map((i) => lack[i]));
      theta = theta.map((x, i) => x + v[i]);
    }
    return theta;
  };
  const states = [start];
  for (let k = 1; k <= RECORDS; k++) {
    const steps = Math.ceil((UNTIL / RECORDS / STEP) * (1 - 1e-9)), shrink = Math.exp((-2 * UNTIL) / RECORDS / steps);
    let theta = states[k - 1];
    for (let i = 0; i < steps; i++) theta = caughtUp(theta.map((x) => x * shrink));
    states.push(theta);
  }
  return states;
}

const python = ({ scale, x, y }) => `import numpy as np
import torch
from grokutil.sweeping import MarginProblem, margin_training, sweeping_flow

margins = MarginProblem(lambda w: torch.stack((w[0] * w[1], w[0] ** 2 / ${WALL})), degree=2)
start, s = torch.tensor([${x}, ${y}], dtype=torch.float64), np.linspace(0, ${UNTIL}, ${RECORDS + 1})
limit = torch.stack(sweeping_flow(margins, start, s, step=${STEP}).states)
training = torch.stack(margin_training(margins, start, ${scale}, s).states)
distance = ${scale} * (training - limit).norm(dim=1)
print(distance.max())`;

export function mount(place, given = linked("margins")) {
  const box = frame("margins", "Margins: training and its limit with two weights",
    "drag the start, or use the sliders. Blue: training, in units of its logits; green and wide: its limit, which shrinks and stays where both margins are at least one (shaded)."), said = speaker("said status"), shared = share("margins");
  const controls = form([
    ["log", "scale ℓ", { type: "range", min: 0.5, max: 2.3, step: 0.05, value: 1.3 }],
    ["x", "start w₁", { type: "range", min: 0.5, max: VIEW[1], step: 0.01, value: 3 }],
    ["y", "start w₂", { type: "range", min: 0.1, max: VIEW[3], step: 0.01, value: 0.8 }],
    ["moment", "moment", { type: "range", min: 0, max: RECORDS, step: 1, value: 50 }],
  ], { ...given, log: logarithm(given.scale) }, (name) => {
    if (name === "moment") walk.stop();
    draw();
  });
  const values = () => {
    const { log, ...others } = controls.values();
    return { scale: power(log), ...others };
  };
  const map = plane((x, y) => {
    controls.set({ x, y });
    draw();
  });
  const apart = chart({ title: "distance of training from its limit, times the scale", xlabel: "s", at: (s) => {
    controls.set({ moment: Math.round((s / UNTIL) * RECORDS) });
    draw();
  } });
  let found = null, asked = "";
  const draw = coalesced(() => {
    const chosen = values(), { scale, x, y, moment } = chosen, s = TIMES[moment];
    controls.write("log", `${scale}`);
    controls.write("x", `${x}`);
    controls.write("y", `${y}`);
    controls.write("moment", `s = ${s.toFixed(2)}`);
    shared.update(chosen, python(chosen));
    map.clear(VIEW, ["w₁", "w₂"]);
    const hyperbola = spread(1 / VIEW[3], VIEW[1]), inside = hyperbola.filter((u) => u > WALL ** 0.5);
    map.line([[VIEW[1], VIEW[3]], [WALL ** 0.5, VIEW[3]], [WALL ** 0.5, WALL ** -0.5], ...inside.map((u) => [u, 1 / u])], { style: "fill: var(--faint); fill-opacity: 0.2; stroke: none" });
    map.line(hyperbola.map((u) => [u, 1 / u]), { class: "line pale" });
    map.line([[WALL ** 0.5, 0], [WALL ** 0.5, VIEW[3]]], { class: "line pale" });
    let text;
    const refused = refusal(() => {
      if (asked !== `${scale} ${x} ${y}`) found = { limit: limit([x, y]), training: training([x, y], scale) };
      asked = `${scale} ${x} ${y}`;
      const [at, held] = [found.training[moment], found.limit[moment]], q = margins(at), by = NAMES.filter((_, i) => margins(held)[i] < 1 + 1e-4);
      const distances = found.training.map((theta, k) => scale * Math.hypot(theta[0] - found.limit[k][0], theta[1] - found.limit[k][1])), most = Math.max(...distances);
      const place = (theta) => `(${theta.map((z) => z.toFixed(2)).join(", ")})`;
      text = `Scale ${scale}, weight decay ${Math.exp(-scale).toExponential(0)}, s = ${s.toFixed(2)}: training is at ${place(at)} with margins ${q.map((z) => z.toFixed(3)).join(" and ")}, the limit at ${place(held)}, held by ${by.join(" and ") || "no margin"}. Their distance is ${round(distances[moment], 2)} over the scale, at most ${round(most, 2)}.`;
      map.line(found.limit.slice(0, moment + 1), { class: "curve", style: "stroke: var(--measurement); stroke-width: 5; opacity: 0.4" });
      map.line(found.training.slice(0, moment + 1), { class: "curve", style: "stroke: var(--train)" });
      map.dot(held, 7, "fill: none; stroke: var(--measurement); stroke-width: 2");
      map.dot(at, 4, "fill: var(--train)");
      apart.draw({ series: [{ name: "distance × scale", color: "var(--measurement)", xs: TIMES, values: distances }], x: [0, UNTIL], y: [0, 1.1 * most], cursor: s, text });
    });
    if (refused) [found, asked, text] = [null, "", refused];
    apart.node.toggleAttribute("hidden", !found);
    map.handle(x, y);
    map.node.setAttribute("aria-label", `The weights with both margins at least one, shaded, and two paths from a start at (${x}, ${y}). ${text}`);
    said.say(text);
  });
  const walk = player(() => controls.values().moment, RECORDS, (k) => {
    controls.set({ moment: k });
    draw();
  });
  box.append(
    controls.node, html("div", { className: "strip" }, walk.node), html("div", { className: "charts" }, map.node, apart.node), ...said.nodes, shared.node,
  );
  place.append(box);
  draw();
  return { values, result: () => found };
}
