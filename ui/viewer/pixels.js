// Samples to pictures: the payload, window tables, textures at several sizes, compositions, statistics.

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

const TYPES = { u8: Uint8Array, u16: Uint16Array, i16: Int16Array, f32: Float32Array };

/** Split "u32 length, JSON header, blobs" (see payload.py) into the header and typed copies. */
function parsePayload(data) {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const base = 4 + length;
  const blob = ({ offset, size, bits, kind }) => {
    const own = bytes.slice(base + offset, base + offset + size);
    const each = bits / 8;
    if (!LITTLE_ENDIAN) for (let i = 0; i < size; i += each) own.subarray(i, i + each).reverse();
    return new TYPES[`${kind}${bits}`](own.buffer);
  };
  return { header, blob };
}

/** Pack four 8-bit channels the way ImageData stores them. */
function pack(r, g, b, a) {
  return (LITTLE_ENDIAN ? (a << 24) | (b << 16) | (g << 8) | r
    : (r << 24) | (g << 16) | (b << 8) | a) >>> 0;
}

function packTable(rgba) {
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i += 1) {
    table[i] = pack(rgba[4 * i], rgba[4 * i + 1], rgba[4 * i + 2], rgba[4 * i + 3]);
  }
  return table;
}

/** A table from every possible sample to its 8-bit grey level under a window (centre, width). */
function windowTable(bits, slope, intercept, window) {
  const table = new Uint8Array(bits === 16 ? 65536 : 256);
  const low = window ? window[0] - window[1] / 2 : 0;
  for (let i = 0; i < table.length; i += 1) {
    const level = window ? ((slope * i + intercept - low) / window[1]) * 255 : i;
    table[i] = level <= 0 ? 0 : level >= 255 ? 255 : Math.floor(level + 0.5);
  }
  return table;
}

/** An RGBA picture in a canvas, with halved copies so that drawing costs what is on the screen. */
class Texture {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.version = 0;
    this.pixels = new Uint32Array(width * height);
    this.image = new ImageData(new Uint8ClampedArray(this.pixels.buffer), width, height);
    this.halves = [];
    this.canvas = document.createElement("canvas");
    this.canvas.width = width;
    this.canvas.height = height;
    this.context = this.canvas.getContext("2d");
  }

  commit() {
    this.context.putImageData(this.image, 0, 0);
    this.halves = [];
    this.version += 1;
  }

  /** The smallest copy that still has a sample for every device pixel at this scale. */
  source(scale) {
    let canvas = this.canvas;
    for (let k = 0; scale <= 0.5 && Math.min(canvas.width, canvas.height) > 1; k += 1, scale *= 2) {
      if (!this.halves[k]) {
        const half = document.createElement("canvas");
        half.width = Math.ceil(canvas.width / 2);
        half.height = Math.ceil(canvas.height / 2);
        half.getContext("2d").drawImage(canvas, 0, 0, half.width, half.height);
        this.halves[k] = half;
      }
      canvas = this.halves[k];
    }
    return canvas;
  }
}

/** One panel's samples: their values in the panel's unit, and their picture under a window. */
class Picture {
  constructor(meta, blob) {
    this.id = meta.id;
    this.samples = blob(meta.pixels);
    this.table = meta.table ? packTable(blob(meta.table)) : null;
    this.grey = new Uint8Array(meta.width * meta.height);
    this.texture = new Texture(meta.width, meta.height);
    this.adopt(meta);
  }

  adopt(meta) {
    this.meta = meta;
  }

  /** The samples were written anew: draw them at the next frame. */
  outdate() {
    this.rendered = null;
    this.drafted = null;
  }

  value(x, y) {
    return this.meta.slope * this.samples[y * this.meta.width + x] + this.meta.intercept;
  }

  /**
   * Redraw under `window`; nothing happens where neither window nor value map changed. While a
   * window is dragged and the image is small on the screen, `step` 2 draws every second sample.
   */
  render(window, step = 1) {
    const { bits } = this.meta.pixels;
    const { slope, intercept } = this.meta;
    const key = window ? `${window}|${slope}|${intercept}` : "plain";
    if (key === this.rendered || (step > 1 && key === this.drafted)) return;
    const levels = windowTable(bits, slope, intercept, window);
    const { samples, grey } = this;
    const colours = this.table || GREYS;
    const direct = new Uint32Array(levels.length);
    for (let i = 0; i < direct.length; i += 1) direct[i] = colours[levels[i]];
    if (step > 1) {
      this.draft(direct, step);
      this.drafted = key;
      this.rendered = null;
      return;
    }
    const { pixels } = this.texture;
    for (let i = 0; i < samples.length; i += 1) {
      grey[i] = levels[samples[i]];
      pixels[i] = direct[samples[i]];
    }
    this.texture.commit();
    this.shown = this.texture;
    this.rendered = key;
    this.drafted = null;
  }

