"""Small DICOM series made in memory, whole and odd, for the tests of volumes."""

import io
import zipfile
import zlib

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

NAME = "Doe^Jane^Secret"


def solid(slices: int = 8, rows: int = 12, columns: int = 10) -> np.ndarray:
    """Values that are linear in slice, row and column, so that interpolation is exact."""
    k, i, j = np.meshgrid(np.arange(slices), np.arange(rows), np.arange(columns), indexing="ij")
    return (100 * k + 10 * i + j).astype(np.int16)


def slice_file(pixels: np.ndarray, position: tuple[float, ...], **elements: object) -> Dataset:
    """One CT slice with 2 mm rows and 1.5 mm columns at a position, with overridden elements."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.Modality = "CT"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = NAME, "ID-4711", "19500101"
    ds.StudyDate, ds.BodyPartExamined = "20200115", "HEAD"
    ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "1.2.3", "1.2.9"
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = pixels.dtype.itemsize * 8
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.ImagePositionPatient = [round(float(mm), 6) for mm in position]
    ds.PixelSpacing, ds.SliceThickness = [2.0, 1.5], 3.0
    ds.SOPInstanceUID = f"1.2.4.{zlib.crc32(repr((position, elements)).encode())}"
    ds.PixelData = pixels.tobytes()
    for keyword, value in elements.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.SOPClassUID = MRImageStorage if ds.Modality == "MR" else CTImageStorage
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def series(voxels: np.ndarray, step: float = 3.0, **elements: object) -> list[Dataset]:
    """Axial slices `step` mm apart, the first at (-20, -30, 40)."""
    return [
        slice_file(pixels, (-20, -30, 40 + step * k), InstanceNumber=k + 1, **elements)
        for k, pixels in enumerate(voxels)
    ]


def encoded(ds: Dataset) -> bytes:
    """The bytes of a file."""
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def uploads(datasets: list[Dataset], prefix: str = "f") -> list[tuple[str, bytes]]:
    """The files of a series as a browser sends them, in an order that means nothing."""
    named = [(f"{prefix}{k}.dcm", encoded(ds)) for k, ds in enumerate(datasets)]
    return named[1::2] + named[::2]


def zipped(files: list[tuple[str, bytes]]) -> bytes:
    """A zip of named files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return buffer.getvalue()
