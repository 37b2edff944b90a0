"""What leaves the program of a pair of volumes: DICOM, NIfTI, PNG, reports, transforms.

File names and descriptions never tell of the patient: they hold slice numbers, and what this
program itself names.
"""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion_core.metrics import Scores
from imaging.deidentify import Identity, read_identity
from imaging.dicom_write import WHITE, Derivation, Source, fused_series
from imaging.dicom_write import colour_capture as encode_capture
from imaging.errors import InputError
from imaging.nifti_write import encode_nifti
from imaging.planes import Plane, plane_axes
from imaging.references import references
from imaging.tfm import decode_tfm, encode_tfm
from imaging.transform import Transform
from imaging.volume import Matrix
from pipelines import export
from pipelines.fuse import FusedPair, scores
from pipelines.fuse_volume import FusedVolume, Windows
from pipelines.methods import Method
from pipelines.report import SHOWN, make_report, report_html, window_words
from pipelines.report_pdf import report_pdf
from pipelines.volume_findings import finding_sentence
from pipelines.volume_pair import VolumePair


def identity_of(pair: VolumePair) -> Identity:
    """Patient and study of the CT; to be called only after the user asked to keep them.

    Raises:
        InputError: the CT is no DICOM series or names no patient or study, or the MRI names
            another patient.
    """
    series = pair.ct_series
    if pair.same_patient == "no":
        raise InputError(
            "The MRI names another patient than the CT, so the result belongs in neither's record; "
            "export it de-identified."
        )
    if series is None or series.stack is None:
        raise InputError(
            "The CT is no DICOM series, so there is no patient to file the result under; export "
            "it de-identified."
        )
    source = series.stack.frames[0].file.source
    return read_identity(source.load(), series.name)


def derivation(pair: VolumePair, method: Method, windows: Windows) -> Derivation:
    """How the images were made, for the headers of files."""
    return Derivation(
        method=export.method_label(method),
        windows=(
            window_words(pair.ct.unit, windows[0]),
            window_words(pair.mri.unit, windows[1]),
        ),
        alignment=pair.how,
        program=export.PROGRAM,
        sha256=method.sha256 or "",
    )


def dicom_files(
    fused: FusedVolume, identity: Identity | None = None
) -> Iterator[tuple[str, bytes]]:
    """The whole volume as a series of derived images: file names and bytes, slice by slice.

    Args:
        fused: the fused volume.
        identity: patient and study to file it under; None de-identifies.

    Raises:
        InputError: the grid is one that DICOM cannot describe.
    """
    pair = fused.pair
    return fused_series(
        fused.voxels,
        fused.affine,
        derivation(pair, fused.method, fused.windows),
        identity=identity,
        sources=_sources(pair, fused.affine, fused.voxels.shape),
        frame_of_reference=pair.grid.origin.frame_of_reference,
        created=datetime.now(),
    )


def dicom_zip(fused: FusedVolume, identity: Identity | None = None) -> bytes:
    """:func:`dicom_files` in one zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in dicom_files(fused, identity):
            # A fixed time: the hour of the export is nobody's business.
            archive.writestr(zipfile.ZipInfo(f"fused/{name}"), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def write_dicom_folder(
    fused: FusedVolume, folder: Path, identity: Identity | None = None
) -> list[Path]:
    """:func:`dicom_files` in a folder, made if it is missing.

    Raises:
        InputError: the folder cannot be written, or already holds files.
    """
    return write_files(dicom_files(fused, identity), folder)


def write_files(files: Iterator[tuple[str, bytes]], folder: Path) -> list[Path]:
    """Write named files into a new or empty folder.

    Raises:
        InputError: the folder cannot be written, or already holds files.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder} already holds files, among which a series must not be mixed; name a new "
            "folder."
        )
    written = []
    for name, data in files:
        export.write_file(folder / name, data)
        written.append(folder / name)
    return written


def slice_dicom(
    pair: VolumePair, fused: FusedPair, plane: Plane, index: int, identity: Identity | None = None
) -> bytes:
    """One fused slice, of any plane, as a derived image.

    Args:
        pair: both volumes.
        fused: from :func:`pipelines.fuse_volume.fuse_slice` of the same plane and index.
        plane: of the slice.
        index: from 0.
        identity: patient and study to file it under; None de-identifies.

    Raises:
        InputError: the grid is one that DICOM cannot describe.
    """
    grid = pair.grid
    axes = plane_axes(grid.affine, plane)
    affine = axes.affine(grid.affine, grid.shape)
    affine[:3, 3] += index * affine[:3, 2]
    values = fused.result.fused[0].numpy()
    ((_, data),) = fused_series(
        values,
        affine,
        _slice_derivation(pair, fused),
        identity=identity,
        sources=_sources(pair, affine, values.shape),
        frame_of_reference=grid.origin.frame_of_reference,
        created=datetime.now(),
    )
    return data


