"""The frame of the laboratory: which view, and the rail with the image and the transform."""

import streamlit as st

from fusion_core.wavelets import MODES, NAMED_WAVELETS, WAVELETS, BoundaryMode
from ui import controls, theme
from ui.guard import guarded
from ui.lab import images
from ui.lab.choice import LabChoice, LabImage, View
from ui.lab.references import show_references
from ui.lab.views import GROUPS, VIEWS

_VIEW = "twf_lab_view"
_WAVELETS = tuple(dict.fromkeys((*NAMED_WAVELETS, *WAVELETS)))
MODE_WORDS: dict[BoundaryMode, str] = {
    "zero": "zero · black",
    "symmetric": "symmetric · mirror",
    "periodic": "periodic · repeat",
    "reflect": "reflect · mirror",
}


def current_view() -> View:
    """The view of this session; a new one may be asked for by ``?view=`` in the address."""
    return VIEWS[_title()]


def _title() -> str:
    kept = st.session_state.get(_VIEW)
    if kept not in VIEWS:
        # A link to a step of the lesson need not name the lesson.
        asked = st.query_params.get("view", "lesson" if "step" in st.query_params else "")
        kept = next((title for title in VIEWS if slug(title) == asked), next(iter(VIEWS)))
        st.session_state[_VIEW] = kept
    if st.query_params.get("view") != slug(kept):
        st.query_params["view"] = slug(kept)
    return kept


def slug(title: str) -> str:
    """A view's name in an address: ``Paint a mask`` is ``paint-a-mask``."""
    return "-".join(title.lower().split())


def open_view(title: str) -> None:
    """Show a view in the next run."""
    st.session_state[_VIEW] = title


def switch() -> None:
    """Draw the switch between the views: which half of the laboratory, and which view of it."""
    title = _title()
    group = next(name for name, views in GROUPS.items() if title in views)
    groups = [name for name, views in GROUPS.items() if views]

    def other_group() -> None:
        open_view(next(iter(GROUPS[st.session_state["lab-group"]])))

    def other_view() -> None:
        open_view(st.session_state[f"lab-view-{group}"])

    st.session_state["lab-group"] = group
    st.session_state[f"lab-view-{group}"] = title
    with st.container(horizontal=True, gap="medium"):
        st.segmented_control(
            "Half of the laboratory", groups, key="lab-group", required=True,
            label_visibility="collapsed", on_change=other_group,
        )  # fmt: skip
        st.segmented_control(
            "View", list(GROUPS[group]), key=f"lab-view-{group}", required=True,
            label_visibility="collapsed", on_change=other_view,
        )  # fmt: skip


def rail(view: View) -> LabChoice:
    """Draw what the view needs at the left, and return the laboratory's image and transform."""
    if view.rail == "image":
        with st.sidebar:
            theme.rail_heading("Image")
            image = images.image_controls()
            st.divider()
            return _transform(images.load(image))
    if view.rail == "pair":
        controls.rail()
    return _remembered()


def _transform(image: LabImage) -> LabChoice:
    theme.rail_heading("Transform")
    wavelet = st.selectbox(
        "Wavelet", _WAVELETS, key="lab-wavelet", persist_state="session",
        help="The common ones first, then every discrete wavelet of PyWavelets that reconstructs "
        "perfectly; type to search.",
    )  # fmt: skip
    levels = st.slider("Levels", 1, 5, 2, key="lab-levels", persist_state="session")
    mode = st.selectbox(
        "Beyond the border", MODES, MODES.index("symmetric"), key="lab-mode",
        persist_state="session", format_func=MODE_WORDS.__getitem__,
        help="How the image continues where the filter reaches beyond it. symmetric mirrors with "
        "the border pixel twice, reflect with the border pixel once.",
    )  # fmt: skip
    return LabChoice(image, wavelet, levels, mode)


def _remembered() -> LabChoice:
    """The choice of the image views, or their first one, without drawing the controls."""
    kept = st.session_state
    return LabChoice(
        images.load(images.remembered()),
        kept.get("lab-wavelet", _WAVELETS[0]),
        kept.get("lab-levels", 2),
        kept.get("lab-mode", "symmetric"),
    )


def facts(view: View, choice: LabChoice) -> list[str]:
    """What the head of the page says about the image and the transform."""
    if view.rail != "image":
        return []
    rows, columns = choice.image.shape
    levels = "1 level" if choice.levels == 1 else f"{choice.levels} levels"
    return [choice.image.title, f"{columns} × {rows} pixels", choice.wavelet, levels, choice.mode]


def show(view: View, choice: LabChoice) -> None:
    """Draw a view; its widgets redraw only itself."""
    if view.rail == "image":
        theme.notes(choice.image.notes)
    st.fragment(guarded()(view.draw))(choice)
    show_references(view.references)
