// Where things are: the grid of tiles, and the linked view that maps image to screen.

const HEADER = 26;
const NOTES = 20;
const LEGEND = 42;
const GAP = 6;

/** Rows and columns of `count` tiles in a stage that show an image of this aspect largest. */
function bestGrid(count, width, height, aspect, extra) {
  let best = { columns: 1, rows: count, size: -1 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const w = (width - GAP * (columns - 1)) / columns;
    const h = (height - GAP * (rows - 1)) / rows - extra;
    const size = Math.min(w, h * aspect);
    if (size > best.size + 0.5) best = { columns, rows, size };
  }
  return best;
}

/** The tiles of a stage: each has its outer box (left, top, width, height) and its image box. */
function layTiles(count, width, height, aspect, header, footer) {
  const { columns, rows } = bestGrid(count, width, height, aspect, header + footer);
  const w = Math.floor((width - GAP * (columns - 1)) / columns);
  const h = Math.floor((height - GAP * (rows - 1)) / rows);
  return Array.from({ length: count }, (_, i) => {
    const left = (i % columns) * (w + GAP);
    const top = Math.floor(i / columns) * (h + GAP);
    return {
      index: i, left, top, width: w, height: h,
      x: left, y: top + header, w, h: Math.max(1, h - header - footer),
    };
  });
}

/** One zoom and centre for every tile; x and y are image columns and rows, pixel i covers [i, i+1). */
class View {
  constructor() {
    this.columns = 1;
    this.rows = 1;
    this.aspect = 1; // height of a pixel over its width
    this.reset();
  }

  reset() {
    this.zoom = 1;
    this.cx = this.columns / 2;
    this.cy = this.rows / 2;
  }

  setImage(columns, rows, aspect) {
    const changed = columns !== this.columns || rows !== this.rows || aspect !== this.aspect;
    Object.assign(this, { columns, rows, aspect });
    if (changed) this.reset();
    return changed;
  }

  fit(tile) {
    return Math.min(tile.w / this.columns, tile.h / (this.rows * this.aspect));
  }

  /** CSS pixels per image column in a tile. */
  scale(tile) {
    return this.fit(tile) * this.zoom;
  }

  toScreen(tile, x, y) {
    const s = this.scale(tile);
    return [tile.x + tile.w / 2 + (x - this.cx) * s,
      tile.y + tile.h / 2 + (y - this.cy) * s * this.aspect];
  }

  toImage(tile, px, py) {
    const s = this.scale(tile);
    return [this.cx + (px - tile.x - tile.w / 2) / s,
      this.cy + (py - tile.y - tile.h / 2) / (s * this.aspect)];
  }

  clamp(tile) {
    const most = Math.max(1, 64 / this.fit(tile));
    this.zoom = Math.min(most, Math.max(0.5, this.zoom));
    this.cx = Math.min(this.columns, Math.max(0, this.cx));
    this.cy = Math.min(this.rows, Math.max(0, this.cy));
  }

  zoomAt(tile, px, py, factor) {
    const [x, y] = this.toImage(tile, px, py);
    this.zoom *= factor;
    this.clamp(tile);
    const [nx, ny] = this.toImage(tile, px, py);
    this.cx += x - nx;
    this.cy += y - ny;
    this.clamp(tile);
  }

  pan(tile, dx, dy) {
    const s = this.scale(tile);
    this.cx -= dx / s;
    this.cy -= dy / (s * this.aspect);
    this.clamp(tile);
  }

  /** Move the centre so that an image point is on the screen. */
  reveal(tile, x, y) {
    const [px, py] = this.toScreen(tile, x, y);
    const inside = px > tile.x + 8 && px < tile.x + tile.w - 8
      && py > tile.y + 8 && py < tile.y + tile.h - 8;
    if (!inside) Object.assign(this, { cx: x, cy: y });
  }

  /** The pixel under an image point, or null outside the image. */
  pixel(x, y) {
    const col = Math.floor(x);
    const row = Math.floor(y);
    const inside = col >= 0 && row >= 0 && col < this.columns && row < this.rows;
    return inside ? { row, col } : null;
  }
}

/** The rectangle of whole pixels between two image points, at least one pixel, rows and columns half open. */
function rectangle(view, from, to) {
  const within = (v, most) => Math.min(most - 1, Math.max(0, Math.floor(v)));
  const [c0, c1] = [within(from[0], view.columns), within(to[0], view.columns)].sort((a, b) => a - b);
  const [r0, r1] = [within(from[1], view.rows), within(to[1], view.rows)].sort((a, b) => a - b);
  return { row0: r0, col0: c0, row1: r1 + 1, col1: c1 + 1 };
}

/** A number with this many decimals and no negative zero. */
function format(value, decimals) {
  if (!Number.isFinite(value)) return "–";
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? (0).toFixed(decimals) : text;
}

/** A number with at least one decimal's exactness, but without zeros at its end: 127.5, 40. */
function short(value, decimals) {
  return String(Number(format(value, Math.max(1, decimals))));
}

/** A round length (1, 2 or 5 times a power of ten) that is at most `most`. */
function roundLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return [5, 2, 1].map((m) => m * power).find((length) => length <= most) || power;
}
