// How the viewer holds a mixture: it draws the altered image and the change, and tells Python.

const MIXES = new Map(); // by key: what the sliders said when a page was left
const CALM_MS = 300;
const RELEASED_MS = 40;
const NARROW = 900;

Object.assign(Viewer.prototype, {
  /** Take the mixture of a new payload; its sliders stay while its key does. */
  adoptMixture(meta, blob) {
    if (!meta) {
      this.mixer?.close();
      this.mixer = null;
      this.mixture = null;
      return;
    }
    if (this.mixture?.id !== meta.id) this.mixture = new Mixture(meta, blob);
    this.mixture.meta = meta;
    if (this.mixer?.meta.key !== meta.key) {
      const kept = MIXES.get(meta.key);
      this.mixState = kept || new MixState(meta.names.length);
      MIXES.set(meta.key, this.mixState);
      this.mixer?.close();
      this.mixer = new Mixer(meta, {
        factor: (source, k, value, done) => {
          this.mixState.set(source, k, value);
          this.mixed(done);
        },
        mute: (source, k) => {
          this.mixState.toggle(source, k);
          this.mixed(true);
        },
        muteAll: (source) => {
          this.mixState.toggleAll(source);
          this.mixed(true);
        },
        choose: (what) => {
          if (what === "swap") this.mixState.swap();
          else this.mixState.reset(what);
          this.mixed(true);
        },
      });
      this.chrome.body.append(this.mixer.root);
      // A page that was left and opened again has lost what Python knew of the sliders.
      if (kept && !kept.untouched) this.tell(0);
    }
    this.mix(true);
  },

  mixed(done) {
    this.mix(done);
    this.tell(done ? RELEASED_MS : CALM_MS);
  },

  tell(after) {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.send("mix", this.mixState.answer()), after);
  },

  /** Draw the altered image into its panel, and what it changes into the next. */
  mix(fresh) {
    const { mixture, mixState, mixer } = this;
    const pending = mixture.meta.weights !== mixState.weights;
    let clipped = null;
    if (!pending) {
      mixture.move(mixState.factors, fresh);
      const [reference, altered, change] = mixture.meta.panels.map((i) => this.pictures[i]);
      clipped = mixture.levels(altered.samples);
      altered.outdate();
      if (change) {
        for (let i = 0; i < change.samples.length; i += 1) {
          change.samples[i] = 255 + altered.samples[i] - reference.samples[i];
        }
        change.outdate();
      }
      this.statistics = null;
      this.settled = fresh;
    }
    mixer.show(mixState, mixture.meta, clipped);
    this.request();
  },

  /** Sliders stand beside the images, in a narrow viewer below them, which makes it higher. */
  stackMixer() {
    const { root } = this.chrome;
    const narrow = Boolean(this.mixer) && root.clientWidth < NARROW;
    root.classList.toggle("v-narrow", narrow);
    root.style.setProperty("--v-extra", narrow ? `${this.mixer.root.offsetHeight}px` : "0px");
  },
});
