"""What WCAG 2.2 AA asks of every page and a program can check: names, contrast, borders, focus."""

from typing import Any

import pytest

from tests.browser.test_app_browser import settled

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PLACES = (
    "", "studies", "masks", "provenance", "what-if", "alignment", "compare", "batch", "train",
    "models", "about", "lab?view=wavelet", "lab?view=pyramid", "lab?view=denoise",
    "lab?view=paint-a-mask", "lab?view=mr-contrast", "lab?step=3", "lab?step=10",
)  # fmt: skip

COMMON = """
const inside = (root) => [...root.querySelectorAll('*')].flatMap(
  (e) => e.shadowRoot ? [e, ...inside(e.shadowRoot)] : [e]);
const parent = (e) => e.parentElement || e.getRootNode().host || null;
const shown = (e) => { const b = e.getBoundingClientRect(); const s = getComputedStyle(e);
  return b.width > 1 && b.height > 1 && s.visibility !== 'hidden'; };
const numbers = (text) => {
  const found = text.match(/^(rgba?|color)\\((?:srgb )?([^)]+)\\)/);
  if (!found) return null;
  const [r, g, b, a = 1] = found[2].split(/[\\s,\\/]+/).map(Number);
  const k = found[1] === 'color' ? 255 : 1;
  return [k * r, k * g, k * b, a]; };
const over = (c, ground) => [0, 1, 2].map((i) => c[i] * c[3] + ground[i] * (1 - c[3])).concat(1);
const ground = (e) => {
  const layers = [];
  for (let n = e; n; n = parent(n)) {
    const c = numbers(getComputedStyle(n).backgroundColor);
    if (c && c[3] > 0) layers.push(c);
    if (c && c[3] >= 1) break; }
  return layers.reverse().reduce((below, c) => over(c, below), [12, 17, 22, 1]); };
const light = (c) => c.slice(0, 3).map((v) => v / 255)
  .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05); };
const off = (e) => e.closest(':disabled, [aria-disabled=true], [data-disabled]') !== null;
"""

NAMELESS = f"""() => {{ {COMMON}
  const name = (e) => {{
    const by = e.getAttribute('aria-labelledby')?.split(' ')[0];
    return e.getAttribute('aria-label') || e.getAttribute('title')
      || (by && e.getRootNode().getElementById(by)?.textContent)
      || [...(e.labels || [])].map((l) => l.textContent).join('') || e.textContent.trim(); }};
  const controls = 'input, select, textarea, button, a[href], canvas[tabindex], [role=slider], '
    + '[role=combobox], [role=button]';
  return inside(document.body).filter((e) => e.matches(controls) && shown(e) && !name(e))
    .map((e) => e.outerHTML.slice(0, 120)); }}"""

PALE = f"""() => {{ {COMMON}
  const found = {{}};
  for (const e of inside(document.body)) {{
    const text = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent.trim());
    // Words in a bar lie on another drawing, a slider's number beside its thumb.
    if (!text.join('') || !shown(e) || off(e)
        || e.closest('.bartext, [data-testid=stSliderThumbValue]')) continue;
    const style = getComputedStyle(e);
    const colour = numbers(e instanceof SVGElement ? style.fill : style.color);
    let opacity = 1;
    for (let n = e; n; n = parent(n)) opacity *= Number(getComputedStyle(n).opacity);
    if (!colour || opacity === 0) continue;
    colour[3] *= opacity;
    const below = ground(e);
    const value = contrast(over(colour, below), below);
    if (value < 4.5) found[`${{e.tagName}} ${{text.join(' ').slice(0, 40)}}`] = value.toFixed(2); }}
  return found; }}"""

FAINT = f"""() => {{ {COMMON}
  const found = {{}};
  const framed = 'input, select, textarea, button, [data-testid=stNumberInputContainer], '
    + '[data-testid=stTextInputRootElement], [data-testid=stSelectbox] [role=group], '
    + '[data-testid=stSelectbox] > div > div, [data-testid=stMultiSelect] > div > div';
  for (const e of inside(document.body)) {{
    if (!e.matches(framed) || !shown(e) || off(e)) continue;
    const style = getComputedStyle(e);
    const colour = numbers(style.borderTopColor);
    if (style.borderTopStyle !== 'solid' || parseFloat(style.borderTopWidth) < 1) continue;
    if (!colour || colour[3] === 0) continue;
    const below = ground(parent(e));
    const value = contrast(over(colour, below), below);
    if (value < 3) found[`${{e.tagName}} ${{e.className}}`.slice(0, 60)] = value.toFixed(2); }}
  return found; }}"""

FOCUSED = f"""() => {{ {COMMON}
  let e = document.activeElement;
  while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
  if (!e || e === document.body) return null;
  const lit = (n) => {{
    const s = getComputedStyle(n);
    const accent = (c) => {{ const v = numbers(c);
      return v && v[3] > 0 && contrast(over(v, ground(n)), ground(n)) >= 3; }};
    return (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1 && accent(s.outlineColor))
      || s.boxShadow.includes('rgb') || s.boxShadow.includes('color(')
      || s.borderTopColor === 'rgb(94, 196, 192)'; }};
  const near = [e, e.nextElementSibling];
  for (let n = parent(e), k = 0; n && k < 4; n = parent(n), k += 1) near.push(n);
  const b = e.getBoundingClientRect();
  return {{
    name: `${{e.tagName}} ${{e.getAttribute('aria-label') || e.textContent.slice(0, 30)}}`,
    place: [b.x, b.y], lit: near.filter(Boolean).some(lit),
  }}; }}"""


@pytest.mark.parametrize("place", PLACES)
def test_every_control_has_a_name_and_everything_can_be_read(
    page: Any, app_address: str, place: str
) -> None:
    """Controls have names; words reach 4.5 to 1 on their ground; frames of controls 3 to 1."""
    page.goto(f"{app_address}/{place}")
    page.get_by_role("heading", level=1).first.wait_for()
    settled(page)
    # A table on a canvas writes its words for screen readers a moment after it is drawn.
    for _ in range(20):
        if not page.evaluate(NAMELESS):
            break
        page.wait_for_timeout(250)
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(PALE) == {}
    assert page.evaluate(FAINT) == {}


@pytest.mark.parametrize("place", ["", "masks", "what-if", "lab?view=paint-a-mask", "train"])
def test_the_keyboard_is_always_seen(page: Any, app_address: str, place: str) -> None:
    """Whatever Tab leads to is marked: by a ring, a glow or a frame in the accent's colour."""
    page.goto(f"{app_address}/{place}")
    page.get_by_role("heading", level=1).first.wait_for()
    settled(page)
    unmarked, seen = [], set()
    for _ in range(60):
        page.keyboard.press("Tab")
        page.wait_for_timeout(60)  # frames change their colour within this time
        found = page.evaluate(FOCUSED)
        if found is None:
            continue
        seen.add((found["name"], *found["place"]))
        if not found["lit"]:
            unmarked.append(found["name"])
    assert unmarked == []
    assert len(seen) > 15
