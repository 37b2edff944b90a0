"""How much one image tells about another: a mutual information that is smooth in a shift."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

BINS = 32
SMOOTHING = 1.5
"""Standard deviation, in pixels, of the blur before an image is moved and counted."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Every sample of an image, shared between the two grey bins that it lies between.

    Attributes:
        lower: index of the lower bin, 0 to BINS - 2.
        upper_share: what the next bin gets, 0 to 1; the lower one gets the rest.
    """

    lower: NDArray[np.intp]
    upper_share: NDArray[np.float32]

    def where(self, inside: NDArray[np.bool_]) -> "Spread":
        """The samples at some places only."""
        return Spread(self.lower[inside], self.upper_share[inside])


def smoothed(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blur an image so that moving it by half a pixel blurs it no further.

    Interpolating between pixels is itself a slight blur. It takes noise out of the histogram, so
    that mutual information of plain images jumps up at every half pixel and has its maximum there
    (Pluim et al. 2000). After this blur the interpolation has nothing left to take.

    Args:
        image: (H, W) in [0, 1].

    Reference: Pluim JPW, Maintz JBA, Viergever MA. Interpolation artefacts in mutual
        information-based image registration. CVIU 77, 2000. doi:10.1006/cviu.1999.0816
    """
    blurred = cv2.GaussianBlur(image, (0, 0), SMOOTHING, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


def spread(image: NDArray[np.float32]) -> Spread:
    """Share every sample between its two nearest of BINS grey bins, which leaves no steps.

    Args:
        image: any shape, in [0, 1].
    """
    position = np.clip(image, 0, 1) * np.float32(BINS - 1)
    lower = np.minimum(position.astype(np.intp), BINS - 2)
    return Spread(lower, position - lower.astype(np.float32))


def mutual_information(first: Spread, second: Spread) -> float:
    """Mutual information of two images from their joint histogram of shared counts, in bits.

    Args:
        first, second: as many samples each, at the same places.

    Returns:
        At least 0; 0 where one of them is even.

    Reference: Maes F et al. Multimodality image registration by maximization of mutual
        information. IEEE TMI 16(2), 1997. doi:10.1109/42.563664
    """
    cell = (first.lower * BINS + second.lower).ravel()
    up, right = first.upper_share.ravel(), second.upper_share.ravel()
    joint = np.zeros(BINS * BINS)
    for step, share in (
        (0, (1 - up) * (1 - right)),
        (1, (1 - up) * right),
        (BINS, up * (1 - right)),
        (BINS + 1, up * right),
    ):
        joint += np.bincount(cell + step, weights=share, minlength=joint.size)
    table = joint.reshape(BINS, BINS) / joint.sum()
    alone = table.sum(1, keepdims=True) @ table.sum(0, keepdims=True)
    seen = table > 0
    return max(0.0, float((table[seen] * np.log2(table[seen] / alone[seen])).sum()))
