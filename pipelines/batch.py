"""Fuse every pair of a data folder, a few in memory at a time; a bad pair never ends it."""

import errno
import hashlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from imaging.errors import InputError
from imaging.pairs import Pair, PairSet
from imaging.read import read_image
from pipelines.batch_ledger import Entry, Ledger, batch_key, digest
from pipelines.batch_sheet import is_sheet, thumbnails
from pipelines.evaluate import PairError, PairRecord, csv_header, csv_row, failed
from pipelines.export import no_masks, stamped_png, write_file, write_masks
from pipelines.fuse import fuse_pair, scores
from pipelines.methods import Method

METRICS_FILE = "metrics.csv"
MOST_WORKERS = 4
LARGE = 2_000_000
"""Pixels from which pairs are fused one after the other, whatever the number of workers: memory
stays that of one."""

_READING = threading.Lock()  # Pillow's warnings are silenced for the whole process while it reads
_LARGE_TURN = threading.Lock()
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
"""Errors of the output's disk, which no other pair would escape."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class BatchOptions:
    """What a batch writes beside the fused images, and how.

    Attributes:
        masks: folder that gets one folder of masks per pair; None for none.
        metrics: score every pair and write them to ``table``.
        caption: burn the stamp into a strip below each image.
        table: name of the metrics file in the output folder.
        images: folder inside the output for the fused images; "" is the output itself.
        resumable: write down what is done, with thumbnails, and pass over what an earlier call
            with the same sources, method and options has done.
        anew: fuse all pairs again, also those that are there.
        workers: pairs that are worked on at once.
        part: distinguishes processes that share an output folder.
        salt: whatever else decides the images, such as the hash of an extension file.
    """

    masks: Path | None = None
    metrics: bool = True
    caption: bool = False
    table: str = METRICS_FILE
    images: str = ""
    resumable: bool = False
    anew: bool = False
    workers: int = 1
    part: str = ""
    salt: str = ""

    def key(self, method: Method) -> str:
        """What an image must have been made by to be taken over."""
        wanted = (self.masks is not None, self.metrics, self.caption, self.salt)
        return batch_key(method, *wanted)

    def image(self, out: Path, name: str) -> Path:
        """Where the fused image of a pair goes."""
        return out / self.images / f"{name}.png"

    def files(self, out: Path, name: str) -> list[Path]:
        """All that a pair has in the output, masks aside."""
        return [self.image(out, name)]


@dataclass(frozen=True)
class _Work:
    """What every pair of a batch needs."""

    total: int
    out: Path
    method: Method
    options: BatchOptions
    ledger: Ledger | None


def run_batch(
    pairs: PairSet, out: Path, method: Method, options: BatchOptions | None = None
) -> Generator[PairRecord, None, None]:
    """Fuse all pairs and write ``NAME.png`` for each, and ``metrics.csv`` line by line.

    What is begun when the caller closes the generator is still written; nothing more is begun.

    Args:
        pairs: from :func:`imaging.pairs.find_pairs`.
        out: folder to write to, made if it is missing.
        method: what fuses.
        options: what else is written.

    Yields:
        A record per pair, in their order, as soon as its files are there.

    Raises:
        InputError: the output folder is one of the sources' or cannot be written.
        MethodError: masks are wanted of a method that has none.
    """
    options = options or BatchOptions()
    check_out(pairs, out, options)
    if options.masks is not None:
        check_masks(method)
    ledger = None
    if options.resumable:
        ledger = Ledger(out, options.key(method), options.part, options.anew)
    table = out / options.table
    if options.metrics:
        write_file(table, csv_header())
    work = _Work(len(pairs.pairs), out, method, options, ledger)
    numbered = enumerate(pairs.pairs, 1)
    try:
        for record, entry in in_order(lambda item: _one(work, *item), numbered, options.workers):
            if ledger is not None and entry is not None:
                ledger.add(entry)
            if record.scores is not None:
                with table.open("a", encoding="utf-8") as file:
                    file.write(csv_row(record))
            yield record
    except OSError as error:
        raise InputError(
            f"{out} cannot be written any more ({error.strerror or error}); make room, then start "
            "the same again: what is done is passed over."
        ) from error
    finally:
        if ledger is not None:
            ledger.close()


def sensible_workers(method: Method) -> int:
    """How many pairs at once are fastest here: one per core up to four, one on a GPU's queue."""
    if method.device.type != "cpu":
        return 2
    return min(MOST_WORKERS, os.cpu_count() or 1)


