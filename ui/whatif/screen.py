"""The What-if screen: sliders on the parts of the fused image, their numbers, and exports."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from fusion_core.metrics import Scores
from pipelines.altered import (
    Alteration,
    altered_image,
    altered_json,
    altered_png,
    altered_scores,
)
from ui import caches, colours, theme
from ui.caches import Fused
from ui.downloads import stem
from ui.stage import letters
from ui.viewer import Mix, Panel, viewer, viewer_state
from ui.whatif.numbers import comparison_html
from ui.whatif.parts import Live, live, parts_of, plan_note

ROW = 29
"""CSS pixels of a row of sliders."""


def whatif_stage(fused: Fused, change: bool) -> Alteration:
    """The sliders with the learned and the altered image; what they say at this moment.

    Args:
        fused: the pair on the screen; its method has subbands.
        change: whether a third image shows what changes.
    """
    pair, key = fused.pair, f"whatif-{fused.key[:24]}"
    asked = viewer_state(key).mix
    found = live(fused, "learned" if asked is None else asked.weights, change)
    rows, columns = pair.fused8.shape
    if note := plan_note(found.plan, len(found.mixture.names), rows, columns):
        theme.notes([note])
    spacing = pair.ct.spacing
    if spacing is not None and found.plan.step > 1:
        spacing = (
            spacing[0] * rows / found.learned.shape[0],
            spacing[1] * columns / found.learned.shape[1],
        )
    state = viewer(
        _panels(found, change), key=key, blend=(0, 1), spacing=spacing,
        orientation=letters(pair), mixture=found.mixture,
        height=min(720, max(500, 305 + ROW * len(found.mixture.names))),
    )  # fmt: skip
    return alteration(found.mixture.names, state.mix)


def alteration(names: tuple[str, ...], mix: Mix | None) -> Alteration:
    """What the browser's sliders say, for these bands; nothing altered where they do not fit."""
    if mix is None or len(mix.ct) != len(names):
        return Alteration.none(names)
    return Alteration(names, mix.weights, mix.ct, mix.mri)


def _panels(found: Live, change: bool) -> list[Panel]:
    shape = found.learned.shape
    panels = [
        Panel("As learned", found.learned, "grey", "learned"),
        # What the viewer draws into it stays within this tab.
        Panel("Altered", np.zeros(shape, np.uint8), "grey", "altered"),
    ]
    if change:
        steady = np.full(shape, 255, np.uint16)
        table = colours.signed_table()
        panels.append(
            Panel("Change", steady, "grey", "change", (1.0, -255.0), (0.0, 128.0), table=table)
        )
    return panels


@st.cache_resource(show_spinner=False, max_entries=64)
def _made(key: str, chosen: Alteration, _fused: Fused) -> tuple[np.ndarray, Scores]:
    image = altered_image(parts_of(_fused, chosen.weights), chosen)
    return image, altered_scores(_fused.pair, image)


def numbers(fused: Fused, chosen: Alteration) -> None:
    """Every measure of the altered image beside the learned one's."""
    said = (
        "Nothing is altered yet: move a slider."
        if chosen.is_none
        else f"Altered: {chosen.words()}."
    )
    theme.section("What it does to the measures", said)
    learned = caches.scores_of(fused)
    altered = learned if chosen.is_none else _made(fused.key, chosen, fused)[1]
    st.html(comparison_html(learned.values, altered.values))


def export_altered(fused: Fused, chosen: Alteration) -> None:
    """A menu of files that all say that the image was altered by hand."""
    pair = fused.pair
    name = f"{stem(pair)}_altered_{chosen.digest}"
    with st.popover("Export altered", icon=":material/download:", width="content"):
        if chosen.is_none:
            st.caption("Nothing is altered; the image as learned is exported on the Fuse page.")
            return
        st.caption("Every file says that the image was altered by hand, and how.")
        _entry(
            "Altered image, marked below (PNG)",
            f"{name}_caption.png",
            "image/png",
            lambda: altered_png(pair, _made(fused.key, chosen, fused)[0], chosen),
        )
        _entry(
            "Altered image, marked in its data only (PNG)",
            f"{name}.png",
            "image/png",
            lambda: altered_png(pair, _made(fused.key, chosen, fused)[0], chosen, False),
        )
        _entry("Factors and measures (JSON)", f"{name}.json", "application/json",
               lambda: altered_json(pair, chosen, caches.scores_of(fused),
                                    _made(fused.key, chosen, fused)[1]))  # fmt: skip


def _entry(label: str, file_name: str, mime: str, make: Callable[[], bytes | str]) -> None:
    st.download_button(
        label, make, file_name, mime, key=f"get-{label}", on_click="ignore", width="stretch"
    )


def explain_section() -> None:
    """What the four buttons do, exactly."""
    theme.section("What the controls do, exactly")
    st.markdown(
        """
- **A slider** multiplies what one subband brought from one source: 0 mutes it, 1 leaves it as
  made, 2 doubles it. Shown = the sum of all parts times their factors, clipped to black and white.
- **All CT** sets every CT mask to 1 and every MRI mask to 0: the wavelet transform loses nothing,
  so this is the CT image itself, to the last grey level. **The CT part** is something else: what
  the method's own masks let through of the CT. To see it, mute the whole MRI column. All MRI
  likewise.
- **Swap** gives the CT the MRI's masks and factors, and the MRI the CT's; twice leads back.
- **Reset** returns to the method's own masks with every factor 1.
        """
    )
