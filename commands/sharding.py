"""Pairs shared out among the processes that torchrun started; alone without it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imaging.pairs import PairSet
    from pipelines.evaluate import PairRecord
    from trainer.distributed import Ranks


@dataclass(frozen=True)
class Share:
    """This process's part of the pairs.

    Attributes:
        pairs: its own; every pair is in one process's part.
        names: of all pairs, in order.
        ranks: this process among all.
    """

    pairs: "PairSet"
    names: tuple[str, ...]
    ranks: "Ranks"

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes tables and prints."""
        return self.ranks.first

    def device(self, name: str) -> str:
        """The device of this process: under torchrun each takes the GPU of its own number."""
        from trainer.distributed import local_device

        several = self.ranks.world > 1 and name in ("auto", "cuda")
        return str(local_device(name)) if several else name

    def gather(self, records: list["PairRecord"]) -> list["PairRecord"]:
        """The records of all processes in the order of the pairs, once all are done.

        Empty on all processes but the first.
        """
        place = {name: index for index, name in enumerate(self.names, 1)}
        everything = [record for part in self.ranks.gather(records) for record in part]
        numbered = (replace(r, index=place[r.name], total=len(self.names)) for r in everything)
        return sorted(numbered, key=lambda record: record.index)


@contextmanager
def shared_out(pairs: "PairSet") -> Iterator[Share]:
    """Meet the other processes, and take every ``world``-th pair from the ``rank``-th on."""
    import torch

    from trainer.distributed import join

    # Records are small: gloo carries them whatever the images are fused on.
    with join(torch.device("cpu")) as ranks:
        mine = replace(pairs, pairs=pairs.pairs[ranks.rank :: ranks.world])
        yield Share(mine, tuple(pair.name for pair in pairs.pairs), ranks)


def part_name(table: str, share: Share) -> str:
    """Name of this process's own part of a table."""
    if share.ranks.world == 1:
        return table
    return f"{Path(table).stem}.part{share.ranks.rank}{Path(table).suffix}"


def merge_tables(
    folder: Path, table: str, share: Share, header: str, records: Iterable["PairRecord"]
) -> None:
    """Put the parts of all processes together as one process would have written them."""
    from pipelines.evaluate import csv_row
    from pipelines.export import write_file

    if share.ranks.world == 1:
        return
    rows = [csv_row(record) for record in records if record.scores is not None]
    write_file(folder / table, header + "".join(rows))
    for rank in range(share.ranks.world):
        part = folder / f"{Path(table).stem}.part{rank}{Path(table).suffix}"
        part.unlink(missing_ok=True)
