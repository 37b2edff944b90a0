// The sliders of a mixture: a row per band, coarse to fine, a column per source.

const BAND_WORDS = {
  LL: "smooth anatomy", LH: "horizontal edges", HL: "vertical edges", HH: "diagonal detail",
};
const WEIGHT_WORDS = {
  learned: "Masks as learned",
  swapped: "Masks exchanged between CT and MRI",
  ct: "All CT: CT masks 1, MRI masks 0",
  mri: "All MRI: CT masks 0, MRI masks 1",
};

function bandLevel(name) {
  return Number(name.slice(2)) || 1;
}

class Mixer {
  constructor(meta, actions) {
    this.meta = meta;
    this.levels = bandLevel(meta.names[0]);
    this.buttons = Object.fromEntries([
      ["ct", "All CT", "every CT mask 1, every MRI mask 0: the CT image itself"],
      ["mri", "All MRI", "every MRI mask 1, every CT mask 0: the MRI itself"],
      ["swap", "Swap", "the CT gets the MRI's masks and factors, the MRI the CT's"],
      ["learned", "Reset", "back to what the method made: its masks, every factor 1"],
    ].map(([name, text, tip]) => [name, el("button", {
      type: "button", class: "v-button v-plain", "data-name": `mix-${name}`, "data-tip": tip,
      "aria-label": `${text}: ${tip}`, text, on: { click: () => actions.choose(name) },
    })]));
    this.state = el("div", { class: "v-mixstate", role: "status" });
    this.map = new PyramidMap(this.levels);
    this.words = el("div", { class: "v-mapwords" });
    this.rows = meta.names.map((name, k) => this.row(name, k, actions));
    this.heads = Object.fromEntries([["ct", "CT"], ["mri", "MRI"]].map(([source, text]) => [source,
      el("button", {
        type: "button", class: "v-mute v-column", "data-name": `mute-all-${source}`, "aria-pressed": "false",
        "aria-label": `Mute the whole ${text}`, text: "Mute", on: { click: () => actions.muteAll(source) },
      })]));
    const head = el("div", { class: "v-mixrow v-mixhead" }, el("span", { text: "Band" }),
      ...[["ct", "CT"], ["mri", "MRI"]].map(([source, text]) => el("span", { class: `v-source v-of-${source}` },
        el("b", { text: `${text} part` }), this.heads[source])));
    const grid = el("div", { class: "v-mixgrid", role: "group", "aria-label": "A factor per band and source, 0 to 2" },
      head, ...this.rows.map((row) => row.node));
    this.root = el("aside", { class: "v-mixer", "aria-label": "What if" },
      el("div", { class: "v-mixbuttons" }, ...Object.values(this.buttons)),
      el("div", { class: "v-mixtop" }, this.map.root, el("div", { class: "v-mixsay" }, this.state, this.words)),
      grid);
    this.root.style.setProperty("--v-ct", meta.colours[0]);
    this.root.style.setProperty("--v-mri", meta.colours[1]);
    this.point(null);
  }

  row(name, k, actions) {
    const cells = Object.fromEntries([["ct", "CT"], ["mri", "MRI"]].map(([source, text]) => {
      const label = `${name} of the ${text}`;
      const mute = el("button", {
        type: "button", class: "v-mute", "data-name": `mute-${source}-${name}`, "aria-pressed": "false",
        "aria-label": `Mute ${label}`, title: `Mute ${label}`, text: "M", on: { click: () => actions.mute(source, k) },
      });
      const input = el("input", {
        type: "range", min: 0, max: 2, step: 0.05, class: "v-slider v-factor",
        "data-name": `factor-${source}-${name}`, "aria-label": `Factor of ${label}`,
        title: "Double-click for 1",
        on: {
          input: () => actions.factor(source, k, Number(input.value), false),
          change: () => actions.factor(source, k, Number(input.value), true),
          dblclick: () => actions.factor(source, k, 1, true),
        },
      });
      const number = el("output", { class: "v-number" });
      return [source, { mute, input, number, node: el("span", { class: `v-source v-of-${source}` }, mute, input, number) }];
    }));
    const first = k > 0 && name.startsWith("LH") && this.levels > 1;
    const node = el("div", {
      class: first ? "v-mixrow v-newlevel" : "v-mixrow", "data-band": name,
      on: {
        pointerenter: () => this.point(name), pointerleave: () => this.point(null),
        focusin: () => this.point(name), focusout: () => this.point(null),
      },
    }, el("span", { class: "v-band", text: name }), cells.ct.node, cells.mri.node);
    return { name, cells, node };
  }

