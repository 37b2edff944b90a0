"""What the laboratory works on: an image in [0, 1] and the transform applied to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion_core.wavelets import BoundaryMode

Rail = Literal["image", "pair", "none"]
"""What a view needs at the left: the laboratory's image and transform, the pair and the method
of the fusing pages, or nothing."""


@dataclass(frozen=True, eq=False)
class LabImage:
    """An image of the laboratory.

    Attributes:
        title: what the screen calls it, "Tumour with oedema, CT".
        key: identifies the content in caches and widget keys.
        pixels: (H, W) float32 in [0, 1].
        stem: how files made from it begin.
        spacing: (row, column) in mm; None where unknown.
        orientation: patient directions at the (left, right, top, bottom) edge; None where unknown.
        notes: sentences about what was changed on the way in.
    """

    title: str
    key: str
    pixels: NDArray[np.float32]
    stem: str
    spacing: tuple[float, float] | None = None
    orientation: tuple[str, str, str, str] | None = None
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def tensor(self) -> Tensor:
        """(1, 1, H, W) float64: the laboratory shows errors far below those of float32."""
        return torch.from_numpy(self.pixels.astype(np.float64))[None, None]


@dataclass(frozen=True, eq=False)
class LabChoice:
    """The image and the transform chosen in the rail.

    Attributes:
        image: what is decomposed.
        wavelet: a name of :data:`fusion_core.wavelets.WAVELETS`.
        levels: 1 to 5.
        mode: how the image continues beyond its border.
    """

    image: LabImage
    wavelet: str
    levels: int
    mode: BoundaryMode

    @property
    def key(self) -> str:
        """Identifies image and transform together."""
        return f"{self.image.key}-{self.wavelet}-{self.levels}-{self.mode}"


@dataclass(frozen=True)
class View:
    """One screen of the laboratory.

    Attributes:
        draw: draws it; called in a fragment of its own, so its widgets redraw only itself.
        rail: what it needs at the left. "pair" draws the rail of the fusing pages; call
            ``ui.workspace.fuse_current()`` for the pair.
        references: keys of what the foot of the view cites.
    """

    draw: Callable[[LabChoice], None]
    rail: Rail = "image"
    references: tuple[str, ...] = field(default=())
