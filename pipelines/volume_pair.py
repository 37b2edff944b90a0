"""A CT and an MRI volume on one grid, with how they came to lie so."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from imaging.body import default_window
from imaging.errors import InputError
from imaging.planes import PLANES, Plane, plane_axes, plane_count, slice_image, source_slice
from imaging.register import register
from imaging.register_checks import Alignment
from imaging.resample import INTERPOLATIONS, Interpolation, resample
from imaging.roles import Answer, Modality, given_as, months_apart, relation_notes, same_patient
from imaging.study import Series
from imaging.transform import Transform, identity
from imaging.volume import Volume, same_grid
from imaging.windowing import Window

__all__ = [
    "ALIGNS", "ONTOS", "PLANES", "Align", "Onto", "Plane", "VolumePair", "default_align",
    "default_window", "pair_volumes", "plane_axes", "plane_count", "slice_image",
    "source_slice", "volume_windows",
]  # fmt: skip

Align = Literal["none", "geometry", "rigid", "affine"]
Given = Literal["loaded", "manual"]
"""Where a transform that was not searched for comes from: a file, or the user's hand."""

Onto = Literal["ct", "mri"]

ALIGNS: tuple[Align, ...] = get_args(Align)
ONTOS: tuple[Onto, ...] = get_args(Onto)

SAME_GRID = "Both volumes share one grid; no alignment is needed."


@dataclass(frozen=True, eq=False)
class VolumePair:
    """Both volumes on one grid, and all that must be said about it.

    Attributes:
        ct: the CT, named "CT".
        mri: the MRI, named "MRI", of the same shape and affine.
        align: how the MRI was laid on the CT.
        onto: whose grid counts.
        alignment: what the registration found and its verdict; None where there was none.
        transform: from the CT's mm to the MRI's; the identity where nothing was moved.
        overlap: share of the grid that the resampled volume's field of view covers, 0 to 1.
        interpolation: how the other volume was resampled.
        notes: sentences for the user: what was changed on reading, how the two were laid on each
            other, whether they belong together.
        same_patient: as far as the files say.
        months: between the two studies, None where a date is unknown.
        ct_series: where the CT came from, for references to its slices; None where not known.
        mri_series: the same of the MRI.
    """

    ct: Volume
    mri: Volume
    align: Align | Given
    onto: Onto
    alignment: Alignment | None
    transform: Transform
    overlap: float
    interpolation: Interpolation
    notes: tuple[str, ...]
    same_patient: Answer
    months: float | None
    ct_series: Series | None = None
    mri_series: Series | None = None

    @property
    def grid(self) -> Volume:
        """The volume whose grid counts."""
        return self.ct if self.onto == "ct" else self.mri

    @property
    def how(self) -> str:
        """One sentence: how the MRI came onto the grid; for reports and files."""
        return _how(self)


def default_align(ct: Volume, mri: Volume) -> Align:
    """What fits: nothing on one grid, geometry in one frame of reference, else a search."""
    if same_grid(ct, mri):
        return "none"
    frame = ct.origin.frame_of_reference
    return "geometry" if frame and frame == mri.origin.frame_of_reference else "rigid"


