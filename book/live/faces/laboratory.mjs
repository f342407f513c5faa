// The laboratory: eq. 20 with settings of one's choice, computed in the page as grokutil computes it.
import { linked, number } from "../parts/shared.mjs";
import { ACTIVATIONS, PHONE, runner } from "../parts/runner.mjs";

const FIELDS = [
  ["p", "modulus p", number(13, { min: 2, step: 1 })],
  ["width", "width", number(96, { min: 1, step: 1 })],
  ["fraction", "training fraction", { type: "range", min: 0.05, max: 0.95, step: 0.05, value: 0.7 }],
  ["activation", "activation", { options: ACTIVATIONS, value: "gelu" }],
  ["ridge", "weight decay λ", number(0)],
  ["reading", "start: p^(−1/2) is the", { options: ["deviation", "variance"], texts: ["standard deviation", "variance"], value: "deviation" }],
  ["method", "steps", { options: ["euler", "rkc"], texts: ["Euler", "stabilised"], value: "euler" }],
  ["step", "step η", number(2e-3)],
  ["rtol", "tolerance", number(1e-2)],
  ["until", "until s", number(3)],
  ["seed", "seed", number(0, { step: 1 })],
];
const COMMON = { fraction: 0.7, ridge: 0, reading: "deviation", method: "euler", rtol: 0.01, seed: 0 };
const PRESETS = {
  "groks: a small run (p = 13)": { ...COMMON, p: 13, width: 96, activation: "gelu", step: 2e-3, until: 3 },
  "groks: the book's run (p = 23)": { ...COMMON, p: 23, width: 256, activation: "relu", step: 1e-3, until: 2.5 },
  "the paper's size, Fig. 6 (p = 37)": { ...COMMON, p: 37, width: 512, activation: "relu", step: 1e-3, until: 1.25 },
  "memorises only: tanh": { ...COMMON, p: 13, width: 96, activation: "tanh", step: 2e-3, until: 3 },
  "memorises only: too few pairs": { ...COMMON, fraction: 0.3, p: 13, width: 96, activation: "gelu", step: 2e-3, until: 3 },
  "too much decay": { ...COMMON, ridge: 5, p: 13, width: 96, activation: "gelu", step: 2e-3, until: 3 },
  [PHONE]: { ...COMMON, fraction: 0.8, p: 11, width: 72, activation: "gelu", step: 4e-3, until: 2 },
};
const CURVES = [
  { chart: { title: "accuracy", xlabel: "s" }, y: [0, 1.02], compared: [0, 1], marked: true, series: (records) => [
    { name: "test", color: "var(--test)", values: records.map((r) => r.test.accuracy) },
    { name: "train", color: "var(--train)", values: records.map((r) => r.train.accuracy) },
  ] },
  { chart: { title: "squared norms", xlabel: "s", logY: true }, series: (records) => [0, 1].map((l) => (
    { name: `layer ${l + 1}`, color: `var(--layer${l + 1})`, values: records.map((r) => r.norms[l]) }
  )) },
];

const python = (v) => `from grokutil.data import modular_addition
from grokutil.flow import integrate
from grokutil.isolated import FirstLayerDynamics
from grokutil.measure import accuracy
from grokutil.model import gaussian_embedding, predict

task = modular_addition(${v.p}, ${v.fraction}, seed=${v.seed})
start = gaussian_embedding(${v.p}, ${v.width}, seed=${v.seed}, reading="${v.reading}")
velocity = FirstLayerDynamics(task.X_train, task.Y_train, "${v.activation}", ridge=${v.ridge})
run = integrate(velocity, start, [0, 2 * ${v.until}], ${v.method === "euler" ? `step=${v.step}` : `method="rkc", rtol=${v.rtol}`})
E = run.states[-1]
print(accuracy(predict(E, velocity.readout(E), task.X_test, "${v.activation}"), task.labels_test))`;

export const mount = (place, given = linked("laboratory")) =>
  runner(place, given, {
    name: "laboratory",
    title: "Laboratory of the isolated flow, eq. 20",
    lead: "eq. 20 runs in this page, in double precision. The same settings and seed give the same run as in Python.",
    fields: FIELDS,
    presets: PRESETS,
    clock: "s",
    unit: () => 2, // the engine, as the package, runs on tau = 2 s
    curves: CURVES,
    python,
    spec: ({ plain, until, ...values }) => ({ kind: "isolated", until: 2 * until, ...values, ...(given.plain && { plain: true }) }),
    last: ({ until }) => until,
    label: ({ activation, p, width, ridge, seed }) => `${activation}, p ${p}, width ${width}, λ ${ridge}, seed ${seed}`,
    tell: ({ test }) => `test accuracy ${test.accuracy.toFixed(2)}`,
    shape(controls, { method }) {
      controls.show("step", method === "euler");
      controls.show("rtol", method !== "euler");
    },
  });
