"""One DICOM file -> `Image` in true units; of several frames the first."""

import logging

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.channels import replace_not_finite
from imaging.decode import decode_frame, frame_count
from imaging.dicom_file import open_dicom
from imaging.dicom_values import (
    group,
    mirrored,
    spacing_of,
    true_values,
    without_padding,
)
from imaging.errors import InputError
from imaging.image import Image, finite_range
from imaging.orientation import Letters, edge_letters
from imaging.quiet import quiet

logger = logging.getLogger(__name__)


def read_dicom(data: bytes, name: str) -> Image:
    """Read a single DICOM file, decoded by pydicom and Pillow, else by SimpleITK.

    The declared size is checked before anything is decoded. Rescaling comes first; padding
    becomes the smallest other value; MONOCHROME1 is inverted together with its window (its unit
    is then "grey"); colour becomes luminance. Nothing about the patient is read.

    Args:
        data: the whole file, with or without the DICM preamble.
        name: the file's name, for messages.

    Returns:
        The image; unit "HU" for a rescaled CT, with `spacing`, `modality` and `window` where
        the file gives them; range (0, 2^bits - 1) for up to 8 plain bits and for colour, else
        smallest to largest value.

    Raises:
        InputError: not DICOM, no image in it, over a limit, truncated, or compressed in a way
            that cannot be decoded here.
    """
    with quiet():
        dataset = open_dicom(data, name)
        stored = decode_frame(dataset, 0, name)
        try:
            return _image(dataset, stored, name)
        except InputError:
            raise
        except Exception:
            raise InputError(
                f"{name} is a damaged DICOM file: its rescaling, palette or geometry cannot be "
                f"read; export it again."
            ) from None


def _image(dataset: Dataset, stored: NDArray[np.generic], name: str) -> Image:
    notes: list[str] = []
    if frame_count(dataset) > 1:
        notes.append(f"Only the first of {frame_count(dataset)} frames is used.")
    modality = str(dataset.get("Modality") or "")
    values = true_values(dataset, stored)
    notes.extend(values.notes)
    pixels, padded = without_padding(values.pixels, values.padding)
    notes.extend(padded)
    finite = replace_not_finite(pixels)
    if finite is None:
        raise InputError(f"{name} has no pixel with a finite value; export it again.")
    pixels, replaced = finite
    notes.extend(replaced)
    value_range = finite_range(pixels) if values.white is None else (0.0, values.white)
    unit, window = values.unit, values.window
    if values.inverted:
        total = sum(value_range)
        pixels = np.float32(total) - pixels
        window = None if window is None else mirrored(window, total)
        unit = "grey"
        notes.append("The image was inverted because the file stores white as 0 (MONOCHROME1).")
    logger.debug("read a DICOM image of %d x %d, %s", *pixels.shape, unit)
    return Image(
        pixels=pixels,
        value_range=value_range,
        unit=unit,
        spacing=spacing_of(dataset),
        modality=modality if modality in ("CT", "MR") else None,
        name=name,
        notes=tuple(notes),
        window=window,
        orientation=_orientation(dataset),
    )


def _orientation(dataset: Dataset) -> Letters | None:
    for source in (group(dataset, "PlaneOrientationSequence"), dataset):
        value = source.get("ImageOrientationPatient")
        if value is not None and not isinstance(value, str | bytes) and hasattr(value, "__len__"):
            return edge_letters([float(cosine) for cosine in value])
    return None
