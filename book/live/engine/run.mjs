// Runs, as a worker takes them. Nothing here knows of a page.
import { chebyshev } from "./chebyshev.mjs";
import { modularAddition } from "./data.mjs";
import { euler } from "./flow.mjs";
import { circle } from "./fourier.mjs";
import { FirstLayerDynamics } from "./isolated.mjs";
import { Network, defaultWeights, gaussianEmbedding, squaredNorm } from "./model.mjs";
import { plan } from "./plan.mjs";
import { Generator } from "./random.mjs";
import { GradientDescent } from "./train.mjs";
import { wasmKernels } from "./wasm.mjs";

// What few runs need is fetched when one does: the same kernels without WebAssembly, and the tangent space.
export const plainKernels = async () => (await import("./kernels.mjs")).plainKernels();

const RECORDS = 120; // points on a curve
const STRIDE = 10; // steps of training that are compared with -P theta

const KINDS = { // the run, and what it takes memory for
  isolated: () => ({ run: isolated, parts: [FirstLayerDynamics] }),
  training: () => ({ run: training, parts: [GradientDescent] }),
  kinks: () => import("./sliding.mjs"),
  paths: () => import("./walks.mjs"),
};

// spec: { kind: "isolated" | "training" | "kinks" | "paths", p, fraction or trainSize, width, activation, seed, plain, start,
// records, embedding: W1 in each record, even: records of training at equal distances }, and
//   isolated: ridge, reading, method ("euler" | "rkc"), step or rtol, until; start: W1
//   training: learningRate, weightDecay, loss, optimiser, momentum, batchSize, steps; start: [W1, W2]; tangent: how many
//     records for each that has the cosine too;
//     changes: [[step, weightDecay], ...], new values after these steps
//   kinks: as training, without steps; look: the step around which it is looked at
//   paths: as training, without steps; until: the end on the clock s; beside: names of PATHS; step: of Euler's method, on
//     2 s; projectedStep: on s
// Readouts are transposed, (p, width). Returns { task, kernels, weights(), counts(), set(values), steps }: steps yields
// { now, stage, stages, record } after each step and each stage of one, with a record where one is due.
export async function begin(spec) {
  const { n } = plan(spec), { p, width } = spec, task = modularAddition(spec);
  const { LARGEST, ...manifold } = spec.tangent ? await import("./manifold.mjs") : {}, tangent = n * p <= LARGEST && manifold, { run, parts } = await KINDS[spec.kind]();
  const numbers = [...parts, ...(tangent ? [tangent.TangentSpace] : [])].reduce((sum, part) => sum + part.numbers(p, width, n), 2 ** 12 + 20 * p * width + Network.numbers(p, width, (p * (p + 1)) / 2));
  const kernels = spec.plain ? await plainKernels() : await wasmKernels(numbers).catch(plainKernels);
  return { task, kernels, ...run({ ...spec, pairs: task.train, tangent, every: Number(spec.tangent) }, task, kernels) };
}

function isolated(spec, task, kernels) {
  const { p, width, until, method, step, rtol } = spec, dynamics = new FirstLayerDynamics(spec, kernels);
  const W = kernels.alloc(p * width), see = observer(spec, task, kernels);
  if (spec.start) W.set(spec.start);
  else gaussianEmbedding(p, width, spec.seed, spec.reading, W);
  const record = (now) => {
    dynamics.prepare(W); // free where the next step begins
    return { now, ...see(W, dynamics.W2) };
  };
  function* steps() {
    yield { now: 0, record: record(0) };
    const stabilised = method === "rkc", every = until / (spec.records ?? RECORDS);
    const direction = () => new Generator(0).normal(new Float64Array(W.length));
    let due = every;
    for (const moment of stabilised ? chebyshev(dynamics, W, until, rtol, direction()) : euler(dynamics, W, until, step)) {
      const { now, stages } = moment;
      if (stages || (now < due * (1 - 1e-9) && now < until && !stabilised)) yield moment;
      else {
        while (due <= now) due += every;
        yield { now, record: record(now) };
      }
    }
  }
  return { steps: steps(), dynamics, weights: () => [W, dynamics.W2], counts: () => ({ evaluations: dynamics.evaluations, products: dynamics.products }), set() {} };
}

