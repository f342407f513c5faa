// Kinks: a network is trained in the page; the pre-activations of one unit from step to step, and which slide on zero.
import { chart, linked } from "../parts/shared.mjs";
import { runner } from "../parts/runner.mjs";

const P = 11, PAIRS = 59, WIDTH = 128, DECAY = 1e-4, EPSILON = 1e-3; // Appendix D; the learning rate is 1
const UNIT = 18; // the one of the drawn pictures: with seed 0, more and more of its pre-activations slide
const FIELDS = [
  ["unit", "unit", { type: "range", min: 0, max: WIDTH - 1, step: 1, value: UNIT }],
  ["step", "step", { type: "number", min: 20, step: 1, value: 10000 }],
  ["seed", "seed", { type: "number", min: 0, step: 1, value: 0 }],
];
const PRESETS = Object.fromEntries([["late", 10000], ["just memorised", 300], ["later still", 30000]].map(([text, step]) => [`${text} (step ${step})`, { step, seed: 0 }]));

const python = ({ unit, step, seed }) => `from grokutil.data import modular_addition
from grokutil.kinks import sliding_kinks
from grokutil.train import gradient_descent, ridge_from_weight_decay

task = modular_addition(${P}, train_size=${PAIRS}, seed=${seed})
run = gradient_descent(task, seed=${seed}, times=[0, *range(${step} - 19, ${step} + 1)])
ridge = ridge_from_weight_decay(${DECAY}, ${PAIRS}, ${P})
slides = sliding_kinks(run.states[1:], task.X_train, task.Y_train, ridge)
print(int(slides[:, ${unit}].sum()), "pre-activations of unit ${unit} slide,", int(slides.sum()), "in all")`;

// How many pre-activations of each unit slide.
const counts = ({ slides }) => Array.from({ length: WIDTH }, (_, h) => slides.reduce((sum, s, o) => sum + (o % WIDTH === h ? s : 0), 0));

function pictures(choose) {
  const wide = chart({ title: "all pre-activations", xlabel: "steps from there" }), near = chart({ title: "near zero", xlabel: "steps from there" });
  const many = chart({ title: "how many slide, by unit", xlabel: "unit", at: (h) => choose("unit", Math.round(h)) });
  return {
    nodes: [wide.node, near.node, many.node],
    draw(seen, { unit, step }) {
      const xs = seen.at.map((k) => k - step), x = [xs[0], xs.at(-1)], lines = Array.from({ length: PAIRS }, (_, i) => [seen.slides[i * WIDTH + unit], seen.Z.map((Z) => Z[i * WIDTH + unit])]);
      const sliding = lines.filter(([slides]) => slides).length, most = counts(seen);
      const chatter = Math.max(0, ...lines.flatMap(([slides, z]) => (slides ? z.map(Math.abs) : [])));
      const close = chatter ? Math.min(6 * EPSILON, 5 * chatter) : 6 * EPSILON;
      const series = (kind, keep) => lines.filter(([slides, z]) => !slides === !kind && z.some(keep)).map(([, values]) => ({
        xs, values: values.map((z) => (keep(z) ? z : NaN)), color: kind ? "var(--measurement)" : "var(--faint)", className: "thin",
      }));
      const both = (keep) => [...series(0, keep), ...series(1, keep)], reach = Math.max(0.1, ...lines.flatMap(([, z]) => z.map(Math.abs)));
      const positive = lines.filter(([, z]) => z[seen.at.indexOf(step)] > 0).length;
      const text = `Unit ${unit} around step ${step}: of ${PAIRS} pre-activations ${positive} are positive, ${sliding} slide on zero.`;
      wide.draw({ series: both(() => true), x, y: [-reach, reach], cursor: 0, text: `${text} The others reach ${reach.toFixed(2)}.` });
      near.draw({ series: both((z) => Math.abs(z) < close), x, y: [-close, close], cursor: 0, text: `The same within ${close.toExponential(0)} of zero: those that slide stay within ${chatter.toExponential(0)}.` });
      const all = most.reduce((a, b) => a + b);
      many.draw({ series: [{ name: "slide", color: "var(--measurement)", xs: most.map((_, h) => h), values: most }], x: [0, WIDTH - 1], y: [0, Math.max(...most) + 1], cursor: unit, text: `${sliding} of unit ${unit} slide, of all units ${all}, at most ${Math.max(...most)} of one.` });
    },
  };
}

export const mount = (place, given = linked("kinks")) =>
  runner(place, given, {
    name: "kinks",
    title: "Kinks: pre-activations that slide on zero",
    lead: "a network is trained in this page, and looked at around a step. In colour what slides on zero, by the rule of least norm from the twenty steps before the line. Choose another unit, also in the last picture.",
    fields: FIELDS,
    presets: PRESETS,
    clock: "step",
    curves: [],
    python,
    spec: ({ step, seed }) => ({ kind: "kinks", p: P, trainSize: PAIRS, width: WIDTH, activation: "relu", learningRate: 1, weightDecay: DECAY, epsilon: EPSILON, look: step, seed, ...(given.plain && { plain: true }) }),
    last: ({ step }) => step + 40,
    tell: (seen, { unit, step }) => `around step ${step} ${counts(seen)[unit]} pre-activations of unit ${unit} slide, of all units ${counts(seen).reduce((a, b) => a + b)}`,
    before: "training",
    counted: "steps",
    shape: (controls, { unit }) => controls.write("unit", `${unit}`),
    seen: ["unit"],
    pictures,
  });
