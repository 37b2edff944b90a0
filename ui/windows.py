"""Window controls: HU presets only where HU are known, else the range or percentiles."""

import numpy as np
import streamlit as st

from imaging.image import Image
from imaging.windowing import PRESETS, Window, default_window, percentile_window
from ui import session
from ui.session import Slot, Source

CUSTOM = "Custom"


def window_options(image: Image) -> dict[str, Window]:
    """Named windows that make sense for an image, the one it starts with first."""
    start = default_window(image) or Window.from_range(*image.value_range)
    options = {"As stored" if image.window is not None else "Full range": start}
    if image.unit == "HU":
        options |= {
            f"{name.capitalize()} {w.width:g}/{w.center:g}": w for name, w in PRESETS.items()
        }
        if image.window is None:
            del options["Full range"]
    else:
        options["1–99 % of the head"] = percentile_window(image)
    options.setdefault("Full range", Window.from_range(*image.value_range))
    return options


def shown_unit(image: Image) -> str:
    """The unit of an image's own values; "a.u.", arbitrary units, where its file declares none.

    "grey" on a screen always means a level of 0 to 255, as shown.
    """
    return "a.u." if image.unit == "grey" else image.unit


def name_of(window: Window | None, image: Image) -> str:
    """How the menu calls a window: its name, or "Custom"."""
    options = window_options(image)
    if window is None:
        window = default_window(image) or Window.from_range(*image.value_range)
    same = (
        name for name, other in options.items() if np.allclose(other.limits, window.limits, 1e-6)
    )
    return next(same, CUSTOM)


def shown_window(source: Source, window: Window | None) -> Window:
    """The window in effect, the image's default where none was chosen."""
    image = source.image
    return window or default_window(image) or Window.from_range(*image.value_range)


def window_control(slot: Slot, label: str, source: Source, window: Window | None) -> None:
    """Menu of windows with level and width beside each other."""
    image = source.image
    options = window_options(image)
    effective = shown_window(source, window)
    current = name_of(window, image)
    names = list(options) + ([CUSTOM] if current == CUSTOM else [])
    # The key holds the window, so that a change made in the viewer shows here at once.
    stem = f"{slot}-{source.sha256[:16]}-{effective.center:g}-{effective.width:g}"

    def chosen() -> None:
        session.set_window(slot, options.get(st.session_state[f"{stem}-name"]))

    def typed() -> None:
        level, width = st.session_state[f"{stem}-level"], st.session_state[f"{stem}-width"]
        session.set_window(slot, Window(float(level), float(width), "LINEAR_EXACT"))

    st.selectbox(
        f"{label} window ({shown_unit(image)})", names, names.index(current), key=f"{stem}-name",
        on_change=chosen,
        help="Which values become black and white: level is the middle grey, width the span "
        "between black and white. "
        + ("The names give width/level in HU." if image.unit == "HU" else
           "This file declares no Hounsfield units, so there are no HU presets"
           + (" and its values are in arbitrary units (a.u.)." if image.unit == "grey" else ".")),
    )  # fmt: skip
    left, right = st.columns(2)
    span = max(image.value_range[1] - image.value_range[0], 1e-6)
    step = 1.0 if span > 20 else span / 100
    form = "%.6g" if span > 20 else "%.3g"
    left.number_input(
        "Level", value=float(effective.center), step=step, format=form,
        key=f"{stem}-level", on_change=typed,
    )  # fmt: skip
    right.number_input(
        "Width", min_value=step, value=max(float(effective.width), step), step=step, format=form,
        key=f"{stem}-width", on_change=typed,
    )  # fmt: skip
