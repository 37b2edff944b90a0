"""The viewer as a Streamlit component: panels in, picks, regions and windows out."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from .mixing import Mixture, as_mix
from .panels import MODES, Panel, Pick, Preset, Roi, Stack, ViewerState, as_window
from .payload import pack

# One module for the browser, joined in this order; `actions.js` ends with the entry point.
SCRIPTS = (
    "pixels.js",
    "geometry.js",
    "paint.js",
    "chrome.js",
    "mix.js",
    "mixer.js",
    "gestures.js",
    "viewer.js",
    "whatif.js",
    "stack.js",
    "actions.js",
)
STYLES = ("frame.css", "viewer.css", "mixer.css")
MOST_PANELS = 9


def viewer(
    panels: Sequence[Panel],
    *,
    key: str,
    height: int = 560,
    mode: str = "side",
    blend: tuple[int, int] | None = None,
    amount: float = 0.5,
    opacity: float = 0.5,
    spacing: tuple[float, float] | None = None,
    orientation: tuple[str, str, str, str] | None = None,
    outline: Roi | None = None,
    marked: tuple[int, int] | None = None,
    presets: Mapping[str, Sequence[Preset]] | None = None,
    mixture: Mixture | None = None,
    stack: Stack | None = None,
    bare: bool = False,
    on_windows: Callable[[], None] | None = None,
    on_pick: Callable[[], None] | None = None,
    on_slice: Callable[[], None] | None = None,
) -> ViewerState:
    """Show one to nine images with linked zoom, pan and crosshair, and return what the user did.

    Call it inside an `st.fragment` to keep a pick's round trip short. Where windows may change,
    read `viewer_state(key)` first, fuse with its windows, and pass each as `Panel.window`.

    Args:
        panels: The first one's shape is the common grid; others are stretched onto it.
        key: The component's key; use a new one for a new pair, so that old picks do not linger.
        height: CSS pixels of the whole viewer, toolbar included.
        mode: How images are shown at first, one of MODES; passing another value later switches.
        blend: Indices of the two panels for modes beyond "side"; None takes the first two that
            match in shape.
        amount: Initial blend, 0 = first image only, 1 = second only.
        opacity: Initial overlay opacity, 0 to 1.
        spacing: Pixel size (row_mm, col_mm) of the common grid.
        orientation: Letters at the (left, right, top, bottom) edge.
        outline: A rectangle to draw dashed, such as the footprint of a wavelet.
        marked: Row and column where the crosshair stands at first; what the user picks wins. Over
            a stack the crosshair moves whenever this changes.
        presets: Windows to offer per role.
        mixture: Parts that the viewer adds up live, with a slider each beside the images.
        stack: The images are one slice of so many: wheel and arrow keys ask for another one.
        bare: Only the images, without toolbar and status line.
        on_windows: Called before the next run when a window was released; it may read
            `viewer_state(key).windows`.
        on_pick: The same for a pick.
        on_slice: The same for a slice that was asked for.

    Raises:
        ValueError: Where panels, indices or numbers do not fit.
    """
    _check(panels, mode, blend, amount, opacity, spacing, orientation)
    shape = panels[0].pixels.shape
    data = pack(
        panels,
        height=height,
        mode=mode,
        blend=_pair(panels) if blend is None else blend,
        amount=amount,
        opacity=opacity,
        spacing=spacing,
        orientation=orientation,
        outline=outline,
        marked=marked,
        presets=presets or {},
        mixture=mixture,
        stack=stack,
        bare=bare,
    )
    result = _component()(
        key=key,
        data=data,
        on_pick_change=on_pick or _noted,
        on_roi_change=_noted,
        on_windows_change=on_windows or _noted,
        on_mode_change=_noted,
        on_mix_change=_noted,
        on_slice_change=on_slice or _noted,
    )
    return _state(result, shape, mode)


def viewer_state(
    key: str, shape: tuple[int, ...] | None = None, *, mode: str = "side"
) -> ViewerState:
    """What the user did in the viewer `key` so far, before it is drawn in this run.

    Args:
        key: The key given to `viewer`.
        shape: (H, W) of the common grid; a pick or region outside it is dropped.
        mode: The mode where the user chose none.
    """
    return _state(st.session_state.get(key), shape, mode)


@cache
def _component() -> Any:
    folder = Path(__file__).parent
    script = "\n".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS)
    style = "\n".join((folder / name).read_text(encoding="utf-8") for name in STYLES)
    return st.components.v2.component("image_viewer", js=script, css=style)


def _noted() -> None:
    """Make Streamlit keep a state value; the value itself is read from the result."""


def _pair(panels: Sequence[Panel]) -> tuple[int, int] | None:
    for second in range(1, len(panels)):
        for first in range(second):
            if panels[first].pixels.shape == panels[second].pixels.shape:
                return first, second
    return None


def _check(
    panels: Sequence[Panel],
    mode: str,
    blend: tuple[int, int] | None,
    amount: float,
    opacity: float,
    spacing: tuple[float, float] | None,
    orientation: tuple[str, str, str, str] | None,
) -> None:
    if not 1 <= len(panels) <= MOST_PANELS:
        raise ValueError(f"A viewer shows one to {MOST_PANELS} panels, not {len(panels)}.")
    if mode not in MODES:
        raise ValueError(f"Unknown viewer mode {mode!r}; choose one of {', '.join(MODES)}.")
    if not (0 <= amount <= 1 and 0 <= opacity <= 1):
        raise ValueError("Blend amount and overlay opacity must be in 0 to 1.")
    if spacing is not None and not all(0 < s < float("inf") for s in spacing):
        raise ValueError(f"Pixel spacing must be two positive numbers in mm, not {spacing}.")
    if orientation is not None and len(orientation) != 4:
        raise ValueError("Orientation needs four letters: left, right, top, bottom.")
    if blend is None:
        return
    if len(set(blend)) != 2 or not all(0 <= i < len(panels) for i in blend):
        raise ValueError(f"blend={blend} must name two different panels of {len(panels)}.")
    first, second = (panels[i] for i in blend)
    if first.pixels.shape != second.pixels.shape:
        raise ValueError(
            f"{first.title!r} and {second.title!r} differ in size, {first.pixels.shape} and "
            f"{second.pixels.shape}: put them on one grid before they are blended."
        )


def _state(raw: Any, shape: tuple[int, ...] | None, mode: str) -> ViewerState:
    """Take only what is well formed from the browser's answer."""
    values: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
    windows = values.get("windows")
    chosen = values.get("mode")
    pick = _indices(values.get("pick"), Pick._fields)
    roi = _indices(values.get("roi"), Roi._fields)
    rows, columns = shape if shape is not None else (float("inf"), float("inf"))
    if pick is not None and not (0 <= pick[0] < rows and 0 <= pick[1] < columns):
        pick = None
    if roi is not None and not (0 <= roi[0] < roi[2] <= rows and 0 <= roi[1] < roi[3] <= columns):
        roi = None
    pairs = windows.items() if isinstance(windows, Mapping) else ()
    checked = {str(role): as_window(value) for role, value in pairs}
    wish = _indices(values.get("slice"), ("index",))
    return ViewerState(
        pick=Pick(*pick) if pick is not None else None,
        roi=Roi(*roi) if roi is not None else None,
        windows={role: window for role, window in checked.items() if window is not None},
        mode=chosen if chosen in MODES else mode,
        mix=as_mix(values.get("mix")),
        wish=wish[0] if wish is not None else None,
    )


def _indices(value: Any, names: tuple[str, ...]) -> list[int] | None:
    if not isinstance(value, Mapping):
        return None
    numbers = [value.get(name) for name in names]
    if any(isinstance(n, bool) or not isinstance(n, int) for n in numbers):
        return None
    return [n for n in numbers if isinstance(n, int)]
