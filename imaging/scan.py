"""Paths, uploads and zips -> the list of series in them, before any pixel is decoded."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from imaging.archive_scan import MAX_ENTRIES, is_zip, zip_sources
from imaging.dicom_files import DicomFile, read_header
from imaging.errors import InputError
from imaging.grouping import group_series
from imaging.itk_files import inspect_itk, itk_kind
from imaging.nifti import inspect_nifti, is_nifti
from imaging.sniff import describe, sniff
from imaging.source import Source, from_bytes, from_path
from imaging.study import Series, SetAside, Study

Input = str | os.PathLike[str] | tuple[str, bytes]
"""A path of a file, a folder or a zip; or an upload: its name and its bytes."""


def scan(inputs: Input | Iterable[Input], progress: Callable[[int], None] | None = None) -> Study:
    """Find the series in files, folders, zips and uploads.

    Only headers are read. A zip is recognised by its content; a zip inside a zip is set aside.
    One damaged file is set aside with its sentence and never hides the others.

    Args:
        inputs: one or several.
        progress: told how many files were looked at.

    Raises:
        InputError: a path does not exist, there is no file, there are too many, or a zip is
            refused as a whole.
    """
    files: list[DicomFile] = []
    others: list[Series] = []
    aside: dict[str, list[str]] = {}
    looked = 0
    for source in _sources(inputs):
        looked += 1
        if looked > MAX_ENTRIES:
            raise InputError(
                f"There are more than {MAX_ENTRIES} files; choose the folder of one study."
            )
        try:
            found = _look(source, len(others) + 1)
        except InputError as error:
            found = str(error)
        if isinstance(found, DicomFile):
            files.append(found)
        elif isinstance(found, Series):
            others.append(found)
        else:
            aside.setdefault(found, []).append(source.name)
        if progress is not None:
            progress(looked)
    if not looked:
        raise InputError(
            "There is no file to read; choose DICOM or NIfTI files, a folder or a zip."
        )
    series, localizers = group_series(files)
    patients = {file.origin.patient for file in files if file.origin.patient is not None}
    notes: tuple[str, ...] = ()
    if len(patients) > 1:
        notes = (
            f"The files belong to {len(patients)} patients; fuse only series of the same one.",
        )
    if not series and not others:
        notes = (*notes, "Nothing here can be read as a volume.")
    ordered = sorted((*series, *others), key=lambda s: (s.problem is not None, -s.shape[0]))
    return Study(
        tuple(ordered),
        (*localizers, *(_aside(words, tuple(names)) for words, names in aside.items())),
        len(patients),
        notes,
    )


def holds_volume(path: Path) -> bool:
    """Whether a path is to be taken as a volume: a folder, a zip, or a file of several slices.

    A path that cannot be read is none, so that whoever reads images says what is wrong with it.
    """
    if path.is_dir():
        return True
    try:
        data = from_path(path).load()
    except (InputError, OSError):
        return False
    if is_zip(data) or is_nifti(data) or itk_kind(data) is not None:
        return True
    if sniff(data) != "DICOM":
        return False
    try:
        header = read_header(from_bytes(path.name, data))
    except InputError:
        return False
    return isinstance(header, DicomFile) and len(header.places) > 1


def is_picture(path: Path) -> bool:
    """Whether a path is a readable PNG, JPEG, TIFF, BMP or GIF file."""
    try:
        with path.open("rb") as file:
            return sniff(file.read(256)) not in (None, "DICOM")
    except OSError:
        return False


def _sources(inputs: Input | Iterable[Input]) -> Iterator[Source]:
    single = isinstance(inputs, str | os.PathLike) or (
        isinstance(inputs, tuple) and len(inputs) == 2 and isinstance(inputs[1], bytes)
    )
    for item in [inputs] if single else inputs:  # type: ignore[union-attr]
        if isinstance(item, tuple):
            name, data = item
            yield from zip_sources(data, name) if is_zip(data) else [from_bytes(name, data)]
            continue
        path = Path(item)  # type: ignore[arg-type]
        if not path.exists():
            raise InputError(f"{path.name or path} does not exist; check the path.")
        if path.is_dir():
            yield from (from_path(file) for file in _walk(path))
            continue
        source = from_path(path)
        if _opens_as_zip(path):
            yield from zip_sources(source.load(), source.name)
        else:
            yield source


def _walk(folder: Path) -> Iterator[Path]:
    """Files below a folder in a fixed order; hidden ones and links are left out."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(root) / name
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _opens_as_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_zip(file.read(4))
    except OSError:
        return False


def _look(source: Source, number: int) -> DicomFile | Series | str:
    """What one file is: part of a series, a volume, or words for what it is instead."""
    data = source.load()
    if sniff(data) == "DICOM":
        return read_header(source)
    if is_nifti(data):
        header = inspect_nifti(data, source.name)
        return Series(
            kind="NIfTI",
            name=f"NIfTI volume {number}",
            modality="",
            body_part="",
            shape=header.shape,
            spacing=header.spacing,
            plane="",
            volumes=header.volumes,
            notes=header.notes,
            source=source,
        )
    if (kind := itk_kind(data)) is not None:
        declared = inspect_itk(data, source.name)
        return Series(
            kind=kind,
            name=f"{kind} volume {number}",
            modality="",
            body_part="",
            shape=declared.shape,
            spacing=None,
            plane="",
            source=source,
        )
    if is_zip(data):
        return "a zip inside the zip, which is not opened; unpack it first"
    if data[344:348] == b"ni1\0":
        return "the header of a NIfTI pair; save header and image as one .nii file"
    seen = sniff(data)
    return f"a {seen} picture, not part of a volume" if seen is not None else describe(data)


def _aside(words: str, names: tuple[str, ...]) -> SetAside:
    """A whole sentence stands as it is; a kind of file is told with how many there are."""
    if words.endswith("."):
        return SetAside(words, names)
    if len(names) == 1:
        return SetAside(f"{names[0]} was set aside: {words}.", names)
    return SetAside(f"{len(names)} files were set aside, each {words}.", names)
