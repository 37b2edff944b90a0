"""Classical fusion rules with the interface of a model: ``rule(ct, mri) -> FusionResult``.

Reference: G. Pajares, J. M. de la Cruz, "A wavelet-based image fusion tutorial", Pattern
Recognition 37(9), 2004, doi:10.1016/j.patcog.2004.03.010.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion_core.fitted_gates import fit_gates
from fusion_core.model import FusionResult, Masks, as_batches, gate
from fusion_core.pixel_rules import (
    dual_tree_maximum,
    guided_filter,
    laplacian_pyramid,
    maximum,
)
from fusion_core.wavelets import Subbands, analyse, synthesise

WEIGHTED_LL_CT = 0.6
"""Share of CT in the approximation under the weighted rule; details are halved."""

MaskRule = Callable[[Subbands, Subbands], Masks]


@dataclass(frozen=True)
class Rule:
    """A fusion rule without learned parts.

    Attributes:
        name: how the shell and the menus call it.
        title: how a chart labels it.
        description: one plain sentence.
        fn: (ct, mri), each (B, 1, H, W) in [0, 1], to a :class:`FusionResult`.
        slow: takes seconds for one image, so a screen should say that it waits.
    """

    name: str
    title: str
    description: str
    fn: Callable[[Tensor, Tensor], FusionResult]
    slow: bool = False

    def __call__(self, ct: Tensor, mri: Tensor) -> FusionResult:
        """Fuse images of shape (H, W), (1, H, W) or (B, 1, H, W) in [0, 1]."""
        return self.fn(*as_batches(ct, mri))


def get_rule(name: str) -> Rule:
    """The rule of that name.

    Raises:
        ValueError: there is none; the message lists the names.
    """
    if name not in RULES:
        raise ValueError(f"Unknown fusion rule {name!r}; choose one of {', '.join(RULES)}.")
    return RULES[name]


def fuse_by_masks(
    ct: Tensor, mri: Tensor, rule: MaskRule, wavelet: str = "haar", levels: int = 1
) -> FusionResult:
    """Decompose, gate with the masks that ``rule`` makes of both decompositions, reconstruct.

    Args:
        ct: (B, 1, H, W) in [0, 1].
        mri: the same shape.
        rule: from both sets of subbands to masks of the same layout.
        wavelet: name of the wavelet.
        levels: 1 to 5.
    """
    c, m = analyse(ct, wavelet, levels), analyse(mri, wavelet, levels)
    masks = rule(c, m)
    size = (ct.shape[-2], ct.shape[-1])
    return FusionResult(synthesise(gate(masks, c, m), wavelet, size), masks, c, m, wavelet)


def constant_masks(ll_ct: float, ll_mri: float, detail_ct: float, detail_mri: float) -> MaskRule:
    """A mask rule that takes fixed shares of the approximation and of every detail."""

    def rule(ct: Subbands, mri: Subbands) -> Masks:
        def fill(bands: Subbands, ll: float, detail: float) -> Subbands:
            full = bands.map(lambda x: torch.full_like(x, detail))
            return full._replace(ll=torch.full_like(bands.ll, ll))

        return Masks(fill(ct, ll_ct, detail_ct), fill(mri, ll_mri, detail_mri))

    return rule


def select_larger_detail(ct: Subbands, mri: Subbands) -> Masks:
    """Mean of the approximations; in the details the coefficient of larger magnitude."""
    return _select(ct, mri, torch.abs)


def select_active_detail(ct: Subbands, mri: Subbands) -> Masks:
    """Mean of the approximations; in the details the source of larger variance in 3x3."""
    return _select(ct, mri, _local_variance)


def principal_component_weights(ct: Subbands, mri: Subbands) -> Masks:
    """One weight per source from the first principal component of the two approximations."""
    both = torch.stack((ct.ll.flatten(1), mri.ll.flatten(1)), 1)  # (B, 2, h w)
    centred = both - both.mean(-1, keepdim=True)
    _, vectors = torch.linalg.eigh(centred @ centred.transpose(1, 2))
    first = vectors[..., -1].abs()
    weights = first / first.sum(1, keepdim=True)

    def fill(bands: Subbands, source: int) -> Subbands:
        return bands.map(lambda x: weights[:, source].view(-1, 1, 1, 1).expand_as(x))

    return Masks(fill(ct, 0), fill(mri, 1))


def _select(ct: Subbands, mri: Subbands, activity: Callable[[Tensor], Tensor]) -> Masks:
    a = ct.combine(mri, lambda x, y: (activity(x) >= activity(y)).to(x.dtype))
    a = a._replace(ll=torch.full_like(ct.ll, 0.5))
    return Masks(a, a.map(lambda x: 1 - x))


def _local_variance(x: Tensor) -> Tensor:
    def mean(y: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(y, (1, 1, 1, 1), mode="replicate"), 3, stride=1)

    return mean(x * x) - mean(x) ** 2


def _wavelet(
    masks: MaskRule, wavelet: str = "haar", levels: int = 1
) -> Callable[[Tensor, Tensor], FusionResult]:
    return lambda ct, mri: fuse_by_masks(ct, mri, masks, wavelet, levels)


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            "mean",
            "Mean",
            "The average of the two images; both survive, at half their contrast.",
            _wavelet(constant_masks(0.5, 0.5, 0.5, 0.5)),
        ),
        Rule("max", "Maximum", "The brighter of the two pixels.", maximum),
        Rule(
            "sum",
            "Clipped sum",
            "Both images added; what passes white is cut off.",
            _wavelet(constant_masks(1.0, 1.0, 1.0, 1.0)),
        ),
        Rule(
            "wavelet-max",
            "Wavelet, max selection",
            "The larger detail coefficient, the mean approximation (haar, one level).",
            _wavelet(select_larger_detail),
        ),
        Rule(
            "wavelet-average",
            "Wavelet, average",
            "Half of either image in every subband; the same as the mean.",
            _wavelet(constant_masks(0.5, 0.5, 0.5, 0.5)),
        ),
        Rule(
            "wavelet-weighted",
            "Wavelet, weighted",
            "Approximation 0.6 CT and 0.4 MRI, details half and half (haar, one level).",
            _wavelet(constant_masks(WEIGHTED_LL_CT, 1 - WEIGHTED_LL_CT, 0.5, 0.5)),
        ),
        Rule(
            "wavelet-activity",
            "Wavelet, local activity",
            "Details of the source that varies more in a 3x3 window, the mean approximation.",
            _wavelet(select_active_detail),
        ),
        Rule(
            "dwt-pca",
            "Wavelet, principal component",
            "One weight per image from the principal component of the approximations (db4, two "
            "levels).",
            _wavelet(principal_component_weights, "db4", 2),
        ),
        Rule(
            "laplacian",
            "Laplacian pyramid",
            "The larger detail in each of four pyramid levels, the mean of the coarsest.",
            laplacian_pyramid,
        ),
        Rule(
            "guided-filter",
            "Guided filter",
            "Base and detail weighted by saliency that a guided filter aligns with the edges.",
            guided_filter,
        ),
        Rule(
            "dtcwt-max",
            "Dual-tree wavelet, max selection",
            "The larger complex coefficient in six directions and four levels, the larger lowpass.",
            dual_tree_maximum,
        ),
        Rule(
            "fitted-gates",
            "Gates fitted to the pair",
            "Masks found by gradient descent on this very pair, without training; several seconds "
            "an image (haar, one level).",
            fit_gates,
            slow=True,
        ),
    )
}
"""Every rule by its name."""
