// The worker: runs what it is told, tells what it has every 50 ms, and listens in between. Messages in:
//   { type: "run", id, spec }, { type: "set", id, values }, { type: "stop", id }
// and out, all with the id of their run:
//   { type: "begun", task, kernels }, { type: "progress" | "done" | "stopped", now, stage, stages, records, evaluations,
//   products, seconds, weights }, { type: "error", message, now, records }, and for a set { type: "changed", now, values } or { type: "refused", message }
// A new run or a stop ends what runs: the last wish wins. weights come at the end, and with all if the spec says weights.
import { begin } from "./run.mjs";

const PAUSE = 50; // ms between two messages

export function listen(port) {
  let wish = 0, current = null; // how many runs and stops were asked for, and the run that goes on
  const breathe = () => new Promise((resolve) => setTimeout(resolve));
  const run = async (id, spec) => {
    const mine = ++wish, tell = (message) => port.postMessage({ id, ...message });
    let last, records = [];
    try {
      await breathe(); // of many changes at once only the last begins
      const run = mine === wish && (await begin(spec));
      if (mine !== wish) return tell({ type: "stopped", records });
      current = { id, run, now: () => last?.now ?? 0 };
      tell({ type: "begun", task: run.task, kernels: run.kernels.name });
      let told = performance.now(), seconds = 0;
      const report = (type) => {
        const weights = (type !== "progress" || spec.weights) && run.weights().map((W) => W.slice());
        tell({ type, now: last.now, stage: last.stage, stages: last.stages, records, ...run.counts(), seconds, weights });
        records = [];
      };
      for (last of run.steps) {
        if (last.record) records.push(last.record);
        const pause = performance.now() - told;
        if (pause < PAUSE) continue;
        seconds += pause / 1e3;
        report("progress");
        await breathe();
        if (mine !== wish) return report("stopped");
        told = performance.now();
      }
      seconds += (performance.now() - told) / 1e3;
      report("done");
    } catch (error) {
      tell({ type: "error", message: error.message, now: last?.now, records });
    }
  };
  port.onmessage = ({ data: { type, id, spec, values } }) => {
    if (type === "run") run(id, spec);
    else if (id === current?.id || type === "stop") {
      if (type === "stop") wish++;
      else
        try {
          current.run.set(values);
          port.postMessage({ type: "changed", id, now: current.now(), values });
        } catch (error) {
          port.postMessage({ type: "refused", id, message: error.message });
        }
    }
  };
}
