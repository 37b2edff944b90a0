"""CT's share of every band over a volume: quotients of sums over its slices."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from fusion_core.model import FusionResult
from fusion_core.provenance import attribute


@dataclass(frozen=True)
class VolumeShare:
    """CT's share of one band over a volume, as :class:`fusion_core.provenance.BandShare`."""

    band: str
    mask: float
    energy: float
    attribution: float


class Sums(NamedTuple):
    """What the shares of one slice are quotients of.

    Attributes:
        names: the K bands.
        table: (2, 3 K + 1), float64, CT and MRI: mean masks, energies and summed magnitudes of
            every band, and the summed magnitude of all bands together.
    """

    names: tuple[str, ...]
    table: Tensor


def sums_of(result: FusionResult) -> Sums | None:
    """The sums of a fused slice; None for a rule that works on pixels."""
    if result.masks is None or result.ct is None or result.mri is None:
        return None
    parts = attribute(result)
    sources = (
        (result.masks.ct, result.ct, parts.ct[0]),
        (result.masks.mri, result.mri, parts.mri[0]),
    )
    rows = []
    for masks, bands, images in sources:
        gates = [gate for _, gate in masks.items()]
        gated = [gate * band for gate, (_, band) in zip(gates, bands.items(), strict=True)]
        rows.append(
            [_sum(gate) / gate.numel() for gate in gates]
            + [_sum(band.square()) for band in gated]
            + [_sum(image.abs()) for image in images]
            + [_sum(images.sum(0).abs())]
        )
    return Sums(parts.names, torch.tensor(rows, dtype=torch.float64))


def shares(slices: Sequence[Sums]) -> tuple[float | None, tuple[VolumeShare, ...]]:
    """CT's share of the whole and of every band; None and nothing where there are no bands."""
    if not slices:
        return None, ()
    names = slices[0].names
    total = torch.stack([one.table for one in slices]).sum(0)
    # A band to which neither source brings anything has no share: 0 / 0 is NaN.
    *columns, whole = (total[0] / total.sum(0)).tolist()
    count = len(names)
    rows = zip(
        names, columns[:count], columns[count : 2 * count], columns[2 * count :], strict=True
    )
    return None if math.isnan(whole) else whole, tuple(VolumeShare(*row) for row in rows)


def _sum(values: Tensor) -> float:
    return float(values.sum(dtype=torch.float64))
