"""MetaImage (.mha) and NRRD (.nrrd) volumes through SimpleITK, behind checks of the header."""

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from imaging.errors import InputError
from imaging.limits import MAX_DECODED_BYTES, check_bytes
from imaging.volume import Volume

ItkKind = Literal["MetaImage", "NRRD"]
_HEAD = 65_536
_BYTES = {
    "MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4,
    "MET_LONG": 8, "MET_ULONG": 8, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8, "MET_FLOAT": 4,
    "MET_DOUBLE": 8,
}  # fmt: skip
_NRRD_BYTES = {
    **dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8",
                     "uint8_t"), 1),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t",
                     "ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32",
                     "uint32_t", "float"), 4),
    **dict.fromkeys(("longlong", "long long", "int64", "int64_t", "ulonglong", "uint64",
                     "uint64_t", "unsigned long long", "double"), 8),
}  # fmt: skip


@dataclass(frozen=True)
class ItkHeader:
    """What a file declares: its kind, (K, H, W), and the length of its uncompressed samples."""

    kind: ItkKind
    shape: tuple[int, int, int]
    size: int
    compressed: bool


def itk_kind(data: bytes) -> ItkKind | None:
    """Tell MetaImage and NRRD by their content."""
    if data[:4] == b"NRRD":
        return "NRRD"
    head = data[:2048]
    return "MetaImage" if b"NDims" in head and b"ElementType" in data[:_HEAD] else None


def inspect_itk(data: bytes, name: str) -> ItkHeader:
    """Read what the file declares and compare it with the limits and with its own length.

    Raises:
        InputError: not such a file, damaged, over a limit, truncated, its samples lie in another
            file, or it holds no single volume of grey values.
    """
    check_bytes(len(data), name)
    kind = itk_kind(data)
    if kind is None:
        raise InputError(f"{name} is neither a MetaImage nor an NRRD file; choose another.")
    try:
        sizes, width, compressed, start, alone = (_meta if kind == "MetaImage" else _nrrd)(data)
    except (KeyError, ValueError, IndexError):
        raise InputError(
            f"{name} is a damaged {kind} file, or holds no grey values: its header cannot be "
            "read; export it again."
        ) from None
    if not alone:
        raise InputError(f"{name} keeps its samples in another file; export it as one {kind} file.")
    if len(sizes) not in (2, 3) or min(sizes) < 1:
        raise InputError(
            f"{name} declares the size {' × '.join(map(str, sizes))}, which is no single volume; "
            "export one volume."
        )
    size = math.prod(sizes) * width
    if math.prod(sizes) * max(width, 4) > MAX_DECODED_BYTES:
        raise InputError(
            f"{name} declares {' × '.join(map(str, sizes))} samples ({size / 2**20:.0f} MiB), more "
            f"than the limit of {MAX_DECODED_BYTES // 2**20} MiB; nothing was decoded, so crop it "
            "first."
        )
    if not compressed and len(data) - start < size:
        raise InputError(
            f"{name} is truncated: it holds {max(len(data) - start, 0)} of the {size} bytes of "
            "samples that its header declares; copy it again."
        )
    columns, rows, slices = (*sizes, 1)[:3]
    return ItkHeader(kind, (slices, rows, columns), size, compressed)


def read_itk(data: bytes, name: str) -> Volume:
    """Read a MetaImage or NRRD volume.

    Raises:
        InputError: as `inspect_itk`, or the samples are damaged.
    """
    import SimpleITK

    sitk: Any = SimpleITK  # its functions have no types
    header = inspect_itk(data, name)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    # SimpleITK reads paths only; the file is gone again when the block ends.
    with tempfile.TemporaryDirectory(prefix="volume-") as folder:
        path = Path(folder) / ("volume.mha" if header.kind == "MetaImage" else "volume.nrrd")
        path.write_bytes(data)
        try:
            image = sitk.ReadImage(str(path))
            if image.GetNumberOfComponentsPerPixel() != 1:
                raise ValueError
            voxels = np.asarray(sitk.GetArrayFromImage(image), np.float32)
            spacing, origin = np.array(image.GetSpacing()), np.array(image.GetOrigin())
            axes = np.array(image.GetDirection()).reshape(image.GetDimension(), -1)
        except Exception:
            raise InputError(
                f"{name} is a damaged {header.kind} file: its samples cannot be read; export it "
                "again."
            ) from None
    voxels = voxels.reshape(header.shape)
    affine = np.eye(4)
    flat = len(spacing)
    affine[:flat, :flat] = axes * spacing
    affine[:flat, 3] = origin
    notes: tuple[str, ...] = ()
    finite = np.isfinite(voxels)
    if not finite.any():
        raise InputError(f"{name} has no sample with a finite value; export it again.")
    if not finite.all():
        bad = int(finite.size - np.count_nonzero(finite))
        voxels = np.where(finite, voxels, voxels[finite].min())
        notes = (f"{bad} samples without a finite value were set to the minimum.",)
    return Volume(
        voxels=np.ascontiguousarray(voxels),
        affine=affine,
        value_range=(float(voxels.min()), float(voxels.max())),
        name=name,
        notes=notes,
    )


def _meta(data: bytes) -> tuple[list[int], int, bool, int, bool]:
    """Sizes, bytes per sample, whether compressed, where the samples start, whether inside."""
    fields: dict[str, str] = {}
    at = 0
    while "ElementDataFile" not in fields:
        end = data.index(b"\n", at, at + 4096)
        key, found, value = data[at:end].decode("latin-1").partition("=")
        if not found or end > _HEAD:
            raise ValueError
        fields[key.strip()] = value.strip()
        at = end + 1
    if int(fields.get("ElementNumberOfChannels", "1")) != 1:
        raise ValueError
    sizes = [int(word) for word in fields["DimSize"].split()]
    if len(sizes) != int(fields["NDims"]):
        raise ValueError
    compressed = fields.get("CompressedData", "False").lower() == "true"
    inside = fields["ElementDataFile"].upper() == "LOCAL"
    return sizes, _BYTES[fields["ElementType"]], compressed, at, inside


def _nrrd(data: bytes) -> tuple[list[int], int, bool, int, bool]:
    fields: dict[str, str] = {}
    at = data.index(b"\n") + 1
    while True:
        end = data.index(b"\n", at, at + 4096)
        line = data[at:end].decode("latin-1").strip()
        at = end + 1
        if not line:
            break
        if end > _HEAD:
            raise ValueError
        if not line.startswith("#"):
            key, _, value = line.partition(":")
            fields[key.strip().lower()] = value.lstrip("=").strip()
    sizes = [int(word) for word in fields["sizes"].split()]
    if len(sizes) != int(fields["dimension"]):
        raise ValueError
    encoding = fields.get("encoding", "raw").lower()
    if encoding not in ("raw", "gzip", "gz"):
        raise ValueError
    outside = any(key in fields for key in ("data file", "datafile"))
    return sizes, _NRRD_BYTES[fields["type"].lower()], encoding != "raw", at, not outside
