"""The batch command: from a folder or zip to a folder or zip, alone or shared out by torchrun."""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from commands.sharding import merge_tables, part_name, shared_out
from commands.shared import BAD_INPUT, DONE, chosen_method, collect, open_pairs, say, speaks

if TYPE_CHECKING:
    from imaging.pairs import PairSet
    from pipelines.batch import BatchOptions
    from pipelines.methods import Method

ZIP = ".zip"


@dataclass(frozen=True)
class _Places:
    """Where a batch writes.

    Attributes:
        target: what the user named.
        out: the folder that is written to.
        images: folder in it for the fused images.
        masks: folder for masks, or None.
        zipped: whether ``out`` becomes the zip ``target`` in the end.
    """

    target: Path
    out: Path
    images: str
    masks: Path | None
    zipped: bool


def run(args: argparse.Namespace) -> int:
    """Fuse, print what was skipped, and say where everything is."""
    places = _places(args)
    with _opened(args.data) as folder:
        pairs, volumes = _found(args, folder)
        return _run(args, places, pairs, volumes, folder is not args.data)


def _found(args: argparse.Namespace, folder: Path) -> tuple["PairSet", bool]:
    """The pairs of a data folder, and whether they are volumes."""
    from imaging.pairs import find_volume_pairs

    pairs = find_volume_pairs(folder)
    volumes = pairs is not None
    wrong = ("masks", "caption") if volumes else ("align", "window_ct", "window_mri", "format")
    for name in wrong:
        if getattr(args, name):
            raise ValueError(
                f"--{name.replace('_', '-')} is about {'images' if volumes else 'volumes'}, and "
                f"{args.data} holds {'volumes' if volumes else 'images'}; leave it out."
            )
    if pairs is None:
        return open_pairs(folder), False
    if speaks():
        for note in pairs.notes:
            say(note)
    return pairs, True


def _run(
    args: argparse.Namespace, places: _Places, pairs: "PairSet", volumes: bool, unpacked: bool
) -> int:
    from pipelines import batch_report, evaluate
    from pipelines.batch import METRICS_FILE, run_batch
    from pipelines.batch_volumes import VolumeOptions, run_volumes
    from pipelines.batch_zip import pack
    from pipelines.export import method_label

    with shared_out(pairs) as share:
        alone = share.ranks.world == 1
        if not alone and (places.zipped or unpacked):
            raise ValueError("Under torchrun batch works from folder to folder; unpack the zip.")
        args.device = share.device(args.device)
        method = chosen_method(args)
        if places.zipped:
            _prepare(places, args.anew)
        make = _volume_options if volumes else _options
        options = make(args, places, part_name(METRICS_FILE, share), method, alone)
        if isinstance(options, VolumeOptions):
            found = run_volumes(share.pairs, places.out, method, options)
        else:
            found = run_batch(share.pairs, places.out, method, options)
        records = share.gather(collect(found))
        if not share.first:
            return DONE
        if options.metrics:
            merge_tables(places.out, METRICS_FILE, share, evaluate.csv_header(), records)
        good = [r for r in records if r.error is None]
        if good:
            options = make(args, places, METRICS_FILE, method, alone)
            files = batch_report.finish(pairs, places.out, method, options, records)
            if places.zipped:
                pack(places.out, files, places.target)
                shutil.rmtree(places.out, ignore_errors=True)
    if good and options.metrics:
        print(evaluate.summary_table(good))
    tally = batch_report.Tally.of(records, len(records))
    print(f"{tally.sentence()}  {places.target}  ({method_label(method)})")
    return DONE if good else BAD_INPUT


def _options(
    args: argparse.Namespace, places: _Places, table: str, method: "Method", alone: bool
) -> "BatchOptions":
    from pipelines.batch import METRICS_FILE, BatchOptions, sensible_workers
    from pipelines.batch_ledger import digest

    return BatchOptions(
        masks=places.masks,
        metrics=not args.no_metrics,
        caption=args.caption,
        table=table,
        images=places.images,
        resumable=True,
        anew=args.anew,
        workers=sensible_workers(method) if alone else 1,
        part=Path(table).stem.removeprefix(Path(METRICS_FILE).stem),
        salt=digest(args.extensions) if args.extensions else "",
    )


def _volume_options(
    args: argparse.Namespace, places: _Places, table: str, method: "Method", alone: bool
) -> "BatchOptions":
    from pipelines.batch_volumes import VolumeOptions

    plain = _options(args, places, table, method, alone)
    return VolumeOptions(
        images=plain.images,
        resumable=True,
        anew=args.anew,
        part=plain.part,
        salt=plain.salt,
        align=args.align,
        onto=args.onto,
        interpolation=args.interpolation,
        window_ct=args.window_ct,
        window_mri=args.window_mri,
        format=args.format or "nifti",
    )


def _places(args: argparse.Namespace) -> _Places:
    target: Path = args.out
    if target.suffix.lower() != ZIP or target.is_dir():
        return _Places(target, target, "", args.masks, False)
    out = target.with_name(f"{target.name}.parts")
    masks = args.masks
    if masks is not None:
        if masks.is_absolute() or ".." in masks.parts:
            raise ValueError(f"{masks} would lie outside the zip; give a name such as masks.")
        masks = out / masks
    return _Places(target, out, "fused", masks, True)


def _prepare(places: _Places, anew: bool) -> None:
    """Lay out what an earlier call has put into the zip."""
    from pipelines.batch_zip import check_own, restore

    check_own(places.target)
    if places.out.is_dir():
        if speaks():
            say(f"An earlier call was stopped; what it left in {places.out} is used.")
    elif places.target.exists() and not anew:
        restore(places.target, places.out)


@contextmanager
def _opened(data: Path) -> Iterator[Path]:
    """The folder of pairs; a zip is unpacked for as long as it is needed."""
    if data.is_dir() or data.suffix.lower() != ZIP:
        yield data
        return
    from imaging.archive import unpack_pairs
    from imaging.errors import InputError

    with tempfile.TemporaryDirectory(prefix="fusion-batch-") as name:
        folder = Path(name) / data.stem
        try:
            with data.open("rb") as file:
                unpack_pairs(file, data.name, folder)
        except FileNotFoundError:
            raise InputError(f"There is no file {data}; check the path.") from None
        yield folder
