"""The fused images of a comparison: one per entry, on the pair that is on the screen."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fusion_core.metrics import Scores, evaluate
from fusion_core.model import FusionResult
from imaging.errors import InputError
from pipelines.fuse import FusedPair
from pipelines.methods import Method
from ui import caches, session
from ui.caches import Fused
from ui.compare import entries, outside
from ui.guard import explain


@dataclass(frozen=True, eq=False)
class Side:
    """One entry's fused image.

    Attributes:
        key: of the entry.
        title: what panels and tables call it; unique among the sides of a comparison.
        fused8: (H, W) uint8.
        result: masks and subbands; None for an image made elsewhere.
        scores: every metric against the windowed sources.
        notes: what must be said about this image alone.
    """

    key: str
    title: str
    fused8: NDArray[np.uint8]
    result: FusionResult | None
    scores: Scores
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Sides:
    """A comparison on one pair.

    Attributes:
        pair: the two sources as they were fused; its own fused image is the plain mean.
        shown: the entries that could be fused, in order.
        problems: one sentence for every other entry.
    """

    pair: FusedPair
    shown: tuple[Side, ...]
    problems: tuple[str, ...]

    def reference(self, key: str) -> Side | None:
        """The side that differences are taken to: the named one, else the first."""
        return next((s for s in self.shown if s.key == key), next(iter(self.shown), None))

    def others(self, reference: Side) -> list[Side]:
        """Every side but that one."""
        return [side for side in self.shown if side is not reference]


def the_pair() -> Fused | None:
    """The pair on the screen, fused by the plain mean, which costs nothing; None without one.

    Raises:
        InputError: the two images do not fit together.
    """
    choice = session.get()
    if choice.ct is None or choice.mri is None:
        return None
    return _fused(caches.method("rule", "mean"))


def _fused(how: Method) -> Fused:
    choice = session.get()
    if choice.ct is None or choice.mri is None:
        raise InputError("There is no pair to fuse; choose a CT and an MRI at the left.")
    return caches.fuse(choice.ct, choice.mri, choice.windows, how)


def sides(base: Fused, keys: Sequence[str], epoch: int | None) -> Sides:
    """Fuse and score the pair for every entry.

    Args:
        base: from :func:`the_pair`.
        keys: of the entries.
        epoch: where the scrubber of training runs stands; None at their end.
    """
    shown: list[Side] = []
    problems = []
    for key in keys:
        title = entries.title_of(key, epoch)
        if title in (side.title for side in shown):
            title = f"{title} ({1 + sum(s.title.startswith(title) for s in shown)})"
        try:
            shown.append(_side(base, key, title, epoch))
        except Exception as error:
            problems.append(f"{title} is not shown. {explain(error)}")
    return Sides(base.pair, tuple(shown), tuple(problems))


def _side(base: Fused, key: str, title: str, epoch: int | None) -> Side:
    pair = base.pair
    if entries.kind_of(key) in (outside.UPLOAD, outside.FOLDER):
        rows, columns = pair.fused8.shape
        image, notes = outside.image_for(outside.held(key), pair.name, (rows, columns))
        return Side(key, title, image, None, _scored(base, image), notes)
    fused = _fused(entries.method_of(key, epoch)).pair
    own = tuple(note for note in fused.notes if note not in pair.notes)
    return Side(key, title, fused.fused8, fused.result, _scored(base, fused.fused8), own)


def _scored(base: Fused, image: NDArray[np.uint8]) -> Scores:
    digest = hashlib.sha256(base.key.encode())
    digest.update(np.ascontiguousarray(image).data)
    return _scores(digest.hexdigest(), base.pair, image)


@st.cache_resource(show_spinner=False, max_entries=256)
def _scores(key: str, _pair: FusedPair, _image: NDArray[np.uint8]) -> Scores:
    return evaluate(_image, _pair.ct01, _pair.mri01)
