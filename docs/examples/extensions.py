"""An extension file: a loss, a fusion rule and a metric of one's own.

Name it on the command line; copy it and change it:

    python cli.py train DATA --out RUN --extensions docs/examples/extensions.py --loss quiet
    python cli.py fuse CT.png MRI.png -o fused.png --extensions ... --rule soft-max
    python cli.py evaluate DATA --extensions docs/examples/extensions.py

The file runs with all your rights, so use only files that you trust. Whatever PyTorch, NumPy and
fusion_core offer can be imported; the run remembers this file alone, so keep it in one piece.
"""

import numpy as np
import torch
from torch import Tensor

from fusion_core.metrics import Images, Metric, UndefinedMetric


def background(fused: Tensor, ct: Tensor, mri: Tensor) -> Tensor:
    """Mean brightness of the fused image where both sources are black.

    Args:
        fused: (B, 1, H, W), not clamped; carries the gradient.
        ct: the same shape, in [0, 1].
        mri: the same shape, in [0, 1].

    Returns:
        One value per image, (B,), smaller is better. The trainer takes the mean over the images.
    """
    black = torch.maximum(ct, mri) < 0.02
    return (fused.abs() * black).mean(dim=(1, 2, 3))


def soft_max(ct: Tensor, mri: Tensor) -> Tensor:
    """A smooth pixelwise maximum, which has no seams where the brighter source changes.

    Args:
        ct: (B, 1, H, W) in [0, 1].
        mri: the same shape.

    Returns:
        The fused image, the same shape; or a FusionResult where masks are to be seen too.
    """
    weight = torch.sigmoid(10 * (ct - mri))
    return weight * ct + (1 - weight) * mri


def grey_background(images: Images) -> float:
    """Mean grey level of the fused image where both sources are black."""
    black = np.maximum(images.ct, images.mri) <= 5
    if not black.any():
        raise UndefinedMetric("The sources have no black background.")
    return float(images.fused[black].mean())


# A function is a loss term; a mapping is a named loss, a sum of terms with their weights.
LOSSES = {
    "background": background,
    "quiet": {"mse": 1.0, "ssim": 2.0, "gradient": 1.0, "background": 5.0},
}

RULES = {"soft-max": soft_max}

# A bare function is a metric without direction; Metric says which way is better, and in what unit.
METRICS = {
    "Grey_Background": Metric(
        name="Grey_Background",
        title="Grey in the background",
        fn=grey_background,
        direction="down",
        unit="grey levels",
        range=(0.0, 255.0),
        description="How grey the black surroundings of the head have become. "
        "It says nothing about the head itself.",
        reference="docs/examples/extensions.py",
    ),
}
