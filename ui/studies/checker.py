"""Before and after: CT and MRI in alternating squares, as the files place them and as aligned."""

from typing import cast

import streamlit as st

from imaging.body import default_window, percentile_window
from imaging.image import Image
from imaging.planes import PLANES, Plane, native_plane, plane_count
from imaging.transform import Transform
from imaging.volume import Volume
from imaging.windowing import PRESETS, Window
from ui.studies.preview import laid
from ui.studies.state import Studies
from ui.viewer import Panel, Preset, Stack, viewer, viewer_state
from ui.windows import shown_unit

HEIGHT = 430
MODES = {"checker": "Checker", "swipe": "Swipe", "flicker": "Flicker"}
"""How CT and MRI share a picture, in the viewer's words."""


def checkers(now: Studies, before: Transform | None) -> None:
    """Draw both boards with their controls.

    Args:
        now: the session's studies, read.
        before: the transform of the left board; None where there is nothing to compare with.
    """
    ct, mri = cast(tuple[Volume, Volume], now.volumes)
    grid = ct if (now.onto if now.pair is None else now.pair.onto) == "ct" else mri
    plane, index, mode = place_controls(grid, "studies-checker")
    boards: list[tuple[str, Transform]] = []
    if before is not None:
        boards.append(("As the files place them", before))
    if now.transform is not None:
        boards.append(("As aligned" if not any(now.nudge) else "Moved by hand", now.transform))
    if not boards:
        return
    for (title, transform), column in zip(boards, st.columns(len(boards)), strict=True):
        with column:
            _board(now, grid, title, transform, (plane, index, mode))


def _board(
    now: Studies, grid: Volume, title: str, transform: Transform, place: tuple[Plane, int, str]
) -> None:
    plane, index, mode = place
    volumes = cast(tuple[Volume, Volume], now.volumes)
    onto = now.onto if now.pair is None else now.pair.onto
    st.html(f"<div class='twf-h'>{title}</div>")
    ct, mri = laid(volumes, onto, transform, plane, index, now.interpolation)
    key = f"studies-board-{'before' if title.startswith('As the') else 'after'}"

    def turned() -> None:
        wish = viewer_state(key).wish
        if wish is not None and 0 <= wish < plane_count(grid, plane):
            st.session_state[SLICE] = st.session_state[SLICE] | {plane: wish}

    viewer(
        [
            source_panel("CT", "ct", ct, default_window(volumes[0])),
            source_panel("MRI", "mri", mri, default_window(volumes[1])),
        ],
        key=key, height=HEIGHT, mode=mode, blend=(0, 1), bare=True, spacing=ct.spacing,
        orientation=ct.orientation, stack=Stack(index, plane_count(grid, plane)), on_slice=turned,
    )  # fmt: skip


SLICE = "twf_studies_checker"
"""Session key of the slices shown in the boards, by plane."""


def place_controls(grid: Volume, key: str) -> tuple[Plane, int, str]:
    """Plane, slice and mode of the boards, which survive a change of page."""
    shown = st.session_state.setdefault(SLICE, {})
    plane = cast(Plane, shown.get("plane") or native_plane(grid))
    row = st.container(horizontal=True, vertical_alignment="center", gap="medium")
    st.session_state[f"{key}-plane"] = plane

    def planed() -> None:
        st.session_state[SLICE] = st.session_state[SLICE] | {
            "plane": st.session_state[f"{key}-plane"]
        }

    plane = cast(Plane, row.segmented_control(
        "Plane", PLANES, key=f"{key}-plane", on_change=planed, required=True,
        format_func=str.capitalize, label_visibility="collapsed", width="content",
    ))  # fmt: skip

    def moded() -> None:
        st.session_state[SLICE] = st.session_state[SLICE] | {
            "mode": st.session_state[f"{key}-mode"]
        }

    st.session_state[f"{key}-mode"] = shown.get("mode", "checker")
    mode = str(row.segmented_control(
        "Both in one picture", list(MODES), key=f"{key}-mode", on_change=moded, required=True,
        format_func=lambda name: MODES[name], label_visibility="collapsed", width="content",
    ))  # fmt: skip
    count = plane_count(grid, plane)
    index = min(int(shown.get(plane, count // 2)), count - 1)

    def slid() -> None:
        number = int(st.session_state[f"{key}-slice"])
        st.session_state[SLICE] = st.session_state[SLICE] | {plane: number - 1}

    if count > 1:
        st.session_state[f"{key}-slice"] = index + 1
        row.slider(
            "Slice", 1, count, key=f"{key}-slice", on_change=slid, label_visibility="collapsed"
        )
    return plane, index, mode


def source_panel(title: str, role: str, image: Image, window: Window) -> Panel:
    """A source in its own unit under a window."""
    fine = image.value_range[1] - image.value_range[0] < 100
    return Panel.from_values(
        title, image.pixels, shown_unit(image), role, ramp(window), decimals=None if fine else 0
    )


def ramp(window: Window) -> tuple[float, float]:
    """Centre and width of the plain ramp that a window is."""
    low, high = window.limits
    return (low + high) / 2, max(high - low, 1e-6)


def presets(volume: Volume) -> list[Preset]:
    """The windows that the viewer offers for a volume: presets in HU, else percentiles."""
    own = default_window(volume)
    named: dict[str, Window] = {}
    if volume.unit == "HU":
        named |= {name.capitalize(): window for name, window in PRESETS.items()}
        if volume.window is not None:
            named["As stored"] = own
    else:
        named["As stored" if volume.window is not None else "1–99 % of the body"] = own
        if volume.window is not None:
            named["1–99 % of the body"] = percentile_window(volume)
    named["Full range"] = Window.from_range(*volume.value_range)
    return [Preset(name, *ramp(window)) for name, window in named.items()]
