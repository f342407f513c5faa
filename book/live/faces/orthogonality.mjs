// Orthogonality: near the zero-loss curve y = x^2 the gradient of the loss turns normal to it.
import { chart, coalesced, form, frame, html, linked, logarithm, player, power, refusal, round, share, speaker, spread } from "../parts/shared.mjs";
import { plane } from "../parts/plane.mjs";

const VIEW = [-2.7, 2.7, -1.2, 4.2], REACH = 2, STEP = 0.02; // of the logarithm of the distance
const BOUND = 4; // 2 Lambda / sigma for y - x^2: serves every foot and distance
const DISTANCES = spread(-3, 0).map((log) => 10 ** log);

// The nearest point of the parabola, (a, a^2): 2 a^3 + (1 - 2 y) a = x, by Newton's method from beyond its outermost root.
export function foot(x, y) {
  const side = x < 0 ? -1 : 1;
  let a = 1 + Math.abs(x) + Math.sqrt(Math.max(y, 0));
  for (let k = 0; k < 60; k++) a -= (2 * a ** 3 + (1 - 2 * y) * a - Math.abs(x)) / (6 * a * a + 1 - 2 * y);
  return side * a;
}

// The point at a distance along the normal at (a, a^2), the unit normal and gradient there, and the cosine of the
// gradient with the tangent; as grokutil.widgets.orthogonality.measured.
export function measured(a, distance, side = 1) {
  const slope = Math.hypot(1, 2 * a), normal = [(-2 * a) / slope, 1 / slope];
  if (side > 0 && distance >= slope / 2)
    throw new RangeError(
      `At distance ${round(distance)} above the curve, (a, a²) with a = ${round(a)} is not the only nearest point: ` +
        `that needs a distance below √(1 + 4a²) / 2 = ${round(slope / 2)}. Take a smaller distance or the other side.`,
    );
  const point = [a + side * distance * normal[0], a * a + side * distance * normal[1]], [x, y] = point;
  const length = Math.hypot(2 * x, 1), sign = Math.sign(y - x * x), gradient = [(-2 * x * sign) / length, sign / length];
  return { point, normal, gradient, cosine: Math.abs(gradient[0] + 2 * a * gradient[1]) / slope };
}

// Its limit over the distance: |4 a| / (1 + 4 a^2)^(3/2).
export const coefficient = (a) => Math.abs(4 * a) / (1 + 4 * a * a) ** 1.5;

const python = ({ a, d, side }) => `import numpy as np
from grokutil.toy import parabola_coefficient, parabola_gradient

a, d, side = ${a}, ${d}, ${side === "above" ? 1 : -1}
tangent, normal = np.array([[1, 2 * a], [-2 * a, 1]]) / np.hypot(1, 2 * a)
gradient = parabola_gradient(np.array([a, a**2]) + side * d * normal)
cosine = abs(gradient @ tangent) / np.linalg.norm(gradient)
print(cosine, abs(parabola_coefficient(a)) * d)`;

