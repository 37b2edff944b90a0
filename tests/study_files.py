"""A CT and an MR series of the synthetic head as DICOM files, small enough for quick tests."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from imaging.volume import Volume
from pipelines.demo_study import demo_volumes
from tests.series_files import encoded, slice_file

FRAMES = {"CT": "1.2.826.77.1", "MR": "1.2.826.77.2"}


@lru_cache(maxsize=1)
def small_volumes() -> tuple[Volume, Volume]:
    """The bundled study with every second sample along each axis: 22 slices of 80 x 80."""
    return tuple(_thinned(volume) for volume in demo_volumes())  # type: ignore[return-value]


def _thinned(volume: Volume) -> Volume:
    affine = volume.affine.copy()
    affine[:3, :3] *= 2
    return replace(volume, voxels=np.ascontiguousarray(volume.voxels[::2, ::2, ::2]), affine=affine)


def dicom_files(volume: Volume, **elements: object) -> list[tuple[str, bytes]]:
    """A volume as a DICOM series, placed as its affine says."""
    modality = volume.modality or "CT"
    steps = np.linalg.norm(volume.affine[:3, :3], axis=0)
    cosines = (volume.affine[:3, :2] / steps[:2]).T.ravel()
    given: dict[str, object] = {
        "Modality": modality,
        "ImageOrientationPatient": [round(float(c), 9) for c in cosines],
        "PixelSpacing": [float(steps[1]), float(steps[0])],
        "SliceThickness": float(steps[2]),
        "SeriesInstanceUID": f"{FRAMES[modality]}.9",
        "FrameOfReferenceUID": FRAMES[modality],
        "StudyInstanceUID": f"{FRAMES[modality]}.8",
    }
    if modality == "CT":
        given |= {"RescaleSlope": 1, "RescaleIntercept": 0, "RescaleType": "HU"}
    files = []
    for k, pixels in enumerate(volume.voxels):
        place = (volume.affine @ (0, 0, k, 1))[:3]
        ds = slice_file(
            np.rint(pixels).astype(np.int16), tuple(place), InstanceNumber=k + 1, **given | elements
        )
        files.append((f"{modality}{k:03d}.dcm", encoded(ds)))
    return files


def small_study(**elements: object) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    """The files of both series; elements override those of the MR."""
    ct, mri = small_volumes()
    return dicom_files(ct), dicom_files(mri, **elements)
