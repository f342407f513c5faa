// PyTorch's generator on the CPU (Mersenne Twister 19937), so that a seed means the same here as in grokutil.
import { integer } from "./checks.mjs";

export class Generator {
  constructor(seed) {
    if (integer("seed", seed, 0) >= 2 ** 32) throw new RangeError(`seed must be below 2^32, got ${seed}`);
    const s = (this.state = new Uint32Array(624));
    s[0] = seed;
    for (let i = 1; i < 624; i++) s[i] = Math.imul(1812433253, s[i - 1] ^ (s[i - 1] >>> 30)) + i;
    this.at = 624;
  }

  // 32 random bits.
  bits() {
    const s = this.state;
    if (this.at === 624) {
      for (let i = 0; i < 624; i++) {
        const y = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7fffffff);
        s[i] = s[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      this.at = 0;
    }
    let y = s[this.at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  // Uniform in [0, 1), 53 bits.
  uniform() {
    const high = this.bits() & 0x1fffff;
    return (high * 2 ** 32 + this.bits()) / 2 ** 53;
  }

  // torch.randperm(n)
  permutation(n) {
    const r = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = 0; i < n - 1; i++) {
      const j = i + (this.bits() % (n - i));
      [r[i], r[j]] = [r[j], r[i]];
    }
    return r;
  }

  // torch.randn(out.length, dtype=float64), for 16 numbers or more: Box and Muller, sixteen at a time.
  normal(out) {
    const size = out.length;
    if (size < 16) throw new RangeError("fewer than 16 numbers are drawn in another way");
    const sixteen = (o) => {
      for (let j = o; j < o + 8; j++) {
        const radius = Math.sqrt(-2 * Math.log(1 - out[j])), angle = 2 * Math.PI * out[j + 8];
        out[j] = radius * Math.cos(angle);
        out[j + 8] = radius * Math.sin(angle);
      }
    };
    for (let i = 0; i < size; i++) out[i] = this.uniform();
    for (let i = 0; i + 16 <= size; i += 16) sixteen(i);
    if (size % 16) {
      for (let i = size - 16; i < size; i++) out[i] = this.uniform();
      sixteen(size - 16);
    }
    return out;
  }
}
