// Gradient descent with weight decay on both layers, as grokutil.train.gradient_descent takes its steps: of
// l = ||Y^ - Y||^2, divided by n d_out where the loss is "mean", or of the cross-entropy, a mean over samples.
import { finite, integer, nonNegative, number, oneOf, positive } from "./checks.mjs";
import { Network, crossEntropy } from "./model.mjs";
import { Generator } from "./random.mjs";

// What the sum over samples and outputs is multiplied with.
export const LOSSES = { mean: (n, p) => 1 / (n * p), sum: () => 1, "cross-entropy": (n) => 1 / n };

// Step k of a layer W by g = grad l, with the rules of grokutil.optimisers, entry by entry; u and v are their memory.
//   sgd:    v <- m v + g + wd theta,  theta <- theta - eta v
//   adamw:  u <- b1 u + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,
//           theta <- (1 - eta wd) theta - eta u / (1 - b1^k) / (sqrt(v / (1 - b2^k)) + eps)
//   adam:   the same without the factor of theta, and wd theta added to g
const [B1, B2, EPSILON] = [0.9, 0.999, 1e-8];
const adam = (decoupled) => ({ W, G, u, v }, { scale, decay, learningRate }, k) => {
  const kept = decoupled ? 1 - learningRate * decay : 1, coupled = decoupled ? 0 : decay, c1 = 1 - B1 ** k, c2 = 1 - B2 ** k;
  for (let i = 0; i < W.length; i++) {
    const g = scale * G[i] + coupled * W[i];
    u[i] = B1 * u[i] + (1 - B1) * g;
    v[i] = B2 * v[i] + (1 - B2) * g * g;
    W[i] = kept * W[i] - ((learningRate / (Math.sqrt(v[i] / c2) + EPSILON)) * u[i]) / c1;
  }
};
const RULES = {
  sgd({ W, G, v }, { scale, decay, momentum, learningRate }) {
    for (let i = 0; i < W.length; i++) {
      v[i] = momentum * v[i] + scale * G[i] + decay * W[i];
      W[i] -= learningRate * v[i];
    }
  },
  adam: adam(false),
  adamw: adam(true),
};

export class GradientDescent {
  // W1 and W2 (transposed), both (p, width), change in place. weightDecay may be set between two steps.
  constructor({ p, width, pairs, activation, learningRate, weightDecay, loss = "mean", smoothing = 0, optimiser = "sgd", momentum = 0, batchSize, seed }, W1, W2, kernels) {
    const n = pairs.length / 2, size = integer("batch_size", batchSize ?? n, 1);
    if (size > n) throw new RangeError(`batch_size ${size} is larger than the training set of ${n} samples`);
    this.rule = RULES[oneOf("optimiser", optimiser, Object.keys(RULES))];
    if (momentum && optimiser !== "sgd") throw new RangeError(`momentum ${momentum} is for optimiser 'sgd', got '${optimiser}', whose betas are PyTorch's`);
    if (!(number("momentum", momentum) >= 0 && momentum < 1))
      throw new RangeError(`momentum must be at least 0 and below 1, got ${momentum}`);
    positive("learning_rate", learningRate);
    oneOf("loss", loss, Object.keys(LOSSES));
    const entropy = loss === "cross-entropy";
    if (smoothing && !entropy) throw new RangeError(`smoothing ${smoothing} is for loss 'cross-entropy', got loss '${loss}': leave it at 0`);
    if (!(number("smoothing", smoothing) >= 0 && smoothing < 1)) throw new RangeError(`smoothing must be at least 0 and below 1, got ${smoothing}`);
    Object.assign(this, { learningRate, weightDecay, momentum, count: 0 });
    this.scale = (LOSSES[loss](n, p) * n) / size;
    this.slope = entropy ? crossEntropy(smoothing) : undefined;
    this.network = new Network({ p, width, n, activation }, kernels);
    this.layers = [W1, W2].map((W) => {
      const [G, u, v] = [W, W, W].map(({ length }) => kernels.alloc(length));
      return { W, G, u, v };
    });
    this.batches = batches(pairs, size, seed);
  }

  static numbers = (p, width, n) => Network.numbers(p, width, n) + 6 * p * width;

  get weightDecay() {
    return this.decay;
  }

  set weightDecay(wd) {
    this.decay = nonNegative("weight_decay", wd);
  }

  step() {
    const [one, two] = this.layers;
    this.network.gradient(one.W, two.W, this.batches.next().value, one.G, two.G, this.slope);
    this.count++;
    for (const layer of this.layers) this.rule(layer, this, this.count);
    for (const { W } of this.layers) finite(`the state at step ${this.count}`, W);
  }
}

// The pairs of one step each, endlessly: all, or `size` of them from a new order each epoch.
function* batches(pairs, size, seed) {
  const draw = new Generator(seed), n = pairs.length / 2;
  if (size === n) for (;;) yield pairs;
  for (;;) {
    const order = draw.permutation(n);
    for (let k = 0; k + size <= n; k += size)
      yield Int32Array.from({ length: 2 * size }, (_, i) => pairs[2 * order[k + (i >> 1)] + (i & 1)]);
  }
}

// The lambda of eq. 13 that weight decay stands for.
export const ridgeFromWeightDecay = (wd, n, p, loss = "mean") => wd / 2 / LOSSES[loss](n, p);
