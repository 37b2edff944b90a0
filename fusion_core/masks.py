"""The mask network: from the subbands of both images to gates in [0, 1]."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class MaskNet(nn.Module):
    """A plain stack of convolutions with ReLU between them and a sigmoid at the end.

    Zero padding keeps the spatial size, so gates have the size of the bands.

    Args:
        inputs: channels in, the subbands of both images.
        widths: channels of the hidden layers.
        outputs: gates out.
        kernel_size: odd side of every kernel.
        dilations: spacing of the taps, one per layer (hidden layers and the last one).
    """

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        outputs: int,
        kernel_size: int = 3,
        dilations: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        channels = [inputs, *widths, outputs]
        dilations = dilations or [1] * (len(channels) - 1)
        layers: list[nn.Module] = []
        for before, after, dilation in zip(channels, channels[1:], dilations, strict=False):
            padding = dilation * (kernel_size // 2)
            layers += [
                nn.Conv2d(before, after, kernel_size, padding=padding, dilation=dilation),
                nn.ReLU(inplace=True),  # a fresh buffer per layer costs as much as the layer
            ]
        layers[-1] = nn.Sigmoid()
        self.layers = nn.Sequential(*layers)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # no stub for it

    def forward(self, bands: Tensor) -> Tensor:
        """Gates (B, outputs, h, w) in [0, 1] for bands (B, inputs, h, w)."""
        gates: Tensor = self.layers(bands.contiguous(memory_format=torch.channels_last))
        return gates

    def start_at(self, logit: float) -> None:
        """Set the last bias, so that an untrained network's gates begin near sigmoid(logit)."""
        last = self.layers[-2]
        if isinstance(last, nn.Conv2d) and last.bias is not None:
            nn.init.constant_(last.bias, logit)
