"""How bands answer to an edge: its direction, and what an altered band does beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion_core.wavelets import BoundaryMode, Subbands, analyse

KINDS = ("LH", "HL", "HH")


@dataclass(frozen=True)
class Ringing:
    """What an altered band does to an image with a dark ground and a bright structure.

    All in the image's units; 0 means none.

    Attributes:
        over: how far the altered image exceeds the largest value of the original.
        under: how far it falls below the smallest one.
        reach: in a line of pixels, how far from the structure the error on the ground still
            exceeds the given limit, in pixels.
    """

    over: float
    under: float
    reach: int


def edge(size: int, angle: float, softness: float, offset: float = 0) -> Tensor:
    """A straight edge through the centre, faded out towards the border in a round window.

    The round window keeps the border out of the bands, so that all angles are treated alike.

    Args:
        size: pixels along each side.
        angle: direction of the edge's line in degrees, counter-clockwise from horizontal: 0 lies,
            90 stands.
        softness: pixels from a tenth to nine tenths of the step, about; 0 is a hard edge.
        offset: pixels by which the edge is moved across its direction.

    Returns:
        (1, 1, size, size) float64 in [-1, 1], 0 at the border.
    """
    at = np.arange(size) - (size - 1) / 2
    x, y = np.meshgrid(at, at)
    turn = math.radians(angle)
    across = x * math.sin(turn) + y * math.cos(turn) - offset  # rows grow downwards
    step = np.sign(np.round(across, 9)) if softness == 0 else np.tanh(2.2 * across / softness)
    radius = np.clip(np.hypot(x, y) / (0.47 * size), 0, 1)
    window = np.cos(np.pi / 2 * radius) ** 2
    return torch.from_numpy(step * window)[None, None]


def detail_energies(bands: Subbands) -> list[tuple[float, float, float]]:
    """Sum of squares of LH, HL and HH of every level, level 1 first."""
    return [
        (float(d.lh.square().sum()), float(d.hl.square().sum()), float(d.hh.square().sum()))
        for d in bands.details
    ]


def answer_by_angle(
    angles: Sequence[float],
    wavelet: str,
    level: int,
    softness: float,
    mode: BoundaryMode = "symmetric",
    size: int = 128,
) -> NDArray[np.float64]:
    """Energy of LH, HL and HH of one level for edges of many directions.

    The transform keeps every second value, so its answer depends on where exactly the edge lies;
    the energies are means over the 2**level positions a pixel apart.

    Returns:
        (len(angles), 3).
    """
    total = np.zeros((len(angles), 3))
    for offset in range(2**level):
        batch = torch.cat([edge(size, angle, softness, offset) for angle in angles])
        details = analyse(batch, wavelet, level, mode).details[level - 1]
        total += np.stack([band.square().sum((1, 2, 3)).numpy() for band in details], axis=1)
    mean: NDArray[np.float64] = total / 2**level
    return mean


def ringing(original: Tensor, altered: Tensor, row: int, limit: float) -> Ringing:
    """Measure over- and undershoot of a whole image, and the reach along one row.

    Args:
        original: (1, 1, H, W); its smallest value is the ground.
        altered: the same shape.
        row: the row in which the reach is measured, from 0.
        limit: error that counts, in the image's units.
    """
    line, error = original[0, 0, row], (altered - original)[0, 0, row].abs()
    ground = float(original.min())
    structure = torch.nonzero(line > ground + limit).flatten()
    far = torch.nonzero((error > limit) & (line <= ground + limit)).flatten()
    reach = 0
    if len(structure) and len(far):
        reach = int((far[:, None] - structure[None]).abs().min(1).values.max())
    return Ringing(
        max(0.0, float(altered.max() - original.max())),
        max(0.0, ground - float(altered.min())),
        reach,
    )
