// Haar levels and masks of blocks, as ui/lab/paint_masks.py computes them.

/** Mean over 2 x 2 blocks in whole steps, the last row or column repeated where a side is odd. */
function poolOnce(mask, width, height) {
  const w = (width + 1) >> 1;
  const h = (height + 1) >> 1;
  const out = new Uint8Array(w * h);
  for (let y = 0; y < h; y += 1) {
    const top = 2 * y * width;
    const bottom = Math.min(2 * y + 1, height - 1) * width;
    for (let x = 0; x < w; x += 1) {
      const left = 2 * x;
      const right = Math.min(left + 1, width - 1);
      out[y * w + x] = (mask[top + left] + mask[top + right] + mask[bottom + left] + mask[bottom + right] + 2) >> 2;
    }
  }
  return out;
}

/** One Haar level of an image: four bands of half the size. */
function analyse(image, width, height) {
  const w = (width + 1) >> 1;
  const h = (height + 1) >> 1;
  const [ll, lh, hl, hh] = [0, 1, 2, 3].map(() => new Float32Array(w * h));
  for (let y = 0; y < h; y += 1) {
    const top = 2 * y * width;
    const bottom = Math.min(2 * y + 1, height - 1) * width;
    for (let x = 0; x < w; x += 1) {
      const left = 2 * x;
      const right = Math.min(left + 1, width - 1);
      const [a, b, c, d] = [image[top + left], image[top + right], image[bottom + left], image[bottom + right]];
      const i = y * w + x;
      ll[i] = (a + b + c + d) / 2;
      lh[i] = (a + b - c - d) / 2;
      hl[i] = (a - b + c - d) / 2;
      hh[i] = (a - b - c + d) / 2;
    }
  }
  return { ll, details: [lh, hl, hh], width: w, height: h, outWidth: width, outHeight: height };
}

/** The inverse of one level into an image of its first size. */
function synthesise(ll, [lh, hl, hh], level) {
  const { width: w, outWidth, outHeight } = level;
  const out = new Float32Array(outWidth * outHeight);
  for (let y = 0; y < outHeight; y += 1) {
    const row = (y >> 1) * w;
    const down = y & 1 ? -1 : 1;
    for (let x = 0; x < outWidth; x += 1) {
      const i = row + (x >> 1);
      const across = x & 1 ? -1 : 1;
      out[y * outWidth + x] = (ll[i] + down * lh[i] + across * hl[i] + down * across * hh[i]) / 2;
    }
  }
  return out;
}

function pyramid(bytes, width, height, levels) {
  const found = [];
  let image = Float32Array.from(bytes);
  for (let j = 0; j < levels; j += 1) {
    const level = analyse(image, width, height);
    found.push(level);
    ({ ll: image, width, height } = level);
  }
  return found;
}

function blend(mask, ct, mri) {
  const out = new Float32Array(ct.length);
  for (let i = 0; i < out.length; i += 1) {
    const a = mask[i] / 255;
    out[i] = a * ct[i] + (1 - a) * mri[i];
  }
  return out;
}

function toBase64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}
