"""Work that is done once: keyed by SHA-256 and settings, never by sampled arrays."""

import hashlib
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fusion_core.checkpoint import list_checkpoints
from fusion_core.footprint import Box
from fusion_core.metrics import Scores, evaluate
from fusion_core.provenance import Attribution, attribute
from imaging.windowing import Window
from pipelines.cases import CASES, case_labels, render_case
from pipelines.clinical_pair import Line, pair_lines
from pipelines.fuse import FusedPair, fuse_pair, scores
from pipelines.methods import Method, load_method
from ui.models.held import held
from ui.session import Source

Windows = tuple[Window | None, Window | None]

EXPLAIN_LIMIT = 4_000_000
"""Pixels up to which every subband's image is kept for both sources."""


@dataclass(frozen=True, eq=False)
class Fused:
    """A fused pair and the key under which everything derived from it is cached."""

    pair: FusedPair
    key: str


@st.cache_resource(show_spinner=False, max_entries=16)
def case_sources(name: str) -> tuple[Source, Source]:
    """The two images of a bundled case."""
    ct, mri = render_case(CASES[name])
    return Source(ct, f"case:{name}:ct"), Source(mri, f"case:{name}:mri")


def method(kind: str, name: str) -> Method:
    """A checkpoint or rule, loaded once and again when its file changes.

    Raises:
        CheckpointError: the checkpoint is unknown, damaged or foreign.
        MethodError: the rule is unknown.
    """
    if kind == "checkpoint" and name in held():
        return held()[name].method
    stamp = ""
    if kind == "checkpoint" and (path := list_checkpoints().get(name)) is not None:
        stamp = f"{path} {path.stat().st_mtime_ns}"
    return _method(kind, name, stamp)


@st.cache_resource(show_spinner=False, max_entries=8)
def _method(kind: str, name: str, stamp: str) -> Method:
    return load_method(rule=name) if kind == "rule" else load_method(checkpoint=name)


def fuse(ct: Source, mri: Source, windows: Windows, how: Method) -> Fused:
    """Fuse a pair, or find it fused.

    Raises:
        InputError: the two images do not fit together.
        MethodError: the memory does not suffice, or the weights are unusable.
    """
    settings = f"{ct.sha256}|{mri.sha256}|{windows}|{how.kind}|{how.name}|{how.sha256}"
    key = hashlib.sha256(settings.encode()).hexdigest()
    return Fused(_fused(key, ct, mri, windows, how), key)


@st.cache_resource(show_spinner=False, max_entries=6)
def _fused(key: str, _ct: Source, _mri: Source, _windows: Windows, _how: Method) -> FusedPair:
    return fuse_pair(_ct.image, _mri.image, _how, *_windows)


@st.cache_resource(show_spinner=False, max_entries=32)
def _scores(key: str, _pair: FusedPair) -> Scores:
    return scores(_pair)


def scores_of(fused: Fused) -> Scores:
    """Every metric of a fused pair."""
    return _scores(fused.key, fused.pair)


@st.cache_resource(show_spinner=False, max_entries=16)
def _labels(name: str) -> NDArray[np.uint8]:
    return case_labels(CASES[name])


@st.cache_resource(show_spinner=False, max_entries=32)
def _lines(key: str, case: str | None, box: Box | None, _pair: FusedPair) -> tuple[Line, ...]:
    regions = []
    if box is not None:
        mask = np.zeros(_pair.fused8.shape, np.bool_)
        mask[box[0] : box[2], box[1] : box[3]] = True
        regions.append(("Your region", mask))
    return pair_lines(_pair, None if case is None else _labels(case), regions)


def lines_of(fused: Fused, case: str | None, box: Box | None) -> tuple[Line, ...]:
    """What must still be seen in a fused pair.

    Args:
        fused: the pair.
        case: name of the bundled case that it is; None where the tissues are not known.
        box: rows and columns of a drawn region, half open.
    """
    return _lines(fused.key, case, box, fused.pair)


@st.cache_resource(show_spinner=False, max_entries=3)
def _attribution(key: str, _pair: FusedPair) -> Attribution:
    return attribute(_pair.result)


def attribution_of(fused: Fused) -> Attribution | None:
    """The image of every subband and source; None for a pixel rule or a very large image."""
    if fused.pair.result.masks is None or fused.pair.fused8.size > EXPLAIN_LIMIT:
        return None
    return _attribution(fused.key, fused.pair)


@st.cache_resource(show_spinner=False, max_entries=32)
def _mean_scores(key: str, _pair: FusedPair) -> Scores:
    mean = (_pair.ct01 + _pair.mri01) / 2
    return evaluate(mean, _pair.ct01, _pair.mri01, ("Qabf", "SCD", "SSIM_Avg", "Nabf"))


def mean_scores(fused: Fused) -> Scores:
    """Four metrics of the plain mean of the same two images, for comparison."""
    return _mean_scores(fused.key, fused.pair)
