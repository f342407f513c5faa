// The valley: two weights, training and the slow flow. Drag the point, see the forces and how far the two part.
import { button, chart, coalesced, form, frame, html, linked, logarithm, named, player, power, refusal, round, share, speaker, spread } from "../parts/shared.mjs";
import { integrate } from "../parts/ode.mjs";
import { plane } from "../parts/plane.mjs";

const SINGULAR = "J J^T (1 x 1) is numerically singular: theta is a singular point (Def. 4.9), where the tangent space is not defined; use more parameters, drop repeated samples, or move away from it";

// F, its target and its gradient J; what is seen of the plane; the zero-loss set as curves.
const product = (target) => ({
  output: ([u, v]) => u * v, target, J: ([u, v]) => [v, u], names: ["w₁", "w₂"], box: [-2.8, 2.8, -2.8, 2.8],
  zero: target
    ? [1, -1].map((sign) => spread(-1.1, 1.1).map((t) => [sign * Math.exp(t), sign * target * Math.exp(-t)]))
    : [[[-2.8, 0], [2.8, 0]], [[0, -2.8], [0, 2.8]]],
  python: "w[0] * w[1]", start: [2.3, 1.1],
});
export const SHAPES = {
  parabola: {
    output: ([x, y]) => y - x * x, target: 0, J: ([x]) => [-2 * x, 1], names: ["x", "y"], box: [-1.7, 1.7, -0.7, 2.7],
    zero: [spread(-1.65, 1.65).map((x) => [x, x * x])], python: "w[1] - w[0] ** 2", start: [1.1, 2.3],
  },
  hyperbola: product(1),
  crossing: product(0),
};
const UNTIL = 2; // on the clock s
const RECORDS = 160;
const EARLY = 8; // the record at which the logarithmic axis begins
const LANDED = 60; // on the clock t: the fall is over long before
export const TIMES = spread(0, 1, RECORDS + 1).map((u) => UNTIL * u ** 3); // the fall and the slide both have room

const dot = (a, b) => a[0] * b[0] + a[1] * b[1];
const minus = (a, b) => [a[0] - b[0], a[1] - b[1]];

// What pulls at theta: residual r, multiplier mu, fast variable e = r + lambda mu, and the forces.
export function forces({ output, target, J }, theta, ridge) {
  const j = J(theta), Theta = dot(j, j), r = output(theta) - target;
  if (!(Theta > 1e-14 * Math.max(1, dot(theta, theta)))) throw new RangeError(SINGULAR);
  const mu = dot(j, theta) / Theta, tangent = theta.map((x, i) => x - j[i] * mu);
  const loss = j.map((x) => -2 * r * x), decay = theta.map((x) => -2 * ridge * x);
  return { r, mu, Theta, tangent, e: r + ridge * mu, loss, decay, sum: loss.map((x, i) => x + decay[i]) };
}

// Training, the fall and the slow flow from a start; `gap` is how far training is from slow flow plus fall.
export function run(name, start, ridge) {
  if (!(ridge > 0)) throw new RangeError(`ridge must be positive, got ${ridge}`);
  const shape = SHAPES[name], { J, output, target } = shape;
  const velocity = (theta, decay, clock) => {
    const j = J(theta), r = output(theta) - target;
    return theta.map((x, i) => (-2 * r * j[i] - 2 * decay * x) / clock);
  };
  forces(shape, start, ridge);
  const fall = integrate((theta) => velocity(theta, 0, 1), start, [...TIMES.map((s) => s / ridge), UNTIL / ridge + LANDED]);
  const landed = fall.pop();
  if (!(Math.abs(output(landed) - target) < 1e-8)) throw new RangeError(SINGULAR);
  const slow = integrate((zeta) => forces(shape, zeta, 0).tangent.map((x) => -2 * x), landed, TIMES);
  const training = integrate((theta) => velocity(theta, ridge, ridge), start, TIMES);
  const at = training.map((theta) => forces(shape, theta, ridge));
  const gap = training.map((theta, k) => Math.hypot(...theta.map((x, i) => x - slow[k][i] - (fall[k][i] - landed[i]))));
  return { training, slow, fall, landed, at, gap };
}

