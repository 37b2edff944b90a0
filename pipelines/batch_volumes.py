"""Fuse every pair of volumes of a data folder, one after the other; a bad pair never ends it."""

import shutil
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from imaging.pairs import Pair, PairSet
from imaging.resample import Interpolation
from imaging.scan import scan
from imaging.study import Series
from imaging.volume import Volume
from imaging.windowing import parse_window
from pipelines.batch import BatchOptions, check_out, ends_all
from pipelines.batch_ledger import Entry, Ledger, batch_key, tree_digest
from pipelines.batch_sheet import thumbnails
from pipelines.evaluate import PairError, PairRecord, failed
from pipelines.export import to_json, write_file
from pipelines.fuse_volume import FusedVolume, fuse_slice, fuse_volume
from pipelines.methods import Method
from pipelines.volume_export import nifti_bytes, summary, write_dicom_folder
from pipelines.volume_findings import finding_sentence
from pipelines.volume_load import choose_series, load_series
from pipelines.volume_pair import Align, Onto, VolumePair, pair_volumes, volume_windows

Format = Literal["nifti", "dicom"]

MOST_TOLD = 3
"""Dimmed regions that are told of each pair; its JSON file has them all."""


@dataclass(frozen=True)
class VolumeOptions(BatchOptions):
    """How the volumes of a batch are laid on each other, windowed and written.

    Attributes:
        align: None does for each pair what fits it.
        onto: whose grid counts.
        interpolation: how the other volume is resampled.
        window_ct: a preset or "WIDTH,LEVEL"; None takes what suits each volume.
        window_mri: likewise.
        format: one NIfTI file, or one folder of de-identified DICOM files, for each pair.
    """

    metrics: bool = False
    align: Align | None = None
    onto: Onto = "ct"
    interpolation: Interpolation = "linear"
    window_ct: str | None = None
    window_mri: str | None = None
    format: Format = "nifti"

    def key(self, method: Method) -> str:
        """What a fused volume must have been made by to be taken over."""
        return batch_key(
            method, self.align, self.onto, self.interpolation, self.window_ct, self.window_mri,
            self.format, self.salt,
        )  # fmt: skip

    def image(self, out: Path, name: str) -> Path:
        """Where the fused volume of a pair goes."""
        return out / self.images / f"{name}{'.nii.gz' if self.format == 'nifti' else '.dcm'}"

    def files(self, out: Path, name: str) -> list[Path]:
        """The fused volume, or the files in its folder, and its summary."""
        path = self.image(out, name)
        volume = sorted(path.iterdir()) if path.is_dir() else [path]
        return [*volume, self.facts(out, name)]

    def facts(self, out: Path, name: str) -> Path:
        """Where its summary goes."""
        return out / self.images / f"{name}.json"


def run_volumes(
    pairs: PairSet, out: Path, method: Method, options: VolumeOptions
) -> Generator[PairRecord, None, None]:
    """Fuse all pairs of volumes and write ``NAME.nii.gz`` (or ``NAME.dcm/``) and ``NAME.json``.

    Args:
        pairs: from :func:`imaging.pairs.find_volume_pairs`.
        out: folder to write to, made if it is missing.
        method: what fuses.
        options: how.

    Yields:
        A record per pair, in their order, as soon as its files are there.

    Raises:
        InputError: the output folder is one of the sources' or cannot be written.
    """
    check_out(pairs, out, options)
    ledger = Ledger(out, options.key(method), options.part, options.anew)
    try:
        for index, pair in enumerate(pairs.pairs, 1):
            try:
                yield _one(pair, (index, len(pairs.pairs)), out, method, options, ledger)
            except PairError as error:
                if ends_all(error):
                    raise
                yield failed(index, len(pairs.pairs), pair.name, error)
    finally:
        ledger.close()


def _one(
    pair: Pair,
    place: tuple[int, int],
    out: Path,
    method: Method,
    options: VolumeOptions,
    ledger: Ledger,
) -> PairRecord:
    """Fuse a pair, or find it fused."""
    sources = tree_digest(pair.ct), tree_digest(pair.mri)
    path = options.image(out, pair.name)
    known = ledger.find(pair, sources, path)
    if known is not None and options.facts(out, pair.name).is_file():
        return PairRecord(*place, pair.name, None, known.notes, path=path, kept=True)
    fused = _fused(pair, method, options)
    if options.format == "nifti":
        write_file(path, nifti_bytes(fused))
    else:
        _clear(path)
        write_dicom_folder(fused, path)
    write_file(options.facts(out, pair.name), to_json(summary(fused)))
    middle = fuse_slice(
        fused.pair, fused.plane, fused.pair.grid.shape[0] // 2, method, fused.windows
    )
    write_file(ledger.thumb(pair.name), thumbnails(middle))
    told = (finding_sentence(f, fused.plane) for f in fused.findings[:MOST_TOLD])
    notes = (*fused.notes, *told)
    ledger.add(Entry(pair.name, ledger.key, sources, tree_digest(path), time.time(), notes=notes))
    return PairRecord(*place, pair.name, None, notes, path=path)


def _fused(pair: Pair, method: Method, options: VolumeOptions) -> FusedVolume:
    volumes = _paired(pair, options)
    windows = volume_windows(
        volumes,
        parse_window(options.window_ct, volumes.ct.unit, "CT"),
        parse_window(options.window_mri, volumes.mri.unit, "MRI"),
    )
    return fuse_volume(volumes, method, windows)


def _paired(pair: Pair, options: VolumeOptions) -> VolumePair:
    (ct_series, ct), (mri_series, mri) = _read(pair.ct, "CT"), _read(pair.mri, "MR")
    return pair_volumes(
        ct, mri, options.align, options.onto, options.interpolation,
        ct_series=ct_series, mri_series=mri_series,
    )  # fmt: skip


def _read(path: Path, modality: str) -> tuple[Series, Volume]:
    series = choose_series(scan(path), modality, where=path.name)
    return series, load_series(series)


def _clear(folder: Path) -> None:
    """Remove what an earlier call has left in a pair's folder, and nothing else."""
    if folder.is_dir() and all(file.match("fused-*.dcm") for file in folder.iterdir()):
        shutil.rmtree(folder)
