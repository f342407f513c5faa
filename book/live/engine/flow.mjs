// Euler's method for W' = v(W) from a beginning to an end, as in grokutil.flow. Each yield is after a step: { now }, the time
// reached; W has changed in place.
import { RUN, finite, general, positive } from "./checks.mjs";
import { Singular } from "./plan.mjs";

// Steps of one length, shortened a little so that the last one ends on `end`.
export function* euler(dynamics, W, end, step, begin = 0) {
  const V = dynamics.kernels.alloc(W.length);
  for (let now = begin; now < end; ) {
    const left = Math.max(1, Math.ceil(((end - now) / positive("step", step)) * (1 - 1e-9))), eta = (end - now) / left;
    try {
      dynamics.velocity(W, V);
    } catch (error) {
      if (now > begin && error instanceof Singular) error.message += `; or ${RUN}`; // what is singular here was not at the start
      throw error;
    }
    for (let i = 0; i < W.length; i++) W[i] += eta * V[i];
    now = left === 1 ? end : now + eta;
    finite(`the state at tau = ${general(now)}`, W);
    yield { now };
  }
}
