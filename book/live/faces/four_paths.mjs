// Four paths: training, the projected flow and two isolated flows of the first layer, from one memorising point.
import { html, linked } from "../parts/shared.mjs";
import { ACTIVATIONS, PHONE, runner } from "../parts/runner.mjs";

const P = 11, PAIRS = 59, WIDTH = 128; // Appendix D; the learning rate is 1
const SMOOTH = "softplus, beta 10", KINKED = ["relu", "leaky_relu"];
const LOOKS = { training: "--measurement", projected: "--ink", ridge: "--other", "no ridge": "--layer1" };
const BESIDE = { "all three": ["projected", "ridge", "no ridge"], "projected flow": ["projected"], "ridge and no ridge": ["ridge", "no ridge"], nothing: [] };
const STEP = 1e-3; // of Euler's method, on 2 s
const FIELDS = [
  ["activation", "activation", { options: [SMOOTH, ...ACTIVATIONS], value: SMOOTH }],
  ["weightDecay", "weight decay", { type: "number", step: "any", min: 0, value: 4e-4 }],
  ["until", "end s", { type: "number", step: "any", min: 0, value: 1 }],
  ["beside", "beside training", { options: Object.keys(BESIDE), value: "all three" }],
  ["seed", "seed", { type: "number", min: 0, step: 1, value: 0 }],
];
const COMMON = { activation: SMOOTH, until: 1, beside: "all three", seed: 0 };
const PRESETS = { "weight decay 0.0004": { ...COMMON, weightDecay: 4e-4 }, "weight decay 0.0001": { ...COMMON, weightDecay: 1e-4 }, "ReLU, which has kinks": { ...COMMON, activation: "relu", weightDecay: 4e-4, until: 0.2 }, [PHONE]: { ...COMMON, weightDecay: 1e-3, until: 0.5, beside: "ridge and no ridge" } };
const projectedStep = (activation) => (KINKED.includes(activation) ? 1e-3 : 0.02);
const names = (records) => Object.keys(LOOKS).filter((name) => name in records[0]);
const curves = (title, of, more = {}) => ({ chart: { title, xlabel: "s", ...more.chart }, y: more.y, compared: [0, 1], series: (records) => names(records).slice(more.from ?? 0).map((name) => (
  { name, color: `var(${LOOKS[name]})`, values: records.map((record) => of(record[name])) }
)) });
const CURVES = [
  curves("test accuracy", (path) => path.accuracy, { y: [0, 1.02] }),
  curves("distance from training, on test inputs", (path) => path.distance, { from: 1, chart: { logY: true } }),
  curves("squared norm of layer 1", (path) => path.norms[0]),
  curves("squared norm of layer 2", (path) => path.norms[1]),
];

const python = ({ activation, weightDecay, until, seed }) => `import numpy as np
from grokutil.activations import ${activation === SMOOTH ? "softplus" : "get_activation"}
from grokutil.data import modular_addition
from grokutil.flow import integrate
from grokutil.isolated import FirstLayerDynamics
from grokutil.train import gradient_descent, ridge_from_weight_decay
from grokutil.walks import projected_flow, retract

task, sigma = modular_addition(${P}, train_size=${PAIRS}, seed=${seed}), ${activation === SMOOTH ? "softplus(10)" : `get_activation("${activation}")`}
X, Y, decay, s = task.X_train, task.Y_train, ${weightDecay}, np.linspace(0, ${until}, 41)
start = retract(*gradient_descent(task, activation=sigma, weight_decay=0, seed=${seed}, steps=3000).states[-1], X, Y, sigma)

training = gradient_descent(task, activation=sigma, weight_decay=decay, start=start, steps=round(2 * s[-1] / decay)).states[-1]
projected = projected_flow(start, X, Y, s, activation=sigma, step=${projectedStep(activation)}).states[-1]
flows = [FirstLayerDynamics(X, Y, sigma, ridge) for ridge in (ridge_from_weight_decay(decay, ${PAIRS}, ${P}), 0.0)]
ends = [integrate(flow, start[0], 2 * s, step=${STEP}).states[-1] for flow in flows]
ridge, no_ridge = [(E, flow.readout(E)) for E, flow in zip(ends, flows)]
for W1, W2 in (training, projected, ridge, no_ridge):
    print(W1.square().sum(), W2.square().sum())`;

// What each path has reached at the time that is looked at.
function table() {
  const body = html("tbody"), node = html("table", { className: "paths" }, html("thead", {}, html("tr", {}, ...["", "accuracy", "distance", "‖W₁‖²", "‖W₂‖²"].map((text) => html("th", { textContent: text, scope: "col" })))), body);
  return {
    nodes: [node],
    draw(record) {
      body.replaceChildren(...names([record]).map((name) => {
        const { accuracy, distance, norms } = record[name], swatch = html("span", { className: "swatch", style: `background: var(${LOOKS[name]})` });
        return html("tr", {}, html("th", { scope: "row" }, swatch, name), ...[accuracy.toFixed(2), distance.toFixed(3), ...norms.map((x) => x.toFixed(1))].map((text) => html("td", { textContent: text })));
      }));
    },
  };
}

export const mount = (place, given = linked("four_paths")) =>
  runner(place, given, {
    name: "four_paths",
    title: "Four paths from one memorising point",
    lead: "training, the projected flow and two isolated flows, with ridge and without, run in this page from one memorising point. Keep the run, lower the weight decay and run again: which distance falls?",
    fields: FIELDS,
    presets: PRESETS,
    clock: "s",
    curves: CURVES,
    python,
    spec: ({ activation, weightDecay, until, beside, seed }) => ({
      kind: "paths", p: P, trainSize: PAIRS, width: WIDTH, learningRate: 1, activation, weightDecay, until, beside: BESIDE[beside], seed, step: STEP, projectedStep: projectedStep(activation), factors: KINKED.includes(activation) ? 5 : 2, ...(given.plain && { plain: true }),
    }),
    last: ({ until }) => until,
    label: ({ activation, weightDecay, seed }) => `${activation}, weight decay ${weightDecay}, seed ${seed}`,
    tell: (record) => names([record]).map((name) => `${name} ${record[name].distance ? `distance ${record[name].distance.toFixed(3)}` : `test accuracy ${record[name].accuracy.toFixed(2)}`}`).join(", "),
    counted: "training steps, and the other paths,",
    before: "memorising, without weight decay",
    pictures: table,
  });
