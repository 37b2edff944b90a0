// The elements around the canvas: toolbar, options, tile headings, legends, status line.
// Text from Python or from files only ever enters through textContent.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  side: "M2 3h5v10H2zM9 3h5v10H9z",
  blend: "M6 4.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7M10 4.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7",
  swipe: "M8 2v12M5 5.5L2.5 8L5 10.5M11 5.5L13.5 8L11 10.5",
  checker: "M2 2h12v12H2zM2 8h12M8 2v12M3 3.5h4M3 5h4M3 6.5h4M9 9.5h4M9 11h4M9 12.5h4",
  flicker: "M9 1.5L3.5 9H8l-1 5.5L12.5 7H8z",
  wash: "M8 2C10.5 5 12 7.2 12 9.5a4 4 0 0 1-8 0C4 7.2 5.5 5 8 2z",
  roi: "M2.5 4.5h11v7h-11zM1.5 4.5h2M2.5 3.5v2M12.5 11.5h2M13.5 10.5v2",
  ruler: "M1.5 10.5L10.5 1.5L14.5 5.5L5.5 14.5zM4 8l1.5 1.5M6 6l1.5 1.5M8 4l1.5 1.5",
  window: "M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11",
  layer: "M8 2L14.5 5.5L8 9L1.5 5.5zM1.5 8.5L8 12L14.5 8.5M1.5 11.200L8 14.700L14.5 11.200",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  reset: "M3 8a5 5 0 1 0 1.8-3.8M4.800 1.5v2.900h2.900",
  full: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
};
const MODES = [
  ["side", "Side by side", "every image beside the others, zoom and position linked"],
  ["blend", "Blend", "mix two images with the slider"],
  ["swipe", "Swipe", "drag a curtain between two images"],
  ["checker", "Checker", "two images in alternating squares"],
  ["flicker", "Flicker", "two images in turn, twice a second"],
  ["wash", "Wash", "the second image as colour over the first"],
];

const MORE_KEYS = "plus and minus zoom, 1 to 6 choose how images are shown, R resets, Escape clears.";
const PLAIN_LABEL = `Images. Arrow keys move the crosshair, with Shift by ten pixels, ${MORE_KEYS}`;
const STACK_LABEL = "One slice of a stack. Arrow keys, Page Up and Page Down turn to another slice, "
  + `with Shift the arrows move the crosshair, ${MORE_KEYS}`;