// Both layers and their descent, at the start.
export function network(spec, kernels) {
  const { p, width } = spec, [W1, W2] = [p * width, p * width].map(kernels.alloc);
  if (spec.start) [W1, W2].forEach((W, l) => W.set(spec.start[l]));
  else defaultWeights(p, width, spec.seed, W1, W2);
  const descent = new GradientDescent(spec, W1, W2, kernels);
  return { W1, W2, descent, weights: () => [W1, W2], counts: () => ({ evaluations: descent.count, products: 0 }) };
}

function training(spec, task, kernels) {
  const { p, width, steps: last } = spec, { W1, W2, descent, ...told } = network(spec, kernels), see = observer(spec, task, kernels);
  const [B1, B2, T1, T2] = Array.from({ length: 4 }, () => kernels.alloc(p * width));
  const space = spec.tangent && new spec.tangent.TangentSpace(spec, kernels);
  const along = () => {
    space.at(W1, W2);
    T1.set(W1);
    T2.set(W2);
    space.project(T1, T2);
    for (const [B, W, T] of [[B1, W1, T1], [B2, W2, T2]])
      for (let i = 0; i < W.length; i++) [B[i], T[i]] = [W[i] - B[i], -T[i]];
    return spec.tangent.cosine([B1, B2], [T1, T2]);
  };
  function* steps() {
    yield { now: 0, record: { now: 0, ...see(W1, W2) } };
    const count = spec.records ?? RECORDS, marks = spec.marks ?? (spec.even ? evenly : ratios)(last, count);
    const changes = [...(spec.changes ?? [])];
    let at = 0, since = 0;
    const compared = () => space && (marks.length - 1 - at) % spec.every === 0;
    for (let now = 1; now <= last; now++) {
      if (compared() && (now - 1 === since || now - 1 === marks[at] - STRIDE)) {
        B1.set(W1);
        B2.set(W2);
      }
      while (changes[0]?.[0] < now) descent.weightDecay = changes.shift()[1];
      descent.step();
      if (now < marks[at]) yield { now };
      else {
        yield { now, record: { now, ...see(W1, W2), weightDecay: descent.weightDecay, ...(compared() && { cosine: along() }) } };
        [at, since] = [at + 1, now];
      }
    }
  }
  const set = ({ weightDecay }) => (descent.weightDecay = weightDecay);
  return { steps: steps(), set, ...told };
}

// Steps to the last one at equal distances; at equal ratios, from 1.
const evenly = (last, count) => [...new Set(Array.from({ length: count }, (_, i) => Math.max(1, Math.round((last * (i + 1)) / count))))];
const ratios = (last, count) => [...new Set(Array.from({ length: count }, (_, i) => Math.round(last ** ((i + 1) / count))))];

// What a record tells of a state: losses (means, as nn.MSELoss, or the cross-entropy that is trained on), accuracies, squared norms, what the network answers to
// each pair, and the circle of the strongest frequency with the strength of all, where p is odd.
export function observer({ p, width, activation, embedding, loss, smoothing = 0 }, task, kernels) {
  const network = new Network({ p, width, n: Math.max(task.train.length, task.test.length) / 2, activation }, kernels);
  return (W1, W2) => {
    const [train, test] = [task.train, task.test].map((pairs) => network.measure(W1, W2, pairs, loss === "cross-entropy" ? smoothing : undefined));
    return { train, test, norms: [squaredNorm(W1), squaredNorm(W2)], circle: p % 2 && p > 2 ? circle(W1, p, width) : null, ...(embedding && { E: W1.slice() }) };
  };
}
