"""What a fused volume hides: regions of neighbouring slices joined to findings in space."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.hidden import Region

MOST_FINDINGS = 50
"""Findings that are kept; what follows them is dimmed less, or is smaller."""


@dataclass(frozen=True)
class Finding:
    """A bright region of one source that the fused volume dims, through one or several slices.

    Attributes:
        first: the first slice that shows it, from 0.
        last: the last one.
        worst: the slice in which it loses most.
        region: what it is there.
        lost: contrast that is lost, times area, summed over its slices; what findings are
            ordered by.
    """

    first: int
    last: int
    worst: int
    region: Region
    lost: float


def join_regions(found: Iterable[tuple[int, Region]]) -> tuple[Finding, ...]:
    """Join regions of one source that touch in neighbouring slices, those that lose most first.

    Args:
        found: slice and region, slices in growing order.
    """
    chains: list[list[tuple[int, Region]]] = []
    growing: list[list[tuple[int, Region]]] = []
    for index, region in found:
        growing = [chain for chain in growing if chain[-1][0] >= index - 1]
        near = [
            chain for chain in growing
            if chain[-1][0] == index - 1 and _touch(chain[-1][1], region)
        ]  # fmt: skip
        if near:
            near[0].append((index, region))
            continue
        chains.append([(index, region)])
        growing.append(chains[-1])
    findings = [_finding(chain) for chain in chains]
    return tuple(sorted(findings, key=lambda f: -f.lost)[:MOST_FINDINGS])


def finding_sentence(finding: Finding, plane: str, millimetres: bool = True) -> str:
    """One sentence for the user; slices, rows and columns count as the screen counts them."""
    region = finding.region
    area = f"{region.area_mm2:.0f} {'mm²' if millimetres else 'pixels'}"
    where = f"{plane} slice {finding.worst + 1}"
    if finding.first != finding.last:
        where = (
            f"{plane} slices {finding.first + 1} to {finding.last + 1}, most in {finding.worst + 1}"
        )
    start = (
        f"A bright region of the {region.source} ({where}: {area}, row {region.row:.0f}, column "
        f"{region.column:.0f})"
    )
    if region.dimmed >= 1:
        return f"{start} does not stand out in the fused image: look at the {region.source}."
    return f"{start} stands out {100 * region.dimmed:.0f} % less in the fused image."


def _touch(one: Region, other: Region) -> bool:
    apart = math.hypot(one.row - other.row, one.column - other.column)
    return one.source == other.source and apart < max(one.radius, other.radius)


def _finding(chain: list[tuple[int, Region]]) -> Finding:
    worst, region = max(chain, key=lambda pair: _lost(pair[1]))
    total = sum(_lost(r) for _, r in chain)
    return Finding(chain[0][0], chain[-1][0], worst, region, total)


def _lost(region: Region) -> float:
    return (region.contrast - region.fused) * region.area_mm2
