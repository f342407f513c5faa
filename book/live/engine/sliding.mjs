// Kinks on which the weights slide, found without hindsight, as in grokutil.kinks; and a run that looks at them.
import { GradientDescent, NEXT, Network, PAST, gather, label, network, observer, ridgeFromWeightDecay, scatter } from "./engine.mjs";
import { plainKernels } from "./kernels.mjs";

export const parts = [GradientDescent];

const AT_REST = 1e-6; // of the largest jump of a force across a kink
const ROUNDING = 1e-18, DEPENDENT = 1e-15;
const dot = (x, y) => x.reduce((sum, a, i) => sum + a * y[i], 0);
const plus = (x, y, t = 1) => x.map((a, i) => a + t * y[i]);

// Pairs (n, width) whose pre-activation slides on zero, by Clarke's least-norm rule: of the subgradients
//   g_h = sum_i gamma_ih v_ih x_i + ridge w_h,  v = R W2^T,
// with free gates gamma_ih where |z_ih| <= epsilon and v_ih > 0, the least leaves x_i . g_h = 0. Z (n, width) and R (n, p)
// are means over the last steps; W1 and W2 (transposed) are those of the last one.
export function slidingKinks({ p, width, pairs, sigma, ridge, epsilon }, Z, R, W1, W2) {
  const n = pairs.length / 2, [V, S, F] = Array.from({ length: 3 }, () => new Float64Array(n * width)), near = new Uint8Array(n * width);
  for (let i = 0; i < n; i++) for (let c = 0; c < p; c++) for (let h = 0; h < width; h++) V[i * width + h] += R[i * p + c] * W2[c * width + h];
  sigma.apply(Z.slice(), S);
  V.forEach((v, o) => {
    near[o] = Math.abs(Z[o]) <= epsilon && v > 0;
    F[o] = v * (near[o] ? sigma.low : S[o]);
  });
  const G = W1.map((w) => ridge * w), places = (i) => [pairs[2 * i], pairs[2 * i + 1]];
  scatter(pairs, F, G, width);
  let jump = 0;
  V.forEach((v, o) => {
    const [a, b] = places(Math.floor(o / width));
    jump = Math.max(jump, Math.abs(v) * (a === b ? 4 : 2));
  });
  for (let h = 0; h < width; h++) {
    const those = [...Array(n).keys()].filter((i) => near[i * width + h]);
    if (!those.length) continue;
    const gates = those.map((i) => {
      const x = Array(p).fill(0);
      for (const a of places(i)) x[a] += (1 - sigma.low) * V[i * width + h];
      return x;
    });
    const g = leastNorm(Array.from({ length: p }, (_, a) => G[a * width + h]), gates);
    for (const i of those) near[i * width + h] = Math.abs(places(i).reduce((sum, a) => sum + g[a], 0)) <= AT_REST * jump;
  }
  return near;
}

// The shortest of the vectors start + sum_i t_i ways_i, 0 <= t_i <= 1: Wolfe's algorithm (1976). It keeps corners of
// which the shortest vector is a mean, and takes in the corner that lies farthest back along it.
export function leastNorm(start, ways) {
  const corner = (y) => ways.reduce((q, way) => (dot(way, y) < 0 ? plus(q, way) : q), start);
  let corners = [corner(start)], shares = [1], [y] = corners, size = dot(y, y);
  for (;;) {
    const q = corner(y), length = dot(y, y);
    size = Math.max(size, dot(q, q));
    if (length - dot(y, q) <= ROUNDING * size) return y;
    corners.push(q);
    shares.push(0);
    for (let inside = false; !inside; ) {
      const wanted = affine(corners, size);
      if (!wanted) return y;
      inside = wanted.every((w) => w > 0);
      const t = inside ? 1 : Math.min(...wanted.map((w, j) => (w > 0 ? 1 : shares[j] / (shares[j] - w))));
      shares = shares.map((share, j) => share + t * (wanted[j] - share));
      const stays = shares.map((share) => inside || share > 1e-15);
      [corners, shares] = [corners, shares].map((list) => list.filter((_, j) => stays[j]));
    }
    const next = corners.reduce((sum, corner, j) => plus(sum, corner, shares[j]), start.map(() => 0));
    if (!(dot(next, next) < length)) return y; // rounding
    y = next;
  }
}

// The shares, of sum 1, of the shortest vector in the plane through the corners: (Q Q^T + size) u = 1, divided by its sum.
// null: they depend on each other, to rounding.
function affine(corners, size) {
  const A = corners.map((q) => [...corners.map((r) => dot(q, r) / size + 1), 1]), k = A.length;
  for (let j = 0; j < k; j++) {
    const best = A.slice(j).reduce((found, row, i) => (Math.abs(row[j]) > Math.abs(A[found][j]) ? i + j : found), j);
    [A[j], A[best]] = [A[best], A[j]];
    if (!(Math.abs(A[j][j]) > DEPENDENT)) return null;
    for (let i = 0; i < k; i++) if (i !== j) A[i] = plus(A[i], A[j], -A[i][j] / A[j][j]);
  }
  const u = A.map((row, j) => row[k] / row[j]), sum = u.reduce((a, b) => a + b);
  return u.map((x) => x / sum);
}

// Training to a step, then what the pre-activations do around it: { at (T), Z (T arrays (n, width)), slides (n, width) }.
export function run(spec, task, kernels) {
  const { p, width, look, activation } = spec, { W1, W2, descent, ...told } = network(spec, kernels), see = observer(spec, task, kernels);
  const pairs = task.train, n = pairs.length / 2, forward = new Network({ p, width, n, activation }, plainKernels());
  const ridge = ridgeFromWeightDecay(spec.weightDecay, n, p, spec.loss), meanZ = new Float64Array(n * width), meanR = new Float64Array(n * p);
  function* steps() {
    const seen = { at: [], Z: [] };
    for (let now = 1; now <= look + NEXT; now++) {
      descent.step();
      if (now > look - PAST) {
        const Z = new Float64Array(n * width);
        gather(pairs, W1, Z, width);
        seen.at.push(now);
        seen.Z.push(Z);
        if (now <= look) {
          const R = forward.predict(W1, W2, pairs);
          for (let i = 0; i < n; i++) R[i * p + label(pairs, i, p)] -= 1;
          Z.forEach((z, o) => { meanZ[o] += z / PAST; });
          R.forEach((r, o) => { meanR[o] += r / PAST; });
        }
        if (now === look) seen.slides = slidingKinks({ p, width, pairs, sigma: forward.sigma, ridge, epsilon: spec.epsilon }, meanZ, meanR, W1, W2);
      }
      yield { now };
    }
    yield { now: look + NEXT, record: { now: look + NEXT, ...see(W1, W2), ...seen } };
  }
  return { steps: steps(), set() {}, ...told };
}
