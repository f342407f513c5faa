// Runge-Kutta-Chebyshev with error control (Sommeijer, Shampine and Verwer 1998): grokutil.chebyshev.Chebyshev, line by
// line. `direction` is where the power iteration for the spectral radius begins. Yields { now } after a step, when W has
// changed in place and the dynamics stand at W; between the evaluations of a step { now, stage, stages }.
import { general } from "./checks.mjs";

const DAMPING = 2 / 13, MOST_STAGES = 250, SAFETY = 1.25;
const norm = (W) => {
  let sum = 0;
  for (let i = 0; i < W.length; i++) sum += W[i] * W[i];
  return Math.sqrt(sum);
};

export function* chebyshev(dynamics, W, end, rtol, direction) {
  const [v, vNew, next, before, stage, image, u] = Array.from({ length: 7 }, () => dynamics.kernels.alloc(W.length));
  let now = 0;
  u.set(direction);
  function* radiusOf(times) {
    let size = 0;
    for (let t = 0; t < times; t++) {
      yield { now, stage: 0, stages: times };
      dynamics.product(u, image);
      size = norm(image);
      if (!size) break;
      for (let i = 0; i < u.length; i++) u[i] = image[i] / size;
    }
    return Math.max(SAFETY * size, 1e-12);
  }
  function* attempt(h, stages, floor) {
    const { w0, w1, b, T } = coefficients(stages);
    before.set(W);
    for (let i = 0; i < W.length; i++) next[i] = W[i] + b[1] * w1 * h * v[i];
    for (let j = 2; j <= stages; j++) {
      yield { now, stage: j - 1, stages };
      const mu = (2 * b[j] * w0) / b[j - 1], nu = -b[j] / b[j - 2], muV = (2 * b[j] * w1) / b[j - 1];
      const gamma = (b[j - 1] * T[j - 1] - 1) * muV;
      dynamics.velocity(next, stage);
      for (let i = 0; i < W.length; i++) {
        const x = (1 - mu - nu) * W[i] + mu * next[i] + nu * before[i] + muV * h * stage[i] + gamma * h * v[i];
        before[i] = next[i];
        next[i] = x;
      }
    }
    yield { now, stage: stages, stages };
    dynamics.linearize(next, vNew);
    for (let i = 0; i < W.length; i++) stage[i] = 0.8 * (W[i] - next[i]) + 0.4 * h * (v[i] + vNew[i]);
    const error = norm(stage) / Math.max(rtol * Math.max(norm(W), norm(next), floor), 1e-300);
    return Number.isFinite(error) ? error : Infinity;
  }

  const ended = (h) =>
    new RangeError(
      `the step fell to ${h.toExponential(0).replace(/-(\d)$/, "-0$1")} near ${general(now)}: the flow ends there, or rtol = ${general(rtol)} is ` +
        `too small for float64${lost ? `; the velocity said: ${lost.message}` : ""}`,
    );

  dynamics.linearize(W, v);
  const floor = 1e-3 * norm(W);
  let radius = yield* radiusOf(20), h = 1 / radius, last = null, lost = null;
  while (now < end) {
    h = Math.min(h, (MOST_STAGES ** 2 - 1) / 1.54 / radius);
    const ends = now + 1.000001 * h >= end;
    if (ends) h = end - now;
    const stages = Math.min(MOST_STAGES, Math.max(2, Math.ceil(Math.sqrt(1 + 1.54 * h * radius))));
    let error;
    try {
      error = yield* attempt(h, stages, floor);
    } catch (what) {
      [error, lost] = [Infinity, what]; // the velocity is not defined so far away
    }
    if (error > 1) {
      h *= Math.max(0.1, 0.8 * error ** (-1 / 3));
      if (h < 1e-14 * Math.max(1, Math.abs(now))) throw ended(h);
      dynamics.linearize(W, v);
      radius = yield* radiusOf(2);
      continue;
    }
    now = ends ? end : now + h;
    W.set(next);
    v.set(vNew);
    yield { now };
    if (ends) return;
    radius = yield* radiusOf(3);
    error = Math.max(error, 1e-6);
    let growth = 0.8 * error ** (-1 / 3);
    if (last) growth = Math.min(growth, ((growth * h) / last[0]) * (last[1] / error) ** (1 / 3));
    last = [h, error];
    h *= Math.min(5, growth);
  }
}

// w0, w1 and for j = 0 ... stages the b_j and T_j(w0) of the damped Chebyshev polynomials T_j.
function coefficients(stages) {
  const w0 = 1 + DAMPING / stages ** 2, x = Math.acosh(w0), s = Math.sqrt(w0 ** 2 - 1);
  const T = [], slope = [], bend = [], b = [];
  for (let j = 0; j <= stages; j++) {
    T.push(Math.cosh(j * x));
    slope.push((j * Math.sinh(j * x)) / s);
    bend.push((j ** 2 * T[j] - w0 * slope[j]) / s ** 2);
    b.push(j > 1 ? bend[j] / slope[j] ** 2 : 0);
  }
  b[0] = b[1] = b[2];
  return { w0, w1: slope[stages] / bend[stages], b, T };
}
