// The viewer: state, updates from Python, answers to Python. The other files hold its parts.

const STALE = "old window – release to fuse again";
const PENDING = "old window – fusing again …";

class Viewer {
  constructor(parent, send) {
    this.send = send;
    this.view = new View();
    this.mode = "side";
    this.tool = null;
    this.amount = 0.5;
    this.opacity = 0.5;
    this.overlayOn = true;
    this.curtain = 0.5;
    this.flick = 0;
    Object.assign(this, { pictures: [], layers: [], roles: [], tiles: [], windows: {}, opened: {}, presets: {} });
    Object.assign(this, { stack: null, wish: null, asked: null, rolled: 0 });
    Object.assign(this, { cross: null, over: null, roi: null, ruler: null, pair: null, header: null });
    this.chrome = new Chrome({
      mode: (name) => this.chooseMode(name),
      tool: (name) => this.chooseTool(name),
      zoom: (factor) => this.zoomBy(factor),
      reset: () => this.reset(),
      fullscreen: () => this.fullscreen(),
      amount: (value) => this.set({ amount: value }),
      opacity: (value) => this.set({ opacity: value }),
      overlay: () => { this.set({ overlayOn: !this.overlayOn }); this.layout(); },
      preset: (role, value) => this.choosePreset(role, value),
    });
    parent.append(this.chrome.root);
    this.painter = new Painter(this.chrome.canvas);
    this.gestures = new Gestures(this.chrome.canvas, this.chrome.root, this);
    this.observer = new ResizeObserver(() => this.layout());
    this.observer.observe(this.chrome.stage);
    this.chrome.canvas.viewer = () => this.report();
    this.chrome.canvas.samples = (index) => this.pictures[index].samples;
  }

  /** Take a new payload: pictures whose content did not change are kept as they are drawn. */
  update(data, send) {
    this.send = send;
    const { header, blob } = parsePayload(data);
    const last = this.header;
    this.header = header;
    const old = new Map(this.pictures.map((p) => [p.id, p]));
    const oldLayers = new Map(this.layers.filter(Boolean).map((l) => [l.id, l]));
    const used = new Set();
    for (const meta of header.panels.flatMap((p) => [p, p.overlay])) {
      if (meta?.table) meta.colours = blob(meta.table);
    }
    this.pictures = header.panels.map((meta) => {
      const kept = used.has(meta.id) ? null : old.get(meta.id);
      used.add(meta.id);
      if (!kept) return new Picture(meta, blob);
      kept.adopt(meta);
      return kept;
    });
    this.layers = header.panels.map(({ overlay }) => {
      if (!overlay) return null;
      const kept = oldLayers.get(overlay.id);
      if (!kept) return new Layer(overlay, blob);
      kept.meta = overlay;
      return kept;
    });
    this.washTable = blob(header.wash);
    this.pair = header.blend;
    this.spacing = header.spacing;
    this.orientation = header.orientation;
    this.outline = header.outline;
    this.presets = header.presets;
    this.adoptMixture(header.mix, blob);
    this.adoptWindows(header, last);
    // In a stack the crosshair is what ties the planes together, so Python may move it.
    if (!last || (header.stack && !samePixel(last.marked, header.marked))) this.cross = header.marked;
    this.adoptStack(header.stack);
    this.chrome.root.classList.toggle("v-bare", header.bare);
    if (!last || last.mode !== header.mode) this.mode = header.mode;
    if (!this.pair) this.mode = "side";
    if (!last || last.opacity !== header.opacity) this.opacity = header.opacity;
    if (!last || last.amount !== header.amount) this.amount = header.amount;
    const aspect = this.spacing ? this.spacing[0] / this.spacing[1] : 1;
    if (this.view.setImage(header.columns, header.rows, aspect)) {
      Object.assign(this, { roi: null, ruler: null });
      if (this.cross && !this.view.pixel(this.cross.col, this.cross.row)) this.cross = null;
    }
    this.chrome.root.style.setProperty("--v-height", `${header.height}px`);
    if (!last || JSON.stringify(last.presets) !== JSON.stringify(header.presets)) {
      this.chrome.presetMenus(header.presets);
    }
    this.chrome.edges(this.orientation);
    this.statistics = null;
    this.flicker();
    this.layout();
  }

