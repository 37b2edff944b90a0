"""A mask network with a wide view: blocks of coefficients, weak ones made visible, two scales.

It is as fast as a plain stack of a sixth of its values, because all but the first and last steps
work on a quarter of the positions.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCK = 2
"""Side of the blocks of coefficients that become channels."""
AREA = BLOCK * BLOCK

COARSE = 4  # blocks of the coarse branch, in each direction
_WIDTH = 32
_DILATIONS = (1, 2, 4)
SOFT_LL, SOFT_DETAIL = 0.04, 0.02  # where squash() is a half: 5 grey levels
STEP = 0.1  # a nudge of 1 in coefficients
TINY = 1e-4  # keeps a nudge from dividing by black


class ContextMaskNet(nn.Module):
    """Gates from all bands of both images, each near what makes the fused coefficient right.

    - Blocks of 2 x 2 coefficients become channels (pixel unshuffle).
    - Beside the bands it sees them squashed, ``x / (|x| + s)``, LL as its difference from the mean
      around it, so that the faint texture of the brain counts beside bone.
    - A branch at a quarter of the blocks sees 240 pixels of surroundings.
    - It also says by how much a fused coefficient ``a c + b m`` should change, a nudge r. Both
      gates move by the least that does it, ``r c / (c² + m²)`` and ``r m / (c² + m²)``, and stay
      in [0, 1].

    Args:
        bands: gated bands of the level, 4 with LL or 3 without.
        widths: channels of the hidden layers on blocks.
        kernel_size: odd side of every kernel.
    """

    def __init__(self, bands: int, widths: Sequence[int], kernel_size: int = 3) -> None:
        super().__init__()
        self.bands = bands
        channels = [2 * 8 * AREA, *widths, 3 * bands * AREA]
        self.fine = nn.ModuleList(
            _conv(before, after, kernel_size) for before, after in pairwise(channels)
        )
        coarse = [widths[0]] + [_WIDTH] * len(_DILATIONS)
        self.coarse = nn.ModuleList(
            _conv(before, after, kernel_size, dilation)
            for (before, after), dilation in zip(pairwise(coarse), _DILATIONS, strict=True)
        )
        self.up = nn.Conv2d(_WIDTH, widths[0], 1)
        for values in self.fine[-1].parameters():  # no nudge at first
            nn.init.zeros_(values.data[2 * bands * AREA :])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # no stub for it

    def forward(self, seen: Tensor) -> Tensor:
        """Gates (B, 2 * bands, h, w) in [0, 1], CT's before MRI's.

        Args:
            seen: (B, 8, h, w): LL, LH, HL, HH, each of CT and MRI.
        """
        height, width = seen.shape[-2:]
        seen = F.pad(seen, (0, width % BLOCK, 0, height % BLOCK), mode="replicate")
        blocks = F.pixel_unshuffle(seen, BLOCK).contiguous(memory_format=torch.channels_last)
        means = F.avg_pool2d(seen[:, :2], BLOCK)
        around = F.avg_pool2d(means, 3, 1, 1, count_include_pad=False)
        ll = blocks[:, : 2 * AREA] - around.repeat_interleave(AREA, 1)
        details = blocks[:, 2 * AREA :]
        x = torch.cat((blocks, squash(ll, SOFT_LL), squash(details, SOFT_DETAIL)), 1)

        x = torch.relu_(self.fine[0](x))
        wide = F.avg_pool2d(x, COARSE, ceil_mode=True)
        for layer in self.coarse:
            wide = torch.relu_(layer(wide))
        x = x + F.interpolate(self.up(wide), size=x.shape[-2:], mode="bilinear")
        for layer in self.fine[1:-1]:
            x = torch.relu_(layer(x))
        gates = F.pixel_shuffle(self._gates(self.fine[-1](x), blocks), BLOCK)
        return gates[..., :height, :width]

    def _gates(self, said: Tensor, blocks: Tensor) -> Tensor:
        n = self.bands * AREA
        batch, _, height, width = blocks.shape
        by_source = blocks.view(batch, 4, 2, AREA, height, width)[:, -self.bands :]
        ct, mri = (by_source[:, :, i].flatten(1, 2) for i in (0, 1))
        gates = torch.sigmoid(said[:, : 2 * n])
        nudge = said[:, 2 * n :] * STEP / (ct * ct + mri * mri + TINY)
        moved = gates + torch.cat((nudge * ct, nudge * mri), 1)
        return moved.clamp(0, 1)

    def start_at(self, logit: float) -> None:
        """Set the last biases, so that an untrained network's gates begin near sigmoid(logit)."""
        bias = self.fine[-1].get_parameter("bias")
        nn.init.constant_(bias.data[: 2 * self.bands * AREA], logit)


def squash(x: Tensor, scale: float) -> Tensor:
    """``x / (|x| + scale)``: in (-1, 1), a half at the scale, steep at 0."""
    return x / (x.abs() + scale)


def _conv(before: int, after: int, kernel_size: int, dilation: int = 1) -> nn.Conv2d:
    padding = dilation * (kernel_size // 2)
    return nn.Conv2d(before, after, kernel_size, padding=padding, dilation=dilation)
