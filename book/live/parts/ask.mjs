// Try it yourself: type two numbers, see what the network says now, and which of its units speak loudest for it.
import { ACTIVATIONS } from "../engine/engine.mjs";
import { button, form, html, round, speaker } from "./shared.mjs";

const UNITS = 5;

// What the network W1 (p, width), W2 (transposed, (p, width)) says to a + b: all outputs, the answer, and what each unit
// h adds to the output of the answer, sigma(W1[a, h] + W1[b, h]) W2[answer, h], the largest first.
export function answer({ p, width, activation, weights: [W1, W2] }, a, b) {
  const H = Float64Array.from({ length: width }, (_, h) => W1[a * width + h] + W1[b * width + h]);
  ACTIVATIONS[activation].apply(H, new Float64Array(width));
  const outputs = Array.from({ length: p }, (_, c) => H.reduce((sum, x, h) => sum + x * W2[c * width + h], 0));
  const said = outputs.indexOf(Math.max(...outputs));
  const units = [...H.keys()].map((h) => ({ h, share: H[h] * W2[said * width + h], hidden: H[h] }));
  return { outputs, said, units: units.sort((x, y) => Math.abs(y.share) - Math.abs(x.share)) };
}

export function asker() {
  let network = null;
  const said = speaker(), why = html("div", { className: "unit" });
  const look = () => {
    why.replaceChildren();
    if (!network) return said.say("Run it first.");
    const { p } = network, { a, b } = controls.values();
    if (![a, b].every((x) => Number.isInteger(x) && x >= 0 && x < p)) return said.say(`a and b are whole numbers from 0 to ${p - 1}.`);
    const { outputs, said: found, units } = answer(network, a, b), sum = (a + b) % p;
    const second = Math.max(...outputs.filter((_, c) => c !== found)), whole = outputs[found];
    const confidence = network.loss === "cross-entropy" ? `${round(1 / outputs.reduce((all, y) => all + Math.exp(y - whole), 0), 2)}, its probability` : `${round(whole - second, 2)}, which is 1 for an exact answer`;
    said.say(`${a} + ${b} modulo ${p}: the network now says ${found}, which is ${found === sum ? "right" : `wrong: it is ${sum}`}. Its output there is ${round(whole, 2)}, the next largest ${round(second, 2)}. Confidence ${confidence}.`);
    const most = Math.abs(units[0].share) || 1;
    for (const { h, share } of units.slice(0, UNITS)) {
      const bar = html("span", { className: "bar", style: `width: ${(100 * Math.abs(share)) / most}%; background: var(${share > 0 ? "--measurement" : "--test"})` });
      why.append(html("span", { textContent: `unit ${h}` }), html("span", {}, bar), html("span", { textContent: `${share > 0 ? "+" : "−"}${round(Math.abs(share), 2)}` }));
    }
  };
  const controls = form([["a", "a", { type: "number", min: 0, step: 1, value: 5 }], ["b", "b", { type: "number", min: 0, step: 1, value: 9 }]], {}, look);
  const random = button("Random", () => {
    for (const name of ["a", "b"]) controls.set({ [name]: Math.floor(Math.random() * (network?.p ?? 2)) });
    look();
  });
  controls.node.append(random);
  return {
    nodes: [controls.node, ...said.nodes, html("p", { textContent: "What its strongest units add to this output:" }), why],
    know(known) {
      network = known;
      look();
    },
  };
}
