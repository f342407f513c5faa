// Eq. 20 on modular addition, as grokutil.isolated.FirstLayerDynamics computes it:
//   W' = X^T ((A Y Y^T A H) o sigma'(X W)) - W,  A = (H H^T + ridge I)^-1,  H = sigma(X W).
// One Cholesky factor, two solves and thin products. What has samples in its columns is transposed: B is (A Y)^T.
import { activationOf } from "./activations.mjs";
import { finite, general, integer, nonNegative } from "./checks.mjs";
import { label } from "./data.mjs";
import { squaredNorm } from "./model.mjs";
import { Singular, refuseSingular } from "./plan.mjs";

const NO_VALUE = "the activation must have a finite value and slope at every pre-activation that is met, zero included";

export class FirstLayerDynamics {
  // pairs: [a, b, a, b, ...] of the n training samples. kernels: plain or WebAssembly.
  constructor({ p, width, pairs, activation, ridge = 0 }, kernels) {
    const n = pairs.length / 2, sigma = activationOf(activation);
    Object.assign(this, { p, width: integer("width", width, 1), pairs, activation, sigma, kernels, n, evaluations: 0, products: 0 });
    this.ridge = nonNegative("ridge", ridge);
    refuseSingular(n, width, ridge);
    [this.H, this.S, this.G] = [n * width, n * width, n * width].map(kernels.alloc);
    [this.K, this.B, this.W2, this.at] = [n * n, p * n, p * width, p * width].map(kernels.alloc);
    if (width < n) [this.Ht, this.P] = [n * width, p * n].map(kernels.alloc);
    this.at.fill(NaN);
  }

  static numbers = (p, width, n) => 9 * n * width + n * n + 4 * p * n + 4 * p * width;

  // H, slopes, factor, A Y and the readout W2 (transposed) at W. Where they are those of W already, nothing is done.
  prepare(W) {
    const { p, width, pairs, n, H, S, B, at, bend, kernels } = this;
    if (W.every((w, i) => w === at[i])) return;
    at.fill(NaN);
    finite("W1", W);
    kernels.gather(pairs, W, H, width);
    this.sigma.apply(H, S, bend, kernels);
    this.factorise();
    B.fill(0);
    for (let i = 0; i < n; i++) B[label(pairs, i, p) * n + i] = 1;
    this.solve(B, null, this.W2);
    if (bend) {
      this.hidden();
      for (let i = 0; i < bend.length; i++) bend[i] *= this.G[i];
    }
    at.set(W);
  }

  // The Cholesky factor of the smaller of H H^T + ridge I and H^T H + ridge I; of the first where the ridge is so small
  // that the difference in solve() would lose its digits.
  factorise() {
    const { width, n, H, Ht, ridge, K, kernels } = this;
    this.narrow = width < n && ridge >= 1e-8 * Math.max(...columns(H, width));
    const size = this.narrow ? width : n;
    if (this.narrow) for (let i = 0; i < n; i++) for (let h = 0; h < width; h++) Ht[h * n + i] = H[i * width + h];
    const gram = () => (this.narrow ? kernels.gram(Ht, K, width, n, ridge) : kernels.gram(H, K, n, width, ridge));
    gram();
    let largest = 0;
    for (let i = 0; i < size; i++) largest = Math.max(largest, K[i * size + i]);
    if (kernels.cholesky(K, size) > Math.max(n, width) * 2 ** -52 * largest) return;
    finite(`the activation '${this.activation}' at X W1`, H, NO_VALUE);
    gram();
    finite("a matrix to factorise", K.subarray(0, size * size));
    throw new Singular(
      `H H^T + ridge I is numerically singular (n=${n} samples, width d_h=${width}, ridge=${general(ridge)}): ` +
        "rows of H are linearly dependent; drop repeated rows of X, or use more width, another activation or a larger ridge",
    );
  }

  // M (p, n) becomes K^-1 (M + H N), all transposed; N (p, width) may be missing. H^T K^-1 M goes into W2, if it is given.
  solve(M, N, W2) {
    const { p, width, n, H, K, P, ridge, kernels } = this;
    if (!this.narrow) {
      if (N) kernels.rows(N, H, M, p, width, n, true);
      kernels.solve(K, M, n, p);
      if (W2) kernels.product(M, H, W2, p, n, width);
      return;
    }
    const C = W2 ?? (this.C ??= kernels.alloc(p * width));
    kernels.product(M, H, C, p, n, width);
    kernels.solve(K, C, width, p);
    kernels.rows(C, H, P, p, width, n);
    for (let i = 0; i < M.length; i++) M[i] = (M[i] - P[i]) / ridge;
    if (!N) return;
    kernels.solve(K, N, width, p);
    kernels.rows(N, H, M, p, width, n, true);
  }

  // G = A Y Y^T A H
  hidden() {
    const { p, width, n, G, B, W2, kernels } = this;
    kernels.transposed(B, W2, G, n, p, width);
  }

  // W' into V.
  velocity(W, V) {
    const { width, pairs, G, S, kernels } = this;
    this.prepare(W);
    this.evaluations++;
    this.hidden();
    for (let i = 0; i < V.length; i++) V[i] = -W[i];
    kernels.scatter(pairs, G, V, width, S);
  }

  // The velocity at W; product() then multiplies with its derivative there, which shares the factor.
  linearize(W, V) {
    const { p, width, n, kernels, sigma } = this;
    if (!this.Z1) {
      [this.Z1, this.H1] = [n * width, n * width].map(kernels.alloc);
      [this.B1, this.P1] = [p * n, p * width].map(kernels.alloc);
      if (!sigma.kink) {
        this.bend = kernels.alloc(n * width); // A Y Y^T A H o sigma''
        this.at.fill(NaN);
      }
    }
    this.velocity(W, V);
  }

  // V -> Dv(W)[V] into out, for the W of the last linearize(), velocity() or prepare().
  product(V, out) {
    const { p, width, n, pairs, H, S, G, B, W2, Z1, H1, B1, P1, bend, kernels } = this;
    kernels.gather(pairs, V, Z1, width);
    for (let i = 0; i < H1.length; i++) H1[i] = Z1[i] * S[i];
    kernels.rows(W2, H1, B1, p, width, n);
    kernels.product(B, H1, P1, p, n, width); // (dH^T B)^T
    this.solve(B1, P1);
    for (let i = 0; i < B1.length; i++) B1[i] = -B1[i];
    kernels.transposed(B1, W2, G, n, p, width);
    if (this.narrow) kernels.product(B, H1, P1, p, n, width); // solve() has used it up
    kernels.product(B1, H, P1, p, n, width, true); // of the readout
    kernels.transposed(B, P1, G, n, p, width, true);
    for (let i = 0; i < out.length; i++) out[i] = -V[i];
    kernels.scatter(pairs, G, out, width, S);
    if (bend) kernels.scatter(pairs, Z1, out, width, bend);
    this.products++;
  }

  // ||W||^2 + Tr Y^T A Y: the velocity is minus half its gradient.
  cost(W) {
    const { p, pairs, n, B } = this;
    this.prepare(W);
    let sum = squaredNorm(W);
    for (let i = 0; i < n; i++) sum += B[label(pairs, i, p) * n + i];
    return sum;
  }
}

// Squared norms of the columns of H.
function columns(H, width) {
  const sums = new Float64Array(width);
  for (let o = 0; o < H.length; ) for (let h = 0; h < width; h++, o++) sums[h] += H[o] * H[o];
  return sums;
}
