// Toy descent: a start, a weight decay and a learning rate give a path over a landscape of two weights.
import { chart, coalesced, form, frame, html, linked, logarithm, power, round, share, speaker, spread } from "../parts/shared.mjs";
import { plane } from "../parts/plane.mjs";

const REACH = 3.2, LOW = 0.05, LOST = 100, SHOWN = 400;
const SLOPE = 0.1; // of leaky ReLU
const product = (target) => ({
  loss: ([u, v]) => (u * v - target) ** 2,
  gradient: ([u, v]) => [2 * (u * v - target) * v, 2 * (u * v - target) * u],
  zero: target ? [1, -1].map((sign) => spread(-1.16, 1.16).map((t) => [sign * Math.exp(t), sign * Math.exp(-t)])) : [[[-REACH, 0], [REACH, 0]], [[0, -REACH], [0, REACH]]],
  shortest: target ? [[1, 1], [-1, -1]] : [[0, 0]],
  python: [`product_gradient(w, ${target}.0, RIDGE)`, "product_gradient"],
});
const leaky = (slope) => {
  const gate = ([u, v]) => (u + v > 0 ? 1 : slope), zero = [[[-1.2, 3.2], [3.2, -1.2]]];
  return {
    loss: (w) => (gate(w) * (w[0] + w[1]) - 2) ** 2,
    gradient(w) {
      const g = 2 * (gate(w) * (w[0] + w[1]) - 2) * gate(w);
      return [g, g];
    },
    zero, shortest: [[1, 1]],
    python: [`leaky_gradient(w, ridge=RIDGE, slope=${slope})`, "leaky_gradient"],
  };
};
export const LANDSCAPES = {
  line: { ...leaky(1), limit: (ridge) => 1 / (2 + ridge), measured: "test loss" },
  curved: product(1),
  singular: product(0),
  kink: leaky(SLOPE),
};

// All states of gradient descent, in turn u and v; it ends where a weight is LOST. `lost`: whether it was.
export function descend(name, start, ridge, rate, count) {
  const { gradient } = LANDSCAPES[name], path = [...start];
  let [u, v] = start;
  for (let k = 0; k < count; k++) {
    const [a, b] = gradient([u, v]);
    u -= rate * (a + 2 * ridge * u);
    v -= rate * (b + 2 * ridge * v);
    path.push(u, v);
    if (!(Math.max(Math.abs(u), Math.abs(v)) < LOST)) return { path, lost: true };
  }
  return { path, lost: false };
}

const python = ({ landscape, x, y, ridge, rate, count }) => `from grokutil.toy import descend, ${LANDSCAPES[landscape].python[1]}

path = descend(lambda w: ${LANDSCAPES[landscape].python[0].replace("RIDGE", ridge)}, (${x}, ${y}), ${rate}, ${count})
print(path[-1])`;

export function mount(place, given = linked("descent")) {
  const box = frame("descent", "Toy descent: two weights that grok", "drag the blue point, or use the sliders. Dots mark where a loss falls below 0.05; the small ring is the shortest solution."), said = speaker("said status"), shared = share("descent");
  const range = (value, low, high, step = 0.05) => ({ type: "range", min: low, max: high, step, value });
  const controls = form([
    ["landscape", "zero loss", { options: Object.keys(LANDSCAPES), texts: ["w₁ + w₂ = 2", "w₁ w₂ = 1", "w₁ w₂ = 0", "leaky ReLU, w₁ + w₂ = 2"], value: "line" }],
    ["x", "start w₁", range(-1, -REACH, REACH, 0.01)],
    ["y", "start w₂", range(1, -REACH, REACH, 0.01)],
    ["logRidge", "weight decay λ", range(-2, -4, 0)],
    ["logRate", "learning rate η", range(-1, -3, 0)],
    ["count", "steps", { options: [300, 3000, 30000], value: 3000 }],
  ], { ...given, logRidge: logarithm(given.ridge), logRate: logarithm(given.rate) }, () => draw());
  const values = () => {
    const { landscape, x, y, logRidge, logRate, count } = controls.values();
    return { landscape, x, y, ridge: power(logRidge), rate: power(logRate), count: Number(count) };
  };
  const map = plane((x, y) => {
    controls.set({ x, y });
    draw();
  });
  const losses = chart({ title: "loss against steps", xlabel: "step", logX: true, logY: true });
  let found = null;
  const draw = coalesced(() => {
    const chosen = values(), { landscape, x, y, ridge, rate, count } = chosen, { loss, zero, shortest, limit, measured = "distance²" } = LANDSCAPES[landscape];
    controls.write("logRidge", `${ridge}`);
    controls.write("logRate", `${rate}`);
    controls.write("x", `${x}`);
    controls.write("y", `${y}`);
    shared.update(chosen, python(chosen));
    found = descend(landscape, [x, y], ridge, rate, count);
    const { path, lost } = found, done = path.length / 2 - 1, at = (k) => [path[2 * k], path[2 * k + 1]];
    const far = ([u, v]) => Math.min(...shortest.map(([a, b]) => (u - a) ** 2 + (v - b) ** 2));
    const marks = [...new Set(spread(0, 1, SHOWN).map((s) => Math.round(done ** s)))];
    const points = marks.map(at), curves = [["train loss", "--train", loss], [measured, "--test", far]];
    const low = curves.map(([, , value]) => {
      for (let k = 0; k <= done; k++) if (value(at(k)) < LOW) return k;
      return null;
    });
    map.clear([-REACH, REACH, -REACH, REACH], ["w₁", "w₂"]);
    for (const curve of zero) map.line(curve, { class: "line", "stroke-width": 3 });
    if (landscape === "kink") map.line([[-REACH, REACH], [REACH, -REACH]], { class: "line pale", "stroke-dasharray": "4 3" });
    map.line([[x, y], ...points], { class: "curve", style: "stroke: var(--measurement)" });
    for (const point of shortest) map.dot(point, 5, "fill: none; stroke: currentColor; stroke-width: 1.5");
    low.forEach((k, i) => k !== null && map.dot(at(k), 5, `fill: var(${curves[i][1]})`));
    map.handle(x, y);
    const text = lost
      ? `With learning rate ${round(rate)} each step overshoots by more than the one before: after ${done} steps a weight is larger than ${LOST}. Take a smaller learning rate${limit ? `, below ${round(limit(ridge))}` : ""}.`
      : `After ${done} steps the weights are (${at(done).map((w) => round(w)).join(", ")}). `
        + curves.map(([name], i) => `${i ? "the" : "The"} ${name} ${low[i] === null ? "does not fall below" : "is below"} ${LOW}${low[i] === null ? "" : ` from step ${low[i]}`}`).join("; ") + ".";
    said.say(text);
    map.node.setAttribute("aria-label", `A path from (${x}, ${y}) over the landscape. ${text}`);
    losses.draw({
      series: curves.map(([name, color, value]) => ({ name, color: `var(${color})`, xs: marks, values: points.map(value) })), x: [1, count], y: [1e-5, 3e2], text,
    });
  });
  box.append(
    controls.node, ...said.nodes, html("div", { className: "charts" }, map.node, losses.node), shared.node,
  );
  place.append(box);
  draw();
  return { values, result: () => found };
}
