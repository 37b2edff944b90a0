"""MR contrast: turn echo and repetition time, see the tissues' signals and what the fusion gets."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fusion_core.model import FusionResult
from imaging.windowing import apply_window
from pipelines.cases import CASES
from pipelines.fuse import ct_share, to_8bit
from pipelines.methods import Method
from ui import caches, session, theme
from ui.controls import current_method, method_key
from ui.lab import look, mr_curves, mr_signal
from ui.lab.choice import LabChoice
from ui.lab.method_parts import array, image_panel, numbers, numbers_html
from ui.lab.method_sheet import save_sheet
from ui.lab.mr_signal import Contrast
from ui.models import held
from ui.viewer import Panel, viewer

_TE, _TR, _TI, _INVERT = "mr-te", "mr-tr", "mr-ti", "mr-invert"


def mr_view(_: LabChoice) -> None:
    """Times at the left, CT, MRI and fusion at the right, curves below."""
    left, right = st.columns([2, 5], gap="large")
    with left:
        theme.section(
            "MR contrast",
            "The synthetic head's MRI by the signal equation. Change the times and watch which "
            "tissue is bright, and what the fusion makes of it.",
        )
        case = _head()
        contrast = _times()
        fixed = st.segmented_control(
            "White is", ["automatic", "fixed"], default="automatic", key="mr-white", required=True,
            help="Automatic: the brightest part of the head is white. Fixed: white is one and the "
            "same signal, so lost signal looks lost.",
        ) == "fixed"  # fmt: skip
        how = _method()
    ct01 = _ct(case)
    mr01 = _mr(case, contrast, fixed)
    result = _fused(case, contrast, fixed, _identity(how), how)
    with right:
        _pictures(case, contrast, ct01, mr01, result)
    _charts(contrast)
    place = f"{case}-{contrast}-{fixed}-{_identity(how)}"
    _numbers(place, contrast, ct01, mr01, result, how)


def _head() -> str:
    names = list(CASES)
    start = session.get().case
    return str(
        st.selectbox(
            "Synthetic head", names, names.index(start) if start in names else 0, key="mr-head",
            format_func=lambda name: CASES[name].title.split(", CT")[0],
        )
    )  # fmt: skip


def _times() -> Contrast:
    state = st.session_state
    for key, value in ((_TE, 100), (_TR, 4000), (_TI, 2200), (_INVERT, False)):
        state.setdefault(key, value)

    def preset(name: str) -> None:
        times = mr_signal.PRESETS[name]
        state[_TE], state[_TR] = round(times.te), round(times.tr)
        state[_INVERT] = times.ti is not None
        if times.ti is not None:
            state[_TI] = round(times.ti)

    with st.container(horizontal=True, gap="small"):
        for name in mr_signal.PRESETS:
            st.button(name, key=f"mr-{name}", on_click=preset, args=(name,))
    te = st.slider("Echo time TE (ms)", *mr_signal.TE_RANGE, key=_TE)
    tr = st.slider("Repetition time TR (ms)", *mr_signal.TR_RANGE, step=50, key=_TR)
    inversion = st.toggle(
        "Inversion pulse", key=_INVERT,
        help="Turns the magnetisation over first; a tissue that passes zero at TI gives no signal.",
    )  # fmt: skip
    ti = None
    if inversion:
        ti = float(st.slider("Inversion time TI (ms)", *mr_signal.TI_RANGE, key=_TI))
        null = mr_signal.csf_null(float(tr))
        st.caption(f"With this TR, CSF gives no signal at TI = {null:.0f} ms.")
    return Contrast(float(te), float(tr), ti)


def _method() -> Method:
    methods = {method_key(info): info for info in held.methods()}
    keys = list(methods)
    chosen = st.selectbox(
        "Fusion method", keys, keys.index(method_key(current_method())), key="mr-method",
        format_func=lambda key: methods[key].title,
    )  # fmt: skip
    return caches.method(methods[chosen].kind, methods[chosen].name)


def _identity(how: Method) -> str:
    return f"{how.kind}:{how.name}:{how.sha256}"


@st.cache_resource(show_spinner=False, max_entries=4)
def _labels(case: str) -> NDArray[np.uint8]:
    return mr_signal.case_labels(case)


@st.cache_resource(show_spinner=False, max_entries=8)
def _ct(case: str) -> NDArray[np.float32]:
    image = caches.case_sources(case)[0].image
    return apply_window(image, image.window)


@st.cache_resource(show_spinner=False, max_entries=32)
def _mr(case: str, contrast: Contrast, fixed: bool) -> NDArray[np.float32]:
    return mr_signal.mr_picture(case, _labels(case), contrast, fixed)


@st.cache_resource(show_spinner=False, max_entries=16)
def _fused(case: str, contrast: Contrast, fixed: bool, identity: str, _how: Method) -> FusionResult:
    return _how.fuse(_ct(case), _mr(case, contrast, fixed))


def _pictures(
    case: str,
    contrast: Contrast,
    ct01: NDArray[np.float32],
    mr01: NDArray[np.float32],
    result: FusionResult,
) -> None:
    panels = [
        image_panel("CT", ct01, "ct"),
        image_panel(f"MRI, {contrast.text}", mr01, "mri"),
        Panel("Fused", to_8bit(array(result.fused)), "grey", "fused"),
    ]
    spacing = mr_signal.head_of(CASES[case]).spacing_mm
    viewer(
        panels, key=f"mr-{case}", height=500, blend=(0, 1), spacing=(spacing, spacing),
        orientation=caches.case_sources(case)[0].image.orientation,
    )  # fmt: skip
    words = mr_signal.weighting(contrast)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.caption(f"**{words}**", width="stretch")
        save_sheet(lambda: panels, f"mr_contrast_{case}", f"{contrast.text}. {words}", "mr-save")


def _charts(contrast: Contrast) -> None:
    theme.section(
        "The tissues' signals",
        "Each curve is one tissue; the dotted line is the time in use, and the other times stay as "
        "they are. Contrast is the distance between two curves at the line.",
    )
    st.latex(mr_signal.equation(contrast))
    left, right = st.columns(2, gap="large")
    with left:
        figure = mr_curves.signal_chart(*mr_signal.over_te(contrast), contrast.te, "Echo time TE")
        look.chart(figure, "mr-over-te", "Signal of each tissue over the echo time", "signal_te")
    with right:
        if contrast.ti is None:
            figure = mr_curves.signal_chart(
                *mr_signal.over_tr(contrast), contrast.tr, "Repetition time TR", True
            )
            label = "Signal of each tissue over the repetition time"
        else:
            figure = mr_curves.signal_chart(
                *mr_signal.over_ti(contrast), contrast.ti, "Inversion time TI"
            )
            label = "Signal of each tissue over the inversion time"
        look.chart(figure, "mr-over-other", label, "signal_tr")


def _numbers(
    place: str,
    contrast: Contrast,
    ct01: NDArray[np.float32],
    mr01: NDArray[np.float32],
    result: FusionResult,
    how: Method,
) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        theme.section(
            "Signal now", "The ratio is to white matter's signal; 1 means that the two look alike."
        )
        st.html(_signal_html(mr_signal.tissue_signal(contrast)))
    with right:
        share = ct_share(result)
        words = f"Fused by “{how.title}”."
        if share is not None:
            words += f" By attribution {100 * share:.0f} % of the fused image comes from the CT."
        theme.section("What the fusion gets", words)
        found = numbers(place, to_8bit(array(result.fused)), ct01, mr01)
        st.html(numbers_html({"This contrast": found}))


def _signal_html(values: dict[str, float]) -> str:
    white = values["white matter"]
    rows = "".join(
        f"<tr><td>{name}</td><td class='n'>{value:.3f}</td><td class='n'>"
        + (f"{value / white:.2f}" if white > 1e-6 else "–")
        + "</td></tr>"
        for name, value in values.items()
    )
    return (
        "<table class='twf'><thead><tr><th>Tissue</th><th class='n'>Signal</th>"
        f"<th class='n'>Ratio</th></tr></thead><tbody>{rows}</tbody></table>"
    )