def pair_volumes(
    ct: Volume,
    mri: Volume,
    align: Align | Given | None = None,
    onto: Onto = "ct",
    interpolation: Interpolation = "linear",
    transform: Transform | None = None,
    *,
    ct_series: Series | None = None,
    mri_series: Series | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> VolumePair:
    """Lay the MRI on the CT and bring both onto one grid.

    Args:
        ct: the CT, on its own grid.
        mri: the MRI, on its own grid.
        align: "none" takes them as they are, slice by slice; "geometry" as their files place
            them; "rigid" and "affine" search; None does what :func:`default_align` says.
        onto: whose grid counts; the other volume is resampled.
        interpolation: "linear", "nearest" or "cubic".
        transform: from the CT's mm to the MRI's, instead of a search; `align` is then "loaded"
            (also where it is anything else) or "manual".
        ct_series: what the scan found of the CT.
        mri_series: the same of the MRI.
        progress: told the share that is done of a search.
        cancelled: asked during a search.

    Raises:
        InputError: one is not what it is given as, both have no place in common, or "none" was
            asked for and their sizes differ.
        Cancelled: `cancelled` said so.
    """
    _check(onto, interpolation)
    ct, mri = _in_role(ct, "CT"), _in_role(mri, "MR")
    notes = [f"CT: {note}" for note in ct.notes] + [f"MRI: {note}" for note in mri.notes]
    way: Align | Given = align or default_align(ct, mri)
    alignment: Alignment | None = None
    if transform is not None:
        way = "manual" if align == "manual" else "loaded"
        _check_transform(transform)
        notes.append(f"The MRI was laid on the CT {_GIVEN[way]}: {transform.describe()}.")
    elif way in ("rigid", "affine"):
        alignment = register(ct, mri, way, progress, cancelled)
        transform = alignment.transform
        notes.append(alignment.sentence)
    elif way not in ("none", "geometry"):
        raise InputError(f"Unknown alignment '{way}'; valid: {', '.join(ALIGNS)}.")
    else:
        transform = identity()
        if way == "none" and not same_grid(ct, mri):
            ct, mri = _index_by_index(ct, mri, onto, notes)
        elif way == "geometry":
            notes.append(_FRAMES[_frames(ct, mri)])
    first, moving = (ct, mri) if onto == "ct" else (mri, ct)
    moved = resample(
        moving, first, transform if onto == "ct" else transform.inverse(), interpolation
    )
    notes.append(SAME_GRID if same_grid(moving, first) and _still(transform) else moved.notice)
    notes += relation_notes(ct.origin, mri.origin)
    return VolumePair(
        ct=first if onto == "ct" else moved.volume,
        mri=moved.volume if onto == "ct" else first,
        align=way,
        onto=onto,
        alignment=alignment,
        transform=transform,
        overlap=moved.overlap,
        interpolation=interpolation,
        notes=tuple(dict.fromkeys(notes)),
        same_patient=same_patient(ct.origin, mri.origin),
        months=months_apart(ct.origin, mri.origin),
        ct_series=ct_series,
        mri_series=mri_series,
    )


def volume_windows(
    pair: VolumePair, ct: Window | None = None, mri: Window | None = None
) -> tuple[Window, Window]:
    """One window for every slice of each volume: the given ones, else what suits the volume."""
    return ct or default_window(pair.ct), mri or default_window(pair.mri)


def _in_role(volume: Volume, modality: Modality) -> Volume:
    """The volume as CT or MRI; errors name the user's file, what is written later must not."""
    given_as(volume, modality)
    return given_as(replace(volume, name=_NAMES[modality]), modality)


def _index_by_index(ct: Volume, mri: Volume, onto: Onto, notes: list[str]) -> tuple[Volume, Volume]:
    if ct.shape != mri.shape:
        sizes = (" × ".join(str(n) for n in v.shape[::-1]) for v in (ct, mri))
        raise InputError(
            f"The CT has {next(sizes)} voxels and the MRI {next(sizes)}, so they cannot be laid "
            "on each other as they are; align them by geometry, or register them (rigid)."
        )
    notes.append(
        "The volumes were laid voxel on voxel as they are, although their files place them "
        "differently."
    )
    if onto == "ct":
        return ct, replace(mri, affine=ct.affine.copy())
    return replace(ct, affine=mri.affine.copy()), mri


_FRAMES = {
    "one": "Both files count their millimetres in one frame of reference; that does not show that "
    "the patient lay still between them, so check the borders of bone and skin.",
    "two": "The two files count their millimetres in different frames of reference, so the places "
    "that they give need not agree; check the borders of bone and skin, or register them.",
    "unknown": "Nothing says that both files count their millimetres from one place; check the "
    "borders of bone and skin.",
}


def _frames(ct: Volume, mri: Volume) -> str:
    first, second = ct.origin.frame_of_reference, mri.origin.frame_of_reference
    if first is None or second is None:
        return "unknown"
    return "one" if first == second else "two"


def _still(transform: Transform) -> bool:
    return bool(np.allclose(transform.matrix, np.eye(4), atol=1e-9))


_NAMES: dict[Modality, str] = {"CT": "CT", "MR": "MRI"}
_GIVEN = {"loaded": "by the transform of a file", "manual": "by hand"}


def _how(pair: VolumePair) -> str:
    grid, other = ("CT", "MRI") if pair.onto == "ct" else ("MRI", "CT")
    if pair.align == "none":
        return "MRI and CT taken on one grid as they are; nothing was resampled."
    means = {
        "geometry": "by the places that the files give",
        "rigid": "by rigid registration (mutual information)",
        "affine": "by affine registration (mutual information)",
        **_GIVEN,
    }[pair.align]
    if pair.alignment is not None and not pair.alignment.used:
        means = f"by the places that the files give, as registration was {pair.alignment.verdict}"
    moved = "" if _still(pair.transform) else f", {pair.transform.describe()}"
    verdict = "" if pair.alignment is None else f" ({pair.alignment.verdict})"
    return (
        f"{other} resampled onto the grid of the {grid} {means}{moved}{verdict}, "
        f"{pair.interpolation} interpolation."
    )


def _check(onto: str, interpolation: str) -> None:
    if onto not in ONTOS:
        raise InputError(f"Unknown grid '{onto}'; valid: {', '.join(ONTOS)}.")
    if interpolation not in INTERPOLATIONS:
        raise InputError(
            f"Unknown interpolation '{interpolation}'; valid: {', '.join(INTERPOLATIONS)}."
        )


def _check_transform(transform: Transform) -> None:
    if transform.dimension != 3:
        raise InputError(
            "The transform is one of images, not of volumes; choose one with three axes."
        )
