// Runge-Kutta steps of order 5 with error control (Dormand and Prince 1980), for two numbers. Explicit also where the
// problem is stiff: with two numbers ten thousand small steps take milliseconds.
const C = [[1 / 5], [3 / 40, 9 / 40], [44 / 45, -56 / 15, 32 / 9], [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
  [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656], [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84]];
const E = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40];
const MOST = 400_000; // steps

// States at increasing times, the first that of the start, of u' = velocity(u).
export function integrate(velocity, start, times, rtol = 1e-9) {
  const size = Math.hypot(...start) || 1, floor = rtol * 1e-3 * size;
  let now = times[0], u = [...start], k = [velocity(u)], steps = 0;
  let step = 0.01 * size / (Math.hypot(...k[0]) + 1e-12);
  const states = [u];
  for (const time of times.slice(1)) {
    while (now < time) {
      const h = Math.min(step, time - now);
      let next;
      for (let j = 0; j < 6; j++) {
        next = u.map((x, i) => x + h * C[j].reduce((sum, c, l) => sum + c * k[l][i], 0));
        k[j + 1] = velocity(next);
      }
      const error = Math.hypot(...u.map((x, i) => (h * E.reduce((sum, e, l) => sum + e * k[l][i], 0)) / (floor + rtol * Math.max(Math.abs(x), Math.abs(next[i]))))) / Math.SQRT2;
      if (++steps > MOST || Number.isNaN(error)) throw new RangeError(`The steps became too short near ${now.toPrecision(3)}.`);
      const factor = Math.min(4, Math.max(0.2, 0.9 * (error + 1e-12) ** -0.2));
      if (error <= 1) {
        now = h === time - now ? time : now + h;
        u = next;
        k = [k[6]];
        if (h === step || factor < 1) step = h * factor;
      } else {
        k = [k[0]];
        step = h * factor;
      }
    }
    states.push(u);
  }
  return states;
}
