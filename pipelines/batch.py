"""Fuse every pair of a data folder, one in memory at a time; a bad pair never ends it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from imaging.errors import InputError
from imaging.pairs import Pair, PairSet
from imaging.read import read_image
from pipelines.evaluate import PairError, PairRecord, csv_header, csv_row, failed
from pipelines.export import no_masks, stamped_png, write_file, write_masks
from pipelines.fuse import fuse_pair, scores
from pipelines.methods import Method

METRICS_FILE = "metrics.csv"


@dataclass(frozen=True)
class BatchOptions:
    """What a batch writes beside the fused images.

    Attributes:
        masks: folder that gets one folder of masks per pair; None for none.
        metrics: score every pair and write them to ``table``.
        caption: burn the stamp into a strip below each image.
        table: name of the metrics file in the output folder.
    """

    masks: Path | None = None
    metrics: bool = True
    caption: bool = False
    table: str = METRICS_FILE


def run_batch(
    pairs: PairSet, out: Path, method: Method, options: BatchOptions | None = None
) -> Iterator[PairRecord]:
    """Fuse all pairs and write ``NAME.png`` for each, and ``metrics.csv`` line by line.

    Args:
        pairs: from :func:`imaging.pairs.find_pairs`.
        out: folder to write to, made if it is missing.
        method: what fuses.
        options: what else is written.

    Yields:
        A record per pair, as soon as its files are there.

    Raises:
        InputError: the output folder is one of the sources' or cannot be written.
        MethodError: masks are wanted of a method that has none.
    """
    options = options or BatchOptions()
    _check_out(pairs, out, options)
    if options.masks is not None:
        _check_masks(method)
    table = out / options.table
    if options.metrics:
        write_file(table, csv_header())
    total = len(pairs.pairs)
    for index, pair in enumerate(pairs.pairs, 1):
        try:
            record = _fuse_one(index, total, pair, out, method, options)
        except PairError as error:
            record = failed(index, total, pair.name, error)
        if record.scores is not None:
            with table.open("a", encoding="utf-8") as file:
                file.write(csv_row(record))
        yield record


def _fuse_one(
    index: int, total: int, pair: Pair, out: Path, method: Method, options: BatchOptions
) -> PairRecord:
    fused = fuse_pair(read_image(pair.ct), read_image(pair.mri), method)
    values = scores(fused) if options.metrics else None
    path = out / f"{pair.name}.png"
    write_file(path, stamped_png(fused, options.caption))
    if options.masks is not None:
        write_masks(fused, options.masks / pair.name)
    return PairRecord(index, total, pair.name, values, fused.notes, path=path)


def _check_out(pairs: PairSet, out: Path, options: BatchOptions) -> None:
    sources = {p.parent.resolve() for pair in pairs.pairs for p in (pair.ct, pair.mri)}
    for folder in (out, *([options.masks] if options.masks else [])):
        if folder.resolve() in sources:
            raise InputError(
                f"{folder} holds the source images, which would be overwritten; choose another "
                "output folder."
            )
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; give a folder to write to.")


def _check_masks(method: Method) -> None:
    """Refuse a method without masks before a whole batch is spent on it."""
    black = torch.zeros(8, 8)
    if method.fuse(black, black).masks is None:
        raise no_masks(method)
