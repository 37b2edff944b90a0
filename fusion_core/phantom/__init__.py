"""A synthetic human head with known tissue: co-registered CT and MR slices, and the truth.

The head is a set of smooth shapes and seeded noise fields evaluated point by point, so any axial
slice is computed alone, at any resolution, and the same seed always gives the same bits.
Coordinates are in mm: x to the right of the image, y to the back of the head, z upwards from the
plane of the commissures. It is made for demonstration and tests; it is no model of any person.
"""

from fusion_core.phantom.config import LESIONS, Z_RANGE, HeadConfig, Lesion, lesion_sites
from fusion_core.phantom.render import (
    CT_WINDOW,
    SEQUENCES,
    PhantomSlice,
    Timing,
    labels,
    render_ct,
    render_mr,
    render_slice,
    signal,
    slices,
    volume,
)
from fusion_core.phantom.tissues import LABELS, TISSUES, Properties, Tissue

__all__ = [
    "CT_WINDOW",
    "LABELS",
    "LESIONS",
    "SEQUENCES",
    "TISSUES",
    "Z_RANGE",
    "HeadConfig",
    "Lesion",
    "PhantomSlice",
    "Properties",
    "Timing",
    "Tissue",
    "labels",
    "lesion_sites",
    "render_ct",
    "render_mr",
    "render_slice",
    "signal",
    "slices",
    "volume",
]
