// One slice of a stack: wheel and keys ask Python for another one, and only the newest wish counts.

const NOTCH = 40; // wheel distance that turns one slice: a mouse's notch is more, a touchpad's step less
const ANSWER_MS = 3000;

Object.assign(Viewer.prototype, {
  /** Take the stack of a new payload; a wish that came in while Python worked is sent now. */
  adoptStack(stack) {
    this.stack = stack;
    this.chrome.canvas.setAttribute("aria-label", stack ? STACK_LABEL : PLAIN_LABEL);
    if (!stack) this.wish = null;
    if (stack && stack.index === this.asked) this.answered(); // else a redraw for another reason
  },

  answered() {
    clearTimeout(this.patience);
    const { asked } = this;
    this.asked = null;
    if (this.wish !== null && this.wish !== asked) this.ask();
    else this.wish = null;
  },

  /** The wheel over a stack: whole steps, so that a touchpad does not race through it. */
  scrollBy(distance) {
    if (Math.abs(distance) >= NOTCH) {
      this.rolled = 0;
      this.scroll(Math.sign(distance));
      return;
    }
    this.rolled += distance;
    const steps = Math.trunc(this.rolled / NOTCH);
    this.rolled -= steps * NOTCH;
    if (steps) this.scroll(steps);
  },

  /** Wish for a slice so many further on; its number shows at once. */
  scroll(steps) {
    const from = this.wish ?? this.stack.index;
    const to = Math.min(this.stack.count - 1, Math.max(0, from + steps));
    if (to === from) return;
    this.wish = to;
    this.request();
    if (this.asked === null) this.ask();
  },

  ask() {
    this.asked = this.wish;
    // The time makes a second wish for one slice differ from the first.
    this.send("slice", { index: this.wish, at: Date.now() });
    clearTimeout(this.patience);
    this.patience = setTimeout(() => {
      this.answered();
      this.request();
    }, ANSWER_MS);
  },

  /** What the corner of every tile says: "slice 12 of 44". */
  stackText() {
    if (!this.stack) return "";
    const { count, label: word } = this.stack;
    const shown = this.wish ?? this.stack.index;
    return `${word} ${shown + 1} of ${count}${shown === this.stack.index ? "" : " …"}`;
  },
});
