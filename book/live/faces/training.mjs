// Training: the two-layer network, both layers, with weight decay that may be changed as it goes; beside it the isolated
// flow of the first layer from the same weights.
import { fold, html, linked, number, power, round } from "../parts/shared.mjs";
import { ACTIVATIONS, PHONE, keywords, runner } from "../parts/runner.mjs";
import { Engine, defaultWeights, plan, ridgeFromWeightDecay } from "../engine/engine.mjs";

const ENTROPY = "cross-entropy"; // its isolated flow is another, and so is its zero-loss manifold; Adam follows no flow of theirs
const FIELDS = [
  ["p", "modulus p", number(11, { min: 2, step: 1 })],
  ["trainSize", "training pairs", number(59, { min: 1, step: 1 })],
  ["width", "width", number(128, { min: 1, step: 1 })],
  ["activation", "activation", { options: ACTIVATIONS, value: "relu" }],
  ["optimiser", "optimiser", { options: ["sgd", "adam", "adamw"], texts: ["gradient descent", "Adam", "AdamW"], value: "sgd" }],
  ["learningRate", "learning rate η", number(1)],
  ["log", "weight decay", { type: "range", min: -6, max: 1, step: 0.1, value: -4 }],
  ["loss", "loss", { options: ["mean", "sum", ENTROPY], texts: ["squared error, mean", "squared error, sum", "cross-entropy"], value: "mean" }],
  ["smoothing", "soft labels ε", number(0, { max: 0.95, step: 0.05 })],
  ["momentum", "momentum", number(0)],
  ["batchSize", "batch (0: all)", number(0, { step: 1 })],
  ["steps", "steps", number(30000, { min: 1, step: 1 })],
  ["seed", "seed", number(0, { step: 1 })],
  ["isolated", "beside it", { options: ["yes", "no"], texts: ["the isolated flow, and −Pθ", "nothing"], value: "yes" }],
];
const USUAL = { sgd: { learningRate: 1, log: -4 }, adam: { learningRate: 0.001, log: -4 }, adamw: { learningRate: 0.001, log: 0 } };
const COMMON = { optimiser: "sgd", ...USUAL.sgd, loss: "mean", smoothing: 0, momentum: 0, batchSize: 0, seed: 0, isolated: "yes" };
const PAPER = { ...COMMON, p: 11, trainSize: 59, width: 128, activation: "relu", steps: 30000 };
const PRESETS = {
  "groks: the paper's network (p = 11)": PAPER,
  "groks: quadratic units": { ...PAPER, activation: "quadratic" },
  "groks: cross-entropy, soft labels": { ...PAPER, loss: ENTROPY, smoothing: 0.1, log: -3.5, seed: 1, steps: 20000 },
  "groks: AdamW": { ...PAPER, optimiser: "adamw", ...USUAL.adamw, seed: 1, steps: 10000 },
  "memorises only: hardly any decay": { ...PAPER, log: -6, steps: 10000, isolated: "no" },
  "memorises only: cross-entropy, hard labels": { ...PAPER, loss: ENTROPY, steps: 20000 },
  "too much decay": { ...PAPER, log: -2, steps: 3000, isolated: "no" },
  [PHONE]: { ...PAPER, width: 64, activation: "quadratic", log: -3.5, steps: 10000, isolated: "no" },
  "a larger one (p = 23)": { ...COMMON, p: 23, trainSize: 193, width: 256, activation: "relu", steps: 30000, learningRate: 2, log: -4.3 },
};
const comparable = ({ loss, optimiser }) => loss !== ENTROPY && optimiser === "sgd";
const compared = (values) => values.isolated === "yes" && comparable(values);
const EVERY = 2; // records, one of which is compared with −Pθ: that takes as long as hundreds of steps
// The run for the engine, before anything is changed on its way.
const begun = ({ log, batchSize, isolated, smoothing, momentum, ...values }) => ({
  kind: "training", ...values, weightDecay: power(log), ...(values.loss === ENTROPY && { smoothing }), ...(values.optimiser === "sgd" && { momentum }), ...(batchSize && { batchSize }),
});
const halves = (key) => (records) => ["test", "train"].map((half) => ({ name: half, color: `var(--${half})`, values: records.map((r) => r[half][key]) }));
const CURVES = [
  { chart: { title: "mean squared error", xlabel: "step", logX: true, logY: true }, title: ({ loss }) => (loss === ENTROPY ? "cross-entropy" : undefined), compared: [0, 1], series: halves("loss") },
  { chart: { title: "accuracy", xlabel: "step", logX: true }, y: [0, 1.02], compared: [0, 1], marked: true, series: halves("accuracy") },
  { chart: { title: "squared norms", xlabel: "step", logX: true }, series: (records) => [0, 1].map((l) => (
    { name: `layer ${l + 1}`, color: `var(--layer${l + 1})`, values: records.map((r) => r.norms[l]) }
  )) },
  { chart: { title: "cosine of a few steps with −Pθ", xlabel: "step", logX: true }, y: [-0.2, 1.02], shown: compared, series: (records) => (
    [{ name: "cosine", color: "var(--measurement)", values: records.map((r) => r.cosine ?? NaN) }]
  ) },
];

