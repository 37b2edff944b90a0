"""Where training pairs come from: a folder of files, synthetic heads, or arrays in memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from imaging.pairs import find_pairs, match_grid
from imaging.patients import patients_of
from imaging.read import read_image
from imaging.windowing import apply_window, default_window

Picture = NDArray[np.float32]


class PairSource(Protocol):
    """Named pairs of images with the patient of each.

    Attributes:
        title: where they come from, in a few words.
        names: one per pair.
        patients: one per pair; a split never shares one.
        notes: sentences for the user.
        unpaired: file names without a partner.
        origin: plain values that :func:`source_from` makes the same source of.
        changes: name -> sentences on what reading has changed in that pair; filled by ``read``.
    """

    title: str
    names: tuple[str, ...]
    patients: tuple[str, ...]
    notes: tuple[str, ...]
    unpaired: tuple[str, ...]
    origin: dict[str, Any]
    changes: dict[str, tuple[str, ...]]

    def read(self, index: int) -> tuple[Picture, Picture]:
        """CT and MRI of one pair, (H, W) float32 in [0, 1], on one grid.

        Raises:
            ValueError: the pair cannot be used; one sentence says why.
        """
        ...


class FolderSource:
    """The pairs of a folder that holds CT/ and MRI/, matched by file name.

    Args:
        folder: the data folder.
        pattern: regular expression that finds the patient in a name without its suffix.
        table: CSV file with the columns name and patient.

    Raises:
        ValueError: the folder holds no pairs, or pattern or table do not cover every name.
    """

    def __init__(
        self, folder: Path, pattern: str | None = None, table: str | Path | None = None
    ) -> None:
        found = find_pairs(folder)
        self.title = f"folder {Path(folder).name}"
        self._pairs = tuple(found.pairs)
        self.names = tuple(pair.name for pair in self._pairs)
        self.patients, note = patients_of(self.names, pattern, table)
        self.notes: tuple[str, ...] = (note, *found.notes)
        self.unpaired: tuple[str, ...] = (
            *(f"CT/{name}" for name in found.unpaired_ct),
            *(f"MRI/{name}" for name in found.unpaired_mri),
        )
        self.origin: dict[str, Any] = {"kind": "folder", "path": str(Path(folder).resolve())}
        self.changes: dict[str, tuple[str, ...]] = {}

    def read(self, index: int) -> tuple[Picture, Picture]:
        """CT and MRI of one pair, the MRI on the CT's grid."""
        pair = self._pairs[index]
        ct = read_image(pair.ct)
        mri, notice = match_grid(ct, read_image(pair.mri))
        told = [f"CT: {note}" for note in ct.notes]
        told += [note if note == notice else f"MRI: {note}" for note in mri.notes]
        if told:
            self.changes[pair.name] = tuple(told)
        return apply_window(ct, default_window(ct)), apply_window(mri, default_window(mri))


class PhantomSource:
    """Synthetic heads, each its own patient, a few slices of each.

    Args:
        heads: number of heads, at least 1.
        slices: slices of each head, at least 1.
        size: side of the images, pixels.
        seed: of the first head; the others follow.
        sequence: MR sequence, "T1", "T2", "FLAIR" or "PD".

    Raises:
        ValueError: a count is below 1.
    """

    def __init__(
        self, heads: int, slices: int = 8, size: int = 256, seed: int = 0, sequence: str = "T2"
    ) -> None:
        if heads < 1 or slices < 1:
            raise ValueError(f"Give at least one head and one slice, got {heads} and {slices}.")
        self.title = f"{heads} synthetic heads of {slices} slices"
        # Here and not above: runs on real images need no synthetic heads.
        from fusion_core.phantom import Z_RANGE, HeadConfig

        low, high = Z_RANGE
        levels = np.linspace(low, high, slices + 2)[1:-1]
        # 256 pixels of 0.9 mm hold the whole head; other sizes keep that field of view.
        self._slices = [
            (HeadConfig(seed=seed + h, size=size, spacing_mm=0.9 * 256 / size), float(z))
            for h in range(heads)
            for z in levels
        ]
        self._sequence = sequence
        self.names = tuple(f"head{c.seed:04d}_{z:+06.1f}mm" for c, z in self._slices)
        self.patients = tuple(f"head{c.seed:04d}" for c, _ in self._slices)
        self.notes: tuple[str, ...] = ("Every synthetic head counts as one patient.",)
        self.origin: dict[str, Any] = {
            "kind": "phantom", "heads": heads, "slices": slices, "size": size, "seed": seed,
            "sequence": sequence,
        }  # fmt: skip
        self.unpaired: tuple[str, ...] = ()
        self.changes: dict[str, tuple[str, ...]] = {}

    def read(self, index: int) -> tuple[Picture, Picture]:
        """CT and MR of one slice."""
        from fusion_core.phantom import render_slice

        config, z = self._slices[index]
        found = render_slice(config, z, self._sequence)
        return found.ct01, found.mr01


class ArraySource:
    """Pairs that are already in memory.

    Args:
        pairs: (CT, MRI) arrays, (H, W) float in [0, 1] or uint8.
        names: one per pair; numbers if absent.
        patients: one per pair; each pair its own if absent.

    Raises:
        ValueError: the counts differ or there are no pairs.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[NDArray[np.generic], NDArray[np.generic]]],
        names: Sequence[str] | None = None,
        patients: Sequence[str] | None = None,
    ) -> None:
        self.title = f"{len(pairs)} pairs in memory"
        self.names = tuple(names or (f"pair{i:04d}" for i in range(len(pairs))))
        self.patients = tuple(patients or self.names)
        self.notes: tuple[str, ...] = ()
        self.unpaired: tuple[str, ...] = ()
        self.origin: dict[str, Any] = {"kind": "memory"}
        self.changes: dict[str, tuple[str, ...]] = {}
        self._pairs = list(pairs)
        if not pairs or not len(pairs) == len(self.names) == len(self.patients):
            raise ValueError(
                f"Give as many names and patients as pairs, and at least one pair; got "
                f"{len(pairs)} pairs, {len(self.names)} names, {len(self.patients)} patients."
            )

    def read(self, index: int) -> tuple[Picture, Picture]:
        """CT and MRI of one pair."""
        ct, mri = (_as_unit(image) for image in self._pairs[index])
        if ct.shape != mri.shape:
            raise ValueError(f"CT is {ct.shape} and MRI {mri.shape}; they must have one shape.")
        return ct, mri


def source_from(
    origin: Mapping[str, Any], pattern: str | None = None, table: str | Path | None = None
) -> PairSource:
    """The source that a run was started with.

    Args:
        origin: as a source's ``origin`` gives it.
        pattern, table: as for :class:`FolderSource`.

    Raises:
        ValueError: the pairs were only in memory, or the source cannot be opened.
    """
    settings = {key: value for key, value in origin.items() if key != "kind"}
    if origin.get("kind") == "folder":
        return FolderSource(Path(settings["path"]), pattern, table)
    if origin.get("kind") == "phantom":
        return PhantomSource(**settings)
    raise ValueError("The run's images were only in memory; give its data again.")


def _as_unit(image: NDArray[np.generic]) -> Picture:
    if image.dtype == np.uint8:
        return np.asarray(image, dtype=np.float32) / np.float32(255)
    return np.asarray(image, dtype=np.float32)
