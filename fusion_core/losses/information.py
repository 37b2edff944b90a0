"""Differentiable mutual information from a soft joint histogram."""

import torch
from torch import Tensor

BINS = 32


def normalised_mutual_information(image: Tensor, sources: Tensor) -> Tensor:
    """Shared information over mean entropy, 2 I / (H + H'), in [0, 1]; 0 where one is constant.

    Every pixel is split linearly between the two nearest of 32 bin centres spread over [0, 1], so
    the histogram is differentiable; values outside are counted at the ends.

    Args:
        image: (B, 1, H, W), nominally in [0, 1].
        sources: (B, S, H, W) in [0, 1]; the result is (B, S).

    Reference: Viola & Wells 1997, doi:10.1023/A:1007958904918.
    """
    joint = soft_joint_histogram(image, sources)
    rows, columns = _entropy(joint.sum(dim=-1)), _entropy(joint.sum(dim=-2))
    shared = rows + columns - _entropy(joint.flatten(-2))
    # Never below zero but for rounding, which would matter only beside a vanishing entropy.
    return (2 * shared / (rows + columns + 1e-8)).to(image.dtype)


def conditional_entropy(image: Tensor, sources: Tensor) -> Tensor:
    """What is left unknown of each source where the image is known, nats, (B, S); at least 0.

    That is the source's entropy, which the image does not change, less their mutual information.

    Args:
        image: (B, 1, H, W), nominally in [0, 1].
        sources: (B, S, H, W) in [0, 1].
    """
    joint = soft_joint_histogram(image, sources)
    return (_entropy(joint.flatten(-2)) - _entropy(joint.sum(dim=-1))).to(image.dtype)


def soft_joint_histogram(image: Tensor, sources: Tensor) -> Tensor:
    """Joint probabilities of soft bins, (B, S, 32, 32) float64: rows image, columns source.

    Args:
        image: (B, 1, H, W), nominally in [0, 1].
        sources: (B, S, H, W) in [0, 1].
    """
    batch, count, height, width = sources.shape
    bin_x, part_x = _split(image)
    bin_y, part_y = _split(sources)
    pair = torch.arange(batch * count, device=image.device).view(batch, count, 1, 1)
    cell = ((pair * BINS + bin_x) * BINS + bin_y).flatten()

    # A pixel gives (1 - u)(1 - v), u (1 - v), (1 - u) v and u v to its four cells. The sums of
    # 1, u, v and u v over the pixels of a cell say the same, and only two of them need a gradient.
    def summed(values: Tensor) -> Tensor:
        # float64: a float32 count stands still at 2^24, and a long sum drifts well before.
        flat = values.expand(batch, count, height, width).flatten().double()
        cells = flat.new_zeros(batch * count * BINS * BINS).scatter_add(0, cell, flat)
        return cells.view(batch, count, BINS, BINS) / (height * width)

    both = summed(part_x * part_y)
    along_x, along_y = summed(part_x) - both, summed(part_y) - both
    neither = summed(torch.ones_like(part_x)) - along_x - along_y - both
    return neither + along_x.roll(1, -2) + along_y.roll(1, -1) + both.roll((1, 1), (-2, -1))


def _split(image: Tensor) -> tuple[Tensor, Tensor]:
    """Index of the bin centre at or below each value, and how far on to the next it lies."""
    position = image.clamp(0, 1) * (BINS - 1)
    # The last centre is reached as "all the way on" from the one before: no cell wraps around.
    lower = position.detach().floor().clamp_max(BINS - 2)
    return lower.long(), position - lower


def _entropy(probabilities: Tensor) -> Tensor:
    return -(probabilities * probabilities.clamp_min(1e-12).log()).sum(dim=-1)
