// Pictures of a network that adds: the whole addition table, and the circle of a frequency with the strength of all.
import { element, html, named, picture } from "./shared.mjs";

const KINDS = [["train, right", "--train", 1], ["train, wrong", "--train", 0.3], ["test, right", "--test", 1], ["test, wrong", "--test", 0.3]];

// A table of all sums; it says what it knows of the one under the pointer.
export function table() {
  const canvas = html("canvas"), told = html("p", { className: "key" }), key = html("p", { className: "key" });
  canvas.setAttribute("role", "img");
  for (const kind of KINDS) key.append(named(...kind));
  let shown = null;
  const draw = ({ p, pairs, answers }) => { // pairs, answers: { train, test }
    const pen = canvas.getContext("2d"), style = getComputedStyle(canvas), said = new Map(), right = { train: 0, test: 0 };
    const size = Math.max(4, Math.floor(300 / p));
    canvas.width = canvas.height = p * size;
    ["train", "test"].forEach((half, h) => {
      pen.fillStyle = style.getPropertyValue(KINDS[2 * h][1]);
      for (let i = 0; i < answers[half].length; i++) {
        const [a, b] = [pairs[half][2 * i], pairs[half][2 * i + 1]], good = answers[half][i] === (a + b) % p;
        right[half] += good;
        pen.globalAlpha = good ? 1 : 0.3;
        for (const [x, y] of [[a, b], [b, a]]) {
          said.set(x * p + y, [half, answers[half][i]]);
          pen.clearRect(x * size, (p - 1 - y) * size, size, size);
          pen.fillRect(x * size, (p - 1 - y) * size, size - 1, size - 1);
        }
      }
    });
    shown = { p, said };
    canvas.setAttribute("aria-label", `The table of all sums modulo ${p}: of the training pairs ${right.train} of ${answers.train.length} right, of the test pairs ${right.test} of ${answers.test.length}.`);
  };
  canvas.addEventListener("pointermove", (event) => {
    if (!shown) return;
    const box = canvas.getBoundingClientRect(), { p, said } = shown;
    const [a, b] = [(event.clientX - box.left) / box.width, (box.bottom - event.clientY) / box.height].map((u) => Math.min(p - 1, Math.max(0, Math.floor(u * p))));
    const [half, answer] = said.get(a * p + b), sum = (a + b) % p;
    told.textContent = `${a} + ${b}: it says ${answer}, ${answer === sum ? "right" : `wrong, not ${sum}`} (${half})`;
  });
  const title = html("p", { className: "title" }, "a + b for all a (across) and b (up)");
  return { node: html("div", { className: "sums" }, title, canvas, key, told), draw };
}

const WIDTH = 330, HEIGHT = 230;

// The numbers 0 ... p-1 on the plane of one frequency, joined in the order of a walk around it; its strength among all.
// choose(k): a frequency is chosen among the bars; without it the frequency is called the largest.
export function ring(choose) {
  const node = picture(WIDTH, HEIGHT), which = choose ? "" : "the largest ";
  const draw = (found) => {
    node.replaceChildren();
    node.toggleAttribute("hidden", !found);
    if (!found) return;
    const { k, points, strength } = found, p = points.length, radius = Math.max(...points.map(([u, v]) => Math.hypot(u, v))) || 1;
    const [cx, cy, r] = [112, HEIGHT / 2 + 10, 88], most = Math.max(...strength);
    const order = points.map((_, j) => j).sort((a, b) => ((a * k) % p) - ((b * k) % p));
    const place = (j) => [cx + (r * points[j][0]) / radius, cy - (r * points[j][1]) / radius];
    element("text", { x: 4, y: 13, class: "title" }, node, `circle of ${which}frequency${choose ? "" : ","} ${k}`);
    element("polyline", { points: [...order, order[0]].map((j) => place(j).map((z) => z.toFixed(1)).join()).join(" "), class: "line pale" }, node);
    for (const j of order) {
      const [x, y] = place(j);
      element("circle", { cx: x, cy: y, r: p > 30 ? 7 : 9, style: "fill: var(--ground); stroke: var(--measurement)" }, node);
      element("text", { x, y: y + 3.2, "text-anchor": "middle", class: "small" }, node, j);
    }
    const left = 228, bar = 96 / strength.length;
    strength.forEach((s, i) => {
      const high = (s / most) * 110;
      element("rect", { x: left + i * bar, y: 190 - high, width: 0.8 * bar, height: high, style: `fill: var(${i + 1 === k ? "--measurement" : "--faint"})` }, node);
      if (choose) element("rect", { x: left + i * bar, y: 80, width: bar, height: 110, fill: "transparent" }, node).addEventListener("click", () => choose(i + 1));
    });
    element("text", { x: left, y: 68 }, node, "strength");
    element("text", { x: left, y: 208 }, node, `frequency 1…${strength.length}`);
    node.setAttribute("aria-label", `The numbers on the plane of ${which}frequency ${k}, whose strength is ${((100 * strength[k - 1] ** 2) / strength.reduce((sum, s) => sum + s * s, 0)).toFixed(0)} percent of all squared.`);
  };
  return { node, draw };
}
