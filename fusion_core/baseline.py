"""A deep baseline: a residual encoder-decoder that paints the fused image itself.

It stands beside the wavelet models so that what masks cost or gain can be measured. It has no
subbands and no masks, so nothing in its image can be traced to a source.

References: K. He et al., "Deep residual learning for image recognition", CVPR 2016,
doi:10.1109/CVPR.2016.90; the encoder-decoder with a skip follows O. Ronneberger et al., "U-Net",
MICCAI 2015, doi:10.1007/978-3-319-24574-4_28.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusion_core.model import FusionResult, as_batches, read_settings


@dataclass(frozen=True)
class ResNetConfig:
    """Everything that defines a ResNetFusion but its weights.

    Args:
        width: channels at full size; twice as many at half size.
        blocks: residual blocks at half size.
        kernel_size: odd side of every kernel.
    """

    width: int = 16
    blocks: int = 4
    kernel_size: int = 3

    def __post_init__(self) -> None:
        limits = {"width": (1, 1024), "blocks": (0, 64), "kernel_size": (1, 11)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise ValueError(f"{name} must be a whole number, {low} to {high}, got {value!r}.")
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {self.kernel_size}.")

    @property
    def bands(self) -> tuple[str, ...]:
        """None: the network does not decompose."""
        return ()

    @property
    def gates(self) -> tuple[str, ...]:
        """None: the network paints the image instead of gating its sources."""
        return ()

    @property
    def summary(self) -> str:
        """A few words for tables."""
        return f"residual network, {self.blocks} blocks, {self.width} channels"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ResNetConfig":
        """The inverse of :meth:`to_dict`.

        Raises:
            ValueError: a key is unknown or a value is out of range.
        """
        return read_settings(cls, values)


class ResidualBlock(nn.Module):
    """``x + conv(relu(conv(x)))`` with a ReLU after the sum."""

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels, kernel_size)
        self.second = _conv(channels, channels, kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to the same shape."""
        return F.relu(x + self.second(F.relu(self.first(x))))


class ResNetFusion(nn.Module):
    """Encode both images, refine at half size, decode a change to their mean."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.config = config
        width, deep, kernel = config.width, 2 * config.width, config.kernel_size
        self.stem = _conv(2, width, kernel)
        self.down = _conv(width, deep, kernel, stride=2)
        self.blocks = nn.Sequential(*(ResidualBlock(deep, kernel) for _ in range(config.blocks)))
        self.up = _conv(deep, width, kernel)
        self.head = _conv(width, 1, kernel)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # no stub for it

    @property
    def parameter_count(self) -> int:
        """Number of trainable values."""
        return sum(p.numel() for p in self.parameters())

    def forward(self, ct: Tensor, mri: Tensor) -> FusionResult:
        """Fuse a CT and an MRI image.

        Args:
            ct: (H, W), (1, H, W) or (B, 1, H, W), float, in [0, 1].
            mri: the same shape.

        Returns:
            A result with the fused image (B, 1, H, W) alone: there are no masks or subbands.

        Raises:
            ValueError: shapes differ or are none of the above.
        """
        pair = torch.cat(as_batches(ct, mri), 1)
        fine = F.relu(self.stem(pair.contiguous(memory_format=torch.channels_last)))
        coarse = self.blocks(F.relu(self.down(fine)))
        grown = F.interpolate(
            self.up(coarse), size=fine.shape[-2:], mode="bilinear", align_corners=False
        )
        return FusionResult(pair.mean(1, keepdim=True) + self.head(F.relu(fine + grown)))


def _conv(before: int, after: int, kernel_size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel_size, stride, padding=kernel_size // 2)
