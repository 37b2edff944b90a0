"""Classical rules whose image cannot be split by the wavelet model's subbands.

Each takes and gives (B, 1, H, W) in [0, 1]; the results hold the fused image alone.
"""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from fusion_core.model import FusionResult

Plane = NDArray[np.float32]
_DTCWT_LEVELS = 4
_TINY = 1e-12


def maximum(ct: Tensor, mri: Tensor) -> FusionResult:
    """The brighter of the two pixels."""
    return FusionResult(torch.maximum(ct, mri))


def laplacian_pyramid(ct: Tensor, mri: Tensor, levels: int = 4) -> FusionResult:
    """Larger magnitude in every Laplacian level, mean of the coarsest images.

    Reference: P. J. Burt, E. H. Adelson, "The Laplacian pyramid as a compact image code", IEEE
    Trans. Commun. 31(4), 1983, doi:10.1109/TCOM.1983.1095851.
    """
    return _each(ct, mri, lambda x, y: _fuse_laplacian(x, y, levels))


def guided_filter(ct: Tensor, mri: Tensor) -> FusionResult:
    """Weights from saliency, aligned with the sources' edges by a guided filter, on two scales.

    Reference: S. Li, X. Kang, J. Hu, "Image fusion with guided filtering", IEEE Trans. Image
    Process. 22(7), 2013, doi:10.1109/TIP.2013.2244222; its parameters.
    """
    return _each(ct, mri, _fuse_guided)


def dual_tree_maximum(ct: Tensor, mri: Tensor) -> FusionResult:
    """Larger complex magnitude in six directions and four levels, larger lowpass value.

    Reference: N. Kingsbury, "Complex wavelets for shift invariant analysis and filtering of
    signals", Appl. Comput. Harmon. Anal. 10(3), 2001, doi:10.1006/acha.2000.0343.
    """
    height, width = ct.shape[-2:]
    step = 2**_DTCWT_LEVELS
    pair = F.pad(torch.cat((ct, mri), 1), (0, -width % step, 0, -height % step), mode="replicate")
    forward, inverse = _dual_tree()
    low, bands = forward.to(pair.device)(pair)
    chosen = []
    for band in bands:  # (B, 2, 6, h, w, 2): source, direction, real and imaginary part
        strength = band.square().sum(-1, keepdim=True)
        chosen.append(torch.where(strength[:, :1] >= strength[:, 1:], band[:, :1], band[:, 1:]))
    fused = inverse.to(pair.device)((low.amax(1, keepdim=True), chosen))
    return FusionResult(fused[..., :height, :width])


@cache
def _dual_tree() -> tuple[nn.Module, nn.Module]:
    from pytorch_wavelets import DTCWTForward, DTCWTInverse

    filters = {"biort": "near_sym_b", "qshift": "qshift_b"}
    return DTCWTForward(J=_DTCWT_LEVELS, **filters), DTCWTInverse(**filters)


def _each(ct: Tensor, mri: Tensor, fuse: Callable[[Plane, Plane], Plane]) -> FusionResult:
    """Apply a rule for two planes (H, W) to every pair of a batch."""
    pairs = zip(ct.flatten(0, 1).cpu().numpy(), mri.flatten(0, 1).cpu().numpy(), strict=True)
    fused = np.stack([fuse(x, y) for x, y in pairs])
    return FusionResult(torch.from_numpy(fused).unsqueeze(1).to(ct))


def _fuse_laplacian(ct: Plane, mri: Plane, levels: int) -> Plane:
    details = []
    for _ in range(levels):
        if min(ct.shape) < 2:
            break
        ct_small, mri_small = cv2.pyrDown(ct), cv2.pyrDown(mri)
        size = (ct.shape[1], ct.shape[0])
        c, m = ct - cv2.pyrUp(ct_small, dstsize=size), mri - cv2.pyrUp(mri_small, dstsize=size)
        details.append(np.where(np.abs(c) >= np.abs(m), c, m))
        ct, mri = ct_small.astype(np.float32), mri_small.astype(np.float32)
    fused = np.asarray((ct + mri) / 2, np.float32)
    for detail in reversed(details):
        grown = cv2.pyrUp(fused, dstsize=(detail.shape[1], detail.shape[0]))
        fused = np.asarray(grown + detail, np.float32)
    return fused


def _fuse_guided(ct: Plane, mri: Plane) -> Plane:
    sources = (ct, mri)
    saliency = [
        cv2.GaussianBlur(np.abs(cv2.Laplacian(x, cv2.CV_32F)), (11, 11), 5) for x in sources
    ]
    first = (saliency[0] >= saliency[1]).astype(np.float32)
    fused: Plane = np.zeros_like(ct)
    base = [_mean(x, 15) for x in sources]
    details = [x - b for x, b in zip(sources, base, strict=True)]
    # The base is weighted smoothly, the details along edges.
    for parts, radius, smoothness in ((base, 45, 0.3), (details, 7, 1e-6)):
        weights = [
            np.clip(_guided(x, w, radius, smoothness), 0, 1)
            for x, w in zip(sources, (first, np.float32(1) - first), strict=True)
        ]
        total = weights[0] + weights[1]
        share = np.where(total > _TINY, weights[0] / np.maximum(total, _TINY), 0.5)
        fused += share * parts[0] + (1 - share) * parts[1]
    return fused


def _guided(guide: Plane, image: Plane, radius: int, smoothness: float) -> Plane:
    """K. He, J. Sun, X. Tang, "Guided image filtering", 2013, doi:10.1109/TPAMI.2012.213."""
    mean_guide, mean_image = _mean(guide, radius), _mean(image, radius)
    covariance = _mean(guide * image, radius) - mean_guide * mean_image
    variance = _mean(guide * guide, radius) - mean_guide * mean_guide
    slope = np.asarray(covariance / (variance + smoothness), np.float32)
    offset = np.asarray(mean_image - slope * mean_guide, np.float32)
    return _mean(slope, radius) * guide + _mean(offset, radius)


def _mean(image: Plane, radius: int) -> Plane:
    side = 2 * radius + 1
    return np.asarray(cv2.blur(image, (side, side), borderType=cv2.BORDER_REPLICATE), np.float32)
