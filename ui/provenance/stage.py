"""The viewer of the Provenance page: the pair, a footprint on it, and one part as an image."""

import streamlit as st

from fusion_core.footprint import Box
from fusion_core.provenance import Attribution
from imaging.windowing import Window
from pipelines.fuse import FusedPair
from ui import colours, session
from ui.caches import Fused
from ui.figures import GREY
from ui.provenance.parts import Part, part_image
from ui.session import SLOTS
from ui.stage import letters, pair_panels, source_presets
from ui.viewer import Panel, Roi, ViewerState, viewer, viewer_state

_WINDOWS = "twf_provenance_windows"
_CHANGED = "twf_provenance_rewindow"
SMALLEST_REACH = 8.0
"""Grey levels that a part's colour scale spans at least, so that rounding stays dark."""


def stage_key(pair: FusedPair) -> str:
    """A key per pair, so that no pick lingers on the next one."""
    rows, columns = pair.fused8.shape
    return f"stage-provenance-{pair.name}-{rows}x{columns}"


def seen_so_far(pair: FusedPair) -> ViewerState:
    """What was picked and drawn, before the viewer is shown; a new window fuses the pair anew."""
    if st.session_state.pop(_CHANGED, False):
        st.rerun()
    return viewer_state(stage_key(pair), pair.fused8.shape)


def provenance_stage(
    fused: Fused,
    attribution: Attribution,
    part: Part | None,
    outline: Box | None,
    marked: tuple[int, int] | None,
) -> None:
    """Show CT, MRI, the fused image and, where one is chosen, the image of one part.

    Args:
        fused: the pair on the screen.
        attribution: its parts.
        part: the one to show beside them.
        outline: a footprint to draw.
        marked: the pixel taken apart, such as one that was picked on another page.
    """
    pair = fused.pair
    panels = pair_panels(pair)
    if part is not None:
        panels.append(part_panel(attribution, part))
    viewer(
        panels, key=stage_key(pair), height=430, blend=(0, 1), spacing=pair.ct.spacing,
        orientation=letters(pair), outline=None if outline is None else Roi(*outline),
        marked=marked, presets=source_presets(pair),
        on_windows=lambda: _take_windows(stage_key(pair)),
    )  # fmt: skip


def part_panel(attribution: Attribution, part: Part) -> Panel:
    """One part in grey levels: as it is for smooth bands, green and purple for signed details."""
    image = part_image(attribution, part)
    if part.band.startswith("LL"):
        window = (GREY / 2, float(GREY))
        return Panel.from_values(part.title, image, "grey", "part", window, decimals=1)
    reach = max(SMALLEST_REACH, float(abs(image).max()))
    return Panel.from_values(
        part.title, image, "grey", "detail part", (0.0, 2 * reach),
        table=colours.signed_table(), decimals=1,
    )  # fmt: skip


def _take_windows(key: str) -> None:
    """Take over windows that were changed in the viewer since the last time."""
    now, seen = viewer_state(key).windows, st.session_state.get(_WINDOWS, {})
    st.session_state[_WINDOWS] = dict(now)
    for slot in SLOTS:
        if slot in now and now[slot] != seen.get(slot):
            session.set_window(slot, Window(*now[slot], "LINEAR_EXACT"))
            st.session_state[_CHANGED] = True
