// Pointer, wheel and keyboard to actions: pan, zoom, pick, window, region, ruler, curtain.

/** Slices that a key turns; with Shift the arrows move the crosshair there, too. */
const SLICE_KEYS = {
  pagedown: 1, pageup: -1, arrowdown: 1, arrowup: -1, arrowright: 1, arrowleft: -1,
  end: Infinity, home: -Infinity,
};

class Gestures {
  constructor(canvas, root, host) {
    this.canvas = canvas;
    this.host = host;
    this.pointers = new Map();
    this.drag = null;
    this.hovered = false;
    this.held = false;
    this.stop = new AbortController();
    const listen = (node, name, handler, options = {}) => node.addEventListener(
      name, handler, { signal: this.stop.signal, ...options });
    listen(canvas, "pointerdown", (e) => this.down(e));
    listen(canvas, "pointermove", (e) => this.move(e));
    listen(canvas, "pointerup", (e) => this.up(e, true));
    listen(canvas, "pointercancel", (e) => this.up(e, false));
    listen(canvas, "pointerenter", () => { this.hovered = true; });
    listen(canvas, "pointerleave", () => { this.hovered = false; host.hover(null); });
    listen(canvas, "contextmenu", (e) => e.preventDefault());
    listen(canvas, "wheel", (e) => this.wheel(e), { passive: false });
    listen(root, "keydown", (e) => this.key(e));
    listen(window, "keydown", (e) => {
      const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(e.composedPath()[0]?.tagName || "");
      if (e.key.toLowerCase() === "w" && this.hovered && !typing) this.hold(true);
    });
    listen(window, "keyup", (e) => { if (e.key.toLowerCase() === "w") this.hold(false); });
    listen(window, "blur", () => this.hold(false));
  }

  hold(held) {
    this.held = held;
    this.canvas.classList.toggle("v-windowing", held);
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    return { x, y, tile: this.host.tileAt(x, y) };
  }

  down(event) {
    this.canvas.focus({ preventScroll: true });
    const at = this.place(event);
    if (!at.tile) return;
    try {
      this.canvas.setPointerCapture(event.pointerId);
    } catch {
      // A synthetic pointer cannot be captured; its moves still arrive.
    }
    this.pointers.set(event.pointerId, at);
    if (this.pointers.size === 2) {
      this.finish(false);
      this.drag = { kind: "pinch", tile: at.tile, ...this.spread() };
      return;
    }
    if (this.pointers.size > 2) return;
    this.drag = { ...this.kindOf(event, at), start: at, last: at, moved: false, id: event.pointerId };
    this.host.begin(this.drag);
  }

  kindOf(event, { x, y, tile }) {
    const { host } = this;
    const image = host.view.toImage(tile, x, y);
    if (event.button === 2 || this.held || host.tool === "window") {
      const role = host.roleAt(tile, x);
      return { kind: role ? "window" : "pan", role, tile, image };
    }
    if (host.tool === "roi" || host.tool === "ruler") return { kind: host.tool, tile, image };
    const reach = event.pointerType === "touch" ? 24 : 12;
    const curtain = host.mode === "swipe" && Math.abs(x - tile.x - tile.w * host.curtain) < reach;
    return { kind: curtain ? "curtain" : "pan", tile, image };
  }

  spread() {
    const [a, b] = [...this.pointers.values()];
    return { distance: Math.hypot(a.x - b.x, a.y - b.y) || 1, x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  }

  move(event) {
    const at = this.place(event);
    const { host, drag } = this;
    if (this.pointers.has(event.pointerId)) this.pointers.set(event.pointerId, at);
    host.hover(at.tile ? { tile: at.tile, px: at.x, py: at.y } : null);
    if (!drag) return;
    if (drag.kind === "pinch") {
      if (this.pointers.size < 2) return;
      const now = this.spread();
      host.view.pan(drag.tile, now.x - drag.x, now.y - drag.y);
      host.zoomAt(drag.tile, now.x, now.y, now.distance / drag.distance);
      Object.assign(drag, now);
      return;
    }
    if (drag.id !== event.pointerId) return;
    if (!drag.moved && Math.hypot(at.x - drag.start.x, at.y - drag.start.y) < 4) return;
    const dx = at.x - drag.last.x;
    const dy = at.y - drag.last.y;
    drag.moved = true;
    drag.last = at;
    if (drag.kind === "pan") host.pan(drag.tile, dx, dy);
    else if (drag.kind === "window") host.windowBy(drag.role, dx, dy);
    else if (drag.kind === "curtain") host.moveCurtain((at.x - drag.tile.x) / drag.tile.w);
    else host.draw(drag.kind, drag.image, host.view.toImage(drag.tile, at.x, at.y), false);
  }

  up(event, done) {
    if (!this.pointers.delete(event.pointerId)) return;
    if (event.pointerType === "touch") this.host.hover(null);
    if (this.drag?.kind === "pinch") {
      if (this.pointers.size === 0) this.drag = null;
      return;
    }
    if (this.drag?.id === event.pointerId) this.finish(done);
  }

  finish(done) {
    const { drag, host } = this;
    this.drag = null;
    if (!drag) return;
    if (drag.kind === "window") host.releaseWindow();
    else if (drag.kind === "roi" || drag.kind === "ruler") {
      const to = host.view.toImage(drag.tile, drag.last.x, drag.last.y);
      if (drag.moved) host.draw(drag.kind, drag.image, to, true);
    } else if (drag.kind === "pan" && done && !drag.moved) host.pick(drag.image);
    host.end();
  }

  wheel(event) {
    const { x, y, tile } = this.place(event);
    if (!tile) return;
    event.preventDefault();
    const distance = event.deltaY * (event.deltaMode === 1 ? 30 : 1);
    // A pinch on a touchpad arrives as a wheel with Ctrl.
    if (this.host.stack && !event.ctrlKey && !event.metaKey) this.host.scrollBy(distance);
    else this.host.zoomAt(tile, x, y, Math.exp(-Math.max(-200, Math.min(200, distance)) / 500));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { host } = this;
    const from = event.composedPath()[0]?.tagName;
    const key = event.key.toLowerCase();
    const step = event.shiftKey ? 10 : 1;
    const moves = { arrowleft: [-step, 0], arrowright: [step, 0], arrowup: [0, -step], arrowdown: [0, step] };
    let action = null;
    if (host.stack && from === "CANVAS" && SLICE_KEYS[key] && !(moves[key] && event.shiftKey)) {
      action = () => host.scroll(SLICE_KEYS[key]);
    } else if (moves[key] && from === "CANVAS") action = () => host.nudge(...moves[key]);
    else if (/^[1-6]$/.test(key) && from !== "SELECT") action = () => host.chooseMode(MODES[key - 1][0]);
    else if (key === "+" || key === "=") action = () => host.zoomBy(1.25);
    else if (key === "-" || key === "_") action = () => host.zoomBy(1 / 1.25);
    else if (key === "r" && from !== "SELECT") action = () => host.reset();
    else if (key === "escape") action = () => host.clear();
    else if (key === "w" && from === "CANVAS") action = () => this.hold(true);
    if (!action) {
      // Streamlit's own one-letter shortcuts (C, R) must not fire while the viewer has the focus.
      if (key.length === 1) event.stopPropagation();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  close() {
    this.stop.abort();
  }
}