  draft(direct, step) {
    const { width, height } = this.meta;
    const [w, h] = [Math.ceil(width / step), Math.ceil(height / step)];
    this.small = this.small || new Texture(w, h);
    const { pixels } = this.small;
    for (let y = 0, i = 0; y < h; y += 1) {
      for (let x = 0, at = y * step * width; x < w; x += 1, at += step, i += 1) {
        pixels[i] = direct[this.samples[at]];
      }
    }
    this.small.commit();
    this.shown = this.small;
  }
}

const GREYS = Uint32Array.from({ length: 256 }, (_, g) => pack(g, g, g, 255));

/** A coloured 8-bit layer to lay over a panel. */
class Layer {
  constructor(meta, blob) {
    this.id = meta.id;
    this.meta = meta;
    this.samples = blob(meta.pixels);
    const table = packTable(blob(meta.table));
    this.texture = new Texture(meta.width, meta.height);
    const { pixels } = this.texture;
    for (let i = 0; i < pixels.length; i += 1) pixels[i] = table[this.samples[i]];
    this.texture.commit();
  }

  value(x, y) {
    const { minimum, maximum, width } = this.meta;
    return minimum + ((maximum - minimum) * this.samples[y * width + x]) / 255;
  }
}

/** Two pictures made one: "blend", "checker" or "wash". Recomposed only when something changed. */
class Composite {
  render(first, second, mode, amount, wash) {
    const { width, height } = first.meta;
    if (!this.texture || this.texture.width !== width || this.texture.height !== height) {
      this.texture = new Texture(width, height);
      this.key = null;
    }
    const share = mode === "checker" ? 0 : amount;
    const key = [first.id, first.texture.version, second.id, second.texture.version, mode, share].join();
    if (key === this.key) return this.texture;
    this.key = key;
    if (mode === "checker") this.checker(first, second, Composite.cell(width, height));
    else if (mode === "blend" && !first.table && !second.table) this.greys(first, second, amount);
    else this.colours(first, second, amount, mode === "wash" ? wash : null);
    this.texture.commit();
    return this.texture;
  }

  static cell(width, height) {
    return Math.max(1, Math.round(Math.max(width, height) / 12));
  }

  greys(first, second, amount) {
    const { pixels } = this.texture;
    const a = first.grey;
    const b = second.grey;
    for (let i = 0; i < pixels.length; i += 1) {
      pixels[i] = GREYS[(a[i] + (b[i] - a[i]) * amount + 0.5) | 0];
    }
  }

  colours(first, second, amount, wash) {
    const out = new Uint8Array(this.texture.pixels.buffer);
    const a = new Uint8Array(first.texture.pixels.buffer);
    const b = new Uint8Array(second.texture.pixels.buffer);
    const grey = second.grey;
    for (let i = 0, p = 0; p < out.length; i += 1, p += 4) {
      for (let c = 0; c < 3; c += 1) {
        const target = wash ? wash[4 * grey[i] + c] : b[p + c];
        out[p + c] = (a[p + c] + (target - a[p + c]) * amount + 0.5) | 0;
      }
      out[p + 3] = 255;
    }
  }

  checker(first, second, cell) {
    const { width, height, pixels } = this.texture;
    const a = first.texture.pixels;
    const b = second.texture.pixels;
    for (let y = 0; y < height; y += 1) {
      const row = Math.floor(y / cell);
      for (let x = 0; x < width; x += 1) {
        const i = y * width + x;
        pixels[i] = (row + Math.floor(x / cell)) % 2 ? b[i] : a[i];
      }
    }
  }
}

/** Mean and standard deviation (population) of a picture's values in a rectangle, in its unit. */
function regionStatistics(picture, roi) {
  const { width, slope, intercept } = picture.meta;
  let sum = 0;
  let squares = 0;
  for (let y = roi.row0; y < roi.row1; y += 1) {
    for (let x = roi.col0; x < roi.col1; x += 1) {
      const sample = picture.samples[y * width + x];
      sum += sample;
      squares += sample * sample;
    }
  }
  const count = (roi.row1 - roi.row0) * (roi.col1 - roi.col0);
  const mean = sum / count;
  const variance = Math.max(0, squares / count - mean * mean);
  return { mean: slope * mean + intercept, sd: Math.abs(slope) * Math.sqrt(variance) };
}
