"""A head as CT and MR files, moved or not, for the tests that go through files."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from imaging.nifti_write import encode_nifti
from imaging.transform import Transform
from imaging.volume import Volume
from tests.moved_heads import head
from tests.series_files import encoded, slice_file, zipped

CT_GRID = ((10, 40, 36), (18.0, 6.0, 6.0))
MR_GRID = ((12, 34, 34), (15.0, 7.0, 7.0))


def dicom_head(
    modality: str, grid: tuple[tuple[int, int, int], tuple[float, float, float]], **elements: object
) -> list[Dataset]:
    """The head's slices as DICOM, each with the given elements."""
    volume = head(modality, *grid)
    between, row, column = volume.spacing
    return [
        slice_file(
            np.rint(pixels).astype(np.int16),
            tuple(float(mm) for mm in (volume.affine @ (0, 0, k, 1))[:3]),
            **{
                "Modality": modality,
                "SeriesInstanceUID": f"1.2.3.{len(modality)}.{ord(modality[0])}",
                "InstanceNumber": k + 1,
                "PixelSpacing": [row, column],
                "SliceThickness": between,
                "RescaleType": "HU" if modality == "CT" else "US",
                "RescaleSlope": 1,
                "RescaleIntercept": 0,
                **elements,
            },
        )
        for k, pixels in enumerate(volume.voxels)
    ]


def write_folder(folder: Path, datasets: list[Dataset]) -> Path:
    """Files in a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, dataset in enumerate(datasets):
        (folder / f"{k:03d}.dcm").write_bytes(encoded(dataset))
    return folder


def write_zip(path: Path, datasets: list[Dataset]) -> Path:
    """Files in a zip."""
    path.write_bytes(zipped([(f"s/{k:03d}.dcm", encoded(d)) for k, d in enumerate(datasets)]))
    return path


def write_nifti(path: Path, volume: Volume) -> Path:
    """A volume as NIfTI."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_nifti(volume.voxels, volume.affine, compress=path.suffix == ".gz"))
    return path


def nifti_head(path: Path, modality: str, transform: Transform | None = None) -> Path:
    """The head as NIfTI."""
    grid = CT_GRID if modality == "CT" else MR_GRID
    return write_nifti(path, head(modality, *grid, transform=transform))
