"""What the Alignment page computes, each thing once per pair and position."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from fusion_core.metrics import Scores, evaluate
from imaging.image import Image
from imaging.shift import Shift
from pipelines import alignment
from pipelines.alignment import Axis, Check, Comparison
from pipelines.fuse import FusedPair
from ui.caches import Fused
from ui.quality_panel import HEADLINES
from ui.viewer.panels import content_digest

POINTS = 41


@dataclass(frozen=True)
class Qualities:
    """Qabf of a re-fused image.

    Attributes:
        own: with the CT and the moved MRI that it was made from.
        loaded: with the CT and the MRI as loaded.
    """

    own: float
    loaded: float


def comparison(fused: Fused) -> Comparison | None:
    """The pair made ready to be compared; None where it is too small."""
    return _comparison(_sources(fused), fused.pair.ct, fused.pair.mri)


@st.cache_resource(show_spinner=False, max_entries=8)
def _comparison(key: str, _ct: Image, _mri: Image) -> Comparison | None:
    return alignment.compare(_ct, _mri)


def check(fused: Fused) -> Check | None:
    """Where the MRI would fit best, whatever the windows and the method; None if too small."""
    ready = comparison(fused)
    return None if ready is None else _check(_sources(fused), ready)


@st.cache_resource(show_spinner=False, max_entries=64)
def _check(key: str, _ready: Comparison) -> Check:
    return alignment.check(_ready)


@st.cache_resource(show_spinner=False, max_entries=8)
def _moved(key: str, shift: Shift, _pair: FusedPair) -> FusedPair:
    return alignment.fuse_moved(_pair, shift)


def moved(fused: Fused, shift: Shift) -> FusedPair:
    """The pair fused again with its MRI moved."""
    return _moved(fused.key, shift, fused.pair)


@st.cache_resource(show_spinner=False, max_entries=256)
def _scores(key: str, shift: Shift, _pair: FusedPair) -> Scores:
    return evaluate(_pair.fused8, _pair.ct01, _pair.mri01, tuple(name for name, _, _ in HEADLINES))


def scores(fused: Fused, shift: Shift) -> Scores:
    """The headline metrics of the re-fused image, with the CT and the moved MRI."""
    return _scores(fused.key, shift, moved(fused, shift))


def axis_values(fused: Fused, axis: Axis) -> list[float]:
    """Positions at which the mutual information of an axis is drawn."""
    if axis == "turn":
        return [float(v) for v in np.linspace(-alignment.TURN, alignment.TURN, 31)]
    far = alignment.reach(fused.pair.fused8.shape)
    return [float(v) for v in np.linspace(-far, far, POINTS)]


def curve(fused: Fused, axis: Axis, at: Shift) -> list[float]:
    """Mutual information along an axis through a position."""
    rest = Shift(**{a: 0.0 if a == axis else getattr(at, a) for a in alignment.AXES})
    ready = comparison(fused)
    return [] if ready is None else _curve(_sources(fused), axis, rest, fused, ready)


@st.cache_resource(show_spinner=False, max_entries=256)
def _curve(key: str, axis: Axis, at: Shift, _fused: Fused, _ready: Comparison) -> list[float]:
    return alignment.curve(_ready, axis, at, axis_values(_fused, axis))


def quality_values(fused: Fused, axis: Axis) -> list[float]:
    """Positions at which Qabf is computed, close together near zero, nearest first."""
    if axis == "turn":
        far = alignment.TURN
        parts = (0, 1 / 15, 2 / 15, 5 / 15, 10 / 15, 1)
    else:
        far = alignment.reach(fused.pair.fused8.shape)
        parts = (0, 0.05, 0.1, 0.25, 0.5, 1)
    return [sign * round(far * part, 2) for part in parts for sign in ((1, -1) if part else (1,))]


@st.cache_resource(show_spinner=False, max_entries=6)
def known_qualities(key: str) -> dict[Shift, Qualities]:
    """The Qabf values found so far for a fused pair; filled point by point by the page."""
    return {}


def quality(fused: Fused, shift: Shift) -> Qualities:
    """Qabf of the pair re-fused at a position."""
    pair, loaded = alignment.fuse_moved(fused.pair, shift), fused.pair
    return Qualities(
        evaluate(pair.fused8, pair.ct01, pair.mri01, ("Qabf",)).values["Qabf"],
        evaluate(pair.fused8, loaded.ct01, loaded.mri01, ("Qabf",)).values["Qabf"],
    )


def _sources(fused: Fused) -> str:
    """What a comparison depends on: not the windows chosen for fusing, nor the method."""
    return _digest(fused.key, fused.pair.ct, fused.pair.mri)


@st.cache_resource(show_spinner=False, max_entries=32)
def _digest(key: str, _ct: Image, _mri: Image) -> str:
    facts = [(i.unit, i.modality, i.window, i.spacing, i.value_range) for i in (_ct, _mri)]
    return f"{content_digest(_ct.pixels, _mri.pixels)} {facts}"
