"""NIfTI volumes (.nii, .nii.gz): header first, then one 3-D volume in LPS millimetres."""

import io
import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.errors import InputError
from imaging.limits import MAX_BYTES, MAX_DECODED_BYTES, check_bytes
from imaging.volume import Matrix, Volume

_HEADER_BYTES = 544
_CIFTI = range(3000, 3100)
_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
CONFLICT_MM = 1.0
"""Distance of a corner between sform and qform from which they contradict each other."""


@dataclass(frozen=True, eq=False)
class NiftiHeader:
    """What a NIfTI file declares.

    Attributes:
        shape: (K, H, W) of one volume, after the axes were put in order.
        spacing: distance of slices, rows and columns, mm.
        volumes: how many volumes it holds.
        affine: (4, 4), as `Volume` has it.
        notes: sentences for the user.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    volumes: int
    affine: Matrix
    notes: tuple[str, ...]


def is_nifti(data: bytes) -> bool:
    """Tell a single-file NIfTI-1 or NIfTI-2, plain or gzipped, by its content."""
    head = _head(data)
    return head[344:348] == b"n+1\0" or head[4:8] == b"n+2\0"


def inspect_nifti(data: bytes, name: str) -> NiftiHeader:
    """Read what the file declares, without its samples.

    Raises:
        InputError: not a NIfTI file, damaged, no volume of grey values, or over a limit.
    """
    header, _ = _header(data, name)
    return _described(header, name)


def read_nifti(data: bytes, name: str, volume: int = 0) -> Volume:
    """Read one volume of a NIfTI file, scaled, with its axes put in order.

    Axes are permuted and flipped, without interpolation, so that columns run to the patient's
    left, rows to the back and slices to the head as nearly as the grid allows.

    Args:
        data: the whole file.
        name: the file's name, for messages.
        volume: which volume of several, from 0.

    Raises:
        InputError: as `inspect_nifti`; truncated; no finite value; or no such volume.
    """
    from nibabel.fileholders import FileHolder

    header, kind = _header(data, name)
    described = _described(header, name)
    if not 0 <= volume < described.volumes:
        raise InputError(
            f"{name} has {described.volumes} volume{'s' * (described.volumes > 1)}; "
            f"there is no number {volume + 1}."
        )
    start = int(header.get_data_offset())
    size = math.prod(header.get_data_shape()) * header.get_data_dtype().itemsize
    raw = _inflated(data, start + size, name)
    if len(raw) < start + size:
        raise InputError(
            f"{name} is truncated: it holds {max(len(raw) - start, 0)} of the {size} bytes of "
            "samples that its header declares; copy it again."
        )
    try:
        image = kind.from_file_map({"image": FileHolder(fileobj=io.BytesIO(raw))})
        where = np.unravel_index(volume, image.shape[3:]) if len(image.shape) > 3 else ()
        samples = np.asanyarray(image.dataobj[(..., *where)])
        while samples.ndim < 3:
            samples = samples[..., None]
        ordered = _orientations().apply_orientation(samples, _turn(_affine(header)))
        with np.errstate(over="ignore"):  # what float32 cannot hold is told as not finite
            voxels = np.ascontiguousarray(ordered.T, dtype=np.float32)
    except Exception:
        raise InputError(
            f"{name} is a damaged NIfTI file: its samples cannot be read; export it again."
        ) from None
    voxels, notes = _finite(voxels, name)
    return Volume(
        voxels=voxels,
        affine=described.affine,
        value_range=(float(voxels.min()), float(voxels.max())),
        name=name,
        notes=(*described.notes, *_chosen(volume, described.volumes), *notes),
    )


def _head(data: bytes) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data[:_HEADER_BYTES]
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, _HEADER_BYTES)
    except zlib.error:
        return b""


def _header(data: bytes, name: str) -> tuple[Any, Any]:
    """The header object and the class of the image."""
    import nibabel

    kind: Any
    check_bytes(len(data), name)
    head = _head(data)
    if head[4:8] == b"n+2\0":
        kind, length = nibabel.Nifti2Image, 540
    elif head[344:348] == b"n+1\0":
        kind, length = nibabel.Nifti1Image, 348
    else:
        raise InputError(f"{name} is not a NIfTI file (.nii or .nii.gz); choose another.")
    try:
        header = kind.header_class(head[:length], check=False)
        shape, dtype = header.get_data_shape(), header.get_data_dtype()
        offset, intent = int(header.get_data_offset()), int(header["intent_code"])
    except Exception:
        raise InputError(
            f"{name} is a damaged NIfTI file: its header cannot be read; export it again."
        ) from None
    if intent in _CIFTI:
        raise InputError(
            f"{name} holds a matrix of connectivity (CIFTI), not a volume; choose another."
        )
    if not 2 <= len(shape) <= 7 or min(shape) < 1:
        raise InputError(
            f"{name} declares the size {' × '.join(map(str, shape)) or 'none'}, which is no "
            "volume; export it again."
        )
    if dtype.kind not in "iuf":
        words = "colour" if dtype.fields else "complex or unknown"
        raise InputError(
            f"{name} holds {words} samples, not grey values; export grey values (magnitude)."
        )
    total = math.prod(shape) * dtype.itemsize
    one = math.prod(shape[:3]) * 4
    if max(total, one) > MAX_DECODED_BYTES or not 0 <= offset <= MAX_BYTES:
        raise InputError(
            f"{name} declares {' × '.join(map(str, shape))} samples "
            f"({max(total, one) / 2**20:.0f} MiB), more than the limit of "
            f"{MAX_DECODED_BYTES // 2**20} MiB; nothing was decoded, so crop it first."
        )
    return header, kind


def _inflated(data: bytes, wanted: int, name: str) -> bytes:
    """The file's bytes, of a gzip no more than the header asks for."""
    if data[:2] != b"\x1f\x8b":
        return data
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        raw = inflater.decompress(data, wanted)
        if inflater.unconsumed_tail:
            # A little further the stream ends, and its checksum is compared.
            inflater.decompress(inflater.unconsumed_tail, 2**20)
        return raw
    except zlib.error:
        raise InputError(
            f"{name} is a damaged gzip file: it cannot be unpacked; copy it again."
        ) from None


