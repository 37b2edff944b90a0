"""The loss terms: each takes (fused, ct, mri) and gives one value per image, smaller is better.

Every term is a free function of three (B, 1, H, W) tensors: the unclamped fused image and its
sources in [0, 1] (data range 1). Terms evaluated together share work through `stats`.
"""

import math
from typing import Protocol

import torch
from torch import Tensor

from fusion_core.losses.information import conditional_entropy, normalised_mutual_information
from fusion_core.losses.pairstats import PairStats, norm
from fusion_core.losses.perception import information_fidelity
from fusion_core.losses.perception import visible_difference as seen_difference
from fusion_core.losses.spots import lost_spots

# Below this variance an image counts as constant and correlates with nothing. It stands for a
# standard deviation of a quarter of a grey level, and bounds the gradient of a correlation.
_CONSTANT = 1e-6

# Half a grey level: what edge_quality takes for no gradient at all.
_NO_EDGE = 0.5 / 255
# Keeps the slope of the geometric mean in `fidelity` bounded where a source is wholly lost.
_LOST = 0.01
# Rounds the corner of minimum / maximum where the two strengths are equal.
_ROUNDING = 0.02


class Term(Protocol):
    """A loss term: (fused, ct, mri) -> (B,), optionally on maps already computed."""

    def __call__(
        self, fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None
    ) -> Tensor:
        """Give one value per image."""
        ...


def mse(fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None) -> Tensor:
    """Mean squared difference to the sources, each weighted one half, in [0, inf)."""
    s = stats or PairStats(fused, ct, mri)
    return (s.fused - s.sources).square().mean(dim=(1, 2, 3))


def ssim(fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None) -> Tensor:
    """One minus SSIM, mean over both sources and the region where the window fits, in [0, 2].

    The window is Gaussian, 11 x 11, sigma 1.5; along a side below 11 pixels it is the largest odd
    size that fits.

    Reference: Wang et al. 2004, doi:10.1109/TIP.2003.819861.
    """
    s = stats or PairStats(fused, ct, mri)
    return 1 - s.ssim_maps.mean(dim=(1, 2, 3))


def weighted_ssim(
    fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None
) -> Tensor:
    """One minus SSIM, the source of the larger local variance counting more, in [0, 2]."""
    s = stats or PairStats(fused, ct, mri)
    variance = s.source_moments.variance
    ct_weight = variance[:, :1] / (variance.sum(dim=1, keepdim=True) + 1e-6)
    weights = torch.cat([ct_weight, 1 - ct_weight], dim=1)
    return 1 - (weights * s.ssim_maps).sum(dim=1).mean(dim=(1, 2))


def uniform_ssim(
    fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None
) -> Tensor:
    """One minus the metric SSIM_Avg: uniform 7 x 7 window, mean over both sources, in [0, 2]."""
    s = stats or PairStats(fused, ct, mri)
    return 1 - s.uniform_ssim_maps.mean(dim=(1, 2, 3))


def gradient(fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None) -> Tensor:
    """Mean absolute difference of the gradient magnitude to the sources' pixelwise maximum."""
    s = stats or PairStats(fused, ct, mri)
    target = s.source_gradients("replicate").magnitude.amax(dim=1, keepdim=True)
    return (s.fused_gradients("replicate").magnitude - target).abs().mean(dim=(1, 2, 3))


def artefact(fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None) -> Tensor:
    """Mean amount by which the gradient magnitude passes both sources', in [0, inf).

    Edges steeper than in either image are what the metric Nabf counts.
    """
    s = stats or PairStats(fused, ct, mri)
    steepest = s.source_gradients("replicate").magnitude.amax(dim=1, keepdim=True)
    return (s.fused_gradients("replicate").magnitude - steepest).relu().mean(dim=(1, 2, 3))


def max_gradient(
    fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None
) -> Tensor:
    """Mean length of the difference to the gradient vector of the steeper source (a tie: CT)."""
    s = stats or PairStats(fused, ct, mri)
    source, ours = s.source_gradients("replicate"), s.fused_gradients("replicate")
    from_mri = source.magnitude[:, 1:] > source.magnitude[:, :1]
    dx = torch.where(from_mri, source.dx[:, 1:], source.dx[:, :1])
    dy = torch.where(from_mri, source.dy[:, 1:], source.dy[:, :1])
    return norm(ours.dx - dx, ours.dy - dy).mean(dim=(1, 2, 3))


def max_intensity(
    fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None
) -> Tensor:
    """Mean absolute difference to the brighter source, in [0, inf)."""
    s = stats or PairStats(fused, ct, mri)
    return (s.fused - s.brighter).abs().mean(dim=(1, 2, 3))


def edge(fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None) -> Tensor:
    """One minus the metric Edge_Preservation, in [0, 2]; 1 where an image has no edges.

    That is the correlation of the gradient magnitude with the sources' pixelwise maximum, with
    the metric's own reflecting border.
    """
    s = stats or PairStats(fused, ct, mri)
    target = s.source_gradients("reflect").magnitude.amax(dim=1, keepdim=True)
    return 1 - _correlation(s.fused_gradients("reflect").magnitude, target)[:, 0]


def information(
    fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None
) -> Tensor:
    """One minus the normalised mutual information of 32 soft bins, mean over sources, in [0, 1].

    Soft bins blur the joint histogram, so even a copy of a source stays above 0. An image that is
    constant shares no information: 1.
    """
    s = stats or PairStats(fused, ct, mri)
    return 1 - normalised_mutual_information(s.fused, s.sources).mean(dim=1)