def colour_capture(
    pair: VolumePair,
    fused: FusedPair,
    image: NDArray[np.uint8],
    plane: Plane,
    identity: Identity | None = None,
) -> bytes:
    """A colour view of a slice, such as an overlay, as Secondary Capture.

    Args:
        pair: both volumes.
        fused: the fused slice that the view shows.
        image: (H, W, 3) uint8, laid as `slice_image` lays the plane.
        plane: of the view.
        identity: patient and study to file it under; None de-identifies.
    """
    affine = plane_axes(pair.grid.affine, plane).affine(pair.grid.affine, pair.grid.shape)
    cosines = (affine[:3, :2] / np.linalg.norm(affine[:3, :2], axis=0)).T.ravel()
    return encode_capture(
        image,
        _slice_derivation(pair, fused),
        spacing=fused.ct.spacing,
        orientation=[float(value) for value in cosines],
        identity=identity,
        created=datetime.now(),
    )


def nifti_bytes(fused: FusedVolume, compress: bool = True) -> bytes:
    """The fused volume, 0 to 1, as NIfTI with the grid's affine.

    Raises:
        InputError: a side has more voxels than NIfTI can count.
    """
    made = derivation(fused.pair, fused.method, fused.windows)
    voxels = fused.voxels.astype(np.float32) / np.float32(WHITE)
    short = f"Fused CT+MRI, 0 to 1, no HU; {export.STAMP}"
    comment = f"{export.NO_HU} {made.description}"
    return encode_nifti(voxels, fused.affine, short, comment=comment, compress=compress)


def slice_report(
    pair: VolumePair, fused: FusedPair, pdf: bool = False, values: Scores | None = None
) -> bytes:
    """One page about a fused slice, as HTML or PDF.

    Args:
        pair: both volumes.
        fused: from :func:`pipelines.fuse_volume.fuse_slice`.
        pdf: PDF instead of HTML.
        values: the slice's metrics, if they are already there.
    """
    page = make_report(
        fused,
        values or scores(fused, SHOWN),
        pair.how,
        place=fused.name.capitalize(),
        grid="the CT's" if pair.onto == "ct" else "the MRI's",
    )
    return report_pdf(page) if pdf else report_html(page).encode()


def summary(fused: FusedVolume) -> dict[str, Any]:
    """How a fused volume was made, CT's shares, and what it hides, as plain values for JSON."""
    pair, made = fused.pair, derivation(fused.pair, fused.method, fused.windows)
    found = pair.alignment
    return {
        "program": export.PROGRAM,
        "warning": export.STAMP,
        "values": export.NO_HU,
        "slices_rows_columns": list(fused.voxels.shape),
        "spacing_mm": list(pair.grid.spacing),
        "plane": fused.plane,
        "method": {
            "kind": fused.method.kind,
            "name": fused.method.name,
            "sha256": fused.method.sha256,
        },
        "windows": {
            name: asdict(window) for name, window in zip(("ct", "mri"), fused.windows, strict=True)
        },
        "alignment": {
            "way": pair.align,
            "onto": pair.onto,
            "interpolation": pair.interpolation,
            "verdict": None if found is None else found.verdict,
            "agreement_start": None if found is None else found.metric_start,
            "agreement_end": None if found is None else found.metric_end,
            "body_overlap": None if found is None else found.overlap,
            "covered_share_of_grid": pair.overlap,
            "shift_mm": list(pair.transform.shift_mm),
            "turn_deg": list(pair.transform.turn_deg),
            "sentence": made.alignment,
        },
        "same_patient": pair.same_patient,
        "months_apart": pair.months,
        "clipped_share_of_head": fused.clipped,
        "ct_share": fused.share,
        "bands": [asdict(band) for band in fused.bands],
        "shares_from_slices": fused.shared_slices,
        "hidden": [
            asdict(finding) | {"sentence": finding_sentence(finding, fused.plane)}
            for finding in fused.findings
        ],
        "notes": list(fused.notes),
    }


def save_tfm(pair: VolumePair) -> bytes:
    """The transform from the CT's mm to the MRI's as an ITK file (.tfm)."""
    return encode_tfm(pair.transform)


def load_tfm(data: bytes, name: str = "the file") -> Transform:
    """Read a transform for a pair of volumes.

    Raises:
        InputError: it is no rigid or affine transform of volumes.
    """
    transform = decode_tfm(data, name)
    if transform.dimension != 3:
        raise InputError(f"{name} holds a transform of images; choose one of volumes.")
    return transform


def _slice_derivation(pair: VolumePair, fused: FusedPair) -> Derivation:
    ct, mri = fused.windows
    if ct is None or mri is None:
        raise ValueError("A slice of a volume has a window for both sources.")
    return derivation(pair, fused.method, (ct, mri))


def _sources(pair: VolumePair, affine: Matrix, shape: tuple[int, ...]) -> list[tuple[Source, ...]]:
    """The source images of every slice of a grid, of both studies; empty where none has any."""
    forth, back = pair.transform.matrix, pair.transform.inverse().matrix
    here = np.eye(4)
    links = (here, forth) if pair.onto == "ct" else (back, here)
    found: list[tuple[Source, ...]] = [()] * shape[0]
    for series, link in zip((pair.ct_series, pair.mri_series), links, strict=True):
        if series is None or series.stack is None:
            continue
        if pair.align == "none":  # voxel on voxel, wherever the files place them
            link = series.stack.affine @ np.linalg.inv(pair.grid.affine)
        more = references(series.stack, link @ affine, shape)
        found = [a + b for a, b in zip(found, more, strict=True)]
    return found if any(found) else []
