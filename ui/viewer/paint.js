// One frame: pictures into tiles, then the marks that lie over them.

const MARK = "#5ce1f2";
const REGION = "#ffd166";
const OUTLINE = "#ff9ff3";

/** A stroke that stays visible on black and on white: a dark line under a coloured one. */
function stroke(context, colour, width, path, dash) {
  for (const [style, extra] of [["rgba(0,0,0,0.65)", 2], [colour, 0]]) {
    context.beginPath();
    path();
    context.setLineDash(dash || []);
    context.strokeStyle = style;
    context.lineWidth = width + extra;
    context.stroke();
  }
  context.setLineDash([]);
}

function label(context, text, x, y, align, colour) {
  context.font = "600 12px system-ui, sans-serif";
  context.textAlign = align;
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 3.5;
  context.strokeStyle = "rgba(0,0,0,0.8)";
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.composite = new Composite();
  }

  resize(width, height, ratio) {
    const w = Math.max(1, Math.round(width * ratio));
    const h = Math.max(1, Math.round(height * ratio));
    if (this.canvas.width !== w) this.canvas.width = w;
    if (this.canvas.height !== h) this.canvas.height = h;
    this.ratio = ratio;
  }

  frame(state) {
    const { context } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    for (const tile of state.tiles) {
      context.save();
      context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
      context.beginPath();
      context.rect(tile.x, tile.y, tile.w, tile.h);
      context.clip();
      this.pictures(state, tile);
      this.marks(state, tile);
      context.restore();
    }
  }

  /** Draw a texture over the whole image box of a tile, sharp pixels beyond twice their size. */
  texture(state, tile, texture, opacity = 1) {
    const { context } = this;
    const { view } = state;
    const [x0, y0] = view.toScreen(tile, 0, 0);
    const [x1, y1] = view.toScreen(tile, view.columns, view.rows);
    const across = ((x1 - x0) * this.ratio) / texture.width;
    const down = ((y1 - y0) * this.ratio) / texture.height;
    context.imageSmoothingEnabled = Math.min(across, down) <= 2;
    context.globalAlpha = opacity;
    const source = texture.source(Math.max(across, down));
    context.drawImage(source, x0, y0, x1 - x0, y1 - y0);
    context.globalAlpha = 1;
  }

  pictures(state, tile) {
    const { pictures, layers, mode, pair } = state;
    let shown = [tile.index];
    if (mode === "side") {
      this.texture(state, tile, pictures[tile.index].shown);
    } else {
      shown = pair;
      const [first, second] = pair.map((i) => pictures[i]);
      if (mode === "flicker") {
        shown = [pair[state.flick]];
        this.texture(state, tile, pictures[shown[0]].texture);
      } else if (mode === "swipe") {
        this.swipe(state, tile, first, second);
      } else {
        const mixed = this.composite.render(first, second, mode, state.amount, state.washTable);
        this.texture(state, tile, mixed);
      }
    }
    const covering = shown.map((i) => layers[i]).find(Boolean);
    if (covering && state.overlayOn) this.texture(state, tile, covering.texture, state.opacity);
  }

  swipe(state, tile, first, second) {
    const { context } = this;
    const edge = Math.round(tile.x + tile.w * state.curtain);
    for (const [picture, from, to] of [[first, tile.x, edge], [second, edge, tile.x + tile.w]]) {
      context.save();
      context.beginPath();
      context.rect(from, tile.y, to - from, tile.h);
      context.clip();
      this.texture(state, tile, picture.texture);
      context.restore();
    }
  }

  marks(state, tile) {
    const { context } = this;
    const { view } = state;
    const at = (x, y) => view.toScreen(tile, x, y);
    const box = (r) => {
      const [x0, y0] = at(r.col0, r.row0);
      const [x1, y1] = at(r.col1, r.row1);
      context.rect(x0, y0, x1 - x0, y1 - y0);
    };
    if (state.outline) stroke(context, OUTLINE, 1.5, () => box(state.outline), [5, 4]);
    if (state.roi) stroke(context, REGION, 1.5, () => box(state.roi));
    if (state.ruler) this.ruler(state, at);
    if (state.cross) this.cross(tile, at(state.cross.col + 0.5, state.cross.row + 0.5));
    if (state.hover && state.hover.tile !== tile.index) this.pointer(at(state.hover.x, state.hover.y));
    if (state.mode === "swipe") this.curtain(tile, tile.x + tile.w * state.curtain);
    this.letters(state, tile);
    if (state.corner) label(context, state.corner, tile.x + 8, tile.y + 12, "left", "#e6edf3");
    if (state.spacing) this.scaleBar(state, tile);
  }

  cross(tile, [x, y]) {
    const { context } = this;
    const gap = 9;
    stroke(context, MARK, 1, () => {
      context.moveTo(tile.x, y);
      context.lineTo(x - gap, y);
      context.moveTo(x + gap, y);
      context.lineTo(tile.x + tile.w, y);
      context.moveTo(x, tile.y);
      context.lineTo(x, y - gap);
      context.moveTo(x, y + gap);
      context.lineTo(x, tile.y + tile.h);
    });
  }

  pointer([x, y]) {
    const { context } = this;
    stroke(context, "#ffffff", 1.5, () => {
      context.moveTo(x - 7, y);
      context.lineTo(x + 7, y);
      context.moveTo(x, y - 7);
      context.lineTo(x, y + 7);
    });
  }

  curtain(tile, x) {
    const { context } = this;
    const middle = tile.y + tile.h / 2;
    stroke(context, "#ffffff", 2, () => {
      context.moveTo(x, tile.y);
      context.lineTo(x, tile.y + tile.h);
    });
    context.beginPath();
    context.arc(x, middle, 14, 0, 2 * Math.PI);
    context.fillStyle = "rgba(10,14,18,0.85)";
    context.fill();
    context.strokeStyle = "#ffffff";
    context.lineWidth = 2;
    context.stroke();
    context.beginPath();
    for (const side of [-1, 1]) {
      context.moveTo(x + side * 4, middle - 5);
      context.lineTo(x + side * 8.5, middle);
      context.lineTo(x + side * 4, middle + 5);
    }
    context.stroke();
  }

  ruler(state, at) {
    const { context } = this;
    const [from, to] = [at(...state.ruler.from), at(...state.ruler.to)];
    stroke(context, REGION, 1.5, () => {
      context.moveTo(...from);
      context.lineTo(...to);
      for (const [x, y] of [from, to]) {
        context.moveTo(x + 3, y);
        context.arc(x, y, 3, 0, 2 * Math.PI);
      }
    });
    const right = to[0] >= from[0];
    label(context, state.rulerText, to[0] + (right ? 9 : -9), to[1], right ? "left" : "right", REGION);
  }

  letters(state, tile) {
    if (!state.orientation || tile.w < 110 || tile.h < 110) return;
    const [left, right, top, bottom] = state.orientation;
    const x = tile.x + tile.w / 2;
    const y = tile.y + tile.h / 2;
    label(this.context, left, tile.x + 8, y, "left", "#e6edf3");
    label(this.context, right, tile.x + tile.w - 8, y, "right", "#e6edf3");
    label(this.context, top, x, tile.y + 12, "center", "#e6edf3");
    label(this.context, bottom, x, tile.y + tile.h - 12, "center", "#e6edf3");
  }

  scaleBar(state, tile) {
    if (tile.w < 150 || tile.h < 110) return;
    const perMm = state.view.scale(tile) / state.spacing[1];
    const length = roundLength((tile.w * 0.25) / perMm);
    const right = tile.x + tile.w - 10;
    const left = right - length * perMm;
    const y = tile.y + tile.h - 11;
    this.bar = { mm: Number(length.toPrecision(2)), left, right, y };
    const { context } = this;
    stroke(context, "#e6edf3", 1.5, () => {
      context.moveTo(left, y - 4);
      context.lineTo(left, y);
      context.lineTo(right, y);
      context.lineTo(right, y - 4);
    });
    label(context, `${this.bar.mm} mm`, right, y - 14, "right", "#e6edf3");
  }
}
