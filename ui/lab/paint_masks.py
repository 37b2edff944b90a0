"""Painted masks: from a mask on the image's grid to one per band, and the fusion that they make.

Painting uses the Haar wavelet, where every coefficient belongs to one block of pixels: a mask of
a band is the mean of what was painted over its blocks. The browser computes the same with the same
rounding while the brush moves (``painter.js``).
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion_core.model import FusionResult, Masks, gate
from fusion_core.wavelets import Details, Subbands, analyse, band_names, level_sizes, synthesise
from pipelines.fuse import to_8bit
from ui.lab.method_parts import Parts, array

WAVELET = "haar"
LONGEST = 512
"""Pixels of the longer side up to which a pair is painted as it is."""

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Canvas:
    """What lies below the brush.

    Attributes:
        ct, mri: (H, W) uint8.
        levels: of the decomposition.
        learned: per band (H, W) uint8, the method's share of the CT; the start of "Learned".
        aspect: height of a pixel over its width.
    """

    ct: Bytes
    mri: Bytes
    levels: int
    learned: tuple[Bytes, ...]
    aspect: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """The bands, LL first, then coarse to fine."""
        return band_names(self.levels)

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of every band, in the order of the names."""
        return band_shapes((self.ct.shape[0], self.ct.shape[1]), self.levels)


def band_shapes(size: tuple[int, int], levels: int) -> tuple[tuple[int, int], ...]:
    """Rows and columns of every band of an image, LL first, then coarse to fine."""
    inputs = level_sizes(size, WAVELET, levels)
    sizes = [((rows + 1) // 2, (columns + 1) // 2) for rows, columns in inputs]
    return (sizes[-1], *(shape for shape in reversed(sizes) for _ in range(3)))


def canvas_of(parts: Parts, levels: int) -> Canvas:
    """The pair on the screen, made smaller where it is large, with the learned share per band.

    Args:
        parts: the pair and its masks.
        levels: J of the painting; a method with fewer gives its coarsest masks to the levels
            above.
    """
    rows, columns = parts.size
    scale = min(1.0, LONGEST / max(rows, columns))
    size = (max(2, round(columns * scale)), max(2, round(rows * scale)))
    images = (np.asarray(image, np.float64) for image in (parts.pair.ct01, parts.pair.mri01))
    small = [to_8bit(_resized(image, size) if scale < 1 else image) for image in images]
    share = parts.masks.ct.combine(parts.masks.mri, lambda a, b: (a + 1e-6) / (a + b + 2e-6))
    own = dict(share.items())
    deepest = share.levels

    def of(name: str) -> Bytes:
        kind, level = name[:2], int(name[2:] or 1)
        nearest = deepest if kind == "LL" else min(level, deepest)
        band = own[kind if deepest == 1 else f"{kind}{nearest}"]
        grown = cv2.resize(array(band), size, interpolation=cv2.INTER_NEAREST)
        return to_8bit(np.asarray(grown, np.float64))

    spacing = parts.pair.ct.spacing
    aspect = 1.0 if spacing is None else spacing[0] / spacing[1]
    learned = tuple(of(name) for name in band_names(levels))
    return Canvas(small[0], small[1], levels, learned, aspect)


def _resized(image: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float64)


def pool(painted: Bytes, times: int) -> Bytes:
    """The mean over blocks of 2 x 2, again and again, each time rounded to whole steps of 255.

    Args:
        painted: (H, W) uint8; an odd side repeats its last row or column.
        times: how often.
    """
    for _ in range(times):
        rows, columns = painted.shape
        even = np.pad(painted, ((0, rows % 2), (0, columns % 2)), "edge").astype(np.uint16)
        total = even[0::2, 0::2] + even[0::2, 1::2] + even[1::2, 0::2] + even[1::2, 1::2]
        painted = ((total + 2) // 4).astype(np.uint8)
    return painted


def start_masks(canvas: Canvas, learned: bool) -> tuple[Bytes, ...]:
    """The masks per band before the first stroke: the learned ones, or half everywhere."""
    if not learned:
        return tuple(np.full(shape, 128, np.uint8) for shape in canvas.shapes)
    times = (canvas.levels, *(j for j in range(canvas.levels, 0, -1) for _ in range(3)))
    return tuple(pool(mask, n) for mask, n in zip(canvas.learned, times, strict=True))


def fuse(canvas: Canvas, masks: tuple[Bytes, ...]) -> FusionResult:
    """``F = IDWT(a * DWT(CT) + (1 - a) * DWT(MRI))`` with painted masks a.

    Args:
        canvas: the pair.
        masks: one per band, uint8 of the band's size, 255 takes all of the CT.
    """
    ct, mri = (_tensor(image) for image in (canvas.ct, canvas.mri))
    c, m = analyse(ct, WAVELET, canvas.levels), analyse(mri, WAVELET, canvas.levels)
    a = _bands([_tensor(mask) for mask in masks])
    both = Masks(a, a.map(lambda mask: 1 - mask))
    size = (canvas.ct.shape[0], canvas.ct.shape[1])
    return FusionResult(synthesise(gate(both, c, m), WAVELET, size), both, c, m, WAVELET)


def encode(masks: tuple[Bytes, ...]) -> str:
    """Masks as the browser sends them: their bytes one after the other in base64."""
    return base64.b64encode(b"".join(mask.tobytes() for mask in masks)).decode()


def decode(text: Any, shapes: tuple[tuple[int, int], ...]) -> tuple[Bytes, ...] | None:
    """Masks from the browser's answer; None where it is none or of another size."""
    if not isinstance(text, str):
        return None
    try:
        data = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    except (binascii.Error, ValueError):
        return None
    ends = np.cumsum([rows * columns for rows, columns in shapes])
    if data.size != ends[-1]:
        return None
    pieces = np.split(data, ends[:-1])
    return tuple(piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True))


def _tensor(image: Bytes) -> Tensor:
    return torch.from_numpy(image.astype(np.float32) / 255)[None, None]


def _bands(flat: list[Tensor]) -> Subbands:
    details = [Details(*flat[i : i + 3]) for i in range(1, len(flat), 3)]
    return Subbands(flat[0], tuple(reversed(details)))
