// The tangent space of the zero-loss manifold at small sizes, as in grokutil.manifold: P v = v - J^T (J J^T)^-1 J v.
// Outputs are kept by class, (p, n); a vector is the pair of layers [V1, V2], both (p, width).
import { Singular, activationOf, gather, scatter } from "./engine.mjs";

export const LARGEST = 1500; // rows of J: a factor takes a third of a second

export class TangentSpace {
  constructor({ p, width, pairs, activation }, kernels) {
    const n = pairs.length / 2, M = n * p;
    Object.assign(this, { p, width, pairs, n, M, sigma: activationOf(activation), kernels });
    [this.H, this.S, this.Z, this.U, this.D, this.L] = [n * width, n * width, n * width, M, M * width, M * M].map(kernels.alloc);
    this.K = kernels.alloc(n * n);
  }

  static numbers = (p, width, n) => 3 * n * width + n * p + n * p * width + (n * p) ** 2 + n * n;

  // Factorises J J^T, row c n + i: X X^T o (D_c D_e^T), and H H^T for c = e, with D_c = S o W2_c.
  at(W1, W2) {
    const { p, width, pairs, n, M, H, S, D, K, L, kernels } = this;
    this.W2 = W2;
    gather(pairs, W1, H, width);
    this.sigma.apply(H, S);
    for (let c = 0, o = 0; c < p; c++) for (let i = 0; i < n; i++) for (let h = 0; h < width; h++) D[o++] = S[i * width + h] * W2[c * width + h];
    kernels.gram(D, L, M, width, 0);
    kernels.gram(H, K, n, width, 0);
    let largest = 0;
    for (let r = 0; r < M; r++) {
      const i = r % n;
      for (let q = 0; q <= r; q++) {
        const j = q % n;
        L[r * M + q] *= shared(pairs, i, j);
        if (r - i === q - j) L[r * M + q] += K[i * n + j];
      }
      largest = Math.max(largest, L[r * M + r]);
    }
    if (!(kernels.cholesky(L, M) > M * 2 ** -52 * largest))
      throw new Singular(
        `J J^T (${M} x ${M}) is numerically singular: theta is a singular point (Def. 4.9), where ` +
          "the tangent space is not defined; use more parameters, drop repeated samples, or move away from it",
      );
  }

  // P [V1, V2], in place.
  project(V1, V2) {
    const { p, width, pairs, n, H, S, Z, U, W2, kernels } = this;
    gather(pairs, V1, Z, width);
    for (let i = 0; i < Z.length; i++) Z[i] *= S[i];
    kernels.rows(W2, Z, U, p, width, n);
    kernels.rows(V2, H, U, p, width, n, true);
    this.correct(V1, V2);
  }

  // [V1, V2] less J^T (J J^T)^-1 U, in place, for changes U (p, n) of the outputs.
  correct(V1, V2) {
    const { p, width, pairs, n, M, H, S, Z, U, W2, L, kernels } = this;
    kernels.solve(L, U, M, 1);
    for (let i = 0; i < M; i++) U[i] = -U[i];
    kernels.transposed(U, W2, Z, n, p, width);
    for (let i = 0; i < Z.length; i++) Z[i] *= S[i];
    scatter(pairs, Z, V1, width);
    kernels.product(U, H, V2, p, n, width, true);
  }
}

// How many numbers two pairs share, counted with both places: x_i . x_j.
const shared = (pairs, i, j) => {
  const a = pairs[2 * i], b = pairs[2 * i + 1], c = pairs[2 * j], d = pairs[2 * j + 1];
  return (a === c) + (a === d) + (b === c) + (b === d);
};

// Cosine of the angle between two vectors, each a list of layers.
export function cosine(one, other) {
  let xy = 0, xx = 0, yy = 0;
  one.forEach((V, l) => {
    for (let i = 0; i < V.length; i++) {
      xy += V[i] * other[l][i];
      xx += V[i] ** 2;
      yy += other[l][i] ** 2;
    }
  });
  return xy / Math.sqrt(xx * yy);
}
