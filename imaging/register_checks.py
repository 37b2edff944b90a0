"""Whether a found alignment may be used: compared with how the images lay before."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from imaging.agreement import Agreement
from imaging.transform import Transform

Verdict = Literal["aligned", "no better", "runaway", "little overlap"]

MIN_GAIN = 0.002
"""Rise of normalised mutual information below which a movement explains nothing."""

MAX_SHIFT = 100.0
"""Way in mm that a head does not lie apart from a sensible start."""

MAX_TURN = 45.0
"""Turn in degrees that no head makes between two scans."""

MAX_STRETCH = 1.25
"""Factor by which one head does not differ from itself."""

MIN_OVERLAP = 0.6
"""Share of either body in view of both studies below which a match is not to be trusted."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """What a registration found, and whether it may be used.

    Attributes:
        transform: the one to use, from fixed to moving; where the search was refused, the
            transform by which the files place the images.
        found: what the search found, used or not.
        metric_start: normalised mutual information (1 to 2) as the files place the images.
        metric_end: the same under `found`.
        overlap: share of the body in view under `transform`, the smaller of both bodies', 0 to 1.
        fixed_seen: share of the fixed body that the moving field of view holds.
        moving_seen: share of the moving body that the fixed field of view holds.
        rotation_deg: angle of `found`.
        translation_mm: way of the head's middle under `found`.
        verdict: "aligned"; "no better" (the files' placing stays); "runaway" (refused);
            "little overlap" (to be checked by eye).
        sentence: the verdict for the user.
    """

    transform: Transform
    found: Transform
    metric_start: float
    metric_end: float
    overlap: float
    fixed_seen: float
    moving_seen: float
    rotation_deg: float
    translation_mm: float
    verdict: Verdict
    sentence: str

    @property
    def used(self) -> bool:
        """Whether the found transform is the one to use."""
        return self.transform is self.found

    @property
    def warned(self) -> bool:
        """Whether the user should look before going on."""
        return self.verdict in ("runaway", "little overlap")


def verdict(
    still: Transform,
    before: Agreement,
    found: Transform,
    after: Agreement,
    start: Transform,
    shared_frame: bool,
) -> Alignment:
    """Judge what a search found.

    Args:
        still: how the files place the images.
        before: agreement under `still`.
        found: the search's best.
        after: agreement under `found`.
        start: the start that `found` lies nearest to; how far it strayed from there counts, since
            two scanners may count their millimetres from different places.
        shared_frame: the files say that both studies share one frame of reference, so that
            straying is counted from `still`.
    """
    stray = _stray(still if shared_frame else start, found)
    low, high = found.scales
    odd = found.mirrors or high > MAX_STRETCH or low < 1 / MAX_STRETCH
    result = Alignment(
        found, found, before.metric, after.metric, after.overlap, after.fixed_seen,
        after.moving_seen, found.rotation_deg, found.translation_mm, "aligned", "",
    )  # fmt: skip
    change = f"agreement rose from {before.metric:.3f} to {after.metric:.3f}"
    if stray > MAX_SHIFT or found.rotation_deg > MAX_TURN or odd:
        sentence = (
            f"Refused: the best match would have the image {found.describe()}, which is not how "
            "one patient lies in two scans; it stays where its file places it. Check that both "
            "show the same body part, or move it by hand."
        )
        return _kept(result, still, before, "runaway", sentence)
    if after.metric < before.metric + MIN_GAIN:
        if before.overlap < MIN_OVERLAP:
            return _kept(result, still, before, "little overlap", _little(before, "No match found"))
        because = "both files share one frame of reference and " if shared_frame else ""
        sentence = (
            f"Kept as the files place it: {because}no movement made the images agree better "
            f"(agreement {before.metric:.3f})."
        )
        return _kept(result, still, before, "no better", sentence)
    if after.overlap < MIN_OVERLAP:
        sentence = _little(after, f"The image was {found.describe()}; {change}")
        return replace(result, verdict="little overlap", sentence=sentence)
    sentence = f"Aligned: the image was {found.describe()}; {change}."
    return replace(result, sentence=sentence)


def _kept(
    result: Alignment, still: Transform, before: Agreement, word: Verdict, sentence: str
) -> Alignment:
    return replace(
        result,
        transform=still,
        overlap=before.overlap,
        fixed_seen=before.fixed_seen,
        moving_seen=before.moving_seen,
        verdict=word,
        sentence=sentence,
    )


def _little(agreement: Agreement, first: str) -> str:
    small = agreement.fixed_seen <= agreement.moving_seen
    whose, other = ("fixed", "moving") if small else ("moving", "fixed")
    return (
        f"{first}, but only {100 * agreement.overlap:.0f} % of the body in the {whose} image lies "
        f"in the {other} one's field of view: check the borders of bone and skin before you rely "
        "on it."
    )


def _stray(start: Transform, found: Transform) -> float:
    """How far the head's middle lies from where a start put it, mm."""
    centre = np.array([found.centre])
    return float(np.linalg.norm(start.points(centre) - found.points(centre)))
