// Phases: one frequency at the corners of a polygon; from five corners on what is unwanted cancels, and a quadratic
// network of such units adds exactly.
import { chart, coalesced, element, form, frame, html, linked, picture, refusal, round, share, speaker } from "../parts/shared.mjs";

const ORDERS = [1, 2, 3, 4]; // of the unwanted terms
const PHASES = [3, 4, 5, 6, 7], LARGEST = 97;
const EXACT = 1e-12;

// The network of grokutil.adders.polygons, a list of units [w1 (p,), w2 (p,)]: the phases 2 pi l / q at each frequency k,
//   w1 = p^(1/6) (alpha f_0 + rho f_k(phi)),  w2 = p^(1/6) (gamma f_k(2 phi) - alpha f_(k/2)(phi)),
// and one along f_0; f_k(phi)_j = sqrt(2/p) cos(2 pi k j / p - phi).
export function polygons(p, q) {
  const a = 1 / (4 * q), rho = Math.cbrt((a + Math.hypot(a, 4 / q)) / 2), alpha = Math.sqrt(a / rho), gamma = Math.SQRT2 / (q * rho * rho);
  const flat = p ** -0.5, size = p ** (1 / 6), numbers = Array.from({ length: p }, (_, j) => j), units = [];
  const wave = (k, phase) => numbers.map((j) => Math.sqrt(2 / p) * Math.cos((2 * Math.PI * ((k * j) % p)) / p - phase));
  for (let k = 1; 2 * k < p; k++)
    for (let l = 0; l < q; l++) {
      const phase = (2 * Math.PI * l) / q, [one, twice, half] = [wave(k, phase), wave(k, 2 * phase), wave((k * (p + 1)) / 2, phase)];
      units.push([one.map((x) => size * (alpha * flat + rho * x)), numbers.map((j) => size * (gamma * twice[j] - alpha * half[j]))]);
    }
  units.push([Math.SQRT1_2, 0.5].map((x) => numbers.map(() => size * x * flat)));
  return units;
}

// The largest error over all pairs and outputs, and the squared norm.
export function measured(p, q) {
  const units = polygons(p, q), W1 = units.map(([w]) => Float64Array.from(w)), W2 = units.map(([, w]) => Float64Array.from(w)), out = new Float64Array(p);
  let worst = 0;
  for (let a = 0; a < p; a++)
    for (let b = a; b < p; b++) {
      out.fill(0);
      out[(a + b) % p] = -1;
      for (let h = 0; h < units.length; h++) {
        const z = (W1[h][a] + W1[h][b]) ** 2, w = W2[h];
        for (let c = 0; c < p; c++) out[c] += z * w[c];
      }
      for (const x of out) worst = Math.max(worst, Math.abs(x));
    }
  return { error: worst, norm2: units.flat(2).reduce((sum, x) => sum + x * x, 0) };
}

const python = ({ phases, p }) => `from grokutil.adders import polygons_norm2
from grokutil.widgets.phases import corner_sums, largest_error

error = largest_error(${p}, ${phases})
print(error, polygons_norm2(${p}, ${phases}), corner_sums(${phases}))`;

export function mount(place, given = linked("phases")) {
  const box = frame("phases", "Phases: one frequency at the corners of a polygon",
    "choose the number of phases and the modulus; the page builds the network and tries all pairs. Where the corners meet in one point (orange), a term stays."), said = speaker("said status"), shared = share("phases");
  const controls = form([
    ["phases", "phases q", { type: "range", min: PHASES[0], max: PHASES.at(-1), step: 1, value: 4 }],
    ["p", "modulus p", { type: "number", min: 5, max: LARGEST, step: 2, value: 11 }],
  ], given, () => draw());
  const corners = picture(330, 330), errors = chart({ title: "largest error over all pairs", xlabel: "phases q", logY: true });
  const known = new Map(); // by p and q: a large modulus takes a while, so one after the other
  let found = null, due = 0;
  const check = ({ p }) => {
    if (!Number.isInteger(p) || p < 5) throw new RangeError(`p must be a whole number of at least 5, got ${p}`);
    if (p % 2 === 0) throw new RangeError(`p must be odd, got ${p}: half a frequency, k/2 modulo p, exists for odd p only`);
    if (p > LARGEST) throw new RangeError(`p = ${p} is too large for a page that follows a slider; choose at most ${LARGEST}`);
  };
  const draw = coalesced(() => {
    const chosen = controls.values(), { phases: q, p } = chosen;
    shared.update(chosen, python(chosen));
    const refused = refusal(() => check(chosen));
    if (refused) {
      found = null;
      for (const node of [corners, errors.node]) node.toggleAttribute("hidden", true);
      return said.say(refused);
    }
    const missing = [q, ...PHASES].filter((one) => !known.has(`${p} ${one}`)), met = ORDERS.filter((m) => m % q === 0);
    clearTimeout(due);
    if (missing.length) due = setTimeout(() => {
      known.set(`${p} ${missing[0]}`, measured(p, missing[0]));
      draw();
    });
    found = known.get(`${p} ${q}`);
    const unwanted = met.length ? `the terms m = ${met.join(", ")} do not cancel` : "all four unwanted terms cancel";
    const text = `${q} phases, p = ${p}: ${unwanted}.${found ? ` The largest error over all pairs is ${round(found.error, 2)}${found.error < EXACT ? `, and the squared norm is ${found.norm2.toFixed(2)}` : ""}.` : ""}`;
    corners.replaceChildren();
    for (const node of [corners, errors.node]) node.toggleAttribute("hidden", false);
    element("text", { x: 4, y: 13, class: "title" }, corners, `${q} corners, turned m times`);
    for (const [i, m] of ORDERS.entries()) {
      const cx = 85 + 160 * (i % 2), cy = 100 + 155 * (i >> 1), color = `fill: var(${met.includes(m) ? "--test" : "--measurement"})`;
      element("circle", { cx, cy, r: 62, class: "line pale" }, corners);
      for (let l = 0; l < q; l++) element("circle", { cx: cx + 62 * Math.cos((2 * Math.PI * m * l) / q), cy: cy - 62 * Math.sin((2 * Math.PI * m * l) / q), r: 5.5, style: color }, corners);
      element("text", { x: cx, y: cy + 4, "text-anchor": "middle" }, corners, `m = ${m}`);
    }
    corners.setAttribute("aria-label", `The ${q} corners of a polygon turned one to four times as far. ${text}`);
    errors.draw({ series: [{ name: "error", color: "var(--measurement)", xs: PHASES, values: PHASES.map((one) => known.get(`${p} ${one}`)?.error ?? NaN) }], x: [PHASES[0], PHASES.at(-1)], y: [1e-16, 30], cursor: q, text });
    said.say(text);
  });
  box.append(
    controls.node, html("div", { className: "charts" }, corners, errors.node), ...said.nodes, shared.node,
  );
  place.append(box);
  draw();
  return { values: controls.values, result: () => found };
}