  /** Show which band a row is about: its place in the pyramid and its meaning. */
  point(name) {
    this.map.mark(name);
    setText(this.words, name ? `${name}: ${BAND_WORDS[name.slice(0, 2)]}, ${2 ** bandLevel(name)} px`
      : "Rows go from coarse to fine. 0 mutes, 1 is as made, 2 doubles.");
  }

  show(state, meta, clipped) {
    const pending = meta.weights !== state.weights;
    const words = WEIGHT_WORDS[state.weights];
    setText(this.state, pending ? `${words} – computing the parts …`
      : `${words} · ${format(100 * clipped, clipped === 0 ? 0 : clipped < 0.01 ? 2 : 1)} % of the pixels clipped`);
    this.root.toggleAttribute("data-pending", pending);
    this.rows.forEach(({ name, cells }, k) => {
      for (const [source, { mute, input, number }] of Object.entries(cells)) {
        const factor = state.factors[source][k];
        const empty = !pending && !meta[source][k];
        if (Number(input.value) !== factor) input.value = factor;
        input.style.setProperty("--fill", `${50 * factor}%`);
        input.disabled = empty;
        mute.disabled = empty;
        mute.setAttribute("aria-pressed", String(factor === 0));
        setText(number, empty ? "–" : format(factor, 2));
        input.setAttribute("aria-valuetext", empty ? `${name} brings nothing here` : `times ${format(factor, 2)}`);
      }
    });
    for (const [source, node] of Object.entries(this.heads)) {
      node.setAttribute("aria-pressed", String(state.muted(source)));
      node.disabled = !pending && meta[source].every((part) => !part);
    }
    for (const name of ["ct", "mri"]) {
      this.buttons[name].setAttribute("aria-pressed", String(state.weights === name));
    }
    this.buttons.learned.disabled = state.untouched;
  }

  close() {
    this.root.remove();
  }
}

/** The pyramid of bands as nested squares: LL at the top left, finer levels around it. */
class PyramidMap {
  constructor(levels) {
    const size = 96;
    this.root = document.createElementNS(SVG, "svg");
    this.root.setAttribute("viewBox", `-1 -1 ${size + 2} ${size + 2}`);
    this.root.setAttribute("class", "v-map");
    this.root.setAttribute("aria-hidden", "true");
    this.boxes = new Map();
    for (let level = 1; level <= levels; level += 1) {
      const half = size / 2 ** level;
      const mark = levels > 1 ? level : "";
      this.box(`HL${mark}`, half, 0, half);
      this.box(`LH${mark}`, 0, half, half);
      this.box(`HH${mark}`, half, half, half);
      if (level === levels) this.box(`LL${mark}`, 0, 0, half);
    }
  }

  box(name, x, y, side) {
    const rect = document.createElementNS(SVG, "rect");
    for (const [key, value] of Object.entries({ x, y, width: side, height: side })) rect.setAttribute(key, value);
    this.boxes.set(name, rect);
    this.root.append(rect);
    if (side < 30) return;
    const text = document.createElementNS(SVG, "text");
    text.setAttribute("x", x + side / 2);
    text.setAttribute("y", y + side / 2 + 3.5);
    text.textContent = name;
    this.root.append(text);
  }

  mark(name) {
    for (const [key, rect] of this.boxes) rect.toggleAttribute("data-on", key === name);
  }
}
