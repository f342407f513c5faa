// node build.mjs: kernels.ts -> WebAssembly; engine/engine.mjs and what only some faces need of it, faces/*.mjs and what
// they share, -> ../static/live/*.js, one module each.
// Every output begins with the SHA-256 of all sources, which a test compares.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

process.chdir(import.meta.dirname);
const files = (folder, ends) => (existsSync(folder) ? readdirSync(folder) : []).filter((file) => ends.test(file)).sort().map((file) => `${folder}/${file}`);

const sources = ["build.mjs", "package-lock.json", ...files("engine", /\.(mjs|ts)$/), ...files("faces", /\.mjs$/), ...files("parts", /\.(mjs|css)$/)];
const hash = createHash("sha256");
for (const file of sources) hash.update(`${file}\n`).update(readFileSync(file));

const compiler = "--optimizeLevel 3 --noAssert --runtime stub --enable simd --importMemory --memoryBase 1024".split(" ");
execFileSync("node_modules/.bin/asc", ["engine/kernels.ts", ...compiler, "-o", "engine/kernels.wasm"], { stdio: "inherit" });
const beside = { // faces ask for what they share, and for parts of the engine, beside them
  name: "beside",
  setup: ({ onResolve }) => onResolve({ filter: /\/(shared|runner|engine|sliding|walks)\.mjs$/ }, ({ kind, path }) => (kind === "entry-point" ? null : { path: `./${path.match(/(\w+)\.mjs$/)[1]}.js`, external: true })),
};
const { metafile } = await build({
  entryPoints: ["engine/engine.mjs", "engine/sliding.mjs", "engine/walks.mjs", "parts/shared.mjs", "parts/runner.mjs", ...files("faces", /\.mjs$/)],
  plugins: [beside],
  entryNames: "[name]",
  outdir: "../static/live",
  bundle: true,
  minify: true,
  metafile: true,
  format: "esm",
  target: "es2022",
  banner: { js: `// Built by \`make live\` from book/live, SHA-256 ${hash.digest("hex")}` },
  loader: { ".wasm": "base64", ".css": "text" },
});
for (const file of Object.keys(metafile.outputs)) console.log(`${file}: ${gzipSync(readFileSync(file), { level: 9 }).length} bytes gzipped`);
