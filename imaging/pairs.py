"""Which CT belongs to which MRI: files of the same name in a CT and an MRI folder."""

import os
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from imaging.errors import InputError
from imaging.grid import match_grid

__all__ = ["Pair", "PairSet", "find_pairs", "match_grid"]

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".dcm", ".dicom", ".ima")
)
VOLUME_SUFFIXES = (".nii.gz", ".nii", ".zip", ".mha", ".nrrd")
CT_FOLDERS = ("ct",)
MRI_FOLDERS = ("mri", "mr")
SHOWN = 5


@dataclass(frozen=True)
class Pair:
    """A CT and an MRI file of the same stem."""

    name: str
    ct: Path
    mri: Path


@dataclass(frozen=True)
class PairSet:
    """What a data folder holds.

    Args:
        pairs: the pairs, in numeric-aware order of their names.
        unpaired_ct: names of CT files without an MRI.
        unpaired_mri: names of MRI files without a CT.
        duplicates: stems that occur more than once in a folder (left out of the pairs, because
            which file is meant is not known).
        ignored: names of files that are not images by their extension.
    """

    pairs: tuple[Pair, ...]
    unpaired_ct: tuple[str, ...] = ()
    unpaired_mri: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each kind of file that was left out."""
        kinds = (
            (self.unpaired_ct, "CT without an MRI of the same name"),
            (self.unpaired_mri, "MRI without a CT of the same name"),
            (self.duplicates, "left out, because a folder holds the name more than once"),
            (self.ignored, "not an image by its extension"),
        )
        return tuple(f"{len(names)} {what}: {listed(names)}." for names, what in kinds if names)


def listed(names: tuple[str, ...]) -> str:
    """Join names for a sentence: the first few and how many more."""
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts "slice2" before "slice10"."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple(
        (0, int(p), p) if p.isascii() and p.isdigit() else (1, 0, p.lower()) for p in parts
    )


def find_pairs(data_dir: str | os.PathLike[str]) -> PairSet:
    """Pair the files of DATA_DIR/CT with those of DATA_DIR/MRI (or MR) by their stems.

    Folder names and extensions match in any case; stems exactly. Hidden files are passed over.

    Args:
        data_dir: the folder that holds the two.

    Returns:
        The pairs and everything that was left out.

    Raises:
        InputError: a folder is missing or ambiguous, or nothing pairs.
    """
    root = Path(data_dir)
    if not root.is_dir():
        raise InputError(f"{root} is not a folder; give the folder that holds CT/ and MRI/.")
    ct_dir, mri_dir = _folder(root, "CT", CT_FOLDERS), _folder(root, "MRI", MRI_FOLDERS)
    if find_volume_pairs(root) is not None:
        raise InputError(
            f"{root} holds volumes, where single images are needed; fuse and batch in the shell, "
            "and the page Studies, take volumes."
        )
    return _paired(root, ct_dir, mri_dir, _stems(ct_dir), _stems(mri_dir))


def find_volume_pairs(data_dir: str | os.PathLike[str]) -> PairSet | None:
    """Pair the volumes of DATA_DIR/CT with those of DATA_DIR/MRI (or MR) by their names.

    A volume is a folder of files, a zip, or a NIfTI, MHA or NRRD file; its ending is no part of
    its name.

    Returns:
        As :func:`find_pairs`; None where either folder holds no volume, or both hold images.

    Raises:
        InputError: a folder is missing or ambiguous, or there are volumes but nothing pairs.
    """
    root = Path(data_dir)
    if not root.is_dir():
        raise InputError(f"{root} is not a folder; give the folder that holds CT/ and MRI/.")
    ct_dir, mri_dir = _folder(root, "CT", CT_FOLDERS), _folder(root, "MRI", MRI_FOLDERS)
    ct, mri = _volume_stems(ct_dir), _volume_stems(mri_dir)
    # A folder of images may hold a stray folder or zip beside them.
    images = bool(_stems(ct_dir)[0]) and bool(_stems(mri_dir)[0])
    if images or not ct[0] or not mri[0]:
        return None
    return _paired(root, ct_dir, mri_dir, ct, mri)


_Found = tuple[dict[str, list[Path]], tuple[str, ...]]
"""Files by stem, and names of what was passed over."""


def _paired(root: Path, ct_dir: Path, mri_dir: Path, of_ct: _Found, of_mri: _Found) -> PairSet:
    (ct, ct_other), (mri, mri_other) = of_ct, of_mri
    twice = {stem for files in (ct, mri) for stem, paths in files.items() if len(paths) > 1}
    both = sorted((ct.keys() & mri.keys()) - twice, key=natural_key)
    found = PairSet(
        pairs=tuple(Pair(stem, ct[stem][0], mri[stem][0]) for stem in both),
        unpaired_ct=_alone(ct, mri, twice),
        unpaired_mri=_alone(mri, ct, twice),
        duplicates=tuple(sorted(twice, key=natural_key)),
        ignored=(*ct_other, *mri_other),
    )
    if not found.pairs:
        told = " ".join(note.rstrip(".") + ";" for note in found.notes)
        raise InputError(
            f"{root} holds no pair: a CT and an MRI pair by the same file name in "
            f"{ct_dir.name}/ and {mri_dir.name}/ ({told.rstrip(';') or 'both are empty'})."
        )
    return found


def _folder(root: Path, title: str, names: tuple[str, ...]) -> Path:
    found = sorted(p for p in root.iterdir() if p.name.lower() in names and p.is_dir())
    wanted = f"{title}/" if len(names) == 1 else f"{title}/ (or MR/)"
    if not found:
        raise InputError(
            f"{root} has no folder {wanted}; put the {title} images there, named as their partners."
        )
    if len(found) > 1:
        raise InputError(
            f"{root} has several {title} folders ({', '.join(p.name for p in found)}); keep one."
        )
    return found[0]


def _volume_stems(folder: Path) -> _Found:
    stems: dict[str, list[Path]] = defaultdict(list)
    ignored: list[str] = []
    for path in sorted(folder.iterdir(), key=lambda p: natural_key(p.name)):
        if path.name.startswith("."):
            continue
        ending = next((e for e in VOLUME_SUFFIXES if path.name.lower().endswith(e)), None)
        if path.is_dir():
            stems[path.name].append(path)
        elif ending is not None:
            stems[path.name[: -len(ending)]].append(path)
        else:
            ignored.append(path.name)
    return dict(stems), tuple(ignored)


def _stems(folder: Path) -> _Found:
    stems: dict[str, list[Path]] = defaultdict(list)
    ignored: list[str] = []
    for path in sorted(folder.iterdir(), key=lambda p: natural_key(p.name)):
        if path.name.startswith(".") or not path.is_file():
            continue
        if path.suffix.lower() in SUFFIXES:
            stems[path.stem].append(path)
        elif _is_bare_dicom(path):
            stems[path.name].append(path)
        else:
            ignored.append(path.name)
    return dict(stems), tuple(ignored)


def _is_bare_dicom(path: Path) -> bool:
    """Scanners write DICOM files without an extension, or with a dotted number for a name."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _alone(
    files: dict[str, list[Path]], partners: dict[str, list[Path]], twice: set[str]
) -> tuple[str, ...]:
    stems = sorted(files.keys() - partners.keys() - twice, key=natural_key)
    return tuple(files[stem][0].name for stem in stems)
