// What a run asks for, known before it begins; bad choices get grokutil's own sentences. Pages import this, and no kernels.
import { integer, nonNegative, positive } from "./checks.mjs";
import { sizes } from "./data.mjs";

const LARGEST = 5e8; // bytes

// spec as for run.mjs. Returns n, the test pairs, the steps (null where the tolerance decides) and the floating-point
// operations of one evaluation.
export function plan(spec) {
  const { p, width, fraction, trainSize, seed } = spec, { n, test } = sizes(p, fraction, trainSize);
  integer("width", width, 1);
  integer("seed", seed, 0);
  const thin = 2 * n * p * width, training = spec.kind === "training";
  const bytes = 8 * (9 * n * width + n * n + 12 * p * width);
  if (bytes > LARGEST) throw new RangeError(`p = ${p} with width ${width} has ${n} training pairs and would need about ${(bytes / 1e9).toPrecision(3)} GB; choose smaller sizes`);
  if (training) {
    positive("learning_rate", spec.learningRate);
    nonNegative("weight_decay", spec.weightDecay);
    return { n, test, steps: integer("steps", spec.steps, 1), operations: 3 * thin };
  }
  nonNegative("ridge", spec.ridge);
  refuseSingular(n, width, spec.ridge);
  positive("until", spec.until);
  const size = spec.ridge ? Math.min(n, width) : n;
  const operations = n * size * Math.max(n, width) + size ** 3 / 3 + 2 * size * size * p + 4 * thin;
  if (spec.method === "rkc") return { n, test, steps: null, operations, rtol: positive("rtol", spec.rtol) };
  return { n, test, steps: Math.ceil((spec.until / positive("step", spec.step)) * (1 - 1e-9)), operations };
}

export class Singular extends Error {}

export function refuseSingular(n, width, ridge) {
  if (!ridge && width < n)
    throw new Singular(
      `H H^T is singular: the width d_h=${width} is below the number of samples n=${n}, and ridge is 0; ` +
        `use a width of at least ${n} or a positive ridge`,
    );
}
