// What the viewer does when asked: modes, tools, view, picks, regions, windows. Mixed into Viewer.

const VIEWERS = new WeakMap();
const FLICKER_MS = 500;

Object.assign(Viewer.prototype, {
  set(values) {
    Object.assign(this, values);
    this.chrome.controls(this);
    this.request();
  },

  chooseMode(mode) {
    if (mode === this.mode || (mode !== "side" && !this.pair)) return;
    this.mode = mode;
    this.over = null;
    this.flicker();
    this.layout();
    this.send("mode", mode);
  },

  chooseTool(tool) {
    this.set({ tool: this.tool === tool ? null : tool });
    this.chrome.canvas.dataset.tool = this.tool || "";
  },

  flicker() {
    clearInterval(this.timer);
    this.timer = null;
    this.flick = 0;
    if (this.mode !== "flicker") return;
    this.timer = setInterval(() => {
      this.flick = 1 - this.flick;
      this.request();
    }, FLICKER_MS);
  },

  tileAt(x, y) {
    return this.tiles.find((t) => x >= t.x && x < t.x + t.w && y >= t.y && y < t.y + t.h) || null;
  },

  hover(over) {
    this.over = over;
    this.request();
  },

  pan(tile, dx, dy) {
    this.view.pan(tile, dx, dy);
    this.request();
  },

  zoomAt(tile, x, y, factor) {
    this.view.zoomAt(tile, x, y, factor);
    this.request();
  },

  zoomBy(factor) {
    const [tile] = this.tiles;
    if (!tile) return;
    const [x, y] = this.cross
      ? this.view.toScreen(tile, this.cross.col + 0.5, this.cross.row + 0.5)
      : [tile.x + tile.w / 2, tile.y + tile.h / 2];
    this.zoomAt(tile, x, y, factor);
  },

  reset() {
    this.view.reset();
    const had = this.roi;
    Object.assign(this, { roi: null, ruler: null, statistics: null, curtain: 0.5 });
    this.set({ amount: this.header.amount });
    if (had) this.send("roi", null);
  },

  /** Escape: first the tool, then region, ruler and crosshair. */
  clear() {
    if (this.tool) {
      this.chooseTool(this.tool);
      return;
    }
    const { cross, roi } = this;
    Object.assign(this, { cross: null, roi: null, ruler: null, statistics: null });
    this.request();
    if (cross) this.send("pick", null);
    if (roi) this.send("roi", null);
  },

  fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.chrome.root.requestFullscreen?.().catch(() => {});
  },

  pick([x, y]) {
    const pixel = this.view.pixel(x, y);
    if (!pixel) return;
    this.cross = pixel;
    this.request();
    this.send("pick", pixel);
    this.speak();
  },

  nudge(dx, dy) {
    const { columns, rows } = this.view;
    const from = this.cross || { col: Math.floor(columns / 2) - dx, row: Math.floor(rows / 2) - dy };
    this.cross = {
      row: Math.min(rows - 1, Math.max(0, from.row + dy)),
      col: Math.min(columns - 1, Math.max(0, from.col + dx)),
    };
    this.over = null;
    this.view.reveal(this.tiles[0], this.cross.col + 0.5, this.cross.row + 0.5);
    this.request();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.send("pick", this.cross);
      this.speak();
    }, 250);
  },

  speak() {
    this.over = null;
    this.hoverMark = null;
    const values = this.readOut();
    const named = this.pictures.map(({ meta }, i) => (this.mode === "side" ? `${meta.title} ${values[i]}` : values[i]));
    setText(this.chrome.spoken, `${this.chrome.position.textContent}: ${named.join(", ")}`);
  },

  /** The role whose window a drag at this place changes; over two images, the one seen most there. */
  roleAt(tile, x) {
    let order = [tile.index];
    if (this.mode !== "side") {
      const [first, second] = this.pair;
      const other = this.mode === "swipe" ? x > tile.x + tile.w * this.curtain
        : this.mode === "flicker" ? this.flick === 1 : this.amount > 0.5;
      order = other ? [second, first] : [first, second];
    }
    const found = order.map((i) => this.pictures[i].meta).find((meta) => meta.window);
    return found ? found.role : null;
  },

  begin(drag) {
    if (drag.kind === "window") this.from = { ...this.windows };
  },

  end() {
    this.from = null;
    this.request();
  },

  windowBy(role, dx, dy) {
    const [center, width] = this.windows[role];
    const { slope } = this.pictures.map((p) => p.meta).find((m) => m.role === role && m.window);
    const step = Math.max(this.from[role][1], 10 * Math.abs(slope)) / 250;
    this.windows = { ...this.windows, [role]: [center + dy * step, Math.max(Math.abs(slope), width + dx * step)] };
    this.relegend();
  },

  releaseWindow() {
    this.chrome.presetChoice(this);
    if (this.stale()) this.send("windows", this.windows);
  },

  choosePreset(role, value) {
    if (value === "") return;
    const preset = (this.presets[role] || [])[Number(value)];
    this.windows = { ...this.windows, [role]: value === "opened" ? this.opened[role] : [preset.center, preset.width] };
    this.relegend();
    this.releaseWindow();
  },

  /** A window also moves the numbers of a legend that shows it. */
  relegend() {
    if (this.mode === "wash" || this.pictures.some((p) => p.meta.colours && p.meta.window)) this.layout();
    else this.request();
  },

  moveCurtain(share) {
    this.curtain = Math.min(1, Math.max(0, share));
    this.request();
  },

  draw(kind, from, to, done) {
    if (kind === "ruler") this.ruler = { from, to };
    else {
      this.roi = rectangle(this.view, from, to);
      this.statistics = null;
      this.settled = done;
      if (done) this.send("roi", this.roi);
    }
    this.request();
  },

  length({ from, to }) {
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    if (!this.spacing) return `${format(Math.hypot(dx, dy), 1)} px`;
    return `${format(Math.hypot(dx * this.spacing[1], dy * this.spacing[0]), 1)} mm`;
  },

  /** Area in the status line and mean ± sd in every tile; large regions wait for the release. */
  regionText() {
    const { roi } = this;
    const parts = [];
    if (roi) {
      const [h, w] = [roi.row1 - roi.row0, roi.col1 - roi.col0];
      const area = this.spacing ? ` = ${format(h * w * this.spacing[0] * this.spacing[1], 1)} mm²` : "";
      parts.push(`region ${w} × ${h} px = ${h * w} px²${area}`);
      const live = this.settled !== false || h * w * this.pictures.length < 400000;
      if (!this.statistics && live) {
        this.statistics = this.pictures.map((p) => regionStatistics(p, this.within(p, roi)));
      }
    }
    if (this.ruler) parts.push(`distance ${this.rulerText}`);
    setText(this.chrome.measure, parts.join(" · "));
    for (const { values, roi: node } of this.chrome.tiles) {
      const indices = values.map((v) => v.index);
      setText(node, roi && this.statistics ? indices.map((i) => this.spreadText(i, indices.length > 1)).join("   ") : "");
    }
  },

  spreadText(index, named) {
    const { meta } = this.pictures[index];
    const { mean, sd } = this.statistics[index];
    const digits = Math.max(1, meta.decimals);
    return `${named ? meta.title : "mean"} ${format(mean, digits)} ± ${format(sd, digits)} ${meta.unit}`.trim().replaceAll(" ", "\u00a0");
  },

  /** A region of the common grid in the pixels of one picture. */
  within({ meta }, roi) {
    const x = meta.width / this.view.columns;
    const y = meta.height / this.view.rows;
    const row0 = Math.floor(roi.row0 * y);
    const col0 = Math.floor(roi.col0 * x);
    return {
      row0, col0, row1: Math.max(row0 + 1, Math.ceil(roi.row1 * y)), col1: Math.max(col0 + 1, Math.ceil(roi.col1 * x)),
    };
  },

  /** What is drawn and where, for tests: `canvas.viewer()`; a panel's samples: `canvas.samples(index)`. */
  report() {
    const { mode, amount, windows, cross, roi, view, frames } = this;
    const tiles = this.tiles.map(({ index, x, y, w, h }) => ({ index, x, y, w, h }));
    return {
      mode, amount, windows, cross, roi, frames, tiles, flick: this.flick, curtain: this.curtain,
      bar: this.painter.bar, ratio: this.painter.ratio, aspect: view.aspect, cx: view.cx, cy: view.cy,
      scale: this.tiles[0] ? view.scale(this.tiles[0]) : 0, pending: Boolean(this.waiting),
      slice: this.stack?.index ?? null, wish: this.wish,
    };
  },

  close() {
    this.gestures.close();
    this.observer.disconnect();
    clearInterval(this.timer);
    clearTimeout(this.settling);
    clearTimeout(this.patience);
    clearTimeout(this.telling);
    cancelAnimationFrame(this.waiting);
    this.chrome.root.remove();
  },
});

/** Called by Streamlit at every rerun that touches the component. */
export default function mount({ data, parentElement, setStateValue }) {
  let viewer = VIEWERS.get(parentElement);
  if (!viewer) {
    viewer = new Viewer(parentElement, setStateValue);
    VIEWERS.set(parentElement, viewer);
  }
  viewer.update(data, setStateValue);
  return () => {
    VIEWERS.get(parentElement)?.close();
    VIEWERS.delete(parentElement);
  };
}