def _described(header: Any, name: str) -> NiftiHeader:
    try:
        affine, notes = _affine(header), _geometry_notes(header)
        turn = _turn(affine)
        shape = (*header.get_data_shape(), 1, 1)[:3]
        ordered = affine @ _orientations().inv_ornt_aff(turn, shape)
        to = [int(np.flatnonzero(turn[:, 0] == axis)[0]) for axis in range(3)]
        columns, rows, slices = (int(shape[axis]) for axis in to)
        column, row, slice_ = (float(mm) for mm in np.linalg.norm(ordered[:3, :3], axis=0))
        if not min(column, row, slice_) > 1e-4:
            raise ValueError
    except Exception:
        raise InputError(
            f"{name} is a damaged NIfTI file: its geometry cannot be read; export it again."
        ) from None
    volumes = math.prod(header.get_data_shape()[3:])
    return NiftiHeader(
        (slices, rows, columns), (slice_, row, column), volumes, _TO_LPS @ ordered, notes
    )


def _turn(affine: Matrix) -> NDArray[Any]:
    """How axes are permuted and flipped to run to the left, the back and the head."""
    tools = _orientations()
    now = tools.io_orientation(affine)
    return np.asarray(tools.ornt_transform(now, tools.axcodes2ornt(("L", "P", "S"))))


def _orientations() -> Any:
    """nibabel's tools for the order of axes, which have no types."""
    from nibabel import orientations

    return orientations


def _affine(header: Any) -> Matrix:
    """From voxel to RAS mm: the sform where it is set, else the qform, else the bare spacing."""
    affine = np.asarray(header.get_best_affine(), np.float64)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        affine = np.asarray(header.get_base_affine(), np.float64)
    return affine


def _geometry_notes(header: Any) -> tuple[str, ...]:
    sform, scode = header.get_sform(coded=True)
    try:
        qform, qcode = header.get_qform(coded=True)
    except Exception:
        return ("The file's qform is damaged and was ignored.",)
    notes: list[str] = []
    if not scode and not qcode:
        notes.append(
            "The file does not say where its volume lies (neither sform nor qform); left and "
            "right cannot be told."
        )
    if scode and qcode:
        shape = (*header.get_data_shape(), 1, 1)[:3]
        ends = np.array(
            [
                (x, y, z, 1)
                for x in (0, shape[0] - 1)
                for y in (0, shape[1] - 1)
                for z in (0, shape[2] - 1)
            ]
        )
        apart = float(np.linalg.norm((ends @ (sform - qform).T)[:, :3], axis=1).max())
        if apart > CONFLICT_MM:
            notes.append(
                f"The file contradicts itself: its sform and its qform lie up to {apart:.0f} mm "
                "apart; the sform is used, other programs may place the volume elsewhere."
            )
    axes = _affine(header)[:3, :3]
    axes = axes / np.linalg.norm(axes, axis=0)
    if np.abs(axes.T @ axes - np.eye(3)).max() > 0.01:
        notes.append("The axes of the volume are not perpendicular to each other.")
    return tuple(notes)


def _chosen(volume: int, volumes: int) -> tuple[str, ...]:
    return (f"Volume {volume + 1} of {volumes} is used.",) if volumes > 1 else ()


def _finite(voxels: NDArray[np.float32], name: str) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    finite = np.isfinite(voxels)
    bad = int(finite.size - np.count_nonzero(finite))
    if bad == 0:
        return voxels, ()
    if bad == finite.size:
        raise InputError(f"{name} has no sample with a finite value; export it again.")
    voxels = np.where(finite, voxels, voxels[finite].min())
    return voxels, (
        f"{bad} sample{'' if bad == 1 else 's'} without a finite value (NaN or infinity) were set "
        "to the minimum.",
    )
