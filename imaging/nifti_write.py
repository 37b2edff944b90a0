"""A volume -> NIfTI bytes with the same place in the patient."""

import gzip
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.errors import InputError
from imaging.volume import Matrix

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_DESCRIP = 79
"""Characters that the header's description holds."""

_SCANNER = 1
"""NIFTI_XFORM_SCANNER_ANAT: coordinates of the scanner, as those of DICOM are."""


def encode_nifti(
    voxels: NDArray[np.float32],
    affine: Matrix,
    description: str = "",
    *,
    comment: str = "",
    compress: bool = True,
) -> bytes:
    """Encode a volume as NIfTI-1; the same input gives the same bytes.

    The sform holds the affine, and so does the qform, so that every reader places the volume
    alike; a sheared grid (gantry tilt), which a qform cannot hold, gets the sform alone.

    Args:
        voxels: (K, H, W) float32, stored as they are, not clamped.
        affine: (4, 4), from (column, row, slice, 1) to LPS millimetres.
        description: for the header, ASCII, cut to 79 characters.
        comment: any text, kept whole in a comment extension.
        compress: .nii.gz instead of .nii.

    Raises:
        InputError: a side has more voxels than NIfTI-1 can count.
        ValueError: the voxels are no finite (K, H, W) float32 array.
    """
    import nibabel
    from nibabel.nifti1 import Nifti1Extension

    if voxels.ndim != 3 or voxels.dtype != np.float32 or not np.isfinite(voxels).all():
        raise ValueError("NIfTI is written from a finite (K, H, W) float32 array.")
    if max(voxels.shape) > np.iinfo(np.int16).max:
        raise InputError(
            f"A side of {max(voxels.shape)} voxels is more than NIfTI counts; crop the volume."
        )
    ras = LPS_TO_RAS @ np.asarray(affine, np.float64)
    library: Any = nibabel  # its functions have no types
    image = library.Nifti1Image(voxels.transpose(2, 1, 0), ras)
    header = image.header
    header.set_xyzt_units("mm")
    header["descrip"] = description.encode("ascii", "replace")[:_DESCRIP]
    image.set_sform(ras, _SCANNER)
    image.set_qform(ras, _SCANNER)
    if not np.allclose(image.get_qform(), ras, atol=1e-3):
        image.set_qform(None, 0)
    if comment:
        header.extensions.append(Nifti1Extension("comment", comment.encode()))
    data = bytes(image.to_bytes())
    # No time stamp, which would say when the file was made; and higher levels take longer without
    # making a volume of floats smaller.
    return gzip.compress(data, compresslevel=1, mtime=0) if compress else data
