// The network sigma(X W1) W2, its starts and its gradient, as in grokutil.model. The readout is kept transposed, (p, width).
import { activationOf } from "./activations.mjs";
import { oneOf } from "./checks.mjs";
import { label } from "./data.mjs";
import { Generator } from "./random.mjs";

const READINGS = { deviation: -0.5, variance: -0.25 }; // of p^(-1/2): the exponent of p in the standard deviation

export function gaussianEmbedding(p, width, seed, reading = "deviation", out = new Float64Array(p * width)) {
  const scale = p ** READINGS[oneOf("reading", reading, Object.keys(READINGS))];
  new Generator(seed).normal(out);
  for (let i = 0; i < out.length; i++) out[i] *= scale;
  return out;
}

// Both layers as PyTorch begins them: W1 (p, width), and W2 (width, p) transposed.
export function defaultWeights(p, width, seed, W1 = new Float64Array(p * width), W2 = new Float64Array(p * width)) {
  const draw = new Generator(seed);
  for (let i = 0; i < W1.length; i++) W1[i] = (2 * draw.uniform() - 1) / p ** 0.5;
  for (let h = 0; h < width; h++) for (let c = 0; c < p; c++) W2[c * width + h] = (2 * draw.uniform() - 1) / width ** 0.5;
  return [W1, W2];
}

// Slopes of a loss by the outputs R (n, p) of pairs, in the place of R: 2 (Y^ - Y), and softmax(Y^) - Y with soft labels.
const squaredError = (R, pairs, p) => {
  for (let i = 0; 2 * i < pairs.length; i++) R[i * p + label(pairs, i, p)] -= 1;
  for (let i = 0; i < R.length; i++) R[i] *= 2;
};
export const crossEntropy = (smoothing) => (R, pairs, p) => {
  for (let i = 0; 2 * i < pairs.length; i++) {
    const row = R.subarray(i * p, (i + 1) * p), top = Math.max(...row);
    let sum = 0;
    for (let c = 0; c < p; c++) sum += row[c] = Math.exp(row[c] - top);
    for (let c = 0; c < p; c++) row[c] = row[c] / sum - smoothing / p;
    row[label(pairs, i, p)] -= 1 - smoothing;
  }
};

export class Network {
  // For at most n pairs at a time.
  constructor({ p, width, n, activation }, kernels) {
    Object.assign(this, { p, width, sigma: activationOf(activation), kernels });
    [this.H, this.S, this.G, this.R] = [n * width, n * width, n * width, n * p].map(kernels.alloc);
  }

  static numbers = (p, width, n) => 3 * n * width + n * p;

  // Outputs (n, p) of pairs.
  predict(W1, W2, pairs) {
    const { p, width, H, S, R, sigma, kernels } = this, n = pairs.length / 2;
    const [h, s, out] = [H, S, R].map((M) => M.subarray(0, n * (M === R ? p : width)));
    kernels.gather(pairs, W1, h, width);
    sigma.apply(h, s, null, kernels);
    kernels.rows(h, W2, out, n, width, p);
    return out;
  }

  // Gradient of a loss by both layers, into G1 and G2; of ||Y^ - Y||^2 if no other slope is given.
  gradient(W1, W2, pairs, G1, G2, slope = squaredError) {
    const { p, width, H, S, G, kernels } = this, n = pairs.length / 2, R = this.predict(W1, W2, pairs);
    slope(R, pairs, p);
    kernels.product(R, W2, G.subarray(0, n * width), n, p, width);
    G1.fill(0);
    kernels.scatter(pairs, G, G1, width, S);
    kernels.transposed(R, H, G2, p, n, width);
  }

  // Loss (mean over samples and outputs; with a smoothing the cross-entropy, mean over samples), accuracy and answers on
  // pairs; an answer is the place of the largest output.
  measure(W1, W2, pairs, smoothing) {
    const { p } = this, out = this.predict(W1, W2, pairs), n = pairs.length / 2, answers = new Uint16Array(n);
    let loss = 0, right = 0;
    for (let i = 0; i < n; i++) {
      const sum = label(pairs, i, p), row = out.subarray(i * p, (i + 1) * p);
      if (smoothing === undefined) for (let c = 0; c < p; c++) loss += (row[c] - (c === sum)) ** 2;
      else loss += logSumExp(row) - (1 - smoothing) * row[sum] - (smoothing / p) * total(row);
      answers[i] = largest(out, i * p, p);
      if (answers[i] === sum) right++;
    }
    return { loss: loss / (smoothing === undefined ? n * p : n), accuracy: right / n, answers };
  }
}

const total = (values) => values.reduce((sum, x) => sum + x, 0);
const logSumExp = (values) => {
  const top = Math.max(...values);
  return top + Math.log(total(values.map((x) => Math.exp(x - top))));
};

const largest = (values, from, count) => {
  let best = from;
  for (let i = from + 1; i < from + count; i++) if (values[i] > values[best]) best = i;
  return best - from;
};

export const squaredNorm = (W) => {
  let sum = 0;
  for (let i = 0; i < W.length; i++) sum += W[i] * W[i];
  return sum;
};
