"""MR signal for any echo, repetition and inversion time: curves, names of contrasts, pictures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fusion_core.phantom import (
    SEQUENCES,
    TISSUES,
    HeadConfig,
    Timing,
    Tissue,
    labels,
    render_mr,
    signal,
)
from pipelines.cases import CASES, Case

SHOWN: dict[str, Tissue] = {
    "CSF": Tissue.CSF,
    "grey matter": Tissue.GREY_MATTER,
    "white matter": Tissue.WHITE_MATTER,
    "fat": Tissue.FAT,
    "tumour": Tissue.TUMOUR,
    "oedema": Tissue.OEDEMA,
}
"""Tissues whose curves are drawn."""

PRESETS: dict[str, Timing] = {
    "T1w": SEQUENCES["T1"],
    "PDw": SEQUENCES["PD"],
    "T2w": SEQUENCES["T2"],
    "FLAIR": SEQUENCES["FLAIR"],
}
"""Times of the usual contrasts, as the phantom uses them."""

TE_RANGE = (5, 200)
TR_RANGE = (200, 10000)
TI_RANGE = (50, 4000)
"""Ranges of the sliders in ms."""

NOISE = 0.008
_FIXED_WHITE = 0.9
_AIR_SHARE = 0.5


@dataclass(frozen=True)
class Contrast:
    """The times of a sequence in ms; ``ti`` None is a spin echo without inversion."""

    te: float
    tr: float
    ti: float | None = None

    @property
    def text(self) -> str:
        """The times in words."""
        first = f"TE {self.te:.0f} ms, TR {self.tr:.0f} ms"
        return first if self.ti is None else f"{first}, TI {self.ti:.0f} ms"


def csf_null(tr: float) -> float:
    """Inversion time in ms at which CSF gives no signal."""
    t1 = TISSUES[Tissue.CSF].t1
    return float(t1 * (np.log(2) - np.log1p(np.exp(-tr / t1))))


def tissue_signal(contrast: Contrast) -> dict[str, float]:
    """Signal of the shown tissues; 1 is water's proton density without any loss."""
    values = signal("T2", contrast.te, contrast.tr, contrast.ti)
    return {name: float(values[tissue]) for name, tissue in SHOWN.items()}


def over_te(contrast: Contrast) -> tuple[NDArray[np.float64], dict[str, list[float]]]:
    """Signals against echo time, the other times kept: (times in ms, tissue -> signals)."""
    times = np.linspace(*TE_RANGE, 80)
    return times, _curves([Contrast(float(t), contrast.tr, contrast.ti) for t in times])


def over_tr(contrast: Contrast) -> tuple[NDArray[np.float64], dict[str, list[float]]]:
    """Signals against repetition time, the other times kept."""
    times = np.geomspace(*TR_RANGE, 80)
    return times, _curves([Contrast(contrast.te, float(t), contrast.ti) for t in times])


def over_ti(contrast: Contrast) -> tuple[NDArray[np.float64], dict[str, list[float]]]:
    """Signals against inversion time, the other times kept."""
    times = np.linspace(*TI_RANGE, 120)
    return times, _curves([Contrast(contrast.te, contrast.tr, float(t)) for t in times])


def weighting(contrast: Contrast) -> str:
    """What a radiologist would call the contrast, in a sentence."""
    values = tissue_signal(contrast)
    if contrast.ti is not None:
        if values["CSF"] < 0.05 * values["grey matter"]:
            return "FLAIR: the inversion nulls CSF, so bright lesions beside it stand out."
        if values["fat"] < 0.1 * values["grey matter"]:
            return "STIR-like: the inversion nulls fat."
        return "Inversion recovery: the inversion time decides which tissue is dark."
    if contrast.tr <= 900 and contrast.te <= 35:
        return "T1-weighted: fat and white matter are bright, CSF is dark."
    if contrast.tr >= 2000 and contrast.te >= 70:
        return "T2-weighted: CSF, tumour and oedema are bright."
    if contrast.tr >= 2000 and contrast.te <= 35:
        return "Proton-density-weighted: all tissues are close together."
    return "Mixed weighting: T1 and T2 both decide, and may cancel."


def equation(contrast: Contrast) -> str:
    """The signal equation in LaTeX."""
    if contrast.ti is None:
        return r"S = \mathrm{PD}\,\bigl(1 - e^{-TR/T_1}\bigr)\,e^{-TE/T_2}"
    return r"S = \mathrm{PD}\,\bigl|1 - 2e^{-TI/T_1} + e^{-TR/T_1}\bigr|\,e^{-TE/T_2}"


def head_of(case: Case) -> HeadConfig:
    """The synthetic head of a bundled case."""
    return HeadConfig(seed=case.seed, lesions=case.lesions)


def case_labels(name: str) -> NDArray[np.uint8]:
    """Tissue of a bundled case's slice with two sub-samples per pixel side."""
    case = CASES[name]
    config = head_of(case)
    return labels(config, case.z_mm, config.oversample)


def mr_picture(
    name: str, tissue: NDArray[np.uint8], contrast: Contrast, fixed: bool
) -> NDArray[np.float32]:
    """The MR slice of a case with these times, in [0, 1], the air around the head black.

    Args:
        name: of the case.
        tissue: its labels from :func:`case_labels`.
        contrast: the times.
        fixed: white is the same signal for all times, so that signal that is lost looks lost;
            otherwise white is the 99.5th percentile of the head.
    """
    case = CASES[name]
    config = head_of(case)
    mr = render_mr(
        tissue, config, "PD", contrast.te, contrast.tr, contrast.ti, noise=NOISE,
        z_mm=case.z_mm,
    )  # fmt: skip
    factor = config.oversample
    blocks = (tissue == Tissue.BACKGROUND).reshape(config.size, factor, config.size, factor)
    head = blocks.mean((1, 3)) < _AIR_SHARE
    white = _FIXED_WHITE if fixed else max(float(np.percentile(mr[head], 99.5)), 1e-6)
    shown: NDArray[np.float32] = (np.clip(mr / white, 0, 1) * head).astype(np.float32)
    return shown


def _curves(contrasts: list[Contrast]) -> dict[str, list[float]]:
    points = [tissue_signal(contrast) for contrast in contrasts]
    return {name: [point[name] for point in points] for name in SHOWN}
