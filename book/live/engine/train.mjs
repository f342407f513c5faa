// Gradient descent with weight decay on both layers, as grokutil.train.gradient_descent takes its steps:
//   v <- m v + grad l + wd theta,  theta <- theta - eta v,
// l = ||Y^ - Y||^2, divided by n d_out where the loss is "mean", or the cross-entropy, a mean over samples.
import { finite, integer, nonNegative, number, oneOf, positive } from "./checks.mjs";
import { Network, crossEntropy } from "./model.mjs";
import { Generator } from "./random.mjs";

// What the sum over samples and outputs is multiplied with.
export const LOSSES = { mean: (n, p) => 1 / (n * p), sum: () => 1, "cross-entropy": (n) => 1 / n };

export class GradientDescent {
  // W1 and W2 (transposed), both (p, width), change in place. weightDecay may be set between two steps.
  constructor({ p, width, pairs, activation, learningRate, weightDecay, loss = "mean", smoothing = 0, momentum = 0, batchSize, seed }, W1, W2, kernels) {
    const n = pairs.length / 2, size = integer("batch_size", batchSize ?? n, 1);
    if (size > n) throw new RangeError(`batch_size ${size} is larger than the training set of ${n} samples`);
    if (!(number("momentum", momentum) >= 0 && momentum < 1))
      throw new RangeError(`momentum must be at least 0 and below 1, got ${momentum}`);
    positive("learning_rate", learningRate);
    oneOf("loss", loss, Object.keys(LOSSES));
    const entropy = loss === "cross-entropy";
    if (smoothing && !entropy) throw new RangeError(`smoothing ${smoothing} is for loss 'cross-entropy', got loss '${loss}': leave it at 0`);
    if (!(number("smoothing", smoothing) >= 0 && smoothing < 1)) throw new RangeError(`smoothing must be at least 0 and below 1, got ${smoothing}`);
    Object.assign(this, { learningRate, weightDecay, momentum, W1, W2, count: 0 });
    this.scale = (LOSSES[loss](n, p) * n) / size;
    this.slope = entropy ? crossEntropy(smoothing) : undefined;
    this.network = new Network({ p, width, n, activation }, kernels);
    [this.G1, this.G2, this.v1, this.v2] = [W1, W2, W1, W2].map((W) => kernels.alloc(W.length));
    this.batches = batches(pairs, size, seed);
  }

  static numbers = (p, width, n) => Network.numbers(p, width, n) + 4 * p * width;

  get weightDecay() {
    return this.decay;
  }

  set weightDecay(wd) {
    this.decay = nonNegative("weight_decay", wd);
  }

  step() {
    const { network, W1, W2, G1, G2, v1, v2, scale, decay, momentum, learningRate } = this;
    network.gradient(W1, W2, this.batches.next().value, G1, G2, this.slope);
    for (const [W, G, v] of [[W1, G1, v1], [W2, G2, v2]])
      for (let i = 0; i < W.length; i++) {
        v[i] = momentum * v[i] + scale * G[i] + decay * W[i];
        W[i] -= learningRate * v[i];
      }
    this.count++;
    for (const W of [W1, W2]) finite(`the state at step ${this.count}`, W);
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