def unexplained(
    fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None
) -> Tensor:
    """Entropy of a source where the fused image is known, nats, mean over sources, from 0 on.

    It falls by what the metric MI_Avg rises, up to its 32 soft bins.
    """
    s = stats or PairStats(fused, ct, mri)
    return conditional_entropy(s.fused, s.sources).mean(dim=1)


def fidelity(fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None) -> Tensor:
    """Two minus twice the geometric mean of the visual information fidelity with either source.

    Where both are kept alike this is two minus the metric VIF. The sum itself would be won by a
    copy of one source, so a model trained on it forgets the other.

    Reference: Sheikh & Bovik 2006, doi:10.1109/TIP.2005.859378.
    """
    s = stats or PairStats(fused, ct, mri)
    kept = information_fidelity(s.fused, s.sources)
    return 2 - 2 * ((kept.prod(dim=1) + _LOST**2).sqrt() - _LOST)


def visible_difference(
    fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None
) -> Tensor:
    """The metric Qcv / 1000: differences that an eye sees, weighted by the sources' edges.

    Reference: Chen & Varshney 2007, doi:10.1016/j.inffus.2005.10.001.
    """
    return seen_difference(stats or PairStats(fused, ct, mri))


def ct_conspicuity(
    fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None
) -> Tensor:
    """Share of the contrast of the CT's bright spots that the fused image loses, from 0 on.

    Spots are what a bleed or a calcification is on a CT: brighter by a twentieth of the range than
    the surroundings of a few pixels, and neither bone nor beside it. 0 where there is none.
    """
    return lost_spots(stats or PairStats(fused, ct, mri))


def scd(fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None) -> Tensor:
    """Two minus the sum of the correlations of differences, in [0, 4].

    Reference: Aslantas & Bendes 2015, doi:10.1016/j.aeue.2015.09.004.
    """
    s = stats or PairStats(fused, ct, mri)
    # What the fused image holds beyond one source should look like the other.
    return 2 - _correlation(s.fused - s.sources.flip(1), s.sources).sum(dim=1)


def edge_quality(
    fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None
) -> Tensor:
    """One minus a smooth Qabf: edge strength and orientation kept, weighted by source gradient.

    The ratio of smaller to larger edge strength is rounded where they are equal, and orientations
    are compared as undirected lines (two edges 179 degrees apart are 1 degree apart, where the
    metric's arctangent jumps). Even a copy of both sources stays near 0.025, about the metric's own
    ceiling; 0 where neither source has an edge.

    Reference: Xydeas & Petrovic 2000, doi:10.1049/el:20000267.
    """
    s = stats or PairStats(fused, ct, mri)
    source, ours = s.source_gradients("zero"), s.fused_gradients("zero")
    floor = _NO_EDGE**2
    source_square = source.dx.square() + source.dy.square() + floor
    square = ours.dx.square() + ours.dy.square() + floor
    # min / max = 2 p q / (p^2 + q^2 + |p^2 - q^2|), with the modulus rounded and no logarithm.
    product = source_square * square
    spread = ((source_square - square).square() + (2 * _ROUNDING) ** 2 * product).sqrt()
    strength = (2 + 2 * _ROUNDING) * product.sqrt() / (source_square + square + spread)
    dot = ours.dx * source.dx + ours.dy * source.dy
    cross = ours.dx * source.dy - ours.dy * source.dx
    # The added length keeps the angle defined, and its slope bounded, where nothing has a slope.
    angle = torch.atan2(cross.abs(), dot.abs() + _NO_EDGE * source_square.sqrt())
    alignment = 1 - angle / (math.pi / 2)
    kept = torch.sigmoid(15 * (strength - 0.5)) * torch.sigmoid(22 * (alignment - 0.8))
    weight = source.magnitude
    tiny = 1e-8
    lost = (weight * (1 - 0.9994 * 0.9879 * kept)).mean(dim=(1, 2, 3))
    return lost / (weight.mean(dim=(1, 2, 3)) + tiny)


def value_range(
    fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None
) -> Tensor:
    """Mean amount by which the fused image leaves [0, 1], in [0, inf)."""
    s = stats or PairStats(fused, ct, mri)
    return (s.fused - s.fused.clamp(0, 1)).abs().mean(dim=(1, 2, 3))


def _correlation(x: Tensor, y: Tensor) -> Tensor:
    """Pearson correlation over the pixels, (B, C, H, W) -> (B, C); 0 where one is constant."""
    x = x - x.mean(dim=(2, 3), keepdim=True)
    y = y - y.mean(dim=(2, 3), keepdim=True)
    variances = x.square().mean(dim=(2, 3)).clamp_min(_CONSTANT)
    variances = variances * y.square().mean(dim=(2, 3)).clamp_min(_CONSTANT)
    return (x * y).mean(dim=(2, 3)) / variances.sqrt()


TERMS: dict[str, Term] = {
    "mse": mse,
    "ssim": ssim,
    "gradient": gradient,
    "edge": edge,
    "information": information,
    "max_intensity": max_intensity,
    "weighted_ssim": weighted_ssim,
    "max_gradient": max_gradient,
    "artefact": artefact,
    "scd": scd,
    "edge_quality": edge_quality,
    "range": value_range,
    "uniform_ssim": uniform_ssim,
    "fidelity": fidelity,
    "visible_difference": visible_difference,
    "unexplained": unexplained,
    "ct_conspicuity": ct_conspicuity,
}
