"""Noise added and taken away again by shrinking coefficients."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from torch import Tensor

from fusion_core.shrinkage import (
    Shrinkage,
    add_noise,
    noise_level,
    psnr,
    psnr_curve,
    shrink,
    universal_threshold,
)
from fusion_core.wavelets import Subbands, analyse, synthesise
from ui import colours, theme
from ui.lab.choice import LabChoice
from ui.lab.compute import GREY, grey8
from ui.lab.denoise_figures import threshold_figure
from ui.lab.look import chart, save_picture
from ui.viewer import Panel, viewer

KINDS: tuple[Shrinkage, ...] = ("soft", "hard")
_STEPS = 25
"""Thresholds on the curve, the universal one among them."""


@dataclass(frozen=True, eq=False)
class Noisy:
    """A noisy image and what is known about it.

    Attributes:
        image: (1, 1, H, W), not cut off at black and white.
        bands: its decomposition.
        estimate: standard deviation of the noise, estimated from the bands alone.
        universal: the universal threshold for that estimate.
    """

    image: Tensor
    bands: Subbands
    estimate: float
    universal: float


def denoise_view(choice: LabChoice) -> None:
    """Noise, threshold, the four images, and quality at every threshold."""
    theme.section(
        "Denoising by threshold",
        "White noise spreads evenly over all coefficients, an image gathers in few large ones: "
        "setting the small ones to zero removes more noise than image. The universal threshold, "
        "σ √(2 ln N), is one that noise alone hardly ever passes; it is safe, and usually too "
        "large for the best PSNR.",
    )
    sigma, kind, share = _controls()
    noisy = _noisy(choice.key, sigma, choice)
    threshold = share / 100 * noisy.universal
    truth = choice.image.tensor
    cleaned = synthesise(shrink(noisy.bands, threshold, kind), choice.wavelet, choice.image.shape)
    before = psnr(noisy.image, truth, data_range=1.0)
    after = psnr(cleaned, truth, data_range=1.0)
    zeroed = float(np.mean([
        float((band.abs() <= threshold).double().mean())
        for level in noisy.bands.details for band in level
    ]))  # fmt: skip
    st.html(
        "<div class='twf-sum'>"
        + _box("PSNR before", f"{before:.2f} dB")
        + _box("PSNR after", f"{after:.2f} dB")
        + _box("Gain", f"{after - before:+.2f} dB".replace("-", "−"))
        + _box("Threshold (grey levels)", f"{GREY * threshold:.1f}")
        + _box("Noise σ, estimated", f"{GREY * noisy.estimate:.1f}")
        + _box("Details below it", f"{100 * zeroed:.0f} %")
        + "</div>"
    )
    _stage(choice, noisy, cleaned, f"σ {sigma} noise, {kind}, {GREY * threshold:.1f} grey levels")
    thresholds, curves = _curves(choice.key, sigma, choice, noisy)
    theme.section(
        "Quality at every threshold",
        "Hard keeps what it keeps unchanged and leaves single specks; soft moves everything by the "
        "threshold, which is smoother but pales the edges. Only with the original at hand can the "
        "best be known.",
    )
    chart(
        threshold_figure(thresholds, curves, before, GREY * threshold, GREY * noisy.universal),
        "lab-threshold-curve", "PSNR after denoising against the threshold",
        f"{choice.image.stem}_{choice.wavelet}_thresholds",
    )  # fmt: skip


def _controls() -> tuple[int, Shrinkage, int]:
    left, middle, right = st.columns([3, 2, 3], gap="medium", vertical_alignment="bottom")
    sigma = left.slider(
        "Noise, σ (grey levels)", 2, 60, 20, 2, key="lab-sigma",
        persist_state="session",
    )  # fmt: skip
    with middle:
        kind = st.segmented_control(
            "Threshold", KINDS, default="soft", key="lab-shrink", required=True,
            format_func=str.capitalize, persist_state="session",
            help="Hard: small details become zero. Soft: the others also move towards zero.",
        )  # fmt: skip
    share = right.slider(
        "Threshold (% of the universal one)", 0, 150, 50, 5, key="lab-share",
        persist_state="session",
    )  # fmt: skip
    return sigma, kind or "soft", share


def _box(title: str, value: str) -> str:
    return f"<div><span class='q'>{title}</span><b>{value}</b></div>"


def _stage(choice: LabChoice, noisy: Noisy, cleaned: Tensor, what: str) -> None:
    removed = GREY * (noisy.image - cleaned)[0, 0].numpy()
    reach = max(1.0, float(np.percentile(np.abs(removed), 99.5)))
    window = (GREY / 2, float(GREY))
    grey = {
        "Original": choice.image.tensor, "Noisy": noisy.image, "Denoised": cleaned,
    }  # fmt: skip
    panels = [
        Panel.from_values(title, GREY * image[0, 0].numpy(), "grey", "denoise", window, decimals=0)
        for title, image in grey.items()
    ]
    panels.append(
        Panel.from_values(
            "What was taken away", removed, "grey", "removed", (0.0, 2 * reach),
            table=colours.signed_table(), decimals=1,
        )
    )  # fmt: skip
    viewer(
        panels, key=f"lab-denoise-{choice.image.key}", height=440, blend=(1, 2),
        spacing=choice.image.spacing, orientation=choice.image.orientation,
    )  # fmt: skip
    st.caption(
        "Where anatomy shows in the last picture, the threshold took image along with the noise."
    )
    save_picture(
        "Save the denoised image (PNG)", lambda: grey8(cleaned[0, 0].numpy()),
        f"{choice.image.stem}_{choice.wavelet}_denoised",
        f"{choice.image.title} with {what}, {choice.wavelet}", "lab-save-denoised",
    )  # fmt: skip


@st.cache_resource(show_spinner=False, max_entries=8)
def _noisy(key: str, sigma: int, _choice: LabChoice) -> Noisy:
    image = add_noise(_choice.image.tensor, sigma / GREY)
    bands = analyse(image, _choice.wavelet, _choice.levels, _choice.mode)
    estimate = noise_level(bands)
    return Noisy(image, bands, estimate, universal_threshold(estimate, image.numel()))


@st.cache_resource(show_spinner="Trying every threshold", max_entries=8)
def _curves(
    key: str, sigma: int, _choice: LabChoice, _noisy: Noisy
) -> tuple[list[float], dict[Shrinkage, list[float]]]:
    thresholds = [1.5 * _noisy.universal * step / (_STEPS - 1) for step in range(_STEPS)]
    # Single precision is far finer than the chart and takes half the time.
    bands, truth = _noisy.bands.map(lambda band: band.float()), _choice.image.tensor.float()
    curves = {kind: psnr_curve(bands, truth, _choice.wavelet, thresholds, kind) for kind in KINDS}
    return [GREY * threshold for threshold in thresholds], curves
