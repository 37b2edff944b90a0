"""Which side of the patient lies at each edge of a slice, from a file's direction cosines."""

import math
from collections.abc import Sequence

Letters = tuple[str, str, str, str]
"""Patient directions at the (left, right, top, bottom) edge: R, L, A, P, H (head), F (feet)."""

# DICOM's patient axes: x grows to the patient's left, y to the back, z to the head.
_POSITIVE, _NEGATIVE = "LPH", "RAF"
OBLIQUE = 0.35
"""Component of a direction, about 20 degrees, from which a second letter is written."""


def edge_letters(cosines: Sequence[float]) -> Letters | None:
    """The letters of a slice.

    Args:
        cosines: (0020,0037) Image Orientation (Patient): the direction of growing columns, then
            of growing rows, three numbers each.

    Returns:
        None where the numbers are not two perpendicular unit vectors.

    Reference: DICOM PS3.3 C.7.6.2.1.1.
    """
    if len(cosines) != 6 or not all(math.isfinite(c) for c in cosines):
        return None
    across, down = tuple(cosines[:3]), tuple(cosines[3:])
    if any(abs(math.hypot(*v) - 1) > 0.01 for v in (across, down)):
        return None
    if abs(sum(a * d for a, d in zip(across, down, strict=True))) > 0.01:
        return None
    left, top = (_direction([-c for c in v]) for v in (across, down))
    return left, _direction(across), top, _direction(down)


def left_right_note(ct: Letters | None, mri: Letters | None) -> str | None:
    """What to say about the left-right order of a pair; None where it is the same or unknown."""
    if ct == mri:
        return None
    if ct is None or mri is None:
        known, unknown = ("MRI", "CT") if ct is None else ("CT", "MRI")
        return (
            f"Only the {known}'s file says which side of the patient is where; that the {unknown} "
            "is not mirrored against it cannot be checked."
        )
    mirrored = ct[:2] == mri[1::-1] and ct[2:] == mri[2:]
    how = "mirrored left to right" if mirrored else "turned or mirrored"
    return (
        f"The files say that the CT shows {_edges(ct)} and the MRI {_edges(mri)}: one of them is "
        f"{how} against the other, so they must not be compared as they lie."
    )


def _edges(letters: Letters) -> str:
    return f"{letters[0]} at its left and {letters[2]} at its top"


def _direction(vector: Sequence[float]) -> str:
    order = sorted(range(3), key=lambda axis: -abs(vector[axis]))
    return "".join(
        (_POSITIVE if vector[axis] > 0 else _NEGATIVE)[axis]
        for place, axis in enumerate(order)
        if place == 0 or abs(vector[axis]) > OBLIQUE
    )
