// The engine: in a worker it takes runs; a module that imports it has its parts.
import { listen } from "./worker.mjs";

export { ACTIVATIONS, activationOf } from "./activations.mjs";
export { chebyshev } from "./chebyshev.mjs";
export { Engine } from "./client.mjs";
export { evenRound, gather, label, modularAddition, scatter } from "./data.mjs";
export { euler } from "./flow.mjs";
export { circle } from "./fourier.mjs";
export { FirstLayerDynamics } from "./isolated.mjs";
export { Network, defaultWeights, gaussianEmbedding, squaredNorm } from "./model.mjs";
export { MEMORISING, NEXT, PAST, Singular, plan } from "./plan.mjs";
export { Generator } from "./random.mjs";
export { begin, network, observer, plainKernels } from "./run.mjs";
export { GradientDescent, ridgeFromWeightDecay } from "./train.mjs";
export { wasmKernels } from "./wasm.mjs";

if (typeof document === "undefined" && typeof self !== "undefined" && "WorkerGlobalScope" in self) listen(self);
