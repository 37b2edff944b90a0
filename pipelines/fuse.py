"""Fuse one CT and one MRI image: grid, windows, method, what the user must be told, scores."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fusion_core.metrics import Scores, evaluate
from fusion_core.model import FusionResult
from fusion_core.provenance import clipped_share
from fusion_core.wavelets import synthesise
from imaging.image import Image
from imaging.orientation import left_right_note
from imaging.pairs import match_grid
from imaging.windowing import Window, apply_window, default_window
from pipelines.methods import Method

HEAD_LEVEL = 0.02
"""A pixel belongs to the head where either image, in [0, 1], is brighter than this."""

CLIPPING_NOTE = 0.05
"""Share of clipped head pixels from which the user is told."""

SMALL = 16
"""Side in pixels below which some metrics have no value."""


@dataclass(frozen=True, eq=False)
class FusedPair:
    """A fused pair and all that screens and files show of it.

    Attributes:
        name: the CT's file name without suffix.
        ct: the CT in its own units.
        mri: the MRI in its own units, on the CT's grid.
        ct01: (H, W) float32, the windowed CT in [0, 1], as it was fused.
        mri01: the same of the MRI.
        result: what the method made of them; not clamped.
        fused8: (H, W) uint8, clamped and rounded.
        notes: sentences that must be visible beside the image.
        method: what fused it.
        windows: of CT and MRI; None is the full range of the file.
    """

    name: str
    ct: Image
    mri: Image
    ct01: NDArray[np.float32]
    mri01: NDArray[np.float32]
    result: FusionResult
    fused8: NDArray[np.uint8]
    notes: tuple[str, ...]
    method: Method
    windows: tuple[Window | None, Window | None]

    @property
    def head(self) -> NDArray[np.bool_]:
        """(H, W), where either image is not black."""
        head: NDArray[np.bool_] = np.maximum(self.ct01, self.mri01) > HEAD_LEVEL
        return head


def fuse_pair(
    ct: Image,
    mri: Image,
    method: Method,
    window_ct: Window | None = None,
    window_mri: Window | None = None,
) -> FusedPair:
    """Bring both images onto the CT's grid, window them and fuse them.

    Args:
        ct: the CT, in its own units.
        mri: the MRI, in its own units.
        method: from :func:`pipelines.methods.load_method`.
        window_ct: in the CT's units; the file's own or a sensible one where None.
        window_mri: the same of the MRI.

    Raises:
        InputError: the two do not show the same field of view.
        MethodError: the memory does not suffice, or the checkpoint is unusable.
    """
    matched, notice = match_grid(ct, mri)
    windows = (window_ct or default_window(ct), window_mri or default_window(matched))
    ct01, mri01 = apply_window(ct, windows[0]), apply_window(matched, windows[1])
    result = method.fuse(ct01, mri01)
    notes = [f"CT: {note}" for note in ct.notes]
    notes += [f"MRI: {note}" for note in mri.notes]
    notes += [notice] if notice else []
    notes += _notes_on_content(ct, mri, ct01, mri01)
    notes += _notes_on_result(result, np.maximum(ct01, mri01) > HEAD_LEVEL)
    return FusedPair(
        PurePath(ct.name).stem,
        ct,
        matched,
        ct01,
        mri01,
        result,
        to_8bit(result.fused[0, 0].numpy()),
        tuple(dict.fromkeys(notes)),
        method,
        windows,
    )


def scores(pair: FusedPair, names: Iterable[str] | None = None) -> Scores:
    """Every metric of a fused pair, or the named ones; NaN with a note where one has no value."""
    return evaluate(pair.fused8, pair.ct01, pair.mri01, names)


def to_8bit(image: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Clamp an image to [0, 1] and round it to 0..255."""
    rounded: NDArray[np.uint8] = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return rounded


def ct_share(result: FusionResult) -> float | None:
    """CT's share of the whole fused image by attribution: sum of |CT part| over both sums.

    Returns:
        0 to 1; None for a rule that works on pixels, and where both parts are empty.
    """
    if result.masks is None or result.ct is None or result.wavelet is None:
        return None
    size = (result.fused.shape[-2], result.fused.shape[-1])
    part = synthesise(result.masks.ct.combine(result.ct, torch.mul), result.wavelet, size)
    from_ct = float(part.double().abs().sum())
    from_mri = float((result.fused - part).double().abs().sum())
    return from_ct / (from_ct + from_mri) if from_ct + from_mri > 0 else None


def _notes_on_content(
    ct: Image, mri: Image, ct01: NDArray[np.float32], mri01: NDArray[np.float32]
) -> list[str]:
    notes = []
    if ct.modality == "MR" or mri.modality == "CT":
        notes.append(
            f"The file given as CT says it is {ct.modality or 'of no modality'} and the one given "
            f"as MRI says it is {mri.modality or 'of no modality'}: they may be swapped."
        )
    if sides := left_right_note(ct.orientation, mri.orientation):
        notes.append(sides)
    for label, image in (("CT", ct01), ("MRI", mri01)):
        if float(image.min()) == float(image.max()):
            notes.append(f"The {label} is one even grey in this window: it shows nothing.")
    if np.array_equal(ct01, mri01):
        notes.append("CT and MRI are the same image, so there is nothing to fuse.")
    height, width = ct01.shape
    if min(height, width) < SMALL:
        notes.append(
            f"The image is only {width} × {height} pixels (width × height): metrics that compare "
            "neighbourhoods have no value."
        )
    return notes


def _notes_on_result(result: FusionResult, head: NDArray[np.bool_]) -> list[str]:
    share = clipped_share(result, torch.from_numpy(head)[None, None])
    if share < CLIPPING_NOTE:
        return []
    return [
        f"{100 * share:.0f} % of the head's pixels leave the range from black to white and are "
        "clipped."
    ]
