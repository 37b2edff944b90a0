"""Random changes of training pairs, a pure function of (seed, epoch, image)."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.config import TrainConfig

_DRAWS = 16


class _Draws(NamedTuple):
    """Uniform numbers in [0, 1) of a batch, (B,) each, and the seeds of its noise.

    Every image draws them all, whatever is switched on, so a switch changes nothing else.
    """

    values: Tensor
    noise_seeds: list[int]


def epoch_order(seed: int, epoch: int, count: int) -> list[int]:
    """The order in which an epoch sees its images."""
    return [int(i) for i in np.random.Generator(np.random.Philox([seed, epoch])).permutation(count)]


def partners(
    indices: Sequence[int], epoch: int, train: Sequence[int], config: TrainConfig
) -> list[int]:
    """Whose MRI each image meets: its own or, by chance, that of any training pair.

    A fusion loss asks for no truth, so that every such pair is one more to learn from.
    """
    met = []
    for index in indices:
        # A stream of its own, so that this switch changes no other draw.
        rng = np.random.Generator(np.random.Philox([config.seed, epoch, index + 1, 1]))
        chance, which = rng.random(2)
        met.append(train[int(which * len(train))] if chance < config.mix else index)
    return met


def augment(
    ct: Tensor, mri: Tensor, indices: Sequence[int], epoch: int, config: TrainConfig
) -> tuple[Tensor, Tensor]:
    """Change a batch at random, CT and MRI alike where they move, each alone in its greys.

    Args:
        ct: (B, 1, H, W) in [0, 1].
        mri: the same shape.
        indices: the number of each image in its data set; part of the random stream's name.
        epoch: likewise.
        config: what is switched on, and the seed.

    Returns:
        Both images, (B, 1, h, w) in [0, 1]; smaller than before where a crop is asked for.
    """
    if not indices:  # a process whose share of a small last batch is nothing
        return ct, mri
    draws = _draw(config.seed, epoch, indices)
    if config.rotate or config.scale or config.misalign:
        ct, mri = _move(ct, mri, draws.values, config)
    if config.crop:
        ct, mri = _crop(torch.cat((ct, mri), 1), draws.values[:, :2], config.crop)
    if config.flip != "none":
        ct, mri = _flip(torch.cat((ct, mri), 1), draws.values[:, 2:4], config.flip == "both")
    ct = _regrey(ct, draws.values[:, 4:7], config)
    mri = _regrey(mri, draws.values[:, 7:10], config)
    if config.noise:
        ct, mri = _noise(torch.cat((ct, mri), 1), draws, config.noise)
    if config.dropout:
        gone, which = draws.values[:, 14] < config.dropout, draws.values[:, 15] < 0.5
        ct = ct * (~(gone & which)).view(-1, 1, 1, 1).to(ct)
        mri = mri * (~(gone & ~which)).view(-1, 1, 1, 1).to(mri)
    return ct, mri


def _draw(seed: int, epoch: int, indices: Sequence[int]) -> _Draws:
    values, seeds = [], []
    for index in indices:
        rng = np.random.Generator(np.random.Philox([seed, epoch, index + 1]))
        values.append(rng.random(_DRAWS + 3))
        seeds.append(int(rng.integers(2**62)))
    return _Draws(torch.from_numpy(np.array(values)).float(), seeds)


def _signed(values: Tensor) -> Tensor:
    return 2 * values - 1


def _move(ct: Tensor, mri: Tensor, draws: Tensor, config: TrainConfig) -> tuple[Tensor, Tensor]:
    """Turn and scale both images about their centre; shift the MRI alone; black beyond."""
    height, width = ct.shape[-2:]
    turn = _signed(draws[:, 10]) * math.radians(config.rotate)
    grow = 1 + _signed(draws[:, 11]) * config.scale
    cos, sin = torch.cos(turn) / grow, torch.sin(turn) / grow
    none = torch.zeros_like(turn)
    # affine_grid's co-ordinates run from -1 to 1 along each side.
    ratio = height / width
    rows = torch.stack((cos, -sin * ratio, none, sin / ratio, cos, none), 1).view(-1, 2, 3)
    shift = _signed(draws[:, 16:18]) * config.misalign * 2 / torch.tensor([width, height])
    moved = rows.clone()
    moved[:, :, 2] = shift
    size = [len(rows) * 2, 1, height, width]
    grid = F.affine_grid(torch.cat((rows, moved)), size, align_corners=False).to(ct.device)
    both = F.grid_sample(torch.cat((ct, mri)), grid, align_corners=False)
    first, second = both.clamp(0, 1).chunk(2)
    return first, second


def _crop(pair: Tensor, draws: Tensor, side: int) -> tuple[Tensor, Tensor]:
    high, wide = min(side, pair.shape[-2]), min(side, pair.shape[-1])
    free = torch.tensor([pair.shape[-2] - high + 1, pair.shape[-1] - wide + 1])
    corners = (draws * free).long().tolist()
    parts = [p[:, y : y + high, x : x + wide] for p, (y, x) in zip(pair, corners, strict=True)]
    return _halves(torch.stack(parts))


def _flip(pair: Tensor, draws: Tensor, both: bool) -> tuple[Tensor, Tensor]:
    across, down = (draws < 0.5).view(-1, 2, 1, 1, 1).unbind(1)
    pair = torch.where(across.to(pair.device), pair.flip(-1), pair)
    if both:
        pair = torch.where(down.to(pair.device), pair.flip(-2), pair)
    return _halves(pair)


def _regrey(image: Tensor, draws: Tensor, config: TrainConfig) -> Tensor:
    """Brightness, contrast and gamma; black stays black."""
    bright, bend, power = _signed(draws).to(image.device).view(-1, 3, 1, 1, 1).unbind(1)
    if config.intensity:
        image = (image * (1 + bright * config.intensity)).clamp(0, 1)
    if config.contrast:  # an S-curve or its opposite, monotone, with both ends fixed
        image = image + bend * config.contrast * image * (1 - image) * (2 * image - 1)
    if config.gamma:
        image = image ** torch.exp(power * math.log1p(config.gamma))
    return image


def _noise(pair: Tensor, draws: _Draws, most: float) -> tuple[Tensor, Tensor]:
    # Drawn on the CPU on every device, so that a GPU sees the same stream.
    fields = []
    for seed in draws.noise_seeds:
        generator = torch.Generator().manual_seed(seed)
        fields.append(torch.randn(tuple(pair.shape[1:]), generator=generator))
    spread = (draws.values[:, 12:14] * most).view(-1, 2, 1, 1)
    return _halves((pair + (torch.stack(fields) * spread).to(pair.device)).clamp(0, 1))


def _halves(pair: Tensor) -> tuple[Tensor, Tensor]:
    return pair[:, :1].contiguous(), pair[:, 1:].contiguous()