function el(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  const { text, on = {}, ...attributes } = options;
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  if (text !== undefined) node.textContent = text;
  for (const [name, handler] of Object.entries(on)) node.addEventListener(name, handler);
  node.append(...children.filter(Boolean));
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function button(name, text, tip, action, extra = {}) {
  return el("button", {
    type: "button", class: "v-button", "data-name": name, "data-tip": `${text}: ${tip}`,
    "aria-label": `${text}: ${tip}`, on: { click: action }, ...extra,
  }, icon(name), extra.bare ? null : el("span", { class: "v-label", text }));
}

function slider(name, text, action) {
  return el("input", {
    type: "range", min: 0, max: 1, step: 0.01, class: "v-slider",
    "data-name": name, "aria-label": text, on: { input: action },
  });
}

/** Draw a 256-entry RGBA table as a bar from left to right. */
function drawBar(canvas, table) {
  canvas.width = 256;
  canvas.height = 1;
  const image = new ImageData(256, 1);
  for (let i = 0; i < 256; i += 1) {
    for (let c = 0; c < 3; c += 1) image.data[4 * i + c] = table[4 * i + c];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

class Chrome {
  constructor(actions) {
    this.actions = actions;
    this.modeButtons = new Map(MODES.map(([name, text, tip], i) => [name,
      button(name, text, `${tip} (key ${i + 1})`, () => actions.mode(name), { "aria-pressed": "false" })]));
    this.toolButtons = new Map([
      ["window", "Window", "drag across an image: right for width, down for level (or hold W, or the right button)"],
      ["roi", "Region", "drag a rectangle: area, mean and spread in every image"],
      ["ruler", "Ruler", "drag a line to measure a distance"],
    ].map(([name, text, tip]) => [name,
      button(name, text, tip, () => actions.tool(name), { "aria-pressed": "false" })]));
    const view = [["minus", "Zoom out", "smaller (key −)", () => actions.zoom(1 / 1.25)],
      ["plus", "Zoom in", "larger (key +)", () => actions.zoom(1.25)],
      ["reset", "Reset", "whole image again, no region, no ruler (key R)", actions.reset],
      ["full", "Full screen", "fill the screen, and back", actions.fullscreen]];
    this.toolbar = el("div", { class: "v-toolbar", role: "toolbar", "aria-label": "Image viewer" },
      el("div", { class: "v-group", role: "group", "aria-label": "How images are shown" },
        ...this.modeButtons.values()),
      el("div", { class: "v-group", role: "group", "aria-label": "Tools" }, ...this.toolButtons.values()),
      el("div", { class: "v-group v-end", role: "group", "aria-label": "View" },
        ...view.map(([name, text, tip, action]) => button(name, text, tip, action, { bare: true }))));
    this.amount = slider("amount", "Blend", () => actions.amount(Number(this.amount.value)));
    this.ends = [el("span", { class: "v-name" }), el("span", { class: "v-name" })];
    this.percent = el("output", { class: "v-number" });
    this.mix = el("div", { class: "v-mix" }, this.ends[0], this.amount, this.ends[1], this.percent);
    this.hint = el("div", { class: "v-hint" });
    this.opacity = slider("opacity", "Overlay opacity", () => actions.opacity(Number(this.opacity.value)));
    this.opacityText = el("output", { class: "v-number" });
    this.overlayButton = button("layer", "Overlay", "show or hide the overlay", actions.overlay,
      { "aria-pressed": "true" });
    this.overlay = el("div", { class: "v-mix" }, this.overlayButton, this.opacity, this.opacityText);
    this.presets = el("div", { class: "v-mix" });
    this.options = el("div", { class: "v-options" }, this.mix, this.hint,
      el("div", { class: "v-right" }, this.presets, this.overlay));
    this.canvas = el("canvas", {
      class: "v-canvas", tabindex: 0, role: "application", "aria-label": PLAIN_LABEL,
    });
    this.over = el("div", { class: "v-over" });
    this.stage = el("div", { class: "v-stage" }, this.canvas, this.over);
    this.body = el("div", { class: "v-body" }, this.stage);
    this.position = el("span", { class: "v-position" });
    this.measure = el("span", { class: "v-measure" });
    this.help = el("span", { class: "v-help" });
    this.status = el("div", { class: "v-status" }, this.position, this.measure, this.help);
    this.spoken = el("div", { class: "v-spoken", "aria-live": "polite" });
    this.root = el("div", { class: "v-root" }, this.toolbar, this.options, this.body, this.status, this.spoken);
    this.tiles = [];
  }

  /** What the letters drawn at the edges say, for those who do not see them. */
  edges(orientation) {
    const [left, right, top, bottom] = orientation || [];
    this.canvas.setAttribute("aria-description",
      orientation ? `Left edge ${left}, right edge ${right}, top ${top}, bottom ${bottom}.` : "");
  }

  /** Reflect the state in toolbar and options; called when a control changed, not on every frame. */
  controls(state) {
    for (const [name, node] of this.modeButtons) {
      node.setAttribute("aria-pressed", String(state.mode === name));
      node.disabled = name !== "side" && !state.pair;
    }
    for (const [name, node] of this.toolButtons) {
      node.setAttribute("aria-pressed", String(state.tool === name));
      node.hidden = name === "window" && !state.roles.length;
    }
    const wheel = state.stack ? "wheel, arrows: slices · Ctrl + wheel: zoom" : "wheel: zoom";
    setText(this.help, `${wheel} · drag: move · click: pick${state.roles.length ? " · W + drag: window" : ""}`);
    const mixing = state.mode === "blend" || state.mode === "wash";
    this.mix.hidden = !mixing;
    this.hint.hidden = mixing;
    // Side by side needs no options of its own: the images get the room.
    this.options.hidden = state.mode === "side" && !state.layers.some(Boolean) && !Object.keys(state.presets).length;
    if (state.pair) {
      const [first, second] = state.pair.map((i) => state.pictures[i].meta.title);
      setText(this.ends[0], first);
      setText(this.ends[1], second);
      const share = Math.round(state.amount * 100);
      setText(this.percent, `${share} %`);
      this.amount.setAttribute("aria-valuetext", `${share} % ${second}`);
      setText(this.hint, {
        swipe: `Drag the curtain: ${first} on its left, ${second} on its right.`,
        checker: `${first} and ${second} in alternating squares, ${first} at the top left.`,
        flicker: `${first} and ${second} in turn, twice a second.`,
      }[state.mode] || "");
    } else setText(this.hint, "");
    this.fill(this.amount, state.amount);
    this.overlay.hidden = !state.layers.some(Boolean);
    this.overlayButton.setAttribute("aria-pressed", String(state.overlayOn));
    this.opacity.disabled = !state.overlayOn;
    this.fill(this.opacity, state.opacity);
    setText(this.opacityText, `${Math.round(state.opacity * 100)} %`);
  }

  fill(input, value) {
    if (Number(input.value) !== value) input.value = value;
    input.style.setProperty("--fill", `${value * 100}%`);
  }

  /** One menu of windows for each role that has presets; "as opened" leads back. */
  presetMenus(presets) {
    this.presets.replaceChildren(...Object.entries(presets).map(([role, list]) => {
      const menu = el("select", { class: "v-select", "data-role": role, "aria-label": `${role} window preset` },
        el("option", { value: "", text: "custom" }),
        el("option", { value: "opened", text: "as opened" }),
        ...list.map(({ name, center, width }, i) => el("option", {
          value: String(i), text: `${name} ${Number(width.toPrecision(4))}/${Number(center.toPrecision(4))}` })));
      menu.addEventListener("change", () => this.actions.preset(role, menu.value));
      return el("label", { class: "v-menu" }, el("span", { text: role.toUpperCase() }), el("span", { class: "v-wide", text: "window" }), menu);
    }));
  }

  /** Mark the preset that each role's window equals. */
  presetChoice(state) {
    for (const menu of this.presets.querySelectorAll("select")) {
      const { role } = menu.dataset;
      const window = state.windows[role];
      const index = (state.presets[role] || []).findIndex((p) => sameWindow([p.center, p.width], window));
      menu.value = index >= 0 ? String(index) : sameWindow(window, state.opened[role]) ? "opened" : "";
    }
  }

  /** Build the headings and legends for these tiles. */
  layTiles(tiles, describe) {
    this.tiles = tiles.map((tile) => {
      const { title, members, legend, heading, notes: line } = describe(tile);
      const values = members.map((index) => ({ index, node: el("span", { class: "v-value" }) }));
      const parts = {
        values,
        title: el("span", { class: "v-title", text: title }),
        badge: el("span", { class: "v-badge", role: "status", hidden: true }),
        window: el("div", { class: "v-window" }),
        roi: el("div", { class: "v-roi" }),
      };
      const head = el("div", { class: "v-head" }, parts.title,
        el("div", { class: "v-values" }, ...values.map((v) => v.node)));
      head.style.height = `${heading}px`;
      parts.badge.style.top = `${heading + 26}px`;
      const notes = el("div", { class: "v-notes" }, parts.window, parts.roi);
      Object.assign(notes.style, { top: `${tile.y + tile.h - tile.top}px`, height: `${line}px` });
      parts.node = el("div", { class: "v-tile" }, head, parts.badge, notes, legend ? this.legend(legend) : null);
      Object.assign(parts.node.style, {
        left: `${tile.left}px`, top: `${tile.top}px`, width: `${tile.width}px`, height: `${tile.height}px`,
      });
      return parts;
    });
    this.over.replaceChildren(...this.tiles.map((t) => t.node));
  }

  legend({ table, label: text, numbers }) {
    const bar = el("canvas", { class: "v-bar", role: "img", "aria-label": `${text}: ${numbers.join(", ")}` });
    drawBar(bar, table);
    return el("div", { class: "v-legend" },
      el("div", { class: "v-legend-text", text }), bar,
      el("div", { class: "v-legend-numbers" }, ...numbers.map((n) => el("span", { text: n }))));
  }
}

function sameWindow(a, b) {
  const near = (x, y) => Math.abs(x - y) <= 1e-6 * Math.max(1, Math.abs(x), Math.abs(y));
  return Boolean(a && b) && near(a[0], b[0]) && near(a[1], b[1]);
}
