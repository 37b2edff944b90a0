"""The linear filters every structural loss is made of: weighted windows and Sobel."""

from functools import lru_cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 11
SIGMA = 1.5

Padding = Literal["replicate", "reflect", "zero"]
Taps = tuple[float, ...]

# Up to this side two dense band products beat a depthwise convolution. On a GPU they win for
# longer and, unlike a convolution, never fall into TF32, which would drown small variances.
_MATRIX_LIMIT_CPU = 160
_MATRIX_LIMIT_GPU = 768


def window_size(side: int) -> int:
    """Taps of the Gaussian window along one side: 11, or the largest odd number that fits.

    Args:
        side: length of the image along that axis, pixels, at least 1.
    """
    return min(WINDOW, side - 1 + side % 2)


def gaussian_blur(maps: Tensor) -> Tensor:
    """Local means under the Gaussian window (sigma 1.5) where it lies wholly inside the image.

    Args:
        maps: (B, C, H, W); the result is (B, C, H - kh + 1, W - kw + 1) with kh, kw from
            `window_size`.
    """
    height, width = maps.shape[-2:]
    on_cpu = maps.device.type == "cpu"
    limit = _MATRIX_LIMIT_CPU if on_cpu else _MATRIX_LIMIT_GPU
    # Autocast would run products and convolutions in half precision: E[x^2] - E[x]^2 needs more.
    with torch.autocast(device_type=maps.device.type, enabled=False):
        if max(height, width) <= limit:
            rows = _band_matrix(height, maps.dtype, maps.device)
            columns = _band_matrix(width, maps.dtype, maps.device)
            return (rows @ maps) @ columns.T
        channels = maps.shape[1]
        if on_cpu:  # where a depthwise convolution is fast only with channels innermost
            maps = maps.contiguous(memory_format=torch.channels_last)
        down = _taps(window_size(height), maps.dtype, maps.device).view(1, 1, -1, 1)
        across = _taps(window_size(width), maps.dtype, maps.device).view(1, 1, 1, -1)
        blurred = F.conv2d(maps, across.expand(channels, -1, -1, -1), groups=channels)
        blurred = F.conv2d(blurred, down.expand(channels, -1, -1, -1), groups=channels)
        return blurred.contiguous()


def window_mean(maps: Tensor, taps: Taps, step: int = 1) -> Tensor:
    """Weighted local means, separable, where the window lies wholly inside the image.

    Args:
        maps: (B, C, H, W).
        taps: weights along either axis, an odd number; cut symmetrically to the largest odd number
            that fits, and made to sum to 1 again.
        step: keeps every `step`-th row and column.

    Returns:
        (B, C, ceil((H - kh + 1) / step), ceil((W - kw + 1) / step)).
    """
    height, width = maps.shape[-2:]
    with torch.autocast(device_type=maps.device.type, enabled=False):
        rows = _means_matrix(height, taps, step, maps.dtype, maps.device)
        columns = _means_matrix(width, taps, step, maps.dtype, maps.device)
        return rows @ (maps @ columns.T)


@lru_cache(maxsize=16)
def gaussian_taps(size: int) -> Taps:
    """Gaussian weights of an odd number of taps, sigma a fifth of it; they sum to 1."""
    offsets = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-(offsets**2) / (2 * (size / 5) ** 2))
    return tuple((weights / weights.sum()).tolist())


def sobel(image: Tensor, padding: Padding) -> tuple[Tensor, Tensor]:
    """Horizontal and vertical 3x3 Sobel derivatives, unnormalised, of the size of the image.

    Args:
        image: (B, C, H, W).
        padding: how the image continues past its border; "reflect" does not repeat the border
            pixel (OpenCV's reflect-101) and falls back to "replicate" along a side of one pixel.
    """
    padded = _pad(image, padding)
    across = padded[..., 2:] - padded[..., :-2]
    dx = (across[..., :-2, :] + across[..., 2:, :]).add(across[..., 1:-1, :], alpha=2)
    down = padded[..., 2:, :] - padded[..., :-2, :]
    dy = (down[..., :-2] + down[..., 2:]).add(down[..., 1:-1], alpha=2)
    return dx, dy


def _pad(image: Tensor, padding: Padding) -> Tensor:
    if padding == "zero":
        return F.pad(image, (1, 1, 1, 1))
    if padding == "replicate":
        return F.pad(image, (1, 1, 1, 1), mode="replicate")
    height, width = image.shape[-2:]
    padded = F.pad(image, (1, 1, 0, 0), mode="reflect" if width > 1 else "replicate")
    return F.pad(padded, (0, 0, 1, 1), mode="reflect" if height > 1 else "replicate")


@lru_cache(maxsize=64)
def _taps(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    # A tensor born in inference mode could never again take part in training.
    with torch.inference_mode(False):
        offsets = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
        weights = torch.exp(-(offsets**2) / (2 * SIGMA**2))
        return (weights / weights.sum()).to(device=device, dtype=dtype)


@lru_cache(maxsize=64)
def _band_matrix(side: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(side - k + 1, side): row i holds the window's taps from column i on."""
    with torch.inference_mode(False):
        taps = _taps(window_size(side), torch.float64, torch.device("cpu"))
        rows = side - len(taps) + 1
        matrix = torch.zeros(rows, side, dtype=torch.float64)
        columns = torch.arange(rows)[:, None] + torch.arange(len(taps))
        matrix.scatter_(1, columns, taps.expand(rows, -1))
        return matrix.to(device=device, dtype=dtype)


@lru_cache(maxsize=128)
def _means_matrix(
    side: int, taps: Taps, step: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Row i holds the taps from column i * step on, as many of them as fit into the side."""
    with torch.inference_mode(False):
        size = min(len(taps), side - 1 + side % 2)
        cut = (len(taps) - size) // 2
        weights = torch.tensor(taps[cut : cut + size], dtype=torch.float64)
        rows = torch.arange(0, side - size + 1, step)
        matrix = torch.zeros(len(rows), side, dtype=torch.float64)
        columns = rows[:, None] + torch.arange(size)
        matrix.scatter_(1, columns, (weights / weights.sum()).expand(len(rows), -1))
        return matrix.to(device=device, dtype=dtype)
