"""Bright spots of the CT inside the skull, and how much of them a fused image loses."""

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion_core.losses.filters import gaussian_taps, window_mean
from fusion_core.losses.pairstats import PairStats

_SPOT, _AROUND = 7, 31  # windows of 1.4 and 6.2 px sigma: what stands out, and from what
_LEAST = 0.05  # grey above the surroundings, of the range
_BONE, _AIR = 0.97, 0.02
_THICK = 5  # px: bone and air hold a square of that side, a small calcification does not
_BESIDE_BONE, _BESIDE_AIR = 8, 16  # px: there blurred bone, or the scalp, would pass for a spot
_FEW = 2e-4  # mean contrast of an image below which its spots count for less


def lost_spots(stats: PairStats) -> Tensor:
    """Contrast lost over contrast there, (B,): 0 where every spot is kept, 1 where all are gone.

    Only loss counts: a spot that stands out more is no gain, one that turns dark costs more.
    """
    with torch.no_grad():
        ct = stats.sources[:, :1]
        contrast = _standing_out(ct)
        outside = torch.maximum(_near(ct >= _BONE, _BESIDE_BONE), _near(ct <= _AIR, _BESIDE_AIR))
        inside = 1 - _inner(outside.to(ct.dtype), contrast)
        spots = torch.where(contrast > _LEAST, contrast, 0) * inside
        there = spots.mean((1, 2, 3)).clamp_min(_FEW)
    lost = torch.where(spots > 0, (spots - _standing_out(stats.fused)).relu(), 0)
    return lost.mean((1, 2, 3)) / there


def _standing_out(image: Tensor) -> Tensor:
    """Local mean minus that of the surroundings, where both windows fit."""
    around = window_mean(image, gaussian_taps(_AROUND))
    return _inner(window_mean(image, gaussian_taps(_SPOT)), around) - around


def _near(mask: Tensor, beside: int) -> Tensor:
    """1 where a mask is thick and up to so many pixels beside it, else 0."""
    thick = -F.max_pool2d(-mask.float(), _THICK, 1, _THICK // 2)
    reach = _THICK // 2 + beside
    return F.max_pool2d(thick, 2 * reach + 1, 1, reach)


def _inner(image: Tensor, like: Tensor) -> Tensor:
    """The middle of an image, of the size of another."""
    top, left = ((a - b) // 2 for a, b in zip(image.shape[-2:], like.shape[-2:], strict=True))
    return image[..., top : top + like.shape[-2], left : left + like.shape[-1]]
