"""Differentiable forms of the perceptual metrics VIF and Qcv."""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion_core.losses.filters import gaussian_taps, window_mean
from fusion_core.losses.pairstats import PairStats

_WINDOWS = (17, 9, 5, 3)
_NOISE = 2.0  # variance of the eye's own noise, on grey levels
# A window of less variance (grey levels squared) is flat: it carries no information, and float32
# would divide rounding by rounding.
_FLAT = 0.02

_TILE = 16
_CYCLES_PER = 256  # pixels: frequencies are counted per 256 px whatever the image's size
_TINY = 1e-20


def information_fidelity(image: Tensor, sources: Tensor) -> Tensor:
    """Pixel-domain visual information fidelity with every source, (B, S), about 0 to 1.

    The metric VIF is its sum over the sources. Windows shrink to what fits, and scales end where
    an image is too small to be halved.

    Args:
        image: (B, 1, H, W), in [0, 1].
        sources: (B, S, H, W) in [0, 1].

    Reference: Sheikh & Bovik 2006, doi:10.1109/TIP.2005.859378.
    """
    image, sources = image * 255, sources * 255
    kept = torch.zeros_like(sources[..., 0, 0])
    held = torch.zeros_like(kept)
    count = sources.shape[1]
    for scale, size in enumerate(_WINDOWS):
        if scale:
            if min(image.shape[-2:]) < 3:
                break
            both = window_mean(torch.cat([image, sources], 1), gaussian_taps(size), step=2)
            image, sources = both[:, :1], both[:, 1:]
        taps = gaussian_taps(size)
        with torch.no_grad():
            means = window_mean(torch.cat([sources, sources.square()], 1), taps)
            source_mean = means[:, :count]
            source_var = (means[:, count:] - source_mean.square()).clamp_min(0)
            held += torch.log1p(source_var / _NOISE).sum((2, 3))
        means = window_mean(torch.cat([image, image.square(), image * sources], 1), taps)
        mean = means[:, :1]
        variance = (means[:, 1:2] - mean.square()).clamp_min(0)
        # An inverted signal carries nothing, as in the metric.
        shared = (means[:, 2:] - mean * source_mean).clamp_min(0)
        gain = shared / source_var.clamp_min(_FLAT)
        noise = (variance - gain * shared).clamp_min(0)
        carried = torch.log1p(gain * shared / (noise + _NOISE))
        kept = kept + torch.where(source_var > _FLAT, carried, 0).sum((2, 3))
    return kept / held.clamp_min(1e-6)


def visible_difference(stats: PairStats) -> Tensor:
    """Qcv / 1000: the difference an eye sees, weighted by the sources' local edges, (B,).

    Tiles are 16 pixels wide, or as wide as a smaller image. 0 where neither source has an edge.

    Reference: Chen & Varshney 2007, doi:10.1016/j.inffus.2005.10.001.
    """
    height, width = stats.fused.shape[-2:]
    tile = (min(_TILE, height), min(_TILE, width))
    with torch.no_grad():
        strength = stats.source_gradients("zero").magnitude
        saliency = F.avg_pool2d(strength**5, tile)
        weights = saliency / saliency.sum((1, 2, 3), keepdim=True).clamp_min(_TINY)
    eye = _contrast_sensitivity(height, width, stats.fused.dtype, stats.fused.device)
    spectrum = torch.fft.rfft2(stats.sources - stats.fused) * eye
    seen = torch.fft.irfft2(spectrum, s=(height, width))
    return (F.avg_pool2d(seen.square(), tile) * weights).sum((1, 2, 3)) * (255**2 / 1000)


@lru_cache(maxsize=16)
def _contrast_sensitivity(
    height: int, width: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Mannos and Sakrison's filter on the half plane of `rfft2`, (height, width // 2 + 1)."""
    with torch.inference_mode(False):  # what is cached must serve training as well
        v = torch.fft.fftfreq(height, 1 / _CYCLES_PER, dtype=torch.float64)[:, None]
        u = torch.fft.rfftfreq(width, 1 / _CYCLES_PER, dtype=torch.float64)[None]
        r = 0.114 * torch.hypot(u, v) / 4
        sensitivity = 2.6 * (0.0192 + r) * torch.exp(-(r**1.1))
        return sensitivity.to(dtype=dtype, device=device)
