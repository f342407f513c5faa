// A grid of runs: the same training for several weight decays and training shares, with the accuracies at its end.
import { Engine, plan } from "../engine/engine.mjs";
import { about, keywords } from "./runner.mjs";
import { button, code, form, html, speaker } from "./shared.mjs";

const DECAYS = [1e-5, 1e-4, 3e-4, 1e-3, 3e-3], DECOUPLED = [0.01, 0.1, 0.3, 1, 3], SHARES = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9], STEPS = 10000;
const decays = ({ optimiser }) => (optimiser === "adamw" ? DECOUPLED : DECAYS);

const python = (one, steps) => `from grokutil.data import modular_addition
from grokutil.measure import learning_curves
from grokutil.train import gradient_descent

found = {}
for decay in ${JSON.stringify(decays(one))}:
    for share in ${JSON.stringify(SHARES)}:
        task = modular_addition(${one.p}, share, seed=${one.seed})
        run = gradient_descent(task, width=${one.width}, activation="${one.activation}", weight_decay=decay, times=[0, ${steps}],
                               ${keywords(one)})
        found[decay, share] = learning_curves(run.states[-1:], task, "${one.activation}")
        print(decay, share, found[decay, share].test_accuracy)`;

// base(): the run for the engine with the settings that the face has now.
export function grid(base) {
  const engine = new Engine(), said = speaker(), same = code("The same grid in Python");
  let results = [], running = false, begun = 0;
  const all = () => {
    const { trainSize, ...one } = base(), { steps } = controls.values();
    return decays(one).flatMap((weightDecay, row) => SHARES.map((fraction, column) => ({ cell: cells[row][column], spec: { ...one, weightDecay, fraction, steps, records: 1 } })));
  };
  const head = () => decays(base()).forEach((decay, row) => { rows[row].textContent = decay; });
  const show = () => {
    const { half } = controls.values();
    for (const { cell, last, error } of results) {
      const value = last?.[half].accuracy;
      cell.textContent = error ? "×" : value.toFixed(2);
      cell.title = error ?? "";
      cell.style.background = error ? "" : `color-mix(in srgb, var(--${half}) ${40 * value}%, transparent)`;
    }
  };
  const look = () => {
    try {
      const { steps } = controls.values();
      same.update(python(base(), steps));
      all().forEach((one) => plan(one.spec));
      if (!running && !results.length) {
        head();
        said.say(`${DECAYS.length * SHARES.length} runs of ${steps} steps with the settings above, and its weight decay and training pairs replaced.`);
      }
      run.disabled = false;
    } catch (error) {
      said.say(error.message);
      run.disabled = !running;
    }
    show();
  };
  const next = (left) => {
    const done = results.length, count = done + left.length;
    if (!running || !left.length) {
      running = false;
      stop.disabled = true;
      const errors = results.filter(({ error }) => error), first = errors[0];
      return said.say(`${left.length ? "Stopped" : "Done"}: ${done} of ${count} runs.${first ? ` × : ${first.error}` : ""}`);
    }
    const seconds = (performance.now() - begun) / 1e3;
    said.say(`Run ${done + 1} of ${count}${done ? `; ${about((seconds / done) * left.length)} left` : ""}.`);
    const [{ cell, spec }, ...rest] = left;
    let last;
    engine.run(spec, ({ type, records, message }) => {
      last = records?.at(-1) ?? last;
      if (type === "done") results.push({ cell, last });
      else if (type === "error") results.push({ cell, error: message });
      else if (type !== "stopped") return;
      show();
      next(type === "stopped" ? left : rest);
    });
  };
  const run = button("Run the grid", () => {
    head();
    for (const cell of cells.flat()) Object.assign(cell, { textContent: "", title: "" }).style.background = "";
    results = [];
    running = true;
    stop.disabled = false;
    begun = performance.now();
    next(all());
  });
  const stop = button("Stop", () => {
    running = false;
    engine.stop();
  });
  stop.disabled = true;
  const controls = form([["steps", "steps of each", { type: "number", min: 1, step: 1, value: STEPS }], ["half", "accuracy on", { options: ["test", "train"], texts: ["test pairs", "training pairs"], value: "test" }]], {}, look);
  const header = (text, scope) => {
    const cell = html("th", { textContent: text });
    cell.scope = scope;
    return cell;
  };
  const rows = DECAYS.map(() => header("", "row")), cells = DECAYS.map(() => SHARES.map(() => html("td")));
  const table = html("table", { className: "paths grid" }, html("caption", { textContent: "Accuracy by weight decay (down) and share of the pairs that is trained on (across)" }),
    html("thead", {}, html("tr", {}, html("td"), ...SHARES.map((share) => header(`${share}`, "col")))), html("tbody", {}, ...rows.map((row, k) => html("tr", {}, row, ...cells[k]))));
  return { nodes: [controls.node, html("div", { className: "strip" }, run, stop), ...said.nodes, table, same.node], know: look };
}
