"""Gates fitted to one pair by gradient descent: masks without a network that has to foresee them.

Nothing is trained and nothing carries over to the next pair. The result is like any other, with
gates in [0, 1] and exact provenance, and shows what a network of this transform can be asked for.
"""

import math

import torch
from torch import Tensor

from fusion_core.losses import FusionLoss
from fusion_core.model import FusionResult, Masks, as_batches, bound, gate
from fusion_core.wavelets import TWO_TAP_WAVELETS, analyse, synthesise

PAIR_LOSS: dict[str, float] = {
    "uniform_ssim": 25.0,
    "edge_quality": 5.4,
    "edge": 5.0,
    "artefact": 4.0,
    "fidelity": 2.5,
    "scd": 1.1,
    "visible_difference": 0.7,
    "unexplained": 0.3,
}
"""What :func:`fit_gates` makes small where nothing else is asked for."""

MAX_PIXELS = 1024 * 1024
"""Of an image: two to three minutes on two CPU threads, and 1.4 GB."""

_START = 1.0  # logit of all gates at first, as in the presets


class ImageTooLarge(ValueError):
    """Fitting would take too long; one sentence for the user."""


def fit_gates(
    ct: Tensor,
    mri: Tensor,
    loss: FusionLoss | None = None,
    *,
    wavelet: str = "haar",
    levels: int = 1,
    steps: int = 150,
    learning_rate: float = 0.2,
) -> FusionResult:
    """Fuse a pair with the gates that make a loss of this very pair small.

    Two-tap wavelets have their gates bounded, so that nothing is clipped. A step takes as long as
    one of training without a network: some 30 ms for 256 x 256 on two CPU threads.

    Args:
        ct: (H, W), (1, H, W) or (B, 1, H, W), float, in [0, 1].
        mri: the same shape.
        loss: what to make small; :data:`PAIR_LOSS` where it is None.
        wavelet: name of the wavelet.
        levels: 1 to 5.
        steps: Adam steps, the rate falling to 0 along a half cosine.
        learning_rate: of the gates' logits.

    Returns:
        As a FusionNet's forward, without gradients.

    Raises:
        ValueError: shapes, wavelet or levels are not as stated, or there is no step.
        ImageTooLarge: an image has more than :data:`MAX_PIXELS`.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}.")
    ct, mri = as_batches(ct, mri)
    height, width = ct.shape[-2:]
    if height * width > MAX_PIXELS:
        raise ImageTooLarge(
            f"Gates are fitted to images of at most {MAX_PIXELS:,} pixels, as in 1024 × 1024; this "
            f"one is {width} × {height}. Use a smaller image or a trained checkpoint."
        )
    loss = loss or FusionLoss(PAIR_LOSS)
    # Gradients are needed whatever mode the caller is in, and its tensors may not allow them.
    with torch.inference_mode(False), torch.enable_grad():
        return _fit(ct.clone(), mri.clone(), loss, wavelet, levels, steps, learning_rate)


def _fit(
    ct: Tensor, mri: Tensor, loss: FusionLoss, wavelet: str, levels: int, steps: int, rate: float
) -> FusionResult:
    size = (ct.shape[-2], ct.shape[-1])
    bands = analyse(torch.cat([ct, mri], 1), wavelet, levels)
    c, m = bands.map(lambda x: x[:, :1]), bands.map(lambda x: x[:, 1:])
    logits = Masks(*(s.map(lambda x: torch.full_like(x, _START).requires_grad_()) for s in (c, m)))

    def fuse() -> FusionResult:
        masks = Masks(*(source.map(torch.sigmoid) for source in logits))
        if wavelet in TWO_TAP_WAVELETS:
            masks = bound(masks, c, m, wavelet, size)
        return FusionResult(synthesise(gate(masks, c, m), wavelet, size), masks, c, m, wavelet)

    optimiser = torch.optim.Adam([band for s in logits for _, band in s.items()], lr=rate)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2
        optimiser.zero_grad()
        # A sum over the images instead of their mean, so that none hears of the others.
        total = loss(fuse().fused, ct, mri).total * len(ct)
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        return fuse()
