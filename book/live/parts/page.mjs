// What all faces have: their frame, labelled controls, a line that is read aloud, a link, code to copy.
import css from "./face.css";

export const html = (name, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
};
// A text with its colour before it, on one line.
export const named = (text, color, opacity = 1) => html("span", { className: "named" }, html("span", { className: "swatch", style: `background: var(${color}); opacity: ${opacity}` }), text);
const attributed = (node, attributes) => {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
};

// A button; then what it does.
export const button = (text, act) => {
  const node = html("button", { type: "button", textContent: text });
  node.addEventListener("click", act);
  return node;
};

// The frame of a face, named for those who do not see it, and what it begins with. The style comes with the first face of a page.
export function frame(name, title, lead) {
  if (!document.getElementById("live-face-style")) document.head.append(html("style", { id: "live-face-style", textContent: css }));
  return attributed(html("section", { className: "live-face" }, html("p", {}, html("b", { textContent: "Live" }), `: ${lead}`)), { "aria-label": title, "data-face": name });
}

// Controls. fields: [name, label, { options, texts } or attributes of an input]; moved is called at each change.
// A number that is not one stays NaN: who uses it says so.
export function form(fields, values, moved) {
  const inputs = new Map(), nodes = [];
  for (const [name, label, { options, texts, value, ...attributes }] of fields) {
    const input = options
      ? html("select", {}, ...options.map((option, i) => html("option", { value: option, textContent: texts?.[i] ?? option })))
      : attributed(html("input"), attributes);
    input.value = values[name] ?? value;
    if (options && input.selectedIndex < 0) input.value = value;
    input.name = name;
    const node = html("label", {}, html("span", { textContent: label }), input);
    if (attributes.type === "range") node.append(html("output", { textContent: input.value }));
    input.addEventListener("input", () => {
      if (attributes.type === "range") node.lastChild.textContent = input.value;
      moved(name);
    });
    inputs.set(name, { input, node, read: options ? () => input.value : () => (input.value.trim() === "" ? NaN : Number(input.value)) });
    nodes.push(node);
  }
  const field = (name) => inputs.get(name);
  return {
    node: html("div", { className: "controls" }, ...nodes),
    values: () => Object.fromEntries([...inputs].map(([name, { read }]) => [name, read()])),
    set(values) {
      for (const [name, value] of Object.entries(values)) {
        const { input, node } = field(name);
        input.value = value;
        if (input.type === "range") node.lastChild.textContent = input.value;
      }
    },
    show: (name, shown) => { field(name).node.hidden = !shown; },
    write: (name, text) => { // what stands beside a slider, and what is said of it
      field(name).node.lastChild.textContent = text;
      field(name).input.setAttribute("aria-valuetext", text);
    },
    input: (name) => field(name).input,
  };
}

// A field for a number.
export const number = (value, attributes = {}) => ({ type: "number", step: "any", min: 0, value, ...attributes });

// A line of text, read aloud once it has stood still.
export function speaker(className = "said") {
  const seen = html("p", { className }), heard = attributed(html("p", { className: "visually-hidden" }), { role: "status" });
  attributed(seen, { "aria-hidden": "true" });
  let timer;
  return {
    nodes: [seen, heard],
    say(text) {
      if (seen.textContent === text) return;
      seen.textContent = text;
      clearTimeout(timer);
      timer = setTimeout(() => { heard.textContent = text; }, 700);
    },
  };
}

// The sentence with which act() refuses a bad choice; nothing where it does not.
export function refusal(act) {
  try {
    act();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return error.message;
  }
}

// Values from the address: #NAME:a=1&b=2.
export function linked(name) {
  const [, query] = location.hash.split(`#${name}:`);
  return query === undefined ? {} : Object.fromEntries(new URLSearchParams(query));
}

// Contents that are fetched when they are first opened: load() gives { nodes, know(told) }; they know what was told last.
export function fold(summary, load) {
  const node = html("details", { className: "fold" }, html("summary", { textContent: summary }));
  let last, part;
  const tell = () => node.open && part?.know(last);
  node.addEventListener("toggle", async () => {
    if (!node.open || part) return tell();
    try {
      part = await load();
      node.append(...part.nodes);
      tell();
    } catch (error) {
      node.append(html("p", { textContent: `This could not be loaded: ${error.message}` }));
    }
  });
  return {
    node,
    know(told) {
      last = told;
      tell();
    },
  };
}

// A button that copies what text() gives, and a line that says so.
function copier(label, text) {
  const told = attributed(html("span"), { role: "status" });
  return [button(label, async () => {
    try {
      await navigator.clipboard.writeText(text());
      told.textContent = "copied";
    } catch {
      told.textContent = "The browser does not let the page copy; select the text.";
    }
  }), " ", told];
}

// Code to copy, folded.
export function code(summary) {
  const text = html("code");
  return {
    node: html("details", {}, html("summary", { textContent: summary }), attributed(html("pre", {}, text), { tabindex: 0 }), ...copier("Copy the code", () => text.textContent)),
    update: (python) => { text.textContent = python; },
  };
}

// The same run in Python, and the link that brings these values back.
export function share(name) {
  const same = code("The same run in Python"), link = html("a", { textContent: "link to this run" });
  return {
    node: html("div", { className: "share" }, same.node, html("p", {}, link, " ", ...copier("Copy the link", () => link.href))),
    update(values, python) {
      link.href = `${location.href.split("#")[0]}#${name}:${new URLSearchParams(values)}`;
      same.update(python);
    },
  };
}

// Call `act` in the next picture of the screen, once however often it is asked for before.
export function coalesced(act) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      act();
    });
  };
}

// A button that plays: show(k) for k from at() to `last`, one every 30 ms; from 0 if it stands at the end.
export function player(at, last, show, text = "Play") {
  let playing = 0;
  const stop = () => {
    cancelAnimationFrame(playing);
    playing = 0;
    node.textContent = text;
  };
  const step = (begun, from) => (now) => {
    const k = Math.min(last, Math.round(from + (now - begun) / 30));
    show(k);
    if (k === last) stop();
    else playing = requestAnimationFrame(step(begun, from));
  };
  const node = button(text, () => {
    if (playing) return stop();
    const k = at();
    node.textContent = "Stop";
    playing = requestAnimationFrame((now) => step(now, k === last ? 0 : k)(now));
  });
  return { node, stop };
}

export const round = (x, digits = 3) => `${+x.toPrecision(digits)}`;

// What a slider of logarithms stands for, and where it stands for a number.
export const power = (log) => +(10 ** log).toPrecision(3);
export const logarithm = (x) => (x > 0 ? Math.log10(x) : undefined);

// Numbers at equal distances.
export const spread = (low, high, count = 121) => Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));
