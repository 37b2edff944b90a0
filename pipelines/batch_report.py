"""How a batch ended: contact sheets, a report of what was skipped, and the files that belong."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imaging.pairs import PairSet
from pipelines.batch import BatchOptions
from pipelines.batch_ledger import HIDDEN, thumb_path
from pipelines.batch_sheet import write_sheets
from pipelines.evaluate import PairRecord
from pipelines.export import PROGRAM, STAMP, method_label, write_file
from pipelines.methods import Method

REPORT = "report.txt"


@dataclass(frozen=True)
class Tally:
    """How many pairs came to what.

    Attributes:
        total: pairs in the folder.
        fused: whose image is there, those of an earlier call included.
        kept: of these, made by an earlier call.
        skipped: that could not be used.
    """

    total: int
    fused: int
    kept: int
    skipped: int

    @classmethod
    def of(cls, records: Sequence[PairRecord], total: int) -> "Tally":
        """Count records."""
        good = [record for record in records if record.error is None]
        kept = sum(record.kept for record in good)
        return cls(total, len(good), kept, len(records) - len(good))

    def sentence(self) -> str:
        """One line: what was fused, was there, was skipped, and is left."""
        parts = [f"{self.fused} of {_pairs(self.total)} fused"]
        if self.kept:
            parts.append(
                f"{self.kept} of them passed over: already there, made from the same images by "
                "the same method and options"
            )
        if self.skipped:
            parts.append(f"{self.skipped} skipped")
        if left := self.total - self.fused - self.skipped:
            parts.append(f"{left} not begun")
        return "; ".join(parts) + "."


def finish(
    pairs: PairSet,
    out: Path,
    method: Method,
    options: BatchOptions,
    records: Sequence[PairRecord],
) -> list[Path]:
    """Write contact sheets and the report of a resumable batch.

    Args:
        pairs: the whole folder's.
        out: where :func:`pipelines.batch.run_batch` has written.
        method: what fused.
        options: as they were given to it.
        records: what it has yielded.

    Returns:
        Every file of the output that belongs to these pairs, the hidden ones last.

    Raises:
        InputError: a file cannot be written.
    """
    good = [record for record in records if record.error is None]
    names = [record.name for record in good]
    thumbs = [(name, thumb_path(out, name)) for name in names]
    sheets = list(write_sheets(out, thumbs, method_label(method)))
    write_file(out / REPORT, report(pairs, method, records))
    found = [out / REPORT, *sheets]
    found += [out / options.table] if options.metrics else []
    for name in names:
        found += options.files(out, name)
    if options.masks is not None and options.masks.resolve().is_relative_to(out.resolve()):
        for name in names:
            found += sorted((options.masks / name).glob("*.png"))
    found += sorted((out / HIDDEN).glob("*.jsonl"))
    return found + [path for _, path in thumbs]


def report(pairs: PairSet, method: Method, records: Sequence[PairRecord]) -> str:
    """What was made by what, what was skipped and why, and what was said about the images."""
    bad = [f"{record.name}: {record.error}" for record in records if record.error is not None]
    said = [f"{record.name}: {note}" for record in records for note in record.notes]
    lines = [STAMP, PROGRAM, "", f"Method: {method_label(method)}"]
    if method.sha256 is not None:
        lines.append(f"Checkpoint SHA-256: {method.sha256}")
    lines.append(Tally.of(records, len(pairs.pairs)).sentence())
    alone = (
        ("CT without an MRI of the same name", pairs.unpaired_ct),
        ("MRI without a CT of the same name", pairs.unpaired_mri),
        ("Left out, because a folder holds the name more than once", pairs.duplicates),
        ("Not an image by its extension", pairs.ignored),
    )
    for title, found in (("Skipped pairs", bad), *alone, ("Notes on the images", said)):
        if found:
            lines += ["", f"{title} ({len(found)})", *(f"  {line}" for line in found)]
    return "\n".join(lines) + "\n"


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count} pairs"
