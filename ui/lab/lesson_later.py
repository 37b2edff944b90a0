"""The second half of the lesson: reconstruction, provenance, learning, pitfalls, the quiz."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fusion_core.metrics import evaluate
from fusion_core.provenance import pixel
from fusion_core.wavelets import synthesise
from imaging.windowing import apply_window
from pipelines.fuse import to_8bit
from ui import caches, colours, figures, theme
from ui.figures import GREY
from ui.lab import lesson_numbers
from ui.lab.lesson_steps import Picture
from ui.lab.method_parts import Parts, array, image_panel, mask_panel
from ui.lab.method_steps import fused_bands
from ui.lab.method_training import before_training, mask_numbers
from ui.stage import band_heading
from ui.viewer import Panel, viewer_state
from ui.windows import window_options

PROVENANCE_KEY = "lesson-provenance"


def build_control(parts: Parts) -> int:
    """How many bands are in the sum."""
    words = [parts.names[0], *(f"+ {name}" for name in parts.names[1:])]
    word = st.select_slider("Bands in the sum, coarse to fine", words, key=f"lesson-build-{words}")
    count = words.index(word) + 1
    name = parts.names[count - 1]
    st.caption(f"{count} of {len(words)} bands. Added last: {band_heading(name)}.")
    return count


def build_picture(parts: Parts, count: int) -> Picture:
    """The sum so far, the last band's own image, and the complete image."""
    bands = fused_bands(parts)
    names = tuple(parts.names[:count])
    total = array(synthesise(lesson_numbers.only(bands, names), parts.wavelet, parts.size))
    panels = [image_panel("Sum so far", total), Panel("All bands", parts.pair.fused8)]
    if count > 1:
        last = array(synthesise(lesson_numbers.only(bands, names[-1:]), parts.wavelet, parts.size))
        added = Panel.from_values(
            f"What {names[-1]} adds", GREY * last, "grey", "added", (0.0, 96.0),
            table=colours.signed_table(), decimals=0,
        )  # fmt: skip
        panels.insert(1, added)
    return panels


def provenance_key(parts: Parts) -> str:
    """The viewer's key, which the chart beside it must know."""
    return f"{PROVENANCE_KEY}-{parts.fused.key[:12]}"


def provenance_control(parts: Parts) -> None:
    """The bars of the picked pixel."""
    attribution = caches.attribution_of(parts.fused)
    if attribution is None:
        st.caption("This image is too large to keep every subband's part.")
        return
    picked = viewer_state(provenance_key(parts), parts.size).pick
    brightest = np.unravel_index(int(parts.pair.fused8.argmax()), parts.size)
    row, column = (picked.row, picked.col) if picked else (int(brightest[0]), int(brightest[1]))
    parts_there = pixel(attribution, row, column)
    theme.chart(
        figures.breakdown_bars(parts_there), "lesson-bars",
        "Grey levels that each subband brought from CT and from MRI",
    )  # fmt: skip
    where = "Picked" if picked else "Brightest"
    st.caption(f"{where} pixel x {column}, y {row}. Click the image to pick another.")


def provenance_picture(parts: Parts, _: None) -> Picture:
    """The fused image and its two exact parts."""
    attribution = caches.attribution_of(parts.fused)
    fused = Panel("Fused: click a pixel", parts.pair.fused8)
    if attribution is None:
        return [fused]
    return [
        fused,
        image_panel("All that came from the CT", array(attribution.ct_only)),
        image_panel("All that came from the MRI", array(attribution.mri_only)),
    ]


def learn_control(parts: Parts) -> bool:
    """Before or after training."""
    before = before_training(parts)
    if before is None or before.masks is None:
        st.info("A rule has nothing to learn; its masks are shown.", icon=":material/info:")
        return True
    after = (
        st.segmented_control(
            "Masks", ["Before training", "After training"], default="After training",
            key="lesson-trained", required=True,
        )
        == "After training"
    )  # fmt: skip
    masks = parts.masks if after else before.masks
    spread = [mask_numbers(mask).spread for _, mask in masks.ct.items()]
    st.caption(
        f"Spread of the CT's masks (standard deviation, mean of {len(spread)} bands): "
        f"{sum(spread) / len(spread):.2f}. An undecided mask has a spread of 0."
    )
    return after


def learn_picture(parts: Parts, after: bool) -> Picture:
    """The CT's masks of the finest level."""
    before = before_training(parts)
    masks = parts.masks if after or before is None or before.masks is None else before.masks
    names = [parts.names[0], *parts.names[-3:]]
    by_name = dict(masks.ct.items())
    below = parts.pair.fused8
    return [mask_panel(name, "CT", parts.convex, by_name[name], below) for name in names]


PITFALLS = ("Ringing", "Shift", "Window")
RINGING = ("haar", "db2", "db4", "db8")


