"""What the views compute, done once per image and transform."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fusion_core.wavelets import Subbands, analyse
from ui.lab.choice import LabChoice

GREY = 255
"""Grey levels that the range from 0 to 1 stands for."""


def bands_of(choice: LabChoice) -> Subbands:
    """The decomposition of the chosen image, float64."""
    return _bands(choice.key, choice)


@st.cache_resource(show_spinner=False, max_entries=12)
def _bands(key: str, _choice: LabChoice) -> Subbands:
    return analyse(_choice.image.tensor, _choice.wavelet, _choice.levels, _choice.mode)


def side_by_side(pictures: Sequence[NDArray[np.uint8]], gap: int = 6) -> NDArray[np.uint8]:
    """Pictures of one size in a row, a white gap between them."""
    space = np.full((pictures[0].shape[0], gap), GREY, np.uint8)
    parts = [part for picture in pictures for part in (picture, space)]
    return np.hstack(parts[:-1])


def grey8(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Values in [0, 1] as 8-bit grey, cut off beyond."""
    grey: NDArray[np.uint8] = np.rint(GREY * np.clip(values, 0, 1)).astype(np.uint8)
    return grey
