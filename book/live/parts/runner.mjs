// A face that runs: settings, Run and Stop, curves and pictures that grow, a look back, earlier runs kept beside it.
import { Engine, plan } from "../engine/engine.mjs";
import { ring, table } from "./pictures.mjs";
import { button, chart, coalesced, fold, form, frame, html, named, round, share, speaker } from "./shared.mjs";

export { ring };
export const PHONE = "small, for a phone"; // the preset that a narrow screen begins with
const NARROW = matchMedia("(max-width: 600px)").matches; // a phone
const LEVELS = { train: 0.99, test: 0.9 }; // of accuracy, that are marked where they are first reached
const KEPT = 4, COLOURS = ["--other", "--layer1", "--layer2", "--measurement"];
export const ACTIVATIONS = ["relu", "leaky_relu", "softplus", "gelu", "tanh", "quadratic", "identity"];
let speed = NARROW ? 6e8 : 3e9; // operations a second at first; measured at each run, for all faces of the page

export const about = (seconds) => (seconds < 120 ? `about ${Math.max(1, Math.round(seconds))} s` : `about ${Math.round(seconds / 60)} minutes`);

// What training takes beside weight decay and times, as arguments in Python; spec: that of the engine.
export const keywords = (spec) => ["learningRate", "loss", "smoothing", "optimiser", "momentum", "batchSize", "seed"].filter((name) => spec[name] || name === "seed")
  .map((name) => `${name.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`)}=${JSON.stringify(spec[name])}`).join(", ");

// First time at which values reach a level, linear between records, as grokutil.measure.crossing_time; NaN if they do not.
export function crossing(xs, values, level) {
  const i = values.findIndex((value) => value >= level);
  if (i <= 0) return i ? NaN : xs[0];
  return xs[i - 1] + ((level - values[i - 1]) / (values[i] - values[i - 1])) * (xs[i] - xs[i - 1]);
}

// Pictures of a network that adds: the table of its answers, the circle of its largest frequency, and in folds a question
// to it and its units. draw(record, values, task); know({ ...values, weights }).
function network() {
  const sums = table(), wheel = ring();
  const folds = [
    fold("Try it yourself: ask the network as it is now", () => import("./ask.mjs").then(({ asker }) => asker())),
    fold("Its units as waves, and its numbers before and now", () => import("./units.mjs").then(({ units }) => units())),
  ];
  return {
    nodes: [sums.node, wheel.node],
    below: folds.map(({ node }) => node),
    draw(at, { p }, task) {
      sums.draw({ p, pairs: task, answers: { train: at.train.answers, test: at.test.answers } });
      wheel.draw(at.circle);
    },
    know: (network) => folds.forEach((one) => one.know(network)),
  };
}

// name, title, lead; fields as for form(); presets: { text: values }, of which the first is to begin with, on a phone PHONE;
// spec(values): the run for the engine; last(values): where the clock ends; clock: its name; unit(values): how much of the
// engine's time one of it is; curves: [{ chart, y, series(records), compared, marked: whether LEVELS are marked, shown(values),
// title(values) }]; python(values, whether they are those of the run that is shown); label(values): a short name of a run,
// which may then be kept and looked back at; tell(record): a sentence, before: one while there is no record; counted: what
// the engine counts; during: fields that may change while it runs; moved(field, controls): what else moves with a field; seen: fields that only choose what is shown;
// pictures(choose): beside the curves, see network(), where choose(field, value) is a choice made in a picture; beside: more
// that runs; below(values): more folds.
export function runner(place, given, config) {
  const { name, title, lead, fields, presets, spec, last, clock, unit = () => 1, curves, python, label } = config;
  const box = frame(name, title, lead), said = speaker("said status"), shared = share(name);
  const pictures = (config.pictures ?? network)((field, value) => {
    controls.set({ [field]: value });
    changed(field);
  });
  const engine = new Engine();
  let records = [], task = null, asked = null, latest = null, kept = [], running = false, followed = true, edited = true;
  const charts = curves.map((curve) => chart({ ...curve.chart, at: (x) => back(x) }));
  const bar = html("progress", { max: 1, value: 0 });
  bar.setAttribute("aria-label", "share of the run that is done");
  const expect = () => {
    const values = controls.values();
    config.shape?.(controls, values);
    tellShared();
    try {
      const { n, test, steps, operations } = plan(spec(values));
      const time = steps ? `${steps} steps: ${about((steps * operations) / speed)} here` : "as many steps as the tolerance asks for";
      if (!running) said.say(`${n} pairs to train on, ${test} to test, ${time}. Press Run.`);
      run.disabled = false;
    } catch (error) {
      if (!running) said.say(error.message);
      run.disabled = !running;
    }
  };
  // The link and the code are those of the run that is shown, until a setting is changed after it.
  const tellShared = () => {
    const values = edited ? controls.values() : asked;
    shared.update({ ...values, ...(!edited && config.extra?.(asked)) }, python(values, !edited));
  };
  const changed = (field) => {
    config.moved?.(field, controls);
    const values = controls.values();
    if (config.seen?.includes(field)) {
      asked &&= { ...asked, [field]: values[field] };
      config.shape?.(controls, values);
      tellShared();
      return show();
    }
    if (running && config.during?.includes(field)) engine.set(config.change(values));
    else edited = true;
    expect();
  };
  const controls = form(fields, given, changed);
  const now = () => records[followed ? records.length - 1 : Math.min(Number(scrub.value), records.length - 1)];
  const show = coalesced(() => {
    if (!records.length) return;
    const at = now(), xs = records.map((record) => record.now), end = last(asked);
    scrub.max = records.length - 1;
    if (followed) scrub.value = scrub.max;
    reading.textContent = `${clock} = ${round(at.now)}`;
    scrub.setAttribute("aria-valuetext", reading.textContent);
    const marked = curves.some((curve) => curve.marked), marks = [];
    if (marked) for (const half in LEVELS) marks.push({ x: crossing(xs, records.map((record) => record[half].accuracy), LEVELS[half]), color: `var(--${half})` });
    delay.textContent = marked ? reached(...marks.map(({ x }) => x)) : "";
    curves.forEach((curve, i) => {
      const series = curve.series(records).map((s) => ({ xs, ...s }));
      const earlier = kept.flatMap((old, j) => curve.series(old.records).slice(...(curve.compared ?? [])).map((s) => ({
        xs: old.records.map((record) => record.now), ...s, name: "", className: "earlier", color: `var(${COLOURS[j % COLOURS.length]})`,
      })));
      const k = records.indexOf(at);
      const first = curve.chart.logX ? 1 : 0;
      charts[i].draw({
        series: [...earlier, ...(config.beside?.series(i) ?? []), ...series], x: [first, Math.max(end, ...kept.map((old) => old.end))], y: curve.y, cursor: Math.max(first, at.now),
        title: curve.title?.(asked), marks: curve.marked ? marks : [],
        text: `${curve.chart.title}: ${series.map((s) => `${s.name} ${round(s.values[k])}, at the start ${round(s.values[0])}`).join("; ")}; at ${clock} = ${round(at.now)}.`,
      });
      charts[i].node.toggleAttribute("hidden", curve.shown?.(asked) === false);
    });
    pictures.draw(at, asked, task);
  });
  const reached = (memorised, added) => {
    const where = (x) => (Number.isNaN(x) ? "not yet" : `at ${clock} = ${round(x)}`);
    const between = Number.isNaN(added - memorised) ? "" : ` The delay is ${round(added - memorised)}.`;
    return `First right (dashed): ${100 * LEVELS.train} % of the training pairs ${where(memorised)}, ${100 * LEVELS.test} % of the test pairs ${where(added)}.${between}`;
  };
  const back = (x) => {
    if (!records.length) return;
    const near = records.reduce((best, record, k) => (Math.abs(record.now - x) < Math.abs(records[best].now - x) ? k : best), 0);
    scrub.value = near;
    scrub.dispatchEvent(new Event("input"));
  };
  const end = (text) => {
    running = false;
    stop.disabled = true;
    keep.disabled = !records.length;
    run.disabled = false;
    said.say(text);
  };
  const hear = ({ now, ...told }) => {
    const message = now === undefined ? told : { ...told, now: now / unit(asked) };
    if (message.type === "begun") {
      ({ task } = message);
      return;
    }
    if (message.type === "refused") return said.say(message.message);
    if (message.type === "changed") {
      config.changed(message);
      return tellShared();
    }
    if (message.records) records.push(...message.records.map((record) => ({ ...record, now: record.now / unit(asked) })));
    if (message.now !== undefined) bar.value = message.now / last(asked);
    show();
    if (message.type === "error") return end(`${message.message}${records.length > 1 ? " What is shown is what was computed so far." : ""}`);
    if (message.now === undefined) return end("Stopped before it began.");
    latest = message;
    const cost = plan(spec(asked)).operations * (message.evaluations + message.products);
    const settled = message.now > last(asked) / 10; // at first the records take more time than the steps
    if (settled && message.seconds > 0.1) speed = cost / message.seconds;
    if (message.weights) pictures.know?.({ ...asked, weights: message.weights });
    const at = records.at(-1), found = `${clock} = ${round(message.now)} of ${round(last(asked))}: ${at ? config.tell(at, asked) : config.before}`;
    if (message.type === "progress") {
      const left = message.seconds * (last(asked) / message.now - 1), stage = message.stages ? `, stage ${message.stage} of ${message.stages} of a step` : "";
      return said.say(`${found}${stage}${settled && left > 1 ? `; ${about(left)} left` : ""}`);
    }
    end(`${message.type === "done" ? "Done" : "Stopped; what is shown is what was computed so far"}: ${message.evaluations} ${config.counted ?? "evaluations"} in ${round(message.seconds, 2)} s. ${found}.`);
  };
  const start = () => {
    try {
      plan(spec(controls.values()));
    } catch (error) {
      return said.say(error.message);
    }
    asked = controls.values();
    records = [];
    followed = running = true;
    edited = false;
    stop.disabled = false;
    keep.disabled = true;
    bar.value = 0;
    said.say("Starting.");
    engine.run({ ...spec(asked), weights: true }, hear);
    config.beside?.begin(asked, show);
    tellShared();
  };
  const run = button("Run", start), stop = button("Stop", () => {
    engine.stop();
    config.beside?.stop();
  });
  stop.disabled = true;
  const list = html("p", { className: "key" }), delay = html("p", { className: "delay" });
  const keep = button("Keep for comparison", () => {
    kept = [...kept, { records, end: last(asked), text: label(asked) }].slice(-KEPT);
    keep.disabled = true;
    tellKept();
  });
  keep.disabled = true;
  const tellKept = () => {
    list.replaceChildren();
    kept.forEach(({ text, records: old }, j) => list.append(named(`${text}: test accuracy ${old.at(-1).test.accuracy.toFixed(2)}`, COLOURS[j % COLOURS.length])));
    if (kept.length) list.append(button("Forget", () => {
      kept = [];
      tellKept();
      show();
    }));
    show();
  };
  const scrub = html("input", { type: "range", min: 0, max: 0, value: 0 }), reading = html("output");
  scrub.addEventListener("input", () => {
    followed = Number(scrub.value) === records.length - 1;
    show();
  });
  const choice = html("select", {}, ...Object.keys(presets).map((text) => html("option", { textContent: text })));
  const fill = () => {
    controls.set(presets[choice.value]);
    expect();
  };
  if (NARROW && PHONE in presets) choice.value = PHONE;
  choice.addEventListener("input", fill);
  box.append(
    html("div", { className: "strip" }, html("label", {}, html("span", { textContent: "start from" }), choice)),
    controls.node,
    html("div", { className: "strip" }, run, stop, bar, ...(label ? [keep, html("label", {}, html("span", { textContent: "look back" }), scrub, reading)] : [])),
    ...said.nodes, delay, list, ...(config.beside?.nodes ?? []),
    html("div", { className: "charts" }, ...charts.map(({ node }) => node), ...pictures.nodes),
    ...(pictures.below ?? []), ...(config.below?.(controls.values) ?? []), shared.node,
  );
  place.append(box);
  if (Object.keys(given).length === 0) fill();
  else expect();
  if (!run.disabled) start();
  return { result: () => latest && { ...latest, records }, values: controls.values, running: () => running, engine };
}
