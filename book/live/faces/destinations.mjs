// Destinations: two weights on the parabola w2 = w1^2 - 2 of zero loss, and where a way of training takes them.
import { chart, coalesced, form, frame, html, linked, number, refusal, round, share, speaker, spread } from "../parts/shared.mjs";
import { plane } from "../parts/plane.mjs";
import { Generator, evenRound } from "../engine/engine.mjs";

const START = [0.7, 0.7 ** 2 - 2], RATE = 0.05, TOTAL = 1e-2, SLOW = 4e-3; // as in grokutil.destinations
const END = 4, RECORDS = 80, RUNS = 40, TIMES = spread(0, END, RECORDS + 1);
const PRACTICES = { // its letter, and its strength at a dial from 0 to 1
  "label noise": ["γ", (dial) => dial],
  "learning rate": ["η", (dial) => 0.05 + 0.25 * dial],
  speeds: ["a", (dial) => 9 ** dial / 3],
};
const VIEW = [-0.5, 2.1, -2.2, 0.4], CIRCLES = [0.75 ** 0.5, 1.75 ** 0.5, 2]; // the shortest weights are on the second

// The square of the first weight at the end, for small weight decay.
export function destination(practice, strength) {
  if (practice === "speeds") return Math.max(0, 2 - 1 / (2 * strength));
  if (practice === "learning rate") return Math.min(1.5, (1 / strength - 1) / 4);
  const half = 1 + 5 * RATE, last = 3 * (1 - RATE) - 4 * strength;
  return Math.max(0, last / (half + Math.sqrt(half ** 2 - 8 * RATE * last)));
}

// Training from START, as grokutil.destinations.trained: the path, a mean of RUNS with label noise, and the end of each.
export function trained(practice, strength, seed) {
  let eta = RATE, ridge = TOTAL, total = TOTAL, noise = 0, root = [1, 1];
  if (practice === "label noise") {
    ridge = TOTAL / (1 + strength);
    noise = Math.sqrt((strength * ridge) / eta);
  } else if (practice === "learning rate") [eta, ridge, total] = [strength, SLOW, SLOW];
  else {
    root = [Math.sqrt(strength), 1];
    eta = RATE / Math.max(1, strength);
  }
  const draw = new Generator(seed), epsilon = new Float64Array(RUNS), runs = Array.from({ length: noise ? RUNS : 1 }, () => START.map((w, i) => w / root[i]));
  const mean = (i) => (root[i] * runs.reduce((sum, x) => sum + x[i], 0)) / runs.length, means = () => [mean(0), mean(1)];
  const step = () => {
    if (noise) draw.normal(epsilon);
    runs.forEach((x, k) => {
      const [u, v] = [root[0] * x[0], root[1] * x[1]], r = v - u * u + 2 + noise * epsilon[k];
      x[0] -= eta * (root[0] * 2 * r * -2 * u + 2 * ridge * x[0]);
      x[1] -= eta * (root[1] * 2 * r + 2 * ridge * x[1]);
    });
  };
  const path = [START], each = Math.max(2, evenRound(END / (eta * total) / RECORDS));
  for (let k = 0; k < RECORDS; k++) {
    for (let i = 1; i < each; i++) step();
    const last = means();
    step();
    path.push(means().map((w, i) => (w + last[i]) / 2)); // of two steps: at the edge training oscillates
  }
  return { path, ends: runs.map((x) => x.map((w, i) => root[i] * w)) };
}

const python = ({ practice, strength, seed }) => `from grokutil.destinations import destination, trained

run = trained("${practice}", ${strength}, seed=${seed})
print(run.states[-1][0] ** 2, destination("${practice}", ${strength}))`;

export function mount(place, given = linked("destinations")) {
  const box = frame("destinations", "Destinations: where ways of training end", "choose how to train, and how strongly. The ring is where the formula says that it ends."), said = speaker("said status"), shared = share("destinations");
  const controls = form([
    ["practice", "practice", { options: Object.keys(PRACTICES), value: "label noise" }],
    ["dial", "strength", { type: "range", min: 0, max: 1, step: 0.01, value: 0 }],
    ["seed", "seed", number(0, { step: 1 })],
  ], given, () => draw());
  const map = plane(() => {}), squares = chart({ title: "w₁²", xlabel: "s" });
  let found = null;
  const draw = coalesced(() => {
    const { practice, dial, seed } = controls.values(), [letter, of] = PRACTICES[practice], strength = +of(dial).toPrecision(3);
    controls.write("dial", `${letter} = ${strength}`);
    controls.show("seed", practice === "label noise");
    shared.update({ practice, dial, seed }, python({ practice, strength, seed }));
    found = null;
    const refused = refusal(() => { found = trained(practice, strength, seed); });
    for (const { node } of [map, squares]) node.toggleAttribute("hidden", !found);
    if (refused) return said.say(refused);
    const { path, ends } = found, last = path.at(-1), end = destination(practice, strength), green = "var(--measurement)";
    const text = `${practice} ${strength}: training goes along the parabola from w₁ = 0.7 to ${round(last[0])}, where w₁² is ${round(last[0] ** 2)}; the formula says ${round(end)}. The shortest weights are at 1.5, the flattest at 0.`;
    map.clear(VIEW, ["w₁", "w₂"]);
    map.line(spread(VIEW[0], 1.55).map((u) => [u, u * u - 2]), { class: "line", "stroke-width": 2.5 });
    for (const radius of CIRCLES) map.line(spread(-1.9, 0.2).map((angle) => [radius * Math.cos(angle), radius * Math.sin(angle)]), { class: "line pale", "stroke-dasharray": "2 4" });
    for (const w of ends) map.dot(w, 2, "fill: var(--train); opacity: 0.4");
    map.line(path, { class: "curve", style: "stroke: var(--train)" });
    map.dot(START, 4, "fill: var(--ground); stroke: var(--train); stroke-width: 1.5");
    map.dot(last, 4, "fill: var(--train)");
    map.dot([end ** 0.5, end - 2], 8, `fill: none; stroke: ${green}; stroke-width: 2.5`);
    map.node.setAttribute("aria-label", `The parabola of zero loss with a path on it, and circles of equal length. ${text}`);
    squares.draw({
      series: [{ name: "training", color: "var(--train)", xs: TIMES, values: path.map(([u]) => u * u) }, { name: "formula", color: green, xs: [0, END], values: [end, end] }],
      x: [0, END], y: [-0.05, 2.05], text,
    });
    said.say(text);
  });
  box.append(controls.node, html("div", { className: "charts" }, map.node, squares.node), ...said.nodes, shared.node);
  place.append(box);
  draw();
  return { result: () => found };
}