def pitfall_control(parts: Parts) -> tuple[str, str | int]:
    """Which pitfall, and how strong."""
    kind = str(
        st.segmented_control(
            "Pitfall", PITFALLS, default=PITFALLS[0], key="lesson-pitfall", required=True
        )
    )
    if kind == "Ringing":
        wavelet = str(
            st.segmented_control(
                "Wavelet", RINGING, default="db8", key="lesson-ringing", required=True
            )
        )
        soft = lesson_numbers.without_fine_details(parts.pair.ct01.astype(np.float64), wavelet)
        low, high = GREY * min(0.0, soft.min()), GREY * max(0.0, soft.max() - 1)
        st.caption(
            "The CT without its details of 2 and 4 pixels. Long filters swing beside the skull: "
            f"{abs(low):.0f} grey levels below black and {high:.0f} above white."
        )
        return kind, wavelet
    if kind == "Shift":
        shift = st.slider("MRI moved to the right (pixels)", 0, 16, 4, key="lesson-shift")
        quality = registration_quality(parts, shift)
        st.caption(
            f"Edges kept (Qabf), measured on the images where they belong: {quality:.3f}. The "
            "method cannot know that the MRI lies wrong; it fuses what it gets."
        )
        return kind, shift
    names = list(window_options(parts.pair.ct))
    worst = next((i for i, name in enumerate(names) if name.startswith("Bone")), len(names) - 1)
    window = st.selectbox("Window of the CT", names, worst, key=f"lesson-window-{len(names)}")
    st.caption("What the window turns to plain white or black is lost before the fusion begins.")
    return kind, window


def registration_quality(parts: Parts, shift: int) -> float:
    """Qabf of the fusion with a moved MRI, against the images as they were."""
    pair = parts.pair
    scores = evaluate(_fused_shifted(parts, shift), pair.ct01, pair.mri01, ("Qabf",))
    return scores.values["Qabf"]


def _fused_shifted(parts: Parts, shift: int) -> NDArray[np.uint8]:
    moved = lesson_numbers.shifted(parts.pair.mri01.astype(np.float64), shift)
    return to_8bit(array(parts.pair.method.fuse(parts.pair.ct01, moved).fused))


def pitfall_picture(parts: Parts, chosen: tuple[str, str | int]) -> Picture:
    """The damage beside the image as it should be."""
    kind, how = chosen
    pair = parts.pair
    if kind == "Ringing":
        ct = pair.ct01.astype(np.float64)
        soft = lesson_numbers.without_fine_details(ct, str(how))
        return [
            image_panel("CT", ct),
            image_panel(f"Without fine details, {how}", soft),
            Panel.from_values(
                "What that changed", GREY * (soft - ct), "grey", "ringing", (0.0, 128.0),
                table=colours.signed_table(), decimals=0,
            ),
        ]  # fmt: skip
    if kind == "Shift":
        return [
            Panel("Fused, as it belongs", pair.fused8),
            Panel(f"Fused, MRI moved by {how} pixels", _fused_shifted(parts, int(how))),
        ]
    ct01 = apply_window(pair.ct, window_options(pair.ct)[str(how)])
    fused = array(pair.method.fuse(ct01, pair.mri01).fused)
    return [image_panel(f"CT, {how}", ct01), image_panel("Fused with it", fused)]


QUESTIONS = ("HL", "LL", "LH")
ANSWERS = {
    "LL": "LL, the smooth anatomy",
    "LH": "LH, the horizontal edges",
    "HL": "HL, the vertical edges",
    "HH": "HH, the diagonal detail",
}
REASONS = {
    "LL": "Without LL every smooth area turns dark and only edges are left.",
    "LH": "Without LH edges that lie flat turn into little steps: look at the top of the head.",
    "HL": "Without HL upright edges turn into little steps: look at the sides of the head.",
}


def quiz_control(_: Parts) -> tuple[str, bool]:
    """The question, four answers, and whether it has been answered."""
    number = int(
        st.segmented_control("Question", [1, 2, 3], default=1, key="lesson-question", required=True)
        or 1
    )
    band = QUESTIONS[number - 1]
    answer = st.radio(
        "Which band was taken away?", list(ANSWERS), index=None, key=f"lesson-answer-{number}",
        format_func=ANSWERS.__getitem__,
    )  # fmt: skip
    if answer is not None:
        right = answer == band
        (st.success if right else st.warning)(
            f"{'Right' if right else 'Not quite: it is ' + ANSWERS[band]}. {REASONS[band]}"
        )
    return band, answer is not None


def quiz_picture(parts: Parts, asked: tuple[str, bool]) -> Picture:
    """The image without the band; what is missing only after the answer."""
    band, answered = asked
    whole = parts.pair.fused8 / np.float64(255)
    poor = lesson_numbers.muted(whole, band)
    panels = [Panel("The image", parts.pair.fused8), image_panel("One band taken away", poor)]
    if answered:
        panels.append(
            Panel.from_values(
                f"What {band} held", GREY * (whole - poor), "grey", "quiz", (0.0, 128.0),
                table=colours.signed_table(), decimals=0,
            )
        )  # fmt: skip
    return panels
