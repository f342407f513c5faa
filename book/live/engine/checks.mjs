// Checks of what is asked for, with the sentences of grokutil.checks.

export const RUN = "the step was too large: try a smaller one, unless the velocity has no value there";

// A number as Python's {x:g} writes it.
export function general(x) {
  const [digits, power] = x.toExponential(5).split("e"), e = Number(power);
  if (x && (e < -4 || e > 5)) return `${Number(digits)}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
  return String(Number(x.toPrecision(6)));
}

export function integer(name, value, atLeast) {
  if (!Number.isInteger(value) || value < atLeast)
    throw new RangeError(`${name} must be a whole number of at least ${atLeast}, got ${value}`);
  return value;
}

export function number(name, value) {
  if (typeof value !== "number" || Number.isNaN(value)) throw new RangeError(`${name} must be a number, got ${value}`);
  if (!Number.isFinite(value)) throw new RangeError(`${name} must be finite, got ${value}`);
  return value;
}

export function positive(name, value) {
  if (number(name, value) <= 0) throw new RangeError(`${name} must be positive, got ${value}`);
  return value;
}

export function nonNegative(name, value) {
  if (number(name, value) < 0) throw new RangeError(`${name} must not be negative, got ${value}; use 0 to switch it off`);
  return value;
}

export function oneOf(kind, value, known) {
  if (!known.includes(value)) throw new RangeError(`unknown ${kind} '${value}'; known: ${known.join(", ")}`);
  return value;
}

// Refuses what has entries that are not finite.
export function finite(name, values, remedy = RUN) {
  let bad = 0;
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) bad++;
  if (bad) throw new RangeError(`${name} has ${bad} entries that are not finite (NaN or infinity): ${remedy}`);
}