export function mount(place, given = linked("orthogonality")) {
  const box = frame("orthogonality", "Orthogonality: the gradient near the zero-loss curve",
    "drag the blue point, or use the sliders; the page computes. In the middle the foot of its normal, magnified: dashed the normal, thin the lines of equal loss, blue the way down."), said = speaker("said status"), shared = share("orthogonality");
  const controls = form([
    ["a", "foot a", { type: "range", min: -REACH, max: REACH, step: 0.01, value: 0.5 }],
    ["log", "distance d", { type: "range", min: -3, max: 0, step: STEP, value: -0.7 }],
    ["side", "side", { options: ["above", "below"], value: "above" }],
  ], { ...given, log: logarithm(given.d) }, (name) => {
    if (name === "log") closer.stop();
    draw();
  });
  const values = () => {
    const { a, log, side } = controls.values();
    return { a, d: power(log), side };
  };
  const map = plane((x, y) => {
    const a = Math.min(REACH, Math.max(-REACH, foot(x, y)));
    controls.set({ a: a.toFixed(2), log: Math.log10(Math.max(1e-3, Math.hypot(x - a, y - a * a))), side: y > x * x ? "above" : "below" });
    draw();
  });
  const glass = plane(() => {}), cosines = chart({ title: "cosine of gradient and tangent", xlabel: "distance d", logX: true, logY: true });
  let found = null;
  const draw = coalesced(() => {
    const chosen = values(), { a, d } = chosen, side = chosen.side === "above" ? 1 : -1, inside = ([l, r, b, t]) => ([x, y]) => x > l && x < r && y > b && y < t;
    controls.write("a", `${a}`);
    controls.write("log", `${d}`);
    shared.update(chosen, python(chosen));
    map.clear(VIEW, ["x", "y"]);
    map.line(spread(-REACH, REACH).map((x) => [x, x * x]), { class: "line", "stroke-width": 2.5 });
    found = null;
    let text = refusal(() => { found = measured(a, d, side); });
    if (found) {
      const { cosine } = found, angle = (Math.asin(cosine) * 180) / Math.PI;
      text = `At distance ${d} ${chosen.side} the curve the gradient is ${round(angle, 2)}° off the normal: its cosine with the tangent is ${round(cosine)}, C(a) d is ${round(coefficient(a) * d)}, the bound 4d ${round(Math.min(1, BOUND * d))}.`;
    }
    for (const { node } of [glass, cosines]) node.toggleAttribute("hidden", !found);
    if (found) {
      const { point, normal, gradient } = found, z = [a, a * a], out = normal.map((x) => side * x), half = 0.8 * d;
      const [u, v] = z.map((x, i) => x + 0.45 * d * out[i]), view = [u - half, u + half, v - half, v + half], seen = inside(view);
      glass.clear(view);
      const level = (c) => spread(view[0], view[1], 241).map((x) => [x, x * x + c]).filter(seen);
      const height = point[1] - point[0] ** 2;
      for (const c of [0.5, 1, 1.5]) glass.line(level(c * height), { class: "line pale" });
      glass.line(level(0), { class: "line", "stroke-width": 2.5 });
      glass.line([z, z.map((x, i) => x + 1.6 * d * out[i])].map((w) => w.map((x, i) => Math.min(view[2 * i + 1], Math.max(view[2 * i], x)))), { class: "line pale", "stroke-dasharray": "5 4" });
      glass.arrow(point, point.map((x, i) => x - 0.6 * d * gradient[i]), "var(--train)");
      glass.dot(z, 3.5, "fill: currentColor");
      glass.dot(point, 5.5, "fill: var(--train)");
      glass.node.setAttribute("aria-label", `The neighbourhood of the foot, magnified. ${text}`);
      const slope = Math.hypot(1, 2 * a), shown = side > 0 ? DISTANCES.filter((x) => x < slope / 2) : DISTANCES;
      const curve = (name, color, xs, of, className) => ({ name, color: `var(${color})`, xs, values: xs.map(of), className });
      cosines.draw({
        series: [
          curve("cosine", "--measurement", shown, (x) => measured(a, x, side).cosine),
          curve("C(a) d", "--ink", DISTANCES, (x) => coefficient(a) * x, "earlier"),
          curve("bound 4 d", "--faint", DISTANCES, (x) => Math.min(1, BOUND * x)),
        ], x: [1e-3, 1], y: [1e-5, 2], cursor: d, text,
      });
      map.handle(...point);
    }
    said.say(text);
    map.node.setAttribute("aria-label", `The parabola y = x² with a point beside it. ${text}`);
  });
  const closer = player(() => Math.round(-controls.values().log / STEP), 3 / STEP, (k) => {
    controls.set({ log: -k * STEP });
    draw();
  }, "Come closer");
  box.append(
    controls.node, html("div", { className: "strip" }, closer.node), html("div", { className: "charts" }, map.node, glass.node, cosines.node), ...said.nodes, shared.node,
  );
  place.append(box);
  draw();
  return { values, result: () => found };
}
