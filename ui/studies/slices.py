"""The slices that the View step shows: fused at once, the last few kept, all in one session."""

from collections import OrderedDict
from typing import cast

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imaging.planes import Plane, plane_axes, plane_count
from imaging.windowing import Window
from pipelines.fuse import FusedPair
from pipelines.fuse_volume import FusedVolume, fuse_slice
from pipelines.hidden import Region, pair_regions
from pipelines.methods import Method
from pipelines.volume_pair import VolumePair, volume_windows
from ui import caches
from ui.controls import current_method
from ui.studies import state
from ui.studies.state import Studies, Voxel

_KEPT = "twf_studies_slices"
MOST = 6
"""Fused slices that a session keeps; a slice of 512 x 512 with its bands takes about 20 MB."""


def method() -> Method:
    """The method that the session has chosen.

    Raises:
        CheckpointError, MethodError: it cannot be used.
    """
    info = current_method()
    return caches.method(info.kind, info.name)


def windows_of(now: Studies) -> tuple[Window, Window]:
    """The windows of CT and MRI in effect."""
    return volume_windows(cast(VolumePair, now.pair), *now.windows)


def fused_slice(now: Studies, plane: Plane, index: int, how: Method) -> FusedPair:
    """One slice, fused or found fused.

    Raises:
        MethodError: the memory does not suffice, or the checkpoint is unusable.
    """
    pair, windows = cast(VolumePair, now.pair), windows_of(now)
    kept: OrderedDict[object, FusedPair] = st.session_state.setdefault(_KEPT, OrderedDict())
    key = (now.pair_id, plane, index, windows, how.kind, how.name, how.sha256)
    if key not in kept:
        kept[key] = fuse_slice(pair, plane, index, how, windows)
    kept.move_to_end(key)
    while len(kept) > MOST:
        kept.popitem(last=False)
    return kept[key]


def forget() -> None:
    """Let go of all fused slices."""
    st.session_state.pop(_KEPT, None)


def whole(now: Studies, how: Method) -> FusedVolume | None:
    """The fused volume, where it was made of this pair with this method and these windows."""
    fused = now.fused
    if fused is None or fused.pair is not now.pair or fused.windows != windows_of(now):
        return None
    same = (fused.method.kind, fused.method.name, fused.method.sha256)
    return fused if same == (how.kind, how.name, how.sha256) else None


def picture(now: Studies, plane: Plane, index: int, how: Method) -> NDArray[np.uint8]:
    """The fused slice for the screen: out of the fused volume where there is one."""
    fused = whole(now, how)
    if fused is not None:
        return fused.picture(plane, index)
    return fused_slice(now, plane, index, how).fused8


def hidden_in(fused: FusedPair) -> tuple[Region, ...]:
    """What a fused slice hides; kept with it."""
    found = cast(dict[int, tuple[FusedPair, tuple[Region, ...]]],
                 st.session_state.setdefault(f"{_KEPT}_hidden", {}))  # fmt: skip
    held = found.get(0)
    if held is None or held[0] is not fused:
        held = (fused, pair_regions(fused))
        found[0] = held
    return held[1]


def at(now: Studies, plane: Plane) -> tuple[int, int, int]:
    """(picture, row, column) of the cursor in a plane."""
    grid = cast(VolumePair, now.pair).grid
    return plane_axes(grid.affine, plane).pixel(now.cursor, grid.shape)


def turn_to(plane: Plane, index: int) -> None:
    """Move the cursor to another slice of a plane."""
    now = state.get()
    grid = cast(VolumePair, now.pair).grid
    if 0 <= index < plane_count(grid, plane):
        _, row, column = at(now, plane)
        move(plane, index, row, column)


def move(plane: Plane, index: int, row: int, column: int) -> None:
    """Put the cursor where a pixel of a slice is."""
    now = state.get()
    grid = cast(VolumePair, now.pair).grid
    voxel: Voxel = plane_axes(grid.affine, plane).voxel(index, row, column, grid.shape)
    state.update(cursor=voxel)
