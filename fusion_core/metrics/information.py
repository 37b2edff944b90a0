"""Information: what the histograms of the images hold and share, in bits."""

import numpy as np
from numpy.typing import NDArray

from fusion_core.metrics.images import Gray, Images


def entropy(images: Images) -> float:
    """Shannon entropy of the fused image's 256-bin histogram, in bits."""
    return _bits(_histogram(images.fused))


def mi_ct(images: Images) -> float:
    """Mutual information of the fused image and the CT, in bits."""
    return images.once(mutual_informations)[0]


def mi_mri(images: Images) -> float:
    """Mutual information of the fused image and the MRI, in bits."""
    return images.once(mutual_informations)[1]


def mi_avg(images: Images) -> float:
    """Mutual information with the sources, the mean of both, in bits."""
    return (mi_ct(images) + mi_mri(images)) / 2


def mutual_informations(images: Images) -> tuple[float, float]:
    """Mutual information with CT and with MRI, from 256x256 joint histograms, in bits."""
    fused = _bits(_histogram(images.fused))
    rows = images.fused.astype(np.intp) << 8

    def shared(source: Gray) -> float:
        joint = np.bincount((rows | source).ravel())
        return max(0.0, fused + _bits(_histogram(source)) - _bits(joint))

    return shared(images.ct), shared(images.mri)


def _histogram(image: Gray) -> NDArray[np.intp]:
    return np.bincount(image.ravel(), minlength=256)


def _bits(counts: NDArray[np.intp]) -> float:
    """Shannon entropy of the distribution behind the counts, in bits."""
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum()) + 0.0  # + 0.0: a constant image has 0, not -0
