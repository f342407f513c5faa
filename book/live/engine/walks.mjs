// Moves of the network to and along its zero-loss manifold, as in grokutil.walks. W1 and W2 (transposed) change in place.
// Each yields after a factor of J J^T, so that it can be stopped.
import { FirstLayerDynamics, GradientDescent, MEMORISING, Network, euler, evenRound, gather, label, network, ridgeFromWeightDecay, squaredNorm } from "./engine.mjs";
import { TangentSpace } from "./manifold.mjs";

const TOLERANCE = 1e-10, ROUNDS = 50;
const STOPS = 40; // records, beside the start

// To a zero-loss point near: theta <- theta - J^T (J J^T)^-1 r. `fixed`: a factor from nearby serves for all steps.
export function* retract(space, W1, W2, fixed = false) {
  const { n, U, Z } = space, unit = Math.sqrt(n); // the norm of the targets
  let size;
  for (let round = 0; round < ROUNDS; round++) {
    residual(space, W1, W2);
    size = norm(U);
    if (size <= Math.max(TOLERANCE * unit, 10 * 2 ** -52 * norm(Z) * norm(W2))) return;
    if (!fixed) {
      space.at(W1, W2);
      yield;
    }
    space.correct(W1, W2);
    if (!Number.isFinite(W1[0])) break;
  }
  throw new RangeError(
    `no zero-loss point found in ${ROUNDS} Gauss-Newton steps: the relative residual is ${(size / unit).toExponential(0)}; start closer, for example by training without weight decay first`,
  );
}

// Y^ - Y at [W1, W2] into U of the space, H into Z; the factor stays where it is.
function residual({ p, width, pairs, n, Z, U, sigma, kernels }, W1, W2) {
  gather(pairs, W1, Z, width);
  sigma.apply(Z, new Float64Array(Z.length));
  kernels.rows(W2, Z, U, p, width, n);
  for (let i = 0; i < n; i++) U[label(pairs, i, p) * n + i] -= 1;
}

// The flow theta' = -2 P theta: midpoint steps, each followed by retract().
export class ProjectedFlow {
  constructor(space, W1, W2) {
    const alloc = () => space.kernels.alloc(W1.length);
    Object.assign(this, { space, W: [W1, W2], M: [alloc(), alloc()], V: [alloc(), alloc()] });
  }

  static numbers = (p, width) => 4 * p * width;

  // A stretch of s, in steps of at most `step`; yields the share that is done.
  *walk(stretch, step) {
    const { space, W, M } = this, count = Math.max(1, Math.ceil((stretch / step) * (1 - 1e-9))), h = stretch / count;
    for (let k = 0; k < count; k++) {
      this.moved(W, W, -h, M); // half a step
      yield k / count;
      this.moved(M, W, -2 * h, W);
      yield k / count;
      for (const _ of retract(space, ...W, !space.sigma.kink)) yield k / count;
    }
  }

  // out = from + length P at.
  moved(at, from, length, out) {
    const { space, V } = this;
    space.at(...at);
    at.forEach((A, l) => V[l].set(A));
    space.project(...V);
    out.forEach((O, l) => { for (let i = 0; i < O.length; i++) O[i] = from[l][i] + length * V[l][i]; });
  }
}

const norm = (A) => Math.sqrt(squaredNorm(A));

export const parts = [GradientDescent, TangentSpace, ProjectedFlow, FirstLayerDynamics, FirstLayerDynamics];

// Four laws from one memorising point, side by side on the clock s: a record has, for each, its accuracy on the test
// pairs, its squared norms and its distance from training in function space. weights() has two layers of each.
export function run(spec, task, kernels) {
  const { p, width, weightDecay, until, step } = spec, { W1, W2, descent, ...told } = network({ ...spec, weightDecay: 0 }, kernels);
  const pairs = task.train, n = pairs.length / 2, { sigma } = descent.network, space = new TangentSpace({ ...spec, pairs }, kernels);
  let walks = []; // when it has memorised
  const alloc = () => kernels.alloc(p * width), measured = new Network({ ...spec, n: (p * (p + 1)) / 2 }, kernels);
  const PATHS = {
    training: () => ({
      weights: () => [W1, W2],
      *walk(from, end) {
        const begin = descent.count, last = MEMORISING + evenRound((2 * end) / weightDecay);
        while (descent.count < last) {
          descent.step();
          yield (descent.count - begin) / (last - begin);
        }
      },
    }),
    projected() {
      const W = [alloc(), alloc()], flow = new ProjectedFlow(space, ...W);
      W.forEach((V, l) => V.set([W1, W2][l]));
      return { weights: () => W, walk: (from, end) => flow.walk(end - from, spec.projectedStep) };
    },
    ridge: () => isolatedPath(ridgeFromWeightDecay(weightDecay, n, p, spec.loss)),
    "no ridge": () => isolatedPath(0),
  };
  function isolatedPath(ridge) {
    const W = alloc(), dynamics = new FirstLayerDynamics({ ...spec, pairs, ridge }, kernels);
    W.set(W1);
    return {
      weights() {
        dynamics.prepare(W);
        return [W, dynamics.W2];
      },
      *walk(from, end) {
        for (const { now } of euler(dynamics, W, 2 * end, step, 2 * from)) yield (now - 2 * from) / (2 * end - 2 * from);
      },
    };
  }
  function* steps() {
    while (descent.count < MEMORISING) {
      descent.step();
      yield { now: 0 };
    }
    const right = measured.measure(W1, W2, pairs).accuracy;
    if (right < 1)
      throw new RangeError(
        `With ${spec.activation} and seed ${spec.seed} the network has not memorised after ${MEMORISING} steps (training accuracy ${right.toFixed(2)}): ` +
          "there is no point of zero loss to start from. Choose another activation.",
      );
    for (const _ of retract(space, W1, W2)) yield { now: 0 };
    descent.weightDecay = weightDecay;
    const names = ["training", ...spec.beside], count = spec.records ?? STOPS;
    walks = names.map((name) => PATHS[name]());
    const see = (walk) => {
      const weights = walk.weights(), { accuracy } = measured.measure(...weights, task.test);
      return { accuracy, norms: weights.map(squaredNorm), outputs: measured.predict(...weights, task.test).slice() };
    };
    for (let k = 0, s = 0; k <= count; k++) {
      const end = k * (until / count);
      if (k) for (const [i, walk] of walks.entries()) for (const share of walk.walk(s, end)) yield { now: s + ((i + share) / walks.length) * (end - s) };
      s = end;
      const [first, ...others] = walks.map(see), gap = ({ outputs }) => Math.sqrt(squaredNorm(outputs.map((y, i) => y - first.outputs[i])) / (task.test.length / 2));
      const record = { now: s, test: { accuracy: first.accuracy } };
      [first, ...others].forEach(({ outputs, ...seen }, i) => { record[names[i]] = { ...seen, distance: gap({ outputs }) }; });
      yield { now: s, record };
    }
  }
  return { ...told, steps: steps(), set() {}, weights: () => walks.flatMap((walk) => walk.weights()) };
}
