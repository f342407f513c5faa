// Fourier features of an embedding, F_k = re - i im of one frequency and the size of all, and the circle of that
// frequency, by default the largest, as in grokutil.fourier; p odd.
// im is that of conj(F_k): number j stands at the angle 2 pi j k / p.
export function circle(W, p, width, k) {
  const K = (p - 1) / 2, strength = new Float64Array(K), re = new Float64Array(width), im = new Float64Array(width);
  const cosine = Array.from({ length: p }, (_, j) => Math.cos((2 * Math.PI * j) / p));
  const sine = Array.from({ length: p }, (_, j) => Math.sin((2 * Math.PI * j) / p));
  const feature = (f) => {
    re.fill(0);
    im.fill(0);
    for (let j = 0; j < p; j++) {
      const c = cosine[(j * f) % p] / p, s = sine[(j * f) % p] / p;
      for (let h = 0, o = j * width; h < width; h++, o++) {
        re[h] += c * W[o];
        im[h] += s * W[o];
      }
    }
  };
  const dot = (a, b) => a.reduce((sum, x, h) => sum + x * b[h], 0);
  for (let f = 1; f <= K; f++) {
    feature(f);
    strength[f - 1] = Math.sqrt(dot(re, re) + dot(im, im));
  }
  k ??= strength.indexOf(Math.max(...strength)) + 1;
  feature(k);
  // The orthonormal pair closest to Re F and Im F: their matrix M times (M^T M)^-1/2, the root of a 2 x 2 matrix.
  const a = dot(re, re), b = dot(re, im), d = dot(im, im), root = Math.sqrt(a * d - b * b), t = Math.sqrt(a + d + 2 * root);
  const [x, y, z] = [(d + root) / t / root, -b / t / root, (a + root) / t / root];
  const points = [];
  for (let j = 0; j < p; j++) {
    let u = 0, v = 0;
    for (let h = 0, o = j * width; h < width; h++, o++) {
      u += W[o] * (x * re[h] + y * im[h]);
      v += W[o] * (y * re[h] + z * im[h]);
    }
    points.push([u, v]);
  }
  return { k, strength: [...strength], points, re: [...re], im: [...im] };
}
