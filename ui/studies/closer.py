"""The shown slice as the pair of the other pages."""

import hashlib
from dataclasses import replace
from typing import cast

import streamlit as st

from imaging.planes import slice_image
from imaging.volume import Volume
from imaging.windowing import Window
from pipelines.methods import Method
from pipelines.volume_pair import VolumePair
from ui import session
from ui.session import Slot, Source
from ui.studies import slices
from ui.studies.state import Studies

PAGES = {
    "fuse": ("Fuse", "every pixel taken apart, metrics"),
    "masks": ("Masks", "what the method decided where"),
    "provenance": ("Provenance", "CT's and MRI's share of a region"),
    "whatif": ("What-if", "scale or mute a subband"),
}


def look_closer(now: Studies, how: Method) -> None:
    """The menu that opens the shown slice elsewhere."""
    with st.popover("Look closer", icon=":material/search:", width="content"):
        st.caption("Opens the shown slice in another page, with its windows.")
        for page, (title, text) in PAGES.items():
            if st.button(title, key=f"studies-open-{page}", width="stretch", help=text):
                show_slice(now)
                st.switch_page(f"pages/{page}.py")


def show_slice(now: Studies) -> None:
    """Take the shown slice for the session's pair, with the windows of the volumes."""
    pair = cast(VolumePair, now.pair)
    index = slices.at(now, now.plane)[0]
    where = f"{now.plane} slice {index + 1}"

    def source(slot: Slot, volume: Volume, notes: tuple[str, ...]) -> Source:
        image = slice_image(volume, now.plane, index)
        # The pair's own name stands for volumes, transform, grid and interpolation.
        digest = hashlib.sha256(f"{now.pair_id}|{now.plane}|{index}|{slot}".encode()).hexdigest()
        name = f"{where.replace(' ', '-')}-{slot}"
        return Source(replace(image, name=name, notes=notes), digest)

    session.show_pair(source("ct", pair.ct, ()), source("mri", pair.mri, pair.notes))
    windows: tuple[Window | None, Window | None] = slices.windows_of(now)
    session.update(windows=windows)
