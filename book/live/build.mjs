// node build.mjs: kernels.ts -> WebAssembly; PARTS and faces/*.mjs -> ../static/live/*.js, one module each.
// Every output begins with the SHA-256 of all sources, which a test compares.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";

// What several modules share, and what is fetched when a reader, or a run, first needs it.
const PARTS = ["engine/engine", "engine/kernels", "engine/manifold", "engine/sliding", "engine/walks", "parts/shared", "parts/runner", "parts/plane", "parts/ode", "parts/ask", "parts/units", "parts/grid"];
process.chdir(import.meta.dirname);
const files = (folder, ends) => (existsSync(folder) ? readdirSync(folder) : []).filter((file) => ends.test(file)).sort().map((file) => `${folder}/${file}`);

const sources = ["build.mjs", "package-lock.json", ...files("engine", /\.(mjs|ts)$/), ...files("faces", /\.mjs$/), ...files("parts", /\.(mjs|css)$/)];
const hash = createHash("sha256");
for (const file of sources) hash.update(`${file}\n`).update(readFileSync(file));

const compiler = "--optimizeLevel 3 --noAssert --runtime stub --enable simd --importMemory --memoryBase 1024".split(" ");
execFileSync("node_modules/.bin/asc", ["engine/kernels.ts", ...compiler, "-o", "engine/kernels.wasm"], { stdio: "inherit" });
const beside = { // modules ask for these beside them
  name: "beside",
  setup: ({ onResolve }) => onResolve({ filter: new RegExp(`/(${PARTS.map((part) => part.split("/")[1]).join("|")})\\.mjs$`) }, ({ kind, path }) => (kind === "entry-point" ? null : { path: `./${path.match(/(\w+)\.mjs$/)[1]}.js`, external: true })),
};
const texts = { // WebAssembly in hexadecimal digits, which zip to less than base 64; styles without blanks
  name: "texts",
  setup({ onLoad }) {
    onLoad({ filter: /\.wasm$/ }, ({ path }) => ({ contents: readFileSync(path, "hex"), loader: "text" }));
    onLoad({ filter: /\.css$/ }, async ({ path }) => ({ contents: (await transform(readFileSync(path, "utf8"), { loader: "css", minify: true })).code, loader: "text" }));
  },
};
const { metafile } = await build({
  entryPoints: [...PARTS.map((part) => `${part}.mjs`), ...files("faces", /\.mjs$/)],
  plugins: [beside, texts],
  entryNames: "[name]",
  outdir: "../static/live",
  bundle: true,
  minify: true,
  metafile: true,
  format: "esm",
  target: "es2022",
  banner: { js: `// From book/live by make live, SHA-256 ${hash.digest("hex")}` },
});
for (const file of Object.keys(metafile.outputs)) console.log(`${file}: ${gzipSync(readFileSync(file), { level: 9 }).length} bytes gzipped`);
