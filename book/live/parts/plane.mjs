// The plane of two weights, with a point that is dragged; a finger elsewhere on it scrolls the page.
import { element, picture } from "./shared.mjs";

const SIZE = 340, PAD = 26;

// moved(x, y) is told where the pointer takes the point.
export function plane(moved) {
  const node = picture(SIZE, SIZE);
  let [left, right, low, high] = [0, 1, 0, 1];
  const px = (u) => PAD + ((u - left) / (right - left)) * (SIZE - 2 * PAD), py = (v) => SIZE - PAD - ((v - low) / (high - low)) * (SIZE - 2 * PAD);
  const clip = (v, from, to) => +Math.min(to, Math.max(from, v)).toFixed(2);
  const drag = (event) => {
    const box = node.getBoundingClientRect(), share = (far) => ((far / box.width) * SIZE - PAD) / (SIZE - 2 * PAD);
    moved(clip(left + share(event.clientX - box.left) * (right - left), left, right), clip(high - share(event.clientY - box.top) * (high - low), low, high));
  };
  node.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" && !event.target.closest(".handle")) return;
    event.preventDefault();
    node.setPointerCapture(event.pointerId);
    drag(event);
  });
  node.addEventListener("pointermove", (event) => node.hasPointerCapture(event.pointerId) && drag(event));
  return {
    node, px, py,
    // Empty, with axes through zero and their names, if there are names.
    clear(box, names) {
      [left, right, low, high] = box;
      node.replaceChildren();
      if (!names) return;
      element("path", { d: `M${px(left)},${py(0)}H${px(right)}M${px(0)},${py(low)}V${py(high)}`, class: "line pale" }, node);
      element("text", { x: px(right), y: py(0) - 5, "text-anchor": "end" }, node, names[0]);
      element("text", { x: px(0) + 6, y: py(high) + 4 }, node, names[1]);
    },
    line: (points, attributes) => element("polyline", { points: points.map(([u, v]) => `${px(u).toFixed(1)},${py(v).toFixed(1)}`).join(" "), ...attributes }, node),
    dot: ([u, v], r, style, attributes = {}) => element("circle", { cx: px(u), cy: py(v), r, style, ...attributes }, node),
    arrow(from, to, color, attributes = {}) {
      const [x1, x2] = [from, to].map(([u]) => px(u)), [y1, y2] = [from, to].map(([, v]) => py(v)), length = Math.hypot(x2 - x1, y2 - y1);
      if (length < 2) return;
      const [u, v] = [(x2 - x1) / length, (y2 - y1) / length], head = Math.min(8, length / 2);
      element("path", {
        d: `M${x1},${y1}L${x2},${y2}m${(-u * head - v * head / 2).toFixed(1)},${(-v * head + u * head / 2).toFixed(1)}L${x2},${y2}l${(-u * head + v * head / 2).toFixed(1)},${(-v * head - u * head / 2).toFixed(1)}`,
        class: "curve", style: `stroke: ${color}`, ...attributes,
      }, node);
    },
    handle(x, y) {
      const taken = element("g", { class: "handle", transform: `translate(${px(x)} ${py(y)})` }, node);
      element("circle", { r: 22, fill: "transparent" }, taken);
      element("circle", { r: 8, style: "fill: var(--train); stroke: var(--ground); stroke-width: 2" }, taken);
    },
  };
}
