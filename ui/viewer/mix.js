// An image as a base and parts with factors: added up here, so that a slider shows at once.

/** The 8-bit level of a value in [0, 1], as numpy's rint has it: in float32, halves to even. */
function toLevel(value) {
  const v = Math.fround(255 * value);
  if (v <= 0) return 0;
  if (v >= 255) return 255;
  const level = Math.floor(v + 0.5);
  return level - v === 0.5 ? level - (level & 1) : level;
}

/** total = base + sum of (factor - 1) x part, brought up to date one changed part at a time. */
class Mixture {
  constructor(meta, blob) {
    this.id = meta.id;
    this.meta = meta;
    this.base = blob(meta.base);
    this.parts = Object.fromEntries(["ct", "mri"].map((source) => [source,
      meta[source].map((part) => part && { values: blob(part.pixels), scale: part.scale })]));
    this.restart();
  }

  restart() {
    this.total = Float32Array.from(this.base);
    this.applied = { ct: this.meta.ct.map(() => 1), mri: this.meta.mri.map(() => 1) };
  }

  /** Bring the total to these factors; `fresh` adds it up anew, so that no rounding gathers. */
  move(factors, fresh) {
    if (fresh) this.restart();
    for (const source of ["ct", "mri"]) {
      factors[source].forEach((factor, k) => {
        const step = factor - this.applied[source][k];
        const part = this.parts[source][k];
        this.applied[source][k] = factor;
        if (step && part) this.add(part.values, step * part.scale);
      });
    }
  }

  add(values, weight) {
    const { total } = this;
    for (let i = 0; i < total.length; i += 1) total[i] += weight * values[i];
  }

  /** Write the clamped 8-bit image; gives the share of pixels that clamping moves visibly. */
  levels(out) {
    const { total } = this;
    let clipped = 0;
    for (let i = 0; i < total.length; i += 1) {
      const value = total[i];
      out[i] = toLevel(value);
      if (value < -0.5 / 255 || value > 255.5 / 255) clipped += 1;
    }
    return clipped / total.length;
  }
}

/** What the sliders say: whose masks, and a factor per band and source. */
class MixState {
  constructor(count) {
    this.count = count;
    this.reset("learned");
  }

  reset(weights) {
    this.weights = weights;
    this.factors = { ct: new Array(this.count).fill(1), mri: new Array(this.count).fill(1) };
    this.before = { ct: new Array(this.count).fill(1), mri: new Array(this.count).fill(1) };
  }

  /** CT gets the MRI's masks and factors, MRI the CT's; twice leads back. */
  swap() {
    this.weights = { learned: "swapped", swapped: "learned", ct: "mri", mri: "ct" }[this.weights];
    this.factors = { ct: this.factors.mri, mri: this.factors.ct };
    this.before = { ct: this.before.mri, mri: this.before.ct };
  }

  set(source, k, factor) {
    this.factors[source][k] = Math.round(20 * Math.min(2, Math.max(0, factor))) / 20;
  }

  /** Mute, or give back the factor from before. */
  toggle(source, k) {
    const now = this.factors[source][k];
    if (now) this.before[source][k] = now;
    this.factors[source][k] = now ? 0 : this.before[source][k] || 1;
  }

  muted(source) {
    return this.factors[source].every((factor) => factor === 0);
  }

  toggleAll(source) {
    const mute = !this.muted(source);
    for (let k = 0; k < this.count; k += 1) {
      if (mute === Boolean(this.factors[source][k])) this.toggle(source, k);
    }
  }

  get untouched() {
    return this.weights === "learned" && [...this.factors.ct, ...this.factors.mri].every((f) => f === 1);
  }

  answer() {
    return { weights: this.weights, ct: [...this.factors.ct], mri: [...this.factors.mri] };
  }
}