  /** Python's window for a role wins when Python changed it; otherwise the one set here stays. */
  adoptWindows(header, last) {
    const given = windowsOf(header);
    const before = last ? windowsOf(last) : {};
    this.roles = Object.keys(given);
    this.applied = given;
    for (const role of this.roles) {
      const changed = !sameWindow(given[role], before[role]);
      if (!this.opened[role]) this.opened[role] = given[role];
      if (!this.windows[role] || (changed && this.gestures.drag?.kind !== "window")) {
        this.windows[role] = given[role];
      }
    }
  }

  windowOf(picture) {
    return picture.meta.window ? this.windows[picture.meta.role] : null;
  }

  stale() {
    return this.roles.some((role) => !sameWindow(this.windows[role], this.applied[role]));
  }

  members() {
    return this.mode === "side" ? null : this.pair;
  }

  layout() {
    if (!this.header) return;
    this.stackMixer();
    this.chrome.controls(this); // first: which rows there are decides the height of the stage
    const { clientWidth: width, clientHeight: height } = this.chrome.stage;
    if (!width || !height) return;
    const { columns, rows, aspect } = this.view;
    const single = this.mode !== "side";
    const letters = this.pictures.reduce((sum, { meta }) => sum + meta.title.length + meta.unit.length + 9, 0);
    const lines = single ? Math.min(4, Math.ceil((letters * 7.2) / (0.72 * width))) : 1;
    const heading = HEADER * lines;
    const indices = single ? this.pair : this.pictures.map((_, i) => i);
    const footer = this.mode === "wash" || indices.some((i) => this.legendOf(i)) ? LEGEND : 0;
    const notes = NOTES * (lines > 1 ? lines + 1 : 1);
    this.tiles = layTiles(single ? 1 : this.pictures.length, width, height, columns / (rows * aspect), heading, notes + footer);
    this.painter.resize(width, height, window.devicePixelRatio || 1);
    this.chrome.layTiles(this.tiles, (tile) => ({ heading, notes, ...this.describe(tile) }));
    this.chrome.presetChoice(this);
    this.request();
  }

  describe(tile) {
    if (this.mode === "side") {
      const { title } = this.pictures[tile.index].meta;
      return { title, members: [tile.index], legend: this.legendOf(tile.index) };
    }
    const [first, second] = this.pair.map((i) => this.pictures[i].meta.title);
    const name = MODES.find(([mode]) => mode === this.mode)[1];
    const legend = this.mode === "wash" ? this.washLegend()
      : this.pair.map((i) => this.legendOf(i)).find(Boolean);
    return { title: `${name}: ${first}, ${second}`, members: this.pictures.map((_, i) => i), legend };
  }

  legendOf(index) {
    const layer = this.layers[index];
    if (layer && this.overlayOn) {
      const { minimum, centre, maximum, label: text, colours, decimals } = layer.meta;
      return { table: colours, label: text, numbers: [minimum, centre, maximum].map((v) => format(v, decimals)) };
    }
    const { meta } = this.pictures[index];
    if (!meta.colours) return null;
    const window = this.windowOf(this.pictures[index]);
    const ends = window ? [window[0] - window[1] / 2, window[0] + window[1] / 2]
      : [meta.intercept, meta.intercept + 255 * meta.slope];
    const numbers = [ends[0], (ends[0] + ends[1]) / 2, ends[1]].map((v) => format(v, meta.decimals));
    return { table: meta.colours, label: named(meta), numbers };
  }

  washLegend() {
    const { meta } = this.pictures[this.pair[1]];
    const window = this.windowOf(this.pictures[this.pair[1]]);
    const [low, high] = window ? [window[0] - window[1] / 2, window[0] + window[1] / 2]
      : [meta.intercept, meta.intercept + 255 * meta.slope];
    return {
      table: this.washTable, label: named(meta),
      numbers: [low, (low + high) / 2, high].map((v) => format(v, meta.decimals)),
    };
  }

