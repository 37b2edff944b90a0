"""A fused image altered by hand: its pixels, its numbers, and files that say what was done."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fusion_core.metrics import METRICS, Scores, evaluate
from fusion_core.model import FusionResult
from fusion_core.provenance import Attribution, Weights, attribute, reweight, what_if
from imaging.write import encode_png
from pipelines.export import STAMP, description, method_label, stamp, to_json, with_caption
from pipelines.fuse import FusedPair, to_8bit

MARK = "Altered by hand"

WEIGHTS: dict[Weights, str] = {
    "learned": "the method's own masks",
    "swapped": "the CT with the MRI's masks and the MRI with the CT's",
    "ct": "all CT: the CT's masks 1 and the MRI's 0 in every subband",
    "mri": "all MRI: the CT's masks 0 and the MRI's 1 in every subband",
}
"""Whose masks gate the subbands, in words."""


@dataclass(frozen=True)
class Alteration:
    """What was changed by hand: other masks, and a factor per subband and source.

    Args:
        names: the subbands.
        weights: whose masks are in effect.
        ct: factor of each subband's CT part; 0 mutes, 1 leaves, 2 doubles.
        mri: the same of the MRI parts.

    Raises:
        ValueError: the counts differ, or a factor is outside 0 to 2.
    """

    names: tuple[str, ...]
    weights: Weights
    ct: tuple[float, ...]
    mri: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.ct) == len(self.mri):
            raise ValueError(f"{len(self.names)} subbands need as many factors per source.")
        if not all(0 <= factor <= 2 for factor in (*self.ct, *self.mri)):
            raise ValueError("Factors must be from 0 to 2.")

    @classmethod
    def none(cls, names: tuple[str, ...], weights: Weights = "learned") -> "Alteration":
        """Every factor 1."""
        ones = (1.0,) * len(names)
        return cls(names, weights, ones, ones)

    @property
    def is_none(self) -> bool:
        """Whether this leaves the image as the method made it."""
        return self == Alteration.none(self.names)

    def changed(self) -> Iterator[tuple[str, str, float]]:
        """(source, subband, factor) of every factor that is not 1."""
        for source, factors in (("CT", self.ct), ("MRI", self.mri)):
            for name, factor in zip(self.names, factors, strict=True):
                if factor != 1:
                    yield source, name, factor

    def words(self) -> str:
        """All of it in a line: "all CT ...; CT LL × 0.5, MRI HH × 0"."""
        parts = [] if self.weights == "learned" else [WEIGHTS[self.weights]]
        factors = ", ".join(f"{source} {name} × {f:g}" for source, name, f in self.changed())
        return "; ".join([*parts, factors] if factors else parts) or "nothing"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, every factor included."""
        return {
            "masks": self.weights,
            "masks_in_words": WEIGHTS[self.weights],
            "ct": dict(zip(self.names, self.ct, strict=True)),
            "mri": dict(zip(self.names, self.mri, strict=True)),
        }

    @property
    def digest(self) -> str:
        """Twelve digits that tell alterations apart, for file names."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, eq=False)
class Parts:
    """The images that an alteration scales, under one choice of masks.

    Attributes:
        weights: whose masks.
        base: (1, 1, H, W), the image with all factors 1; for "ct" and "mri" the source itself.
        attribution: its parts.
    """

    weights: Weights
    base: torch.Tensor
    attribution: Attribution


def parts(pair: FusedPair, weights: Weights, known: Attribution | None = None) -> Parts:
    """Split a pair, gated by the chosen masks, into what each subband and source brings.

    Args:
        pair: a fused pair whose method has subbands.
        weights: whose masks.
        known: the attribution under the method's own masks, if it is already there.

    Raises:
        ValueError: the method works on pixels.
    """
    result: FusionResult = reweight(pair.result, weights)
    base = result.fused
    if weights in ("ct", "mri"):
        # The same up to rounding; taken from the source so that "all CT" is the CT to the bit.
        source = pair.ct01 if weights == "ct" else pair.mri01
        base = torch.from_numpy(np.ascontiguousarray(source))[None, None]
    if known is not None and weights == "learned":
        return Parts(weights, base, known)
    return Parts(weights, base, attribute(result))


def altered_image(made: Parts, alteration: Alteration) -> NDArray[np.uint8]:
    """The altered image, clamped and rounded, (H, W) uint8.

    Raises:
        ValueError: the alteration asks for other masks than the parts were made with.
    """
    if made.weights != alteration.weights:
        raise ValueError(f"These parts belong to {made.weights!r}, not {alteration.weights!r}.")
    factors = (
        dict(zip(alteration.names, values, strict=True))
        for values in (alteration.ct, alteration.mri)
    )
    image = what_if(made.attribution, *factors, base=made.base)
    return to_8bit(image[0, 0].numpy())


def altered_scores(pair: FusedPair, image: NDArray[np.uint8]) -> Scores:
    """Every metric of the altered image against the pair's windowed sources."""
    return evaluate(image, pair.ct01, pair.mri01)


def altered_png(
    pair: FusedPair, image: NDArray[np.uint8], alteration: Alteration, caption: bool = True
) -> bytes:
    """The altered image as a PNG whose metadata, and strip below it, say that it was altered.

    Args:
        pair: what it was altered from.
        image: from :func:`altered_image`.
        alteration: what was done.
        caption: also write the mark below the image, on a strip that makes it higher.
    """
    text = stamp(pair)
    # CT's share was measured on the method's own image and does not hold for this one.
    del text["CT share"]
    text |= {
        "Title": f"{pair.name}, altered",
        "Altered": f"{MARK}, not the method's result: {alteration.words()}",
        "Alteration": json.dumps(alteration.to_dict()),
    }
    if caption:
        # The font that comes with Pillow has no multiplication sign.
        said = alteration.words().replace("×", "x")
        words = (f"{MARK}: {said}", STAMP, method_label(pair.method))
        image = with_caption(image, words)
    return encode_png(image, text=text, spacing=pair.ct.spacing)


def altered_json(pair: FusedPair, alteration: Alteration, learned: Scores, altered: Scores) -> str:
    """The factors, and every metric before and after; NaN becomes null."""
    metrics = {
        name: {
            "learned": learned.values[name],
            "altered": value,
            "difference": value - learned.values[name],
            "unit": METRICS[name].unit,
            "better": METRICS[name].direction,
        }
        for name, value in altered.values.items()
    }
    return to_json(
        description(pair)
        | {"altered": True, "mark": MARK, "alteration": alteration.to_dict(), "metrics": metrics}
    )
