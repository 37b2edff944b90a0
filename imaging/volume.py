"""A stack of slices in true units, with its place in the patient."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from imaging.windowing import Window

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Origin:
    """What tells whether two volumes belong together, without a name.

    Attributes:
        patient: salted hash of the patient's identity, equal within this process for one patient;
            None where the file has none.
        study_date: day of the study, None where unknown; shown only as a distance in months.
        frame_of_reference: identifier of the coordinate system; equal ones share their geometry.
        series: identifier of the series; "" where there is none.
    """

    patient: str | None = None
    study_date: date | None = None
    frame_of_reference: str | None = None
    series: str = ""


@dataclass(frozen=True, eq=False)
class Volume:
    """A regular grid of samples.

    Args:
        voxels: (K, H, W) float32, finite, in true units: slice, row, column.
        affine: (4, 4), from (column, row, slice, 1) to millimetres in the patient: x to the
            patient's left, y to the back, z to the head (LPS, as DICOM and SimpleITK have it).
        value_range: (low, high) that the format declares, or the extremes present.
        unit: "HU", "grey" or what the file names.
        modality: "CT", "MR" or None.
        name: a name for messages and exports that tells nothing of the patient.
        notes: sentences about what was changed or is odd, to be shown to the user.
        window: the file's own window, or None.
        padding: value that marks samples outside the scan, or None.
        body_part: as the file names it, or "".
        origin: what tells whether two volumes belong together.

    Raises:
        ValueError: the voxels are no non-empty (K, H, W) float32 array, or the affine is singular.
    """

    voxels: NDArray[np.float32]
    affine: Matrix
    value_range: tuple[float, float]
    unit: str = "grey"
    modality: str | None = None
    name: str = "volume"
    notes: tuple[str, ...] = ()
    window: Window | None = None
    padding: float | None = None
    body_part: str = ""
    origin: Origin = field(default_factory=Origin)

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3 or self.voxels.dtype != np.float32 or self.voxels.size == 0:
            raise ValueError(
                "Volume needs a non-empty (K, H, W) float32 array, not "
                f"{self.voxels.dtype} {self.voxels.shape}."
            )
        if self.affine.shape != (4, 4) or abs(np.linalg.det(self.affine[:3, :3])) < 1e-9:
            raise ValueError("Volume needs an invertible (4, 4) affine.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        return self.voxels.shape[0], self.voxels.shape[1], self.voxels.shape[2]

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between neighbouring slices, rows and columns, mm."""
        column, row, slice_ = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(slice_), float(row), float(column)


def same_grid(first: Volume, second: Volume, tolerance_mm: float = 0.01) -> bool:
    """Whether two volumes have the same shape and place every corner within a tolerance."""
    if first.shape != second.shape:
        return False
    slices, rows, columns = first.shape
    ends = np.array(
        [(x, y, z, 1) for x in (0, columns - 1) for y in (0, rows - 1) for z in (0, slices - 1)]
    )
    apart = ends @ (first.affine - second.affine).T
    return bool(np.abs(apart[:, :3]).max() <= tolerance_mm)
