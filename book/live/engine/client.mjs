// The page's side of the worker. Each instance has a worker of its own, made when it is first needed.
export class Engine {
  #worker = null;
  #id = 0;
  #hear = null;

  // url: of engine.js, beside the page's module.
  constructor(url = new URL("engine.js", import.meta.url)) {
    this.url = url;
  }

  // Begin a run; hear(message) is told of it, and of no run before it. Messages: see worker.mjs.
  run(spec, hear) {
    if (!this.#worker) {
      this.#worker = new Worker(this.url, { type: "module" });
      this.#worker.onmessage = ({ data }) => data.id === this.#id && this.#hear(data);
      this.#worker.onerror = (event) => this.#hear({ type: "error", message: event.message || "the engine could not be loaded" });
    }
    this.#hear = hear;
    this.#worker.postMessage({ type: "run", id: ++this.#id, spec });
  }

  // Change the run that goes on: { weightDecay }.
  set(values) {
    this.#worker?.postMessage({ type: "set", id: this.#id, values });
  }

  // End it; a message of type "stopped" comes, with the weights reached.
  stop() {
    this.#worker?.postMessage({ type: "stop", id: this.#id });
  }

  close() {
    this.#worker?.terminate();
    this.#worker = null;
  }
}
