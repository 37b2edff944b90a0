"""The viewer as the screens use it: which panels, in which units, and what comes back."""

import re
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import streamlit as st

from fusion_core.provenance import Attribution
from imaging.image import Image
from imaging.windowing import Window, default_window
from pipelines.fuse import FusedPair, to_8bit
from ui import colours, session
from ui.caches import Fused
from ui.explain import Position
from ui.figures import GREY
from ui.session import SLOTS, Slot
from ui.viewer import Panel, Preset, Roi, viewer, viewer_state
from ui.windows import shown_unit, window_options

Background = Literal["Fused", "CT", "MRI"]
_SEEN = "twf_viewer_windows"


def extent(window: Window | None, image: Image) -> tuple[float, float]:
    """Centre and width of the plain ramp that a window is, from its limits."""
    chosen = window or default_window(image) or Window.from_range(*image.value_range)
    low, high = chosen.limits
    return (low + high) / 2, max(high - low, 1e-6)


def pair_panels(pair: FusedPair) -> list[Panel]:
    """CT and MRI in their own units with their windows, and the fused image."""
    return [
        _source("CT", "ct", pair.ct, pair.windows[0]),
        _source("MRI", "mri", pair.mri, pair.windows[1]),
        Panel("Fused", pair.fused8, "grey", "fused"),
    ]


def letters(pair: FusedPair) -> tuple[str, str, str, str] | None:
    """Patient directions at the (left, right, top, bottom) edge, where both files agree on them.

    Elsewhere no letter would be known to be true of every panel; the notes say why.
    """
    ct, mri = pair.ct.orientation, pair.mri.orientation
    return ct if ct == mri else None


def pair_stage(fused: Fused, height: int = 500) -> Position | None:
    """Show CT, MRI and the fused image; a window changed there is taken over by the session.

    Returns:
        Row and column of the picked pixel, None before the first pick.
    """
    pair = fused.pair
    state = viewer(
        pair_panels(pair), key=_key("pair", pair), height=height, blend=(0, 1),
        spacing=pair.ct.spacing, orientation=letters(pair), presets=source_presets(pair),
    )  # fmt: skip
    take_windows(state.windows)
    return None if state.pick is None else (state.pick.row, state.pick.col)


def drawn_region(fused: Fused) -> Roi | None:
    """The rectangle that is drawn in the pair's viewer."""
    return viewer_state(_key("pair", fused.pair), fused.pair.fused8.shape).roi


def source_presets(pair: FusedPair) -> dict[str, list[Preset]]:
    """The windows that a viewer offers for CT and MRI."""
    return {"ct": _presets(pair.ct), "mri": _presets(pair.mri)}


def take_windows(windows: Mapping[str, Any]) -> None:
    """Take windows that were changed in a viewer over into the session, and fuse anew."""
    if changed := _changed_windows(windows):
        for slot, (center, width) in changed.items():
            session.set_window(slot, Window(center, width, "LINEAR_EXACT"))
        st.rerun()


def parts_stage(fused: Fused, attribution: Attribution) -> None:
    """Show what came from CT, what came from MRI, what clipping changed, and the sum."""
    pair = fused.pair
    ct, mri, clipping = (
        GREY * image[0, 0].numpy()
        for image in (attribution.ct_only, attribution.mri_only, attribution.clipping)
    )
    reach = max(8.0, float(np.abs(clipping).max()))
    window = (GREY / 2, float(GREY))
    panels = [
        Panel.from_values("CT part", ct, "grey", "part", window, decimals=1),
        Panel.from_values("+ MRI part", mri, "grey", "part", window, decimals=1),
        Panel.from_values(
            "+ clipping", clipping, "grey", "clipping", (0.0, 2 * reach),
            table=colours.signed_table(), decimals=1,
        ),
        Panel.from_values("= shown", pair.fused8, "grey", "sum", window),
    ]  # fmt: skip
    viewer(
        panels, key=_key("parts", pair), height=440, blend=(0, 1), spacing=pair.ct.spacing,
        orientation=letters(pair),
    )  # fmt: skip


def background_image(pair: FusedPair, background: Background) -> np.ndarray:
    """The 8-bit image that masks lie on."""
    if background == "Fused":
        return pair.fused8
    return to_8bit(pair.ct01 if background == "CT" else pair.mri01)


def band_heading(name: str) -> str:
    """A band's name with what it holds: ``LH2`` is "LH2 · horizontal edges"."""
    kinds = {
        "LL": "smooth anatomy", "LH": "horizontal edges", "HL": "vertical edges",
        "HH": "diagonal detail",
    }  # fmt: skip
    return f"{name} · {kinds[name[:2]]}"


def _source(title: str, role: str, image: Image, window: Window | None) -> Panel:
    return Panel.from_values(title, image.pixels, shown_unit(image), role, extent(window, image))


def _presets(image: Image) -> list[Preset]:
    # The viewer writes width and level behind a name by itself.
    names = {re.sub(r" [\d.]+/[\d.]+$", "", n): w for n, w in window_options(image).items()}
    return [Preset(name, *extent(window, image)) for name, window in names.items()]


def _key(what: str, pair: FusedPair) -> str:
    """A key per pair, so that no pick lingers on the next one."""
    rows, columns = pair.fused8.shape
    return f"stage-{what}-{pair.name}-{rows}x{columns}"


def _changed_windows(now: Mapping[str, Any]) -> dict[Slot, tuple[float, float]]:
    """Windows that were set in the viewer since the last look, by slot."""
    seen: dict[str, Any] = st.session_state.get(_SEEN, {})
    st.session_state[_SEEN] = dict(now)
    return {slot: now[slot] for slot in SLOTS if slot in now and now[slot] != seen.get(slot)}
