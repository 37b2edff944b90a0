"""The training data set: pairs in memory, split by patient, with a report of what is in it."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imaging.pairs import listed
from trainer.augment import augment, partners
from trainer.config import TrainConfig
from trainer.sources import FolderSource, PairSource, Picture

NEAR_DUPLICATE = 0.93
"""Correlation of small thumbnails above which two pairs count as nearly the same.

On the atlas slices, pairs of different patients stay below 0.92; the median of neighbouring slices
of one patient is 0.935.
"""

_THUMBNAIL = 24
_TOLD = 5  # remarks of one kind that are told in full


@dataclass(frozen=True)
class DataReport:
    """What a data set holds, to be read before training.

    Attributes:
        source: where it comes from.
        pairs: number of usable pairs.
        unpaired: file names without a partner.
        skipped: name -> why the pair cannot be used.
        changes: what reading has changed, such as a resampled MRI -> the pairs it happened to.
        patients: patient -> number of pairs.
        sizes: "rows x columns" -> number of pairs, as read.
        train, val: number of pairs on each side of the split.
        train_patients, val_patients: their patients; never a common one.
        near_duplicates: (training pair, validation pair, correlation), most alike first.
        notes: sentences for the user.
        fingerprint: SHA-256 of names, patients and pixels.
        digests: name -> first digits of the SHA-256 of the pair's pixels.
    """

    source: str
    pairs: int
    unpaired: tuple[str, ...]
    skipped: dict[str, str]
    changes: dict[str, tuple[str, ...]]
    patients: dict[str, int]
    sizes: dict[str, int]
    train: int
    val: int
    train_patients: tuple[str, ...]
    val_patients: tuple[str, ...]
    near_duplicates: tuple[tuple[str, str, float], ...]
    notes: tuple[str, ...]
    fingerprint: str
    digests: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        values = dict(self.__dict__)
        values["near_duplicates"] = [list(entry) for entry in self.near_duplicates]
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


class CTMRIDataset:
    """Pairs of CT and MRI images, read once, split by patient.

    Args:
        source: where the pairs come from.
        config: size, split, seed and augmentation.

    Attributes:
        names, patients: of the usable pairs, in order.
        train, val: indices of either side of the split.
        origin: what the source is made of, see :class:`trainer.sources.PairSource`.
        report: what is in the set.

    Raises:
        ValueError: no pair is usable, a held-out patient is unknown, nothing is left to train on,
            or images differ in size while ``size`` is none.
    """

    def __init__(self, source: PairSource, config: TrainConfig) -> None:
        self.config = config
        self.origin = source.origin
        stack, kept, skipped, sizes = _read_all(source, config.size)
        self.names = tuple(source.names[i] for i in kept)
        self.patients = tuple(source.patients[i] for i in kept)
        self.train, self.val, note = split_by_patient(
            self.patients, config.val_fraction, config.held_out, config.seed
        )
        self._pixels = _compact(stack)
        notes = [*source.notes, note] if note else list(source.notes)
        if config.size and set(sizes) != {f"{config.size} x {config.size}"}:
            notes.append(
                f"Images are brought to {config.size} x {config.size} pixels, proportions kept, "
                "black beside them."
            )
        changes = _by_sentence({name: source.changes.get(name, ()) for name in self.names})
        notes += notes_on_pairs(changes, skipped)
        self.report = DataReport(
            source=source.title,
            pairs=len(kept),
            unpaired=source.unpaired,
            skipped=skipped,
            changes=changes,
            patients=dict(sorted(Counter(self.patients).items())),
            sizes=sizes,
            train=len(self.train),
            val=len(self.val),
            train_patients=tuple(sorted({self.patients[i] for i in self.train})),
            val_patients=tuple(sorted({self.patients[i] for i in self.val})),
            near_duplicates=self._near_duplicates(stack),
            notes=tuple(notes),
            fingerprint=self._fingerprint(),
            digests=self._digests(),
        )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """CT and MRI of one pair as they are, (1, H, W) float32 in [0, 1]."""
        ct, mri = self.batch([index])
        return ct[0], mri[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of every image."""
        return int(self._pixels.shape[-2]), int(self._pixels.shape[-1])

    def to(self, device: torch.device) -> "CTMRIDataset":
        """Keep the images on a device if they take less than half of its free memory."""
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if self._pixels.nbytes < free / 2:
                self._pixels = self._pixels.to(device)
        return self

    def batch(
        self, indices: Sequence[int], device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        """Pairs as they are, (B, 1, H, W) float32 in [0, 1]."""
        chosen = self._pixels[
            torch.tensor(list(indices), dtype=torch.long, device=self._pixels.device)
        ]
        if device is not None and device.type == "cuda" and chosen.device.type == "cpu":
            chosen = chosen.pin_memory().to(device, non_blocking=True)
        elif device is not None:
            chosen = chosen.to(device)
        pair = chosen.float().div_(255) if chosen.dtype == torch.uint8 else chosen
        return pair[:, :1].contiguous(), pair[:, 1:].contiguous()

    def training_batch(
        self, indices: Sequence[int], epoch: int, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        """Pairs changed at random, the same for the same seed, epoch and indices."""
        ct, mri = self.batch(indices, device)
        if self.config.mix:
            met = partners(indices, epoch, self.train, self.config)
            mri = self.batch(met, device)[1]
        return augment(ct, mri, indices, epoch, self.config)

    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for name, patient in zip(self.names, self.patients, strict=True):
            digest.update(f"{name}\t{patient}\n".encode())
        digest.update(str((tuple(self._pixels.shape), self._pixels.dtype)).encode())
        digest.update(self._pixels.numpy().tobytes())
        return digest.hexdigest()

    def _digests(self) -> dict[str, str]:
        pairs = zip(self.names, self._pixels.numpy(), strict=True)
        return {name: hashlib.sha256(pair.tobytes()).hexdigest()[:12] for name, pair in pairs}

    def _near_duplicates(self, stack: NDArray[np.float32]) -> tuple[tuple[str, str, float], ...]:
        if not self.val:
            return ()
        side = (_THUMBNAIL, _THUMBNAIL)
        small = np.stack(
            [
                np.stack([cv2.resize(image, side, interpolation=cv2.INTER_AREA) for image in pair])
                for pair in stack
            ]
        ).reshape(len(stack), -1)
        small -= small.mean(1, keepdims=True)
        small /= np.linalg.norm(small, axis=1, keepdims=True) + 1e-12
        alike = small[self.train] @ small[self.val].T
        found = [
            (self.names[self.train[i]], self.names[self.val[j]], round(float(alike[i, j]), 4))
            for i, j in np.argwhere(alike >= NEAR_DUPLICATE)
        ]
        return tuple(sorted(found, key=lambda entry: -entry[2]))


def open_folder(folder: str | Path, config: TrainConfig) -> CTMRIDataset:
    """The data set of a folder that holds CT/ and MRI/.

    Raises:
        ValueError: the folder or the split cannot be used.
    """
    source = FolderSource(Path(folder), config.patient_pattern, config.patient_table)
    return CTMRIDataset(source, config)


def notes_on_pairs(changes: Mapping[str, Sequence[str]], skipped: Mapping[str, str]) -> list[str]:
    """Sentences on the pairs that were changed or left out, the most common first, a few of each.

    Args:
        changes, skipped: as in :class:`DataReport`.
    """
    common = sorted(changes.items(), key=lambda entry: -len(entry[1]))
    notes = [f"{_count(names)} ({listed(tuple(names))}): {text}" for text, names in common[:_TOLD]]
    if len(common) > _TOLD:
        notes.append(f"{len(common) - _TOLD} more remarks of this kind are in the data report.")
    if skipped:
        first = [f"{name} ({why.rstrip('.')})" for name, why in list(skipped.items())[:_TOLD]]
        more = f" and {len(skipped) - _TOLD} more" if len(skipped) > _TOLD else ""
        notes.append(
            f"{_count(list(skipped))} left out, because not usable: {', '.join(first)}{more}."
        )
    return notes


def what_changed(before: Mapping[str, Any], now: DataReport) -> str:
    """Which pairs are not those of an earlier report, to follow its mention; "" if unknown.

    Args:
        before: an earlier report of the set, as :meth:`DataReport.to_dict` gives it.
        now: what is there now.
    """
    old, new = before.get("digests"), now.digests
    if not isinstance(old, Mapping):
        return ""
    lost = [name for name in old if name not in new]
    gone = [name for name in lost if name not in now.skipped]
    told = [f"{listed(tuple(gone))} missing"] if gone else []
    told += [f"{n} unreadable ({now.skipped[n].rstrip('.')})" for n in lost if n in now.skipped]
    other = [name for name in old if name in new and old[name] != new[name]]
    told += [f"{listed(tuple(other))} changed"] if other else []
    added = [name for name in new if name not in old]
    told += [f"{listed(tuple(added))} new"] if added else []
    return f": {', '.join(told)}" if told else ""


def split_by_patient(
    patients: Sequence[str], fraction: float, held_out: Sequence[str], seed: int
) -> tuple[list[int], list[int], str | None]:
    """Indices to train on and to validate on, with no patient in both, and a note.

    Whole patients are taken in a seeded order while they bring the share closer to the one asked
    for; at least one if a share is asked for and there are two.

    Raises:
        ValueError: a held-out patient is unknown, or nothing is left to train on.
    """
    known = sorted(set(patients))
    if unknown := [p for p in held_out if p not in known]:
        raise ValueError(
            f"held_out names unknown patients {', '.join(unknown)}; the ones here: "
            f"{', '.join(known[:50])}."
        )
    chosen = set(held_out)
    note = None
    if not held_out and fraction > 0:
        count, target, taken = Counter(patients), fraction * len(patients), 0
        order = np.random.Generator(np.random.Philox([seed, 2**20])).permutation(len(known))
        for i in order[: len(known) - 1]:
            patient = known[i]
            if not chosen or abs(taken + count[patient] - target) < abs(taken - target):
                chosen.add(patient)
                taken += count[patient]
    train = [i for i, p in enumerate(patients) if p not in chosen]
    val = [i for i, p in enumerate(patients) if p in chosen]
    if not train:
        raise ValueError("held_out names every patient; leave at least one to train on.")
    if not val:
        why = "there is only one patient" if len(known) == 1 and fraction else "none was asked for"
        note = f"There are no validation pairs ({why}): the best epoch is chosen by training loss."
    return train, val, note


def _read_all(
    source: PairSource, size: int | None
) -> tuple[NDArray[np.float32], list[int], dict[str, str], dict[str, int]]:
    """All usable pairs (N, 2, H, W), their indices, why others are not, and the sizes read."""
    pictures: list[Picture] = []
    kept: list[int] = []
    skipped: dict[str, str] = {}
    sizes: Counter[str] = Counter()
    for index, name in enumerate(source.names):
        try:
            pair = source.read(index)
            if not all(np.isfinite(image).all() for image in pair):
                raise ValueError(f"{name} holds values that are not numbers.")
        except (ValueError, OSError) as error:
            skipped[name] = str(error)
            continue
        sizes[f"{pair[0].shape[0]} x {pair[0].shape[1]}"] += 1
        pictures.append(np.stack([fit(image, size) if size else image for image in pair]))
        kept.append(index)
    if not kept:
        first = next(iter(skipped.values()))
        raise ValueError(f"No pair of the {source.title} can be used; the first one: {first}")
    if len({p.shape for p in pictures}) > 1:
        raise ValueError(
            f"Images have different sizes ({', '.join(sizes)}); set size, for example to 256."
        )
    return np.stack(pictures).astype(np.float32, copy=False), kept, skipped, dict(sizes)


def fit(image: Picture, size: int) -> Picture:
    """Bring an image into a square of ``size``, proportions kept, black beside it."""
    height, width = image.shape
    if (height, width) == (size, size):
        return image
    scale = size / max(height, width)
    new = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, new, interpolation=how)
    square = np.zeros((size, size), np.float32)
    top, left = (size - new[1]) // 2, (size - new[0]) // 2
    square[top : top + new[1], left : left + new[0]] = small
    return square


def _by_sentence(changes: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Names by what happened to them."""
    found: dict[str, tuple[str, ...]] = {}
    for name, sentences in changes.items():
        for sentence in sentences:
            found[sentence] = (*found.get(sentence, ()), name)
    return found


def _count(names: Sequence[str]) -> str:
    return "1 pair" if len(names) == 1 else f"{len(names)} pairs"


def _compact(stack: NDArray[np.float32]) -> Tensor:
    """Eight bits where they hold every value exactly, float32 otherwise."""
    bytes_ = np.rint(stack * 255).clip(0, 255).astype(np.uint8)
    if np.array_equal(bytes_.astype(np.float32) / np.float32(255), stack):
        return torch.from_numpy(bytes_)
    return torch.from_numpy(stack)