  request() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.frame();
    });
  }

  frame() {
    const { chrome } = this;
    const dragging = this.gestures.drag?.kind === "window";
    const scale = dragging && this.mode === "side" ? this.view.scale(this.tiles[0]) * this.painter.ratio : 1;
    for (const picture of this.pictures) picture.render(this.windowOf(picture), scale <= 0.5 ? 2 : 1);
    const members = new Set(this.members() || []);
    const { over } = this;
    this.hoverMark = null;
    if (over && this.tiles.includes(over.tile)) {
      const [x, y] = this.view.toImage(over.tile, over.px, over.py);
      this.hoverMark = { x, y, tile: over.tile.index, pixel: this.view.pixel(x, y) };
    }
    this.rulerText = this.ruler ? this.length(this.ruler) : "";
    this.painter.frame({ ...this.drawn(), hover: this.hoverMark?.pixel ? this.hoverMark : null });
    this.readOut();
    const stale = this.stale();
    chrome.tiles.forEach((parts, i) => {
      const shown = members.size ? [...members] : [i];
      const fused = shown.some((k) => this.pictures[k].meta.role === "fused");
      parts.badge.hidden = !(stale && fused);
      if (stale && fused) setText(parts.badge, dragging ? STALE : PENDING);
      setText(parts.window, parts.roi.textContent && this.tiles[i].w < 300 ? "" : this.windowText(shown));
    });
    this.frames = (this.frames || 0) + 1;
  }

  drawn() {
    const { pictures, layers, mode, pair, amount, opacity, overlayOn, curtain, flick, view, tiles } = this;
    const { spacing, orientation, roi, ruler, rulerText, cross, outline, washTable } = this;
    const corner = this.stackText();
    return {
      corner,
      pictures, layers, mode, pair, amount, opacity, overlayOn, curtain, flick, view, tiles,
      spacing, orientation, roi, ruler, rulerText, cross, outline, washTable,
    };
  }

  windowText(indices) {
    return indices.map((i) => [this.pictures[i], this.windowOf(this.pictures[i])])
      .filter(([, window]) => window)
      .map(([{ meta }, [center, width]]) => `${indices.length > 1 ? `${meta.title} ` : ""}W ${
        short(width, meta.decimals)} L ${short(center, meta.decimals)}`)
      .join("   ");
  }

  /** Every panel's value at the pointer, or at the crosshair where no pointer is over the images. */
  readOut() {
    const at = this.hoverMark?.pixel || this.cross;
    const { columns, rows } = this.view;
    const inside = ({ meta }) => [
      Math.floor(((at.col + 0.5) * meta.width) / columns), Math.floor(((at.row + 0.5) * meta.height) / rows)];
    const single = this.mode !== "side";
    const values = this.pictures.map((picture, i) => {
      const { meta } = picture;
      if (!at) return single ? meta.title : "";
      const number = format(picture.value(...inside(picture)), meta.decimals);
      const layer = this.layers[i];
      const extra = layer && this.overlayOn
        ? ` · ${single || this.tiles[0].w >= 300 ? `${layer.meta.label} ` : ""}${format(layer.value(...inside(layer)), layer.meta.decimals)}` : "";
      return `${single ? `${meta.title} ` : ""}${number}${meta.unit ? ` ${meta.unit}` : ""}${extra}`;
    });
    for (const parts of this.chrome.tiles) {
      for (const { index, node } of parts.values) setText(node, values[index]);
    }
    const mm = at && this.spacing
      ? ` · ${format((at.col + 0.5) * this.spacing[1], 1)}, ${format((at.row + 0.5) * this.spacing[0], 1)} mm` : "";
    const zoom = this.tiles[0] ? `zoom ${Math.round(this.view.scale(this.tiles[0]) * 100)} %` : "";
    setText(this.chrome.position, `${at ? `x ${at.col}, y ${at.row}${mm} · ` : ""}${zoom}`);
    this.regionText();
    return values;
  }
}

/** A legend's words: what is shown, in which unit. */
function named({ title, unit }) {
  const words = unit === "grey" ? "grey levels" : unit;
  return words ? `${title} (${words})` : title;
}

function samePixel(a, b) {
  return a === b || Boolean(a && b && a.row === b.row && a.col === b.col);
}

function windowsOf(header) {
  return Object.fromEntries(header.panels.filter((p) => p.window).map((p) => [p.role, p.window]));
}