// A run whose weight decay was changed is several, each from where the one before ended.
function python(v, changes) {
  const wd = power(v.log), parts = [[0, wd], ...changes], ends = [...changes.map(([step]) => step), v.steps];
  const calls = parts.map(([from, value], i) =>
    `run = gradient_descent(task, width=${v.width}, activation="${v.activation}", weight_decay=${value}, times=[${from}, ${ends[i]}], ${i ? "start=run.states[-1], " : ""}${keywords(begun(v))})`);
  const anew = changes.length && (v.momentum || v.batchSize || v.optimiser !== "sgd") ? "# Here optimiser and batches begin anew at a change; in the page they go on.\n" : "";
  return `from grokutil.data import modular_addition
from grokutil.measure import learning_curves
from grokutil.train import gradient_descent

task = modular_addition(${v.p}, train_size=${v.trainSize}, seed=${v.seed})
${anew}${calls.join("\n")}
print(learning_curves(run.states[-1:], task, "${v.activation}"))`;
}

export function mount(place, given = linked("training")) {
  const changes = given.changes ? given.changes.split(",").map((pair) => pair.split(":").map(Number)) : [];
  const note = html("p", { className: "key" });
  let replay = changes.length > 0; // the changes of a link belong to its first run
  const spec = (values) => ({ ...begun(values), ...(compared(values) && { tangent: EVERY }), ...(replay && { changes: [...changes] }), ...(given.plain && { plain: true }) });

  // The isolated flow of the first layer, on the clock of the steps: tau = eta wd steps / (1 - m).
  const beside = {
    engine: new Engine(), records: [], perStep: 1, nodes: [note],
    begin(values, show) {
      if (!replay) changes.length = 0;
      replay = false;
      const records = (this.records = []);
      this.engine.stop();
      note.textContent = "";
      const { p, trainSize, width, activation, seed, steps, loss } = values, wd = power(values.log);
      this.perStep = (values.learningRate * wd) / (1 - values.momentum);
      if (!compared(values) || !wd) return;
      const ridge = ridgeFromWeightDecay(wd, plan(spec(values)).n, p, loss), [start] = defaultWeights(p, width, seed);
      this.engine.run({ kind: "isolated", p, trainSize, width, activation, seed, ridge, method: "rkc", rtol: 1e-2, until: steps * this.perStep, start }, (told) => {
        if (told.records) records.push(...told.records);
        if (told.type === "error") note.textContent = `Isolated flow: ${told.message}`;
        if (told.type === "done") note.textContent = `Dashed: the isolated flow (eqs 16, 17) from the same first layer, with λ = ${round(ridge)} and the best readout at every moment; test accuracy ${records.at(-1).test.accuracy.toFixed(2)} at its end.`;
        show();
      });
    },
    series(i) {
      if (i === 3) return [];
      const xs = this.records.map(({ now }) => now / this.perStep), made = CURVES[i].series(this.records);
      return this.records.length ? made.slice(...(CURVES[i].compared ?? [])).map((s) => ({ ...s, xs, name: "", className: "earlier" })) : [];
    },
    stop() { this.engine.stop(); },
  };

  return runner(place, given, {
    name: "training",
    title: "Training of the two-layer network",
    lead: "both layers are trained in this page. Move weight decay while it runs.",
    fields: FIELDS,
    presets: PRESETS,
    clock: "step",
    curves: CURVES,
    python: (values, shown) => python(values, shown ? changes : []),
    spec,
    last: ({ steps }) => steps,
    label: ({ activation, optimiser, log, learningRate, seed }) => `${activation}, ${optimiser}, weight decay ${power(log)}, η ${learningRate}, seed ${seed}`,
    tell: ({ train, test, weightDecay, cosine }) => `accuracy ${train.accuracy.toFixed(2)} on training pairs, ${test.accuracy.toFixed(2)} on test pairs`
      + `${weightDecay === undefined ? "" : `; weight decay ${round(weightDecay)}`}${cosine === undefined ? "" : `; cosine with −Pθ ${cosine.toFixed(2)}`}`,
    shape(controls, values) {
      controls.write("log", `${power(values.log)}`);
      controls.show("smoothing", values.loss === ENTROPY);
      controls.show("momentum", values.optimiser === "sgd");
      controls.show("isolated", comparable(values));
    },
    moved(field, controls) { // each optimiser has rates of its own
      if (field === "optimiser") controls.set(USUAL[controls.values().optimiser]);
    },
    below(values) {
      const runs = fold("A grid of runs: weight decay and training share", () => import("../parts/grid.mjs").then(({ grid }) => grid(() => begun(values()))));
      return [runs.node];
    },
    during: ["log"],
    change: ({ log }) => ({ weightDecay: power(log) }),
    changed: ({ now, values }) => changes.push([now, values.weightDecay]),
    extra: (asked) => ({ ...(changes.length && { log: asked.log, changes: changes.map((pair) => pair.join(":")).join(",") }) }),
    beside,
  });
}
