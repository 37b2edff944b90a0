"""What is measured on the validation pairs after every epoch, and what is drawn of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion_core.architectures import FusionModel
from fusion_core.losses import FusionLoss
from fusion_core.model import Masks
from trainer.data import CTMRIDataset
from trainer.distributed import Ranks

TILE = 128
"""Side of one picture in a strip, pixels."""

_HEAD = 0.02  # what is darker in both sources is background
_HALF_LEVEL = 0.5 / 255


@dataclass(frozen=True)
class Validation:
    """Loss and images of the validation pairs.

    Attributes:
        total: mean loss per image.
        terms: mean of each term per image, unweighted.
        clipped: share of head pixels that leave [0, 1] by more than half a grey level.
        fused: (N, H, W) uint8 in the order of the indices; empty on all processes but the first.
    """

    total: float
    terms: dict[str, float]
    clipped: float
    fused: NDArray[np.uint8]


def validate(
    model: FusionModel,
    loss: FusionLoss,
    data: CTMRIDataset,
    indices: Sequence[int],
    batch_size: int,
    device: torch.device,
    ranks: Ranks,
) -> Validation:
    """Fuse pairs, each by one process, and average over all of them."""
    sums = dict.fromkeys(("total", "clipped", "head", *loss.weights), 0.0)
    mine = ranks.share(list(range(len(indices))))
    images: list[NDArray[np.uint8]] = []
    with torch.inference_mode():
        for start in range(0, len(mine), batch_size):
            places = mine[start : start + batch_size]
            ct, mri = data.batch([indices[i] for i in places], device)
            fused = model(ct, mri).fused
            report = loss(fused, ct, mri)
            sums["total"] += float(report.total) * len(places)
            for name, values in report.terms.items():
                sums[name] += float(values.double().sum())
            head = torch.maximum(ct, mri) > _HEAD
            sums["head"] += float(head.sum())
            sums["clipped"] += float((head & ((fused - 0.5).abs() > 0.5 + _HALF_LEVEL)).sum())
            images.extend(_eight_bits(fused))
    count = max(1, len(indices))
    means = dict(zip(sums, ranks.sum(list(sums.values()), device), strict=True))
    clipped = means.pop("clipped") / max(1.0, means.pop("head"))
    parts = ranks.gather((mine, images))
    fused8 = np.zeros((0, 0, 0), np.uint8)
    if parts and len(indices):
        order = {place: image for places, part in parts for place, image in zip(places, part)}  # noqa: B905
        fused8 = np.stack([order[i] for i in range(len(indices))])
    return Validation(
        means.pop("total") / count, {n: v / count for n, v in means.items()}, clipped, fused8
    )


def _eight_bits(images: Tensor) -> NDArray[np.uint8]:
    """(B, 1, H, W) in [0, 1] -> (B, H, W) uint8, rounded."""
    bytes_ = images[:, 0].clamp(0, 1).mul(255).round().to(torch.uint8)
    array: NDArray[np.uint8] = bytes_.cpu().numpy()
    return array


@dataclass(frozen=True)
class Look:
    """What the model makes of the few pairs that are drawn.

    Attributes:
        masks: one (N, 1, h, w) float16 tensor per band and gate.
        means: band -> mean mask of (CT, MRI).
        strip: the drawn rows, uint8: per pair CT, MRI, fused image and the masks, coarse to fine.
        columns: names of the strip's columns.
    """

    masks: list[Tensor]
    means: dict[str, tuple[float, float]]
    strip: NDArray[np.uint8]
    columns: tuple[str, ...]


def look(
    model: FusionModel, data: CTMRIDataset, indices: Sequence[int], device: torch.device
) -> Look:
    """Fuse and draw a few pairs."""
    with torch.inference_mode():
        ct, mri = data.batch(indices, device)
        result = model(ct, mri)
    masks = result.masks
    names, bands = _shown(masks, model.config.gates)
    pictures = [_eight_bits(x) for x in (ct, mri, result.fused, *bands)]
    strip = np.vstack(
        [np.hstack([_tile(picture[i]) for picture in pictures]) for i in range(len(indices))]
    )
    pairs = () if masks is None else zip(masks.ct.items(), masks.mri.items(), strict=True)
    return Look(
        [mask.half().cpu() for gate in masks or () for _, mask in gate.items()],
        {name: (float(a.mean()), float(b.mean())) for (name, a), (_, b) in pairs},
        strip,
        ("CT", "MRI", "fused", *names),
    )


def mask_change(before: Sequence[Tensor], now: Sequence[Tensor]) -> float:
    """Mean absolute change over all masks, each counting alike, in 0..1."""
    changes = [
        float((a.float() - b.float()).abs().mean()) for a, b in zip(before, now, strict=True)
    ]
    return sum(changes) / max(1, len(changes))


def _shown(masks: Masks | None, gates: Sequence[str]) -> tuple[list[str], list[Tensor]]:
    """Masks to draw: the CT's, and the MRI's where they are not just the rest to one."""
    if masks is None:
        return [], []
    of = {"CT": masks.ct, "MRI": masks.mri}
    shown = [(f"{gate} {name}", mask) for gate in gates for name, mask in of[gate].items()]
    return [name for name, _ in shown], [mask for _, mask in shown]


def _tile(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    shrink = image.shape[0] > TILE
    how = cv2.INTER_AREA if shrink else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(image, (TILE, TILE), interpolation=how), np.uint8)
