// Paint masks and see the fusion at once. Haar blocks are exact and quick, so every stroke is
// decomposed, gated and rebuilt here; Python gets the masks when the brush is lifted.

const [CT, HALF, MRI] = [255, 128, 0];
const MOST_UNDO = 24;
const KEPT = new Map(); // painted masks by the canvas's name, so that a change of view keeps them
const PAINTERS = new WeakMap();

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

class MaskPainter {
  constructor(parent) {
    this.brush = { value: CT, radius: 14, soft: 0.5 };
    this.band = "all";
    this.under = "anatomy";
    this.last = null;
    this.build();
    parent.append(this.root);
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.root);
  }

  build() {
    const press = (group, name, text, tip, action) => element("button", {
      type: "button", class: "p-button", "data-group": group, "data-name": name, title: tip, onclick: action,
    }, text);
    const choose = (value) => { this.brush.value = value; this.marks(); };
    this.sizes = this.slider("Size", 1, 80, this.brush.radius, "px", (v) => { this.brush.radius = v; });
    this.softness = this.slider("Soft edge", 0, 100, 50, "%", (v) => { this.brush.soft = v / 100; });
    this.bands = element("span", { class: "p-group", role: "group", "aria-label": "Band to paint" });
    this.tools = element("div", { class: "p-bar" },
      element("span", { class: "p-label" }, "Brush"),
      element("span", { class: "p-group", role: "group", "aria-label": "Brush toward" },
        press("brush", CT, "CT", "Paint toward the CT (key C)", () => choose(CT)),
        press("brush", HALF, "Half", "Paint toward half of each (key H)", () => choose(HALF)),
        press("brush", MRI, "MRI", "Paint toward the MRI (key M)", () => choose(MRI))),
      this.sizes.node, this.softness.node,
      element("span", { class: "p-group p-end" },
        press("act", "undo", "Undo", "Take the last stroke back (Ctrl+Z)", () => this.undo()),
        press("act", "half", "Clear to 0.5", "Half of each everywhere", () => this.reset("half")),
        press("act", "learned", "Start from learned", "The method's own masks", () => this.reset("learned"))));
    this.second = element("div", { class: "p-bar" },
      element("span", { class: "p-label" }, "Paints on"), this.bands,
      element("span", { class: "p-label p-end" }, "Below the mask"),
      element("span", { class: "p-group", role: "group", "aria-label": "Below the mask" },
        press("under", "anatomy", "Both", "The mean of CT and MRI", () => this.setUnder("anatomy")),
        press("under", "ct", "CT", "The CT", () => this.setUnder("ct")),
        press("under", "mri", "MRI", "The MRI", () => this.setUnder("mri"))));
    this.mask = this.surface("Your mask", "Mask painting area. Arrow keys move the brush, space paints.");
    this.fused = this.surface("Fused with your mask", "Fused image, painted on as well. Arrow keys move the brush, space paints.");
    this.legend = element("div", { class: "p-legend" },
      element("span", {}, "0 all MRI"), element("i"), element("span", {}, "0.5"), element("i"), element("span", {}, "1 all CT"));
    this.legend.querySelectorAll("i").forEach((bar, i) => bar.classList.add(i ? "p-warm" : "p-cold"));
    this.status = element("div", { class: "p-status", role: "status" });
    this.root = element("div", { class: "p-root" }, this.tools, this.second,
      element("div", { class: "p-stage" }, this.mask.figure, this.fused.figure),
      element("div", { class: "p-foot" }, this.legend, this.status));
    this.root.addEventListener("keydown", (event) => this.key(event));
  }

  slider(name, low, high, value, unit, change) {
    const out = element("output", { class: "p-number" }, `${value} ${unit}`);
    const input = element("input", {
      type: "range", class: "p-slider", min: low, max: high, value, "aria-label": name,
      oninput: () => { out.textContent = `${input.value} ${unit}`; change(Number(input.value)); this.cursor(); },
    });
    return { input, node: element("label", { class: "p-field" }, element("span", { class: "p-label" }, name), input, out) };
  }

  surface(title, label) {
    const canvas = element("canvas", { class: "p-canvas", tabindex: "0", role: "img", "aria-label": label });
    const ring = element("span", { class: "p-ring" });
    const figure = element("figure", { class: "p-figure" }, element("figcaption", {}, title),
      element("div", { class: "p-frame" }, canvas, ring));
    const found = { canvas, ring, figure, context: canvas.getContext("2d") };
    const at = (e) => {
      const box = canvas.getBoundingClientRect();
      return { x: ((e.clientX - box.left) / box.width) * this.width, y: ((e.clientY - box.top) / box.height) * this.height };
    };
    canvas.addEventListener("pointerdown", (e) => {
      if (e.button || !e.isPrimary) return;
      canvas.setPointerCapture(e.pointerId);
      this.begin(at(e));
    });
    canvas.addEventListener("pointermove", (e) => {
      const points = e.getCoalescedEvents?.() ?? [];
      for (const point of points.length ? points : [e]) this.move(at(point));
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => this.end());
    canvas.addEventListener("pointerleave", () => { if (!this.stroke) this.hover(null); });
    canvas.addEventListener("contextmenu", (e) => e.preventDefault());
    return found;
  }

  update(data, send) {
    this.send = send;
    const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
    const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
    if (this.header?.id === header.id) return;
    this.header = header;
    const { width, height, levels, names } = header;
    Object.assign(this, { width, height, levels, names, history: [], cursorAt: null, band: "all" });
    const size = width * height;
    const part = (i) => bytes.slice(4 + length + i * size, 4 + length + (i + 1) * size);
    this.ct = part(0);
    this.mri = part(1);
    this.learned = names.map((_, i) => part(2 + i));
    this.pyramids = [this.ct, this.mri].map((image) => pyramid(image, width, height, levels));
    this.masks = KEPT.get(header.id) ?? this.begun(header.start);
    for (const { canvas } of [this.mask, this.fused]) Object.assign(canvas, { width, height });
    this.picture = new ImageData(width, height);
    this.colours = header.colours;
    this.bandButtons();
    this.setUnder("anatomy");
    this.marks();
    this.fit();
    this.redraw();
  }

  begun(start) {
    return this.names.map((_, i) => (start === "learned" ? this.learned[i].slice()
      : new Uint8Array(this.width * this.height).fill(HALF)));
  }

  bandButtons() {
    this.bands.replaceChildren(...["all", ...this.names].map((name) => element("button", {
      type: "button", class: "p-button", "data-group": "band", "data-name": name,
      title: name === "all" ? "Every band at once" : `Only the mask of ${name}`,
      onclick: () => { this.band = name; this.marks(); this.redraw(); },
    }, name === "all" ? "All bands" : name)));
  }

  marks() {
    const on = { brush: String(this.brush.value), band: this.band, under: this.under };
    for (const node of this.root.querySelectorAll(".p-button")) {
      const { group, name } = node.dataset;
      if (group in on) node.setAttribute("aria-pressed", String(on[group] === name));
      if (name === "undo") node.disabled = !this.history?.length;
    }
  }

  setUnder(name) {
    this.under = name;
    this.ground = name === "ct" ? this.ct : name === "mri" ? this.mri
      : this.ct.map((value, i) => (value + this.mri[i]) >> 1);
    this.marks();
    this.redraw();
  }

  chosen() {
    return this.names.map((_, i) => i).filter((i) => this.band === "all" || this.names[i] === this.band);
  }

  begin(point) {
    this.history.push(this.masks.map((mask, i) => (this.chosen().includes(i) ? mask.slice() : mask)));
    if (this.history.length > MOST_UNDO) this.history.shift();
    this.stroke = { last: point, dabs: 0, before: this.masks };
    this.masks = this.masks.map((mask, i) => (this.chosen().includes(i) ? mask.slice() : mask));
    this.cover = new Float32Array(this.width * this.height);
    this.dab(point);
    this.hover(point);
  }

  move(point) {
    this.hover(point);
    if (!this.stroke) return;
    const { last } = this.stroke;
    const step = Math.max(1, this.brush.radius / 4);
    const far = Math.hypot(point.x - last.x, point.y - last.y);
    if (far < step) return;
    const count = Math.ceil(far / step);
    for (let i = 1; i <= count; i += 1) {
      this.dab({ x: last.x + ((point.x - last.x) * i) / count, y: last.y + ((point.y - last.y) * i) / count });
    }
    this.stroke.last = point;
  }

  /** Cover a disc: full inside, fading over its soft edge; a stroke covers each pixel only once. */
  dab({ x, y }) {
    const { radius, soft, value } = this.brush;
    const { width, height, cover, stroke } = this;
    const inner = radius * (1 - soft);
    const bands = this.chosen();
    for (let row = Math.max(0, Math.floor(y - radius)); row <= Math.min(height - 1, Math.ceil(y + radius)); row += 1) {
      for (let column = Math.max(0, Math.floor(x - radius)); column <= Math.min(width - 1, Math.ceil(x + radius)); column += 1) {
        const away = Math.hypot(column + 0.5 - x, row + 0.5 - y);
        if (away > radius) continue;
        const fade = away <= inner ? 1 : 0.5 + 0.5 * Math.cos((Math.PI * (away - inner)) / (radius - inner));
        const i = row * width + column;
        if (fade <= cover[i]) continue;
        cover[i] = fade;
        for (const b of bands) this.masks[b][i] = Math.round(stroke.before[b][i] * (1 - fade) + value * fade);
      }
    }
    stroke.dabs += 1;
    this.redraw();
  }

  end() {
    if (!this.stroke) return;
    this.stroke = null;
    this.cover = null;
    this.marks();
    this.answer();
  }

  undo() {
    if (!this.history.length) return;
    this.masks = this.history.pop();
    this.marks();
    this.redraw();
    this.answer();
  }

  reset(start) {
    this.history.push(this.masks);
    this.masks = this.begun(start);
    this.marks();
    this.redraw();
    this.answer();
  }

  /** The mask of each band in the band's own size, LL first, then coarse to fine. */
  pooled() {
    return this.masks.map((mask, i) => {
      const times = i === 0 ? this.levels : this.levels - Math.floor((i - 1) / 3);
      let [found, width, height] = [mask, this.width, this.height];
      for (let n = 0; n < times; n += 1) {
        found = poolOnce(found, width, height);
        width = (width + 1) >> 1;
        height = (height + 1) >> 1;
      }
      return found;
    });
  }

  fuse() {
    const masks = this.pooled();
    const [ct, mri] = this.pyramids;
    let image = blend(masks[0], ct[this.levels - 1].ll, mri[this.levels - 1].ll);
    for (let j = this.levels - 1; j >= 0; j -= 1) {
      const first = 1 + 3 * (this.levels - 1 - j);
      const details = [0, 1, 2].map((k) => blend(masks[first + k], ct[j].details[k], mri[j].details[k]));
      image = synthesise(image, details, ct[j]);
    }
    return image;
  }

  redraw() {
    this.waiting ??= requestAnimationFrame(() => { this.waiting = null; this.draw(); });
  }

  draw() {
    if (!this.masks) return;
    const began = performance.now();
    const image = this.fuse();
    const { data } = this.picture;
    for (let i = 0; i < image.length; i += 1) {
      const level = Math.max(0, Math.min(255, Math.round(image[i])));
      data[4 * i] = data[4 * i + 1] = data[4 * i + 2] = level;
      data[4 * i + 3] = 255;
    }
    this.shown = image;
    this.fused.context.putImageData(this.picture, 0, 0);
    const shown = this.chosen();
    const mask = shown.length === 1 ? this.masks[shown[0]] : null;
    for (let i = 0; i < image.length; i += 1) {
      let value = 0;
      if (mask) value = mask[i];
      else { for (const b of shown) value += this.masks[b][i]; value /= shown.length; }
      const side = value / 127.5 - 1;
      const [r, g, b] = side < 0 ? this.colours.mri : this.colours.ct;
      const share = 0.72 * Math.abs(side) ** 0.8;
      const ground = this.ground[i];
      data[4 * i] = ground * (1 - share) + r * share;
      data[4 * i + 1] = ground * (1 - share) + g * share;
      data[4 * i + 2] = ground * (1 - share) + b * share;
    }
    this.mask.context.putImageData(this.picture, 0, 0);
    this.took = performance.now() - began;
  }

  hover(point) {
    this.cursorAt = point;
    this.cursor();
    const inside = point && point.x >= 0 && point.y >= 0 && point.x < this.width && point.y < this.height;
    this.status.textContent = inside ? this.reading(Math.floor(point.x), Math.floor(point.y)) : "";
  }

  reading(x, y) {
    const i = y * this.width + x;
    const bands = this.chosen();
    const mean = bands.reduce((sum, b) => sum + this.masks[b][i], 0) / bands.length / 255;
    const level = this.shown ? Math.max(0, Math.min(255, Math.round(this.shown[i]))) : 0;
    return `x ${x}, y ${y}: mask ${mean.toFixed(2)}, CT ${this.ct[i]}, MRI ${this.mri[i]}, fused ${level}`;
  }

  cursor() {
    for (const { canvas, ring } of [this.mask, this.fused]) {
      const scale = canvas.clientWidth / (this.width || 1);
      ring.hidden = !this.cursorAt;
      if (!this.cursorAt) continue;
      const down = canvas.clientHeight / this.height;
      const { radius } = this.brush;
      Object.assign(ring.style, {
        width: `${2 * radius * scale}px`, height: `${2 * radius * down}px`,
        left: `${(this.cursorAt.x - radius) * scale}px`, top: `${(this.cursorAt.y - radius) * down}px`,
      });
    }
  }

  key(event) {
    const key = event.key.toLowerCase();
    const on = event.composedPath()[0]?.tagName;
    const step = Math.max(1, this.brush.radius / 3);
    const moves = { arrowleft: [-step, 0], arrowright: [step, 0], arrowup: [0, -step], arrowdown: [0, step] };
    const brushes = { c: CT, h: HALF, m: MRI };
    if ((event.ctrlKey || event.metaKey) && key === "z") this.undo();
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (key in brushes) { this.brush.value = brushes[key]; this.marks(); }
    else if (key === "[" || key === "]") this.resize(key === "]" ? 1.25 : 0.8);
    else if (moves[key] && on === "CANVAS") this.hover(this.moved(...moves[key]));
    else if (key === " " && on === "CANVAS") { this.begin(this.moved(0, 0)); this.end(); }
    else {
      if (key.length === 1 && on !== "BUTTON") event.stopPropagation();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  moved(dx, dy) {
    const { x, y } = this.cursorAt ?? { x: this.width / 2, y: this.height / 2 };
    return { x: Math.max(0, Math.min(this.width - 1, x + dx)), y: Math.max(0, Math.min(this.height - 1, y + dy)) };
  }

  resize(factor) {
    const { input } = this.sizes;
    input.value = Math.max(1, Math.round(this.brush.radius * factor) + (factor > 1 ? 1 : 0));
    input.dispatchEvent(new Event("input"));
  }

  fit() {
    if (!this.width) return;
    const room = (this.root.clientWidth - 14) / 2;
    const tall = this.header.room;
    const { aspect } = this.header;
    const scale = Math.min(room / this.width, tall / (this.height * aspect));
    for (const { canvas } of [this.mask, this.fused]) {
      Object.assign(canvas.style, { width: `${Math.floor(this.width * scale)}px`, height: `${Math.floor(this.height * aspect * scale)}px` });
    }
    this.cursor();
  }

  answer() {
    KEPT.set(this.header.id, this.masks);
    const pieces = this.pooled();
    const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) { all.set(piece, at); at += piece.length; }
    this.send("masks", { id: this.header.id, bytes: toBase64(all) });
  }

  /** What is painted and shown, for tests: `canvas.painter()`. */
  report() {
    const { shown, took, masks, ct, mri } = this;
    return { shown, took, masks, ct, mri };
  }

  close() {
    this.observer.disconnect();
    cancelAnimationFrame(this.waiting);
    this.root.remove();
  }
}

/** Called by Streamlit at every rerun that touches the component. */
export default function mount({ data, parentElement, setStateValue }) {
  let painter = PAINTERS.get(parentElement);
  if (!painter) {
    painter = new MaskPainter(parentElement);
    PAINTERS.set(parentElement, painter);
    painter.fused.canvas.painter = () => painter.report();
  }
  painter.update(data, setStateValue);
  return () => {
    PAINTERS.get(parentElement)?.close();
    PAINTERS.delete(parentElement);
  };
}
