// What a run asks for, known before it begins; bad choices get grokutil's own sentences.
import { general, integer, nonNegative, positive } from "./checks.mjs";
import { evenRound, sizes } from "./data.mjs";

const LARGEST = 5e8; // bytes
const LARGEST_DECAY = 0.01;
export const MEMORISING = 3000; // steps without weight decay, before paths part
export const [PAST, NEXT] = [20, 40]; // steps before and after the one at which kinks are looked at

// spec as for run.mjs. Returns n, the test pairs, the steps (null where the tolerance decides) and the floating-point
// operations of one evaluation.
export function plan(spec) {
  const { kind, p, width, fraction, trainSize, seed } = spec, { n, test } = sizes(p, fraction, trainSize);
  integer("width", width, 1);
  integer("seed", seed, 0);
  const thin = 2 * n * p * width;
  const bytes = 8 * (9 * n * width + n * n + 12 * p * width);
  if (bytes > LARGEST) throw new RangeError(`p = ${p} with width ${width} has ${n} training pairs and would need about ${(bytes / 1e9).toPrecision(3)} GB; choose smaller sizes`);
  if (kind !== "isolated") {
    positive("learning_rate", spec.learningRate);
    nonNegative("weight_decay", spec.weightDecay);
    if (kind === "paths") return { n, test, ...side(spec, n, thin) };
    const steps = kind === "kinks" ? integer("step", spec.look, PAST) + NEXT : integer("steps", spec.steps, 1);
    return { n, test, steps, operations: 3 * thin };
  }
  nonNegative("ridge", spec.ridge);
  refuseSingular(n, width, spec.ridge);
  positive("until", spec.until);
  const size = spec.ridge ? Math.min(n, width) : n;
  const operations = n * size * Math.max(n, width) + size ** 3 / 3 + 2 * size * size * p + 4 * thin;
  if (spec.method === "rkc") return { n, test, steps: null, operations, rtol: positive("rtol", spec.rtol) };
  return { n, test, steps: Math.ceil((spec.until / positive("step", spec.step)) * (1 - 1e-9)), operations };
}

// Paths side by side: the steps of training, and the operations of all paths for each. factors: of J J^T in a step of the
// projected flow, more than two where a kink makes the way back longer.
function side({ p, width, weightDecay, until, step, projectedStep, factors = 2, beside }, n, thin) {
  if (positive("weight decay", weightDecay) > LARGEST_DECAY)
    throw new RangeError(`weight decay ${general(weightDecay)} is too large: training would leave what it has memorised at once; choose at most ${LARGEST_DECAY}`);
  const steps = MEMORISING + evenRound((2 * positive("end s", until)) / weightDecay), M = n * p;
  const isolated = ((2 * until) / step) * (n * n * width + n ** 3 / 3 + 4 * thin), projected = (until / projectedStep) * factors * (M * M * width + M ** 3 / 3);
  const operations = beside.reduce((sum, name) => sum + (name === "projected" ? projected : isolated), 3 * thin * steps) / steps;
  return { steps, operations };
}

export class Singular extends Error {}

export function refuseSingular(n, width, ridge) {
  if (!ridge && width < n)
    throw new Singular(
      `H H^T is singular: the width d_h=${width} is below the number of samples n=${n}, and ridge is 0; ` +
        `use a width of at least ${n} or a positive ridge`,
    );
}
