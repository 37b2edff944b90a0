"""What the views of the fusion share: the pair, its parts as panels, and three scores."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from torch import Tensor

from fusion_core.metrics import METRICS, evaluate
from fusion_core.model import Masks
from fusion_core.wavelets import Subbands
from pipelines.fuse import FusedPair, to_8bit
from ui import caches, colours, session
from ui.caches import Fused
from ui.figures import GREY
from ui.stage import band_heading
from ui.viewer import Overlay, Panel
from ui.workspace import fuse_current

Grey = NDArray[np.floating[Any]]
"""(H, W) in [0, 1]."""

SCORES = ("Qabf", "SSIM_Avg", "SCD")
"""What is compared wherever two fusions stand side by side."""


@dataclass(frozen=True, eq=False)
class Parts:
    """A fused pair whose method decides by masks.

    Attributes:
        fused: the pair with its cache key.
        masks: the gates of CT and MRI.
        ct, mri: the subbands of the two images.
        wavelet: name of the wavelet.
    """

    fused: Fused
    masks: Masks
    ct: Subbands
    mri: Subbands
    wavelet: str

    @property
    def pair(self) -> FusedPair:
        """The pair itself."""
        return self.fused.pair

    @property
    def names(self) -> list[str]:
        """The bands, LL first, then coarse to fine."""
        return [name for name, _ in self.ct.items()]

    @property
    def convex(self) -> bool:
        """Whether the MRI's gate is 1 minus the CT's everywhere."""
        total = self.masks.ct.combine(self.masks.mri, lambda a, b: (a + b - 1).abs())
        return all(float(band.max()) < 1e-5 for _, band in total.items())

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the images."""
        rows, columns = self.pair.fused8.shape
        return rows, columns


def parts_of(fused: Fused) -> Parts | None:
    """A fused pair taken into its parts; None where the method works on pixels."""
    result = fused.pair.result
    if result.masks is None or result.ct is None or result.mri is None or result.wavelet is None:
        return None
    return Parts(fused, result.masks, result.ct, result.mri, result.wavelet)


def current_parts() -> Parts | None:
    """The pair on the screen taken into its parts; says what to do where there are none."""
    fused = fuse_current()
    parts = None if fused is None else parts_of(fused)
    if fused is not None and parts is None:
        st.info(
            f"“{fused.pair.method.title}” works on pixels, so it has no subbands and no masks to "
            "show here; choose a learned method or a wavelet rule at the left.",
            icon=":material/info:",
        )
    return parts


def parts_by(kind: str, name: str) -> Parts | None:
    """The pair of this session fused by another method; None where that works on pixels."""
    choice = session.get()
    if choice.ct is None or choice.mri is None:
        return None
    return parts_of(caches.fuse(choice.ct, choice.mri, choice.windows, caches.method(kind, name)))


def grid_spacing(parts: Parts, panels: Sequence[Panel]) -> tuple[float, float] | None:
    """(row, column) in mm of the panels' grid: a coefficient of level j covers 2^j pixels."""
    spacing = parts.pair.ct.spacing
    if spacing is None:
        return None
    cover = 2 ** round(math.log2(parts.size[0] / panels[0].pixels.shape[0]))
    return spacing[0] * cover, spacing[1] * cover


def array(band: Tensor) -> NDArray[np.float64]:
    """The first channel of the first image as float64."""
    values: NDArray[np.float64] = band[0, 0].double().numpy()
    return values


def image_panel(title: str, image01: Grey, role: str = "image") -> Panel:
    """An image of [0, 1] as grey levels of 255."""
    return Panel(title, to_8bit(image01), "grey", role)


def band_panel(name: str, band: Tensor, title: str = "", reach: float | None = None) -> Panel:
    """A band's coefficients in grey levels: LL as an image, details around a dark zero.

    Args:
        name: "LL", "LH2" and so on.
        band: (1, 1, h, w).
        title: heading; the band's name with its meaning where empty.
        reach: coefficient shown at full strength; the 99.5th percentile of the details if None.
    """
    values = GREY * array(band)
    heading = title or band_heading(name)
    if name.startswith("LL"):
        white = GREY * 2.0 ** int(name[2:] or 1)
        return Panel.from_values(heading, values, "grey", "ll", (white / 2, white), decimals=0)
    reach = reach if reach is not None else detail_reach([band])
    return Panel.from_values(
        heading, values, "grey", f"detail-{name}", (0.0, 2 * reach), table=colours.signed_table(),
        decimals=0,
    )  # fmt: skip


def detail_reach(bands: Iterable[Tensor]) -> float:
    """The coefficient, in grey levels, below which 99.5 % of some bands stay; 4 at least."""
    largest = (float(np.percentile(np.abs(array(band)), 99.5)) for band in bands)
    return max(4.0, GREY * max(largest))


def mask_panel(
    name: str, gate: str, convex: bool, mask: Tensor, below: NDArray[np.uint8], title: str = ""
) -> Panel:
    """A mask in the colours of its gate over the anatomy.

    Args:
        name: the band.
        gate: "CT" or "MRI": whose share it lets through.
        convex: whether the other source gets the rest.
        mask: (1, 1, h, w) in [0, 1].
        below: (H, W) uint8, the anatomy.
        title: heading; the band's name with its meaning where empty.
    """
    overlay = Overlay(
        to_8bit(array(mask)), colours.gate_table(gate, convex), f"{name}: share of the {gate}"
    )
    return Panel(title or band_heading(name), below, "grey", "anatomy", overlay=overlay)


@st.cache_resource(show_spinner=False, max_entries=64)
def _numbers(
    key: str,
    _fused8: NDArray[np.uint8],
    _ct01: Grey,
    _mri01: Grey,
) -> dict[str, float]:
    return dict(evaluate(_fused8, _ct01, _mri01, SCORES).values)


def numbers(
    key: str,
    fused8: NDArray[np.uint8],
    ct01: Grey,
    mri01: Grey,
) -> dict[str, float]:
    """Qabf, SSIM and SCD of a fused image; ``key`` names its content."""
    return _numbers(key, fused8, ct01, mri01)


def number_text(value: float) -> str:
    """Three decimals; a dash where the metric has no value."""
    return "–" if value != value else f"{value:.3f}".replace("-", "−")


def numbers_html(columns: dict[str, dict[str, float]]) -> str:
    """Qabf, SSIM and SCD as a small table, one column per fusion.

    Args:
        columns: title of a fusion -> its numbers; titles are the program's own words.
    """
    head = "".join(f"<th class='n'>{title}</th>" for title in columns)
    rows = "".join(
        f"<tr><td>{METRICS[name].title}</td>"
        + "".join(f"<td class='n'>{number_text(values[name])}</td>" for values in columns.values())
        + "</tr>"
        for name in SCORES
    )
    return (
        "<table class='twf twf-tight'>"
        f"<thead><tr><th>Measure, higher is better</th>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
