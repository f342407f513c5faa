// The kernels of kernels.ts as WebAssembly. All matrices live in one memory, made as large as they need from the start:
// growing it would take the views away.
import WASM from "./kernels.wasm"; // in hexadecimal digits, as the bundler gives it

const START = 1024 + 128 + 64 * 256 + 8 * 256 * 96; // the corner, left and right of kernels.ts

export async function wasmKernels(numbers) {
  const memory = new WebAssembly.Memory({ initial: Math.ceil((START + 8 * numbers) / 65536) + 1 });
  const bytes = Uint8Array.from(WASM.match(/../g), (pair) => parseInt(pair, 16));
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory, abort: () => { throw new Error("abort"); } } });
  const { gram, cholesky, solve, product, transposed, rows, gather, scatter, kink } = instance.exports;
  let next = START;
  const at = (view) => view.byteOffset;
  return {
    name: "WebAssembly",
    alloc(size) {
      const view = new Float64Array(memory.buffer, next, size);
      next = Math.ceil((next + 8 * size) / 16) * 16;
      return view;
    },
    gram: (H, K, n, w, ridge) => gram(at(H), at(K), n, w, ridge),
    cholesky: (K, n) => cholesky(at(K), n),
    solve: (L, B, n, m) => solve(at(L), at(B), n, m),
    product: (A, B, C, m, k, n, more = false) => product(at(A), at(B), at(C), m, k, n, more),
    transposed: (A, B, C, m, k, n, more = false) => transposed(at(A), at(B), at(C), m, k, n, more),
    rows: (A, B, C, m, k, n, more = false) => rows(at(A), at(B), at(C), m, k, n, more),
    gather(pairs, V, Z, width) {
      const row = 8 * width, v = at(V);
      for (let i = 0, z = at(Z); i < pairs.length; i += 2, z += row) gather(v + row * pairs[i], v + row * pairs[i + 1], z, width);
    },
    scatter(pairs, G, V, width, S) {
      const row = 8 * width, v = at(V), s = at(S) - at(G);
      for (let i = 0, g = at(G); i < pairs.length; i += 2, g += row) scatter(g, g + s, v + row * pairs[i], v + row * pairs[i + 1], width);
    },
    kink: (H, S, low) => kink(at(H), at(S), H.length, low),
  };
}