def _one(work: _Work, index: int, pair: Pair) -> tuple[PairRecord, Entry | None]:
    """Fuse a pair, or find it fused; the entry is what is new to the ledger."""
    try:
        if work.ledger is None:
            return _fuse(work, index, pair)[0], None
        if not work.options.images and is_sheet(pair.name):
            raise InputError(f"{pair.name} is the name of a contact sheet; rename the two images.")
        sources = (digest(pair.ct), digest(pair.mri))
        path = work.options.image(work.out, pair.name)
        known = work.ledger.find(pair, sources, path)
        if known is not None and _masks_there(work.options, pair.name):
            return PairRecord(
                index, work.total, pair.name, known.measured(), known.notes, path=path, kept=True
            ), None
        record, png = _fuse(work, index, pair)
        values = record.scores
        return record, Entry(
            pair.name, work.ledger.key, sources, hashlib.sha256(png).hexdigest(), time.time(),
            None if values is None else values.values,
            {} if values is None else values.notes, record.notes,
        )  # fmt: skip
    except PairError as error:
        if ends_all(error):
            raise
        return failed(index, work.total, pair.name, error), None


def _fuse(work: _Work, index: int, pair: Pair) -> tuple[PairRecord, bytes]:
    """Fuse a pair and write its files; also its PNG."""
    with _READING:
        ct, mri = read_image(pair.ct), read_image(pair.mri)
    with _turn(ct.pixels.size):
        fused = fuse_pair(ct, mri, work.method)
        values = scores(fused) if work.options.metrics else None
        png = stamped_png(fused, work.options.caption)
        path = work.options.image(work.out, pair.name)
        write_file(path, png)
        if work.options.masks is not None:
            write_masks(fused, work.options.masks / pair.name)
        if work.ledger is not None:
            write_file(work.ledger.thumb(pair.name), thumbnails(fused))
    return PairRecord(index, work.total, pair.name, values, fused.notes, path=path), png


@contextmanager
def _turn(pixels: int) -> Iterator[None]:
    if pixels < LARGE:
        yield
        return
    with _LARGE_TURN:
        yield


def ends_all(error: BaseException) -> bool:
    """Whether the output, not the pair, is what fails."""
    cause = error.__cause__
    return isinstance(error, InputError) and isinstance(cause, OSError) and cause.errno in _FULL


def _masks_there(options: BatchOptions, name: str) -> bool:
    return options.masks is None or (options.masks / name).is_dir()


def in_order(work: Callable[[T], R], items: Iterable[T], workers: int) -> Generator[R, None, None]:
    """Results in the order of the items, with few of them under way at any time.

    Args:
        work: done in threads, each with one thread of torch.
        items: what is worked on; taken as they are needed.
        workers: threads; below 2 the caller's own.
    """
    if workers < 2:
        yield from map(work, items)
        return
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, "batch", initializer=torch.set_num_threads, initargs=(1,))
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(before)


def check_out(pairs: PairSet, out: Path, options: BatchOptions) -> None:
    """Refuse an output folder that holds the sources.

    Raises:
        InputError: it does, or is a file.
    """
    sources = {p.parent.resolve() for pair in pairs.pairs for p in (pair.ct, pair.mri)}
    for folder in (out / options.images, *([options.masks] if options.masks else [])):
        if folder.resolve() in sources:
            raise InputError(
                f"{folder} holds the source images, which would be overwritten; choose another "
                "output folder."
            )
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; give a folder to write to.")


def check_masks(method: Method) -> None:
    """Refuse a method without masks before a whole batch is spent on it.

    Raises:
        MethodError: it is a rule that works on pixels.
    """
    black = torch.zeros(8, 8)
    if method.fuse(black, black).masks is None:
        raise no_masks(method)
