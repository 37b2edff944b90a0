"""One part of a fused image: its name, its picture, and files of exact parts."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fusion_core.provenance import Attribution
from imaging.write import encode_png
from pipelines.export import stamp
from pipelines.fuse import FusedPair, to_8bit
from ui.figures import GREY

Origin = Literal["CT", "MRI"]
SOURCES: tuple[Origin, Origin] = ("CT", "MRI")


@dataclass(frozen=True)
class Part:
    """What one band brought from one source."""

    band: str
    source: Origin

    @property
    def title(self) -> str:
        """Name on screens: ``LH2 from CT``."""
        return f"{self.band} from {self.source}"


def all_parts(attribution: Attribution) -> dict[str, Part]:
    """Every part by its title, CT before MRI band by band."""
    parts = (Part(band, source) for band in attribution.names for source in SOURCES)
    return {part.title: part for part in parts}


def part_image(attribution: Attribution, part: Part) -> NDArray[np.float32]:
    """(H, W) grey levels that the band brought from the source; they may be negative."""
    images = attribution.ct if part.source == "CT" else attribution.mri
    image: NDArray[np.float32] = GREY * images[0, attribution.names.index(part.band)].numpy()
    return image


def source_png(pair: FusedPair, attribution: Attribution, source: Origin) -> bytes:
    """All that came from one source as a stamped 8-bit PNG; the stamp tells what 8 bits cut off."""
    whole = attribution.ct_only if source == "CT" else attribution.mri_only
    image = whole[0, 0].numpy()
    outside = int(((image < -0.5 / GREY) | (image > 1 + 0.5 / GREY)).sum())
    meaning = (
        f"Exact {source} part of the fused image: all that its subbands brought from the {source}. "
        f"{outside} pixels lie outside 0 to 255 and are clamped here."
    )
    text = stamp(pair) | {"Description": meaning}
    return encode_png(to_8bit(image), text=text, spacing=pair.ct.spacing)
