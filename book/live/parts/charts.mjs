// Small charts in SVG: curves that grow and answer the pointer, a plane, a table of sums, a circle.
const NS = "http://www.w3.org/2000/svg";

export function element(name, attributes = {}, parent = null, text = undefined) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
}
export const picture = (width, height) => element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });

export const write = (x) => {
  const size = Math.abs(x);
  return size >= 1e5 || (size && size < 1e-3) ? x.toExponential(0).replace("e+", "e") : `${+x.toPrecision(3)}`;
};

const WIDTH = 330, HEIGHT = 200, LEFT = 46, RIGHT = 10, TOP = 40, BOTTOM = 32;

// Values to write on an axis from low to high, about four.
function ticks(low, high) {
  const rough = (high - low) / 4, unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((k) => k * unit >= rough * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(k * step);
  return found;
}
const decades = (low, high) => {
  const every = Math.max(1, Math.ceil((high - low) / 5)), found = [];
  for (let k = Math.ceil(low - 1e-9); k <= high + 1e-9; k += every) found.push(10 ** k);
  return found;
};

// A chart: draw({ series: [{ name, color, xs, values, className }], marks: [{ x, color }], ...}) draws it anew. `at` is called with the x under the pointer.
export function chart({ title, xlabel, logX = false, logY = false, at = null }) {
  const node = picture(WIDTH, HEIGHT), hover = element("g");
  let shown = null;
  const scaleX = logX ? Math.log10 : Number, scaleY = logY ? Math.log10 : Number;
  function draw({ series, title: named = title, x: [first, last], y, cursor = null, marks = [], text }) {
    const inside = series.map(({ values }) => values.filter((v) => Number.isFinite(v) && (!logY || v > 0)));
    const all = inside.flat();
    let [low, high] = y ?? [Math.min(...all), Math.max(...all)];
    if (!(low < high)) [low, high] = Number.isFinite(low) ? [low - (Math.abs(low) || 1) / 2, low + (Math.abs(low) || 1) / 2] : [logY ? 0.1 : 0, 1];
    if (logY) [low, high] = y ? y.map(Math.log10) : [Math.floor(Math.log10(low / 1.02)), Math.ceil(Math.log10(high * 1.02))];
    const x = (v) => LEFT + ((scaleX(v) - scaleX(first)) / (scaleX(last) - scaleX(first))) * (WIDTH - LEFT - RIGHT);
    const h = (v) => HEIGHT - BOTTOM - Math.min(1.04, Math.max(-0.04, (scaleY(v) - low) / (high - low))) * (HEIGHT - TOP - BOTTOM);
    node.replaceChildren();
    node.setAttribute("aria-label", text);
    element("path", { d: `M${LEFT},${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}`, class: "axis" }, node);
    for (const v of logX ? decades(scaleX(first), scaleX(last)) : ticks(first, last)) {
      element("path", { d: `M${x(v)},${HEIGHT - BOTTOM}v4`, class: "axis" }, node);
      element("text", { x: x(v), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle" }, node, write(v));
    }
    for (const v of logY ? decades(low, high) : ticks(low, high)) {
      element("path", { d: `M${LEFT},${h(v)}h-4`, class: "axis" }, node);
      element("text", { x: LEFT - 7, y: h(v) + 4, "text-anchor": "end" }, node, write(v));
    }
    element("text", { x: WIDTH - RIGHT, y: HEIGHT - 2, "text-anchor": "end" }, node, xlabel);
    element("text", { x: 4, y: 13, class: "title" }, node, named);
    let legend = 4;
    for (const { name, color, xs, values, className = "" } of series) {
      const points = values.map((v, i) => [xs[i], v]).filter(([u, v]) => Number.isFinite(v) && (!logY || v > 0) && u >= first);
      const line = points.map(([u, v]) => `${x(u).toFixed(1)},${h(v).toFixed(1)}`);
      element("polyline", { points: line.join(" "), class: `curve ${className}`, style: `stroke: ${color}` }, node);
      if (!name) continue;
      const end = line.at(-1)?.split(",");
      if (end) element("circle", { cx: end[0], cy: end[1], r: 3.2, style: `fill: ${color}` }, node);
      element("rect", { x: legend, y: 22, width: 12, height: 4, style: `fill: ${color}` }, node);
      legend += 22 + 6.3 * element("text", { x: legend + 16, y: 29 }, node, name).textContent.length;
    }
    for (const { x: u, color } of marks) if (u >= first && u <= last) element("path", { d: `M${x(u)},${TOP}V${HEIGHT - BOTTOM}`, class: "line mark", style: `stroke: ${color}` }, node);
    if (cursor !== null) element("path", { d: `M${x(cursor)},${TOP}V${HEIGHT - BOTTOM}`, class: "line pale" }, node);
    node.append(hover);
    shown = { series, x, h, first, last };
  }
  const under = (event) => {
    const box = node.getBoundingClientRect(), share = ((event.clientX - box.left) / box.width * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT);
    const inside = Math.min(1, Math.max(0, share)), { first, last } = shown;
    return logX ? 10 ** (Math.log10(first) + inside * Math.log10(last / first)) : first + inside * (last - first);
  };
  node.addEventListener("pointermove", (event) => {
    if (!shown) return;
    const u = under(event), told = [];
    hover.replaceChildren();
    for (const { name, color, xs, values } of shown.series) {
      if (!name || !xs.length) continue;
      let near = 0;
      xs.forEach((v, i) => { if (Math.abs(scaleX(v) - scaleX(u)) < Math.abs(scaleX(xs[near]) - scaleX(u))) near = i; });
      if (!Number.isFinite(values[near])) continue;
      element("circle", { cx: shown.x(xs[near]), cy: shown.h(values[near]), r: 4, style: `fill: ${color}` }, hover);
      if (!told.length) told.push(write(xs[near]));
      told.push(write(values[near]));
    }
    if (told.length) element("text", { x: WIDTH - RIGHT, y: 13, "text-anchor": "end" }, hover, told.join(" · "));
  });
  node.addEventListener("pointerleave", () => hover.replaceChildren());
  if (at) node.addEventListener("click", (event) => shown && at(under(event)));
  return { node, draw };
}