const python = ({ shape, x, y, ridge }) => `import torch
from grokutil.constraints import ZeroLossManifold
from grokutil.gradient_flow import fall, slow_flow, training_flow

Z = ZeroLossManifold(lambda w: (${SHAPES[shape].python})[None], torch.tensor([${SHAPES[shape].target}.0], dtype=torch.float64))
start, ridge = torch.tensor([${x}, ${y}], dtype=torch.float64), ${ridge}
training = training_flow(Z, start, ridge, [0, ${UNTIL}]).states[-1]
landed = fall(Z, start, [0, ${LANDED}]).states[-1]
ghost = slow_flow(Z, landed, [0, ${UNTIL}]).states[-1]
print(training, ghost, (training - ghost).norm() / ridge)`;

export function mount(place, given = linked("valley")) {
  const box = frame("valley", "The valley: two weights, training and the slow flow", "drag the blue point, or use the sliders. The page computes.");
  const first = SHAPES[given.shape] ? given.shape : "parabola";
  const range = (value, low, high) => ({ type: "range", min: low, max: high, step: 0.01, value });
  const said = speaker("said status"), shared = share("valley");
  let found = null;
  const controls = form([
    ["shape", "valley", { options: Object.keys(SHAPES), texts: ["y = x²", "w₁ w₂ = 1", "w₁ w₂ = 0"], value: first }],
    ["x", "start, across", range(SHAPES[first].start[0], ...SHAPES[first].box.slice(0, 2))],
    ["y", "start, up", range(SHAPES[first].start[1], ...SHAPES[first].box.slice(2))],
    ["log", "weight decay λ", { type: "range", min: -3, max: 0, step: 0.05, value: -1 }],
    ["k", "time", { type: "range", min: 0, max: RECORDS, step: 1, value: 96 }],
  ], { ...given, log: logarithm(given.ridge) }, (name) => {
    if (name === "shape") begin();
    if (name !== "k") compute();
    else play.stop();
    draw();
  });
  const values = () => {
    const { shape, x, y, log, k } = controls.values();
    return { shape, x, y, ridge: power(log), k };
  };
  const map = plane((x, y) => {
    controls.set({ x, y });
    compute();
    draw();
  });
  const errors = chart({ title: "distance to slow flow (and fall), over λ", xlabel: "s" });
  const residual = chart({ title: "fast: −r/λ goes to the multiplier μ", xlabel: "s", logX: true });
  const begin = () => {
    const { start, box: [l, r, b, t], names } = SHAPES[controls.values().shape];
    [["x", l, r, 0], ["y", b, t, 1]].forEach(([name, low, high, i]) => {
      Object.assign(controls.input(name), { min: low, max: high });
      controls.input(name).previousSibling.textContent = `start ${names[i]}`;
      controls.set({ [name]: start[i] });
    });
  };
  const recompute = () => {
    const { shape, x, y, ridge } = values();
    found = null;
    const refused = refusal(() => { found = run(shape, [x, y], ridge); });
    if (refused) said.say(refused);
  };
  let stale = true;
  const compute = () => { stale = true; };
  const draw = coalesced(() => {
    if (stale) recompute();
    stale = false;
    show();
  });

  function show() {
    const { shape, x, y, ridge, k } = values(), { box: view, zero, names } = SHAPES[shape];
    controls.write("log", round(ridge));
    controls.write("x", `${x}`);
    controls.write("y", `${y}`);
    controls.write("k", `s = ${round(TIMES[k])}, t = ${round(TIMES[k] / ridge)}`);
    shared.update({ shape, x, y, ridge, k }, python({ shape, x, y, ridge }));
    map.clear(view, names);
    for (const curve of zero) map.line(curve, { class: "line", "stroke-width": 3 });
    let text = `Zero-loss set ${zero.length > 1 ? "in two branches" : "y = x²"}.`;
    if (found) {
      const { training, slow, at, gap } = found, theta = training[k], { loss, decay, sum, e, r: residue } = at[k];
      map.line(training, { class: "curve", style: "stroke: var(--train)" });
      map.dot(slow[k], 8, "stroke: var(--measurement)", { class: "line", "stroke-width": 2.5 });
      const longest = Math.max(...[loss, decay, sum].map((f) => Math.hypot(...f))) || 1, unit = (0.22 * (view[1] - view[0])) / longest;
      for (const [name, force, color] of [["loss", loss, "--test"], ["weight decay", decay, "--layer2"], ["sum", sum, "--layer1"]])
        map.arrow(theta, theta.map((x, i) => x + unit * force[i]), `var(${color})`, { "data-force": name });
      map.dot(theta, 4.5, "fill: var(--train)");
      const error = gap.map((g) => g / ridge);
      errors.draw({
        series: [{ name: "distance / λ", color: "var(--measurement)", xs: TIMES, values: error }], x: [0, UNTIL], y: [0, 1.05 * Math.max(...error, 0.1)], cursor: TIMES[k],
        text: `Distance of training from the slow flow, divided by λ = ${ridge}: ${round(error[k])} at s = ${round(TIMES[k])}, at most ${round(Math.max(...error))}.`,
      });
      const mu = at.map((a) => a.mu), minusR = at.map((a) => -a.r / ridge), [low, high] = [Math.min(0, ...mu), Math.max(0, ...mu)];
      const room = 0.3 * (high - low) + 0.1, inside = (v) => (v > low - room && v < high + room ? v : NaN);
      residual.draw({
        series: [{ name: "−r/λ", color: "var(--test)", xs: TIMES, values: minusR.map(inside) }, { name: "μ", color: "var(--ink)", xs: TIMES, values: mu }],
        x: [TIMES[EARLY], UNTIL], y: [low - room, high + room], cursor: Math.max(TIMES[k], TIMES[EARLY]),
        text: `The residual over minus λ is ${round(minusR[k])}, the multiplier ${round(mu[k])}.`,
      });
      text = `At s = ${round(TIMES[k])} (t = ${round(TIMES[k] / ridge)}) the weights are (${round(theta[0])}, ${round(theta[1])}), the slow flow's ghost (${round(slow[k][0])}, ${round(slow[k][1])}). `
        + `Forces: loss ${round(Math.hypot(...loss), 2)}, weight decay ${round(Math.hypot(...decay), 2)}, sum ${round(Math.hypot(...sum), 2)}. `
        + `Residual r = ${round(residue, 2)}, fast variable e = ${round(e, 2)}. Distance to slow flow (and fall): ${round(gap[k] / ridge, 2)} λ.`;
      said.say(text);
    }
    map.handle(x, y);
    map.node.setAttribute("aria-label", `${text} The blue point is the start, (${x}, ${y}).`);
    errors.node.toggleAttribute("hidden", !found);
    residual.node.toggleAttribute("hidden", !found);
  }

  const play = player(() => values().k, RECORDS, (k) => {
    controls.set({ k });
    draw();
  });
  const land = button("Let it fall first", () => {
    if (!found) return;
    const [x, y] = found.landed.map((w) => w.toFixed(2));
    controls.set({ x, y });
    compute();
    draw();
  });
  const key = html("p", { className: "key" });
  for (const [color, text] of [["--train", "training"], ["--measurement", "ghost of the slow flow (ring)"], ["--test", "pull of the loss"], ["--layer2", "weight decay"], ["--layer1", "their sum"]])
    key.append(named(text, color));
  begin();
  for (const name of ["x", "y"]) if (given[name] !== undefined) controls.set({ [name]: given[name] });
  box.append(controls.node, html("div", { className: "strip" }, play.node, land), html("div", { className: "charts" }, html("div", {}, map.node, key), html("div", {}, errors.node, residual.node)), ...said.nodes, shared.node);
  place.append(box);
  draw();
  return { values, result: () => found };
}
