// Modular addition as in grokutil.data: all unordered pairs, a random split.
import { integer, number } from "./checks.mjs";
import { Generator } from "./random.mjs";

// Python's round: halves go to the even number.
export const evenRound = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

// How many pairs there are, how many to train on (n) and to test; trainSize counts where there is one.
export function sizes(p, fraction, trainSize) {
  const pairs = (integer("p", p, 2) * (p + 1)) / 2;
  if (trainSize === undefined && !(number("train_fraction", fraction) > 0 && fraction < 1))
    throw new RangeError(`train_fraction must lie strictly between 0 and 1, got ${fraction}`);
  const n = trainSize === undefined ? evenRound(fraction * pairs) : integer("train_size", trainSize, 1);
  if (!(n > 0 && n < pairs))
    throw new RangeError(
      `${trainSize === undefined ? `train_fraction=${fraction}` : `train_size=${n}`} leaves an empty split: ${n} of ${pairs} pairs for training, ${pairs - n} for test; ` +
        `choose between 1 and ${pairs - 1} training pairs`,
    );
  return { pairs, n, test: pairs - n };
}

// { p, train, test }: each half is [a, b, a, b, ...].
export function modularAddition({ p, fraction, trainSize, seed }) {
  const all = [], { n } = sizes(p, fraction, trainSize);
  for (let a = 0; a < p; a++) for (let b = a; b < p; b++) all.push([a, b]);
  const order = new Generator(seed).permutation(all.length);
  const take = (chosen) => Int32Array.from([...chosen].flatMap((i) => all[i]));
  return { p, train: take(order.subarray(0, n)), test: take(order.subarray(n)) };
}

// The sum that pair i asks for.
export const label = (pairs, i, p) => (pairs[2 * i] + pairs[2 * i + 1]) % p;

// Row i of the inputs X is e_a + e_b, so products with X add rows, and products with its transpose scatter them.

// Z (n, width) = X V for V (p, width).
export function gather(pairs, V, Z, width) {
  for (let i = 0, o = 0; i < pairs.length; i += 2) {
    let a = pairs[i] * width, b = pairs[i + 1] * width;
    for (const end = o + width; o < end; ) Z[o++] = V[a++] + V[b++];
  }
}

// V (p, width) += X^T G for G (n, width), or X^T (G o S) where there is S.
export function scatter(pairs, G, V, width, S) {
  for (let i = 0, o = 0; i < pairs.length; i += 2) {
    let a = pairs[i] * width, b = pairs[i + 1] * width;
    for (const end = o + width; o < end; ) {
      const x = S ? G[o] * S[o] : G[o];
      V[a++] += x;
      V[b++] += x;
      o++;
    }
  }
}
