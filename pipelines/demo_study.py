"""The bundled study: a synthetic head as a CT volume and as an MR volume that lies elsewhere."""

import numpy as np
from numpy.typing import NDArray

from fusion_core.phantom import HeadConfig, labels, render_ct, render_mr
from imaging.transform import rigid
from imaging.volume import Matrix, Origin, Volume

SLICES, SIZE = 44, 160
STEP_MM, PIXEL_MM = 2.6, 1.44
LOWEST_MM = -46.0
MR_WHITE = 1000.0
SEQUENCE = "T2"

_MR_ROWS = slice(6, 154)
_MR_SLICES = slice(2, 42)
_PATIENT = "synthetic head"

MOTION = rigid((7.0, -5.0, 9.0), (3.0, -2.0, 6.0))
"""How the MRI must be moved to lie on the CT."""


def demo_volumes() -> tuple[Volume, Volume]:
    """A CT in HU and an MRI of the same synthetic head, which lay differently in the scanner.

    The MRI's place is what its affine says, so nothing of it was interpolated, and the transform
    from the CT to the MRI is exactly :data:`MOTION`.
    """
    config = HeadConfig(
        seed=3, size=SIZE, spacing_mm=PIXEL_MM, oversample=1, lesions=("tumour", "calcification")
    )
    ct = np.empty((SLICES, SIZE, SIZE), np.float32)
    mr = np.empty_like(ct)
    for k in range(SLICES):
        z_mm = LOWEST_MM + k * STEP_MM
        tissue = labels(config, z_mm)
        ct[k] = np.rint(render_ct(tissue, config, z_mm=z_mm))
        mr[k] = render_mr(tissue, config, SEQUENCE, z_mm=z_mm)
    mr *= np.float32(MR_WHITE / np.percentile(mr, 99.8))
    affine = np.diag((PIXEL_MM, PIXEL_MM, STEP_MM, 1.0))
    affine[:3, 3] = -PIXEL_MM * (SIZE - 1) / 2, -PIXEL_MM * (SIZE - 1) / 2, LOWEST_MM
    part = np.ascontiguousarray(np.rint(mr[_MR_SLICES, _MR_ROWS, _MR_ROWS]))
    start = np.eye(4)
    start[:3, 3] = _MR_ROWS.start, _MR_ROWS.start, _MR_SLICES.start
    return (
        _volume(ct, affine, "HU", "CT", (-1024.0, 3071.0)),
        _volume(part, MOTION.matrix @ affine @ start, "grey", "MR", None),
    )


def _volume(
    voxels: NDArray[np.float32],
    affine: Matrix,
    unit: str,
    modality: str,
    limits: tuple[float, float] | None,
) -> Volume:
    return Volume(
        voxels=voxels,
        affine=affine,
        value_range=limits or (float(voxels.min()), float(voxels.max())),
        unit=unit,
        modality=modality,
        name=f"{modality} of the synthetic head",
        body_part="HEAD",
        origin=Origin(patient=_PATIENT, series=modality),
    )
