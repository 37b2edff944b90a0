"""Whether a volume is what it is given as, and whether two volumes belong to one patient."""

from dataclasses import replace
from typing import Literal

import numpy as np

from imaging.errors import InputError
from imaging.volume import Origin, Volume

Modality = Literal["CT", "MR"]
Answer = Literal["yes", "no", "unknown"]

AIR_AT_MOST = -800.0
"""A CT in HU that shows any air has values below this."""

BONE_AT_LEAST = 300.0
"""A CT in HU that shows any bone has values above this."""


def looks_like_hu(volume: Volume) -> bool:
    """Whether the values alone suggest HU: air far below zero and bone far above it."""
    step = max(1, volume.voxels.size // 1_000_000)
    low, high = np.percentile(volume.voxels.reshape(-1)[::step], (0.5, 99.9))
    return bool(-4096 < low < AIR_AT_MOST and high > BONE_AT_LEAST)


def given_as(volume: Volume, modality: Modality) -> Volume:
    """Take a volume as the CT or the MR of a pair.

    What the file says counts. A file that does not say (NIfTI, MHA, NRRD) becomes what it is
    given as: HU where the values fit, otherwise with a note.

    Raises:
        InputError: the file says that it is the other one, or its values are plainly HU and it is
            given as MR.
    """
    other = "MR" if modality == "CT" else "CT"
    if volume.modality == other:
        raise InputError(
            f"{volume.name} is {'an MR' if other == 'MR' else 'a CT'} by its own header but was "
            f"given as the {modality}; exchange the two."
        )
    if volume.modality == modality:
        return volume
    hu = looks_like_hu(volume)
    if modality == "MR":
        if hu:
            raise InputError(
                f"{volume.name} was given as the MR, but its values are those of a CT (air below "
                "-800, bone above 300); exchange the two."
            )
        return replace(volume, modality="MR")
    if hu:
        return replace(volume, modality="CT", unit="HU")
    note = (
        f"The values of {volume.name} ({volume.value_range[0]:g} to {volume.value_range[1]:g}) do "
        "not look like HU; if it is a CT at all, presets in HU do not fit it."
    )
    return replace(volume, modality="CT", notes=(*volume.notes, note))


def same_patient(first: Origin, second: Origin) -> Answer:
    """Whether two volumes belong to one patient, as far as their files say."""
    if first.patient is None or second.patient is None:
        return "unknown"
    return "yes" if first.patient == second.patient else "no"


def months_apart(first: Origin, second: Origin) -> float | None:
    """Months between the two studies, None where a date is unknown; no date leaves here."""
    if first.study_date is None or second.study_date is None:
        return None
    return abs((first.study_date - second.study_date).days) / 30.4375


def relation_notes(first: Origin, second: Origin) -> tuple[str, ...]:
    """What to say about the pair: other patient, or more than a month between the studies."""
    notes: list[str] = []
    answer = same_patient(first, second)
    if answer == "no":
        notes.append(
            "The two series name different patients; check before you read anything from the pair."
        )
    elif answer == "unknown":
        notes.append("Whether both series show the same patient is unknown.")
    months = months_apart(first, second)
    if months is not None and months >= 1:
        notes.append(f"The two studies lie {months:.0f} months apart.")
    return tuple(notes)
