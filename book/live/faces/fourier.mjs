// The Fourier viewer: a run in the page, and at each moment of it the circle of a frequency, the spectrum and the units.
import { element, linked, number, picture } from "../parts/shared.mjs";
import { ACTIVATIONS, PHONE, ring, runner } from "../parts/runner.mjs";
import { circle } from "../engine/engine.mjs";

const FIELDS = [
  ["k", "frequency k", { type: "range", min: 1, max: 6, step: 1, value: 1 }],
  ["kind", "what moves", { options: ["isolated", "training"], texts: ["first layer, eq. 20", "both layers, trained"], value: "isolated" }],
  ["p", "modulus p (odd)", number(13, { min: 3, step: 2 })],
  ["width", "width", number(96, { min: 1, step: 1 })],
  ["activation", "activation", { options: ACTIVATIONS, value: "gelu" }],
  ["step", "step η", number(2e-3)],
  ["weightDecay", "weight decay", number(1e-4)],
  ["until", "until s", number(3)],
  ["seed", "seed", number(0, { step: 1 })],
];
const PRESETS = {
  "a small run (p = 13)": { kind: "isolated", p: 13, width: 96, activation: "gelu", step: 2e-3, until: 3, seed: 0 },
  "trained (p = 11)": { kind: "training", p: 11, width: 128, activation: "relu", weightDecay: 1e-4, until: 1.5, seed: 0 },
  "the book's run (p = 23)": { kind: "isolated", p: 23, width: 256, activation: "relu", step: 1e-3, until: 2.5, seed: 0 },
  "the size of Fig. 6 (p = 37)": { kind: "isolated", p: 37, width: 512, activation: "relu", step: 1e-3, until: 2.5, seed: 0 },
  [PHONE]: { kind: "isolated", p: 11, width: 72, activation: "gelu", step: 4e-3, until: 3, seed: 0 },
};
const FRACTION = 0.7, RATE = 1; // training pairs, learning rate
const steps = ({ until, weightDecay }) => Math.round((2 * until) / (RATE * weightDecay));

const python = (v) => `from grokutil.data import modular_addition
from grokutil.fourier import circle, feature_norms, fourier_features
${v.kind === "isolated" ? `from grokutil.flow import integrate
from grokutil.isolated import FirstLayerDynamics
from grokutil.model import gaussian_embedding

task = modular_addition(${v.p}, ${FRACTION}, seed=${v.seed})
velocity = FirstLayerDynamics(task.X_train, task.Y_train, "${v.activation}")
run = integrate(velocity, gaussian_embedding(${v.p}, ${v.width}, seed=${v.seed}), [0, 2 * ${v.until}], step=${v.step})
E = run.states[-1]` : `from grokutil.train import gradient_descent

task = modular_addition(${v.p}, ${FRACTION}, seed=${v.seed})
run = gradient_descent(task, width=${v.width}, activation="${v.activation}", weight_decay=${v.weightDecay}, seed=${v.seed}, steps=${steps(v)})
E = run.states[-1][0]`}
print(circle(E, ${v.k}), feature_norms(fourier_features(E)).norm(dim=1))`;

const WIDTH = 330, HEIGHT = 230;

// F_k of each hidden unit, on the complex plane; it remembers how far out it has seen one.
function units() {
  const node = picture(WIDTH, HEIGHT);
  let reach = 0;
  return {
    node,
    forget: () => { reach = 0; },
    draw({ k, re, im }) {
      reach = Math.max(reach, ...re.map((x, h) => Math.hypot(x, im[h])));
      const size = re.map((x, h) => x * x + im[h] ** 2), all = size.reduce((a, b) => a + b), place = (x) => (98 * x) / reach;
      let sum = 0;
      const half = size.toSorted((a, b) => b - a).filter((s) => { sum += s; return sum - s < all / 2; }).length;
      node.replaceChildren();
      element("text", { x: 4, y: 13, class: "title" }, node, `hidden units at frequency ${k}`);
      element("path", { d: "M165,25V225M65,125H265", class: "line pale" }, node);
      element("text", { x: 267, y: 129 }, node, "Re");
      re.forEach((x, h) => element("circle", { cx: 165 + place(x), cy: 125 + place(im[h]), r: 2, style: "fill: var(--layer1)" }, node));
      node.setAttribute("aria-label", `The ${re.length} hidden units on the complex plane of frequency ${k}: ${half} of them hold half of its power.`);
    },
  };
}

function pictures(choose) {
  const wheel = ring((k) => choose("k", k)), cloud = units();
  let run;
  return {
    nodes: [wheel.node, cloud.node],
    draw({ E, now }, { p, width, k }, task) {
      if (run !== task) cloud.forget();
      run = task;
      const found = circle(E, p, width, Math.min(k, (p - 1) / 2));
      wheel.draw(found);
      cloud.draw(found);
    },
  };
}

export const mount = (place, given = linked("fourier")) =>
  runner(place, given, {
    name: "fourier",
    title: "Fourier viewer: circles, spectrum and hidden units along a run",
    lead: "a run in this page. Choose a frequency, also among the bars, and look back: when does its circle close, and what do the units do?",
    fields: FIELDS,
    presets: PRESETS,
    clock: "s",
    unit: (values) => (values.kind === "isolated" ? 2 : steps(values) / values.until),
    curves: [{ chart: { title: "accuracy", xlabel: "s" }, y: [0, 1.02], compared: [0, 1], marked: true, series: (records) => ["test", "train"].map((half) => (
      { name: half, color: `var(--${half})`, values: records.map((r) => r[half].accuracy) }
    )) }],
    python,
    spec({ k, step, until, weightDecay, ...values }) {
      if (values.p % 2 === 0) throw new RangeError(`Fourier features need an odd p, not ${values.p}`);
      const more = values.kind === "isolated" ? { ridge: 0, method: "euler", step, until: 2 * until } : { learningRate: RATE, weightDecay, steps: steps({ until, weightDecay }) };
      return { fraction: FRACTION, ...values, ...more, embedding: true, even: true, ...(given.plain && { plain: true }) };
    },
    last: ({ until }) => until,
    label: ({ kind, p, width, activation, seed }) => `${kind}, p ${p}, width ${width}, ${activation}, seed ${seed}`,
    tell: ({ test }) => `test accuracy ${test.accuracy.toFixed(2)}`,
    shape(controls, { kind, p, k }) {
      controls.show("step", kind === "isolated");
      controls.show("weightDecay", kind === "training");
      controls.input("k").max = Math.max(1, Math.floor((p - 1) / 2));
      controls.write("k", controls.input("k").value);
    },
    seen: ["k"],
    pictures,
  });
