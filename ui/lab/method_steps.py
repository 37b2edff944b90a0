"""Step by step: the whole method on the pair on the screen, a picture and a formula a step."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
import torch

from fusion_core.model import FusionConfig
from fusion_core.provenance import Attribution
from fusion_core.wavelets import Details, Subbands, synthesise
from ui import caches, colours, theme
from ui.figures import GREY
from ui.lab.choice import LabChoice
from ui.lab.method_parts import (
    Parts,
    array,
    band_panel,
    current_parts,
    detail_reach,
    grid_spacing,
    image_panel,
    mask_panel,
)
from ui.lab.method_sheet import save_sheet
from ui.mask_choice import level_groups
from ui.stage import band_heading, letters
from ui.viewer import Panel, viewer

_AT = "twf_lab_step"


@dataclass(frozen=True)
class Step:
    """One step of the method.

    Attributes:
        title: a few words.
        formula: LaTeX.
        text: two sentences.
        panels: the picture, from the parts and the chosen group of bands or band.
        where: what the signs of the formula mean.
        choices: what the picture may show, by the menu's words; empty for one picture only.
        label: of that menu.
    """

    title: str
    formula: str
    text: str
    panels: Callable[[Parts, str], list[Panel]]
    where: str = ""
    choices: tuple[str, ...] = ()
    label: str = ""


def steps_view(_: LabChoice) -> None:
    """The method as a row of steps with Previous and Next."""
    parts = current_parts()
    if parts is None:
        return
    steps = method_steps(parts)
    at = min(st.session_state.get(_AT, 0), len(steps) - 1)
    _turn(steps, at)
    step = steps[at]
    theme.section(f"{at + 1}. {step.title}", step.text)
    st.latex(step.formula)
    st.caption(step.where)
    choice = step.choices[0] if step.choices else ""
    if len(step.choices) > 1:
        choice = st.segmented_control(
            step.label, step.choices, default=step.choices[0], required=True,
            key=f"steps-{at}-{len(parts.names)}",
        )  # fmt: skip
    panels = step.panels(parts, choice)
    viewer(
        panels, key=f"steps-{at}-{choice}-{parts.fused.key[:12]}", opacity=0.6,
        height=430 if len(panels) <= 4 else 620, spacing=grid_spacing(parts, panels),
        orientation=letters(parts.pair),
    )  # fmt: skip
    save_sheet(
        lambda: panels, f"{parts.pair.name}_step{at + 1}", f"{step.title}. {step.text}",
        f"steps-save-{at}",
    )  # fmt: skip


def _turn(steps: list[Step], at: int) -> None:
    last = len(steps) - 1

    def to(place: int) -> None:
        st.session_state[_AT] = place

    titles = [f"{i + 1}. {step.title}" for i, step in enumerate(steps)]
    st.session_state["steps-menu"] = titles[at]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.button(
            "Previous", icon=":material/chevron_left:", key="steps-previous", on_click=to,
            args=(max(at - 1, 0),), disabled=at == 0, shortcut="PageUp",
        )  # fmt: skip
        st.button(
            "Next", icon=":material/chevron_right:", key="steps-next", on_click=to,
            args=(min(at + 1, last),), disabled=at == last, shortcut="PageDown",
        )  # fmt: skip
        st.selectbox(
            "Step", titles, key="steps-menu", label_visibility="collapsed", width=320,
            on_change=lambda: to(titles.index(st.session_state["steps-menu"])),
        )  # fmt: skip
        st.caption(f"Step {at + 1} of {len(steps)}", width="content")


def method_steps(parts: Parts) -> list[Step]:
    """The steps for a method: their formulas name its wavelet, levels and gates."""
    groups = tuple(level_groups(parts.ct.levels))
    levels = parts.ct.levels
    gate = (
        r"b_k = 1 - a_k" if parts.convex else r"a_k,\, b_k \in [0, 1]\ \text{independent}"
    )  # fmt: skip
    learned = parts.pair.method.config is not None
    source = r"(a, b) = \sigma(\mathrm{net}(" if learned else r"(a, b) = \mathrm{rule}(("
    who = (
        "A small network looks at the bands of both images and gives every coefficient of each a "
        "number between 0 and 1."
        if learned
        else "The rule looks at the bands of both images and gives every coefficient of each a "
        "number between 0 and 1."
    )
    level_word = "one level" if levels == 1 else f"{levels} levels"
    groups_label = "Bands of"
    return [
        Step(
            "Two images on one grid",
            r"C,\; M \in [0, 1]^{H \times W}",
            "CT and MRI of the same slice lie on one grid, and their windows decide what is black "
            "and what is white. Everything below works on these two images and nothing else.",
            _pair,
            "C: the CT, M: the MRI, H rows and W columns; 0 is black and 1 is white.",
        ),
        Step(
            "Decompose the CT",
            rf"C_k = W_k\, C,\qquad k \in \{{{_names(levels)}\}}\qquad (\text{{{parts.wavelet}}})",
            f"The {parts.wavelet} wavelet splits the CT, over {level_word}, into a small smooth "
            "image (LL) and its edges by direction (LH, HL, HH). No information is lost: the "
            "bands together hold exactly the image.",
            lambda p, group: _bands(p, p.ct, group),
            "W: the wavelet transform; Cₖ: band k of the CT. Details are shown around a dark zero: "
            "green above it, purple below.",
            groups,
            groups_label,
        ),
        Step(
            "Decompose the MRI",
            r"M_k = W_k\, M",
            "The same is done to the MRI, so every coefficient has its partner in the other image. "
            "The two images meet only here, band by band.",
            lambda p, group: _bands(p, p.mri, group),
            "Mₖ: band k of the MRI, of the same size as Cₖ.",
            groups,
            groups_label,
        ),
        Step(
            "Masks",
            source + r"C_k,\, M_k)),\qquad " + gate,
            f"{who} {_colour_words(parts)}",
            _masks,
            _mask_words(parts),
            groups,
            groups_label,
        ),
        Step(
            "Fuse every band",
            r"F_k = a_k \odot C_k + b_k \odot M_k",
            "Each coefficient is multiplied by its mask, and the two products are added. That is "
            "the whole fusion: a weighted sum, separately in every band.",
            _fuse,
            "⊙: multiplied coefficient by coefficient; Fₖ: band k of the fused image.",
            tuple(parts.names),
            "Band",
        ),
        Step(
            "Reconstruct",
            r"F = W^{-1}\,\{F_k\}",
            "The inverse transform puts the bands together again, the coarsest first. Every band "
            "that is added sharpens the image, and the last one completes it.",
            _reconstruct,
            "W⁻¹: the inverse transform; F: the fused image, before black and white are clipped.",
        ),
        Step(
            "Check the sum",
            r"F = W^{-1}\{a_k \odot C_k\} + W^{-1}\{b_k \odot M_k\}",
            "The transform is linear, so the fused image is exactly a CT part plus an MRI part; "
            f"the screen only clips what leaves black or white. {_residual(parts)}",
            _sum,
            "First term: all that came from the CT; second term: all that came from the MRI.",
        ),
    ]  # fmt: skip


def _colour_words(parts: Parts) -> str:
    if parts.convex:
        return "Orange takes the CT, blue takes the MRI, clear takes half of each."
    return "Orange lets the CT through and blue the MRI; purple and rose are closed gates."


def _mask_words(parts: Parts) -> str:
    words = "aₖ: the CT's mask of band k, bₖ: the MRI's."
    config = parts.pair.method.config
    if isinstance(config, FusionConfig):
        words += " σ squeezes the network's answer into 0 to 1."
        if config.bounded:
            words += " Masks then shrink where the fused image would leave black or white."
    return words


def _names(levels: int) -> str:
    if levels == 1:
        return r"LL, LH, HL, HH"
    return rf"LL_{levels},\; LH_j, HL_j, HH_j \mid j = {levels}, \ldots, 1"


def _pair(parts: Parts, _: str) -> list[Panel]:
    return [
        image_panel("C: the CT", parts.pair.ct01, "ct"),
        image_panel("M: the MRI", parts.pair.mri01, "mri"),
    ]


def _of_group(parts: Parts, group: str) -> list[str]:
    return level_groups(parts.ct.levels)[group]


def _bands(parts: Parts, bands: Subbands, group: str) -> list[Panel]:
    by_name = dict(bands.items())
    names = _of_group(parts, group)
    reach = detail_reach([by_name[name] for name in names if not name.startswith("LL")])
    return [band_panel(name, by_name[name], reach=reach) for name in names]


def _masks(parts: Parts, group: str) -> list[Panel]:
    names = _of_group(parts, group)
    sources = [("CT", parts.masks.ct)] + ([] if parts.convex else [("MRI", parts.masks.mri)])
    return [
        mask_panel(
            name, gate, parts.convex, dict(bands.items())[name], parts.pair.fused8,
            f"{gate} mask {band_heading(name)}",
        )
        for gate, bands in sources
        for name in names
    ]  # fmt: skip


def _fuse(parts: Parts, name: str) -> list[Panel]:
    ct, mri = dict(parts.ct.items())[name], dict(parts.mri.items())[name]
    a, b = dict(parts.masks.ct.items())[name], dict(parts.masks.mri.items())[name]
    reach = detail_reach([a * ct, b * mri, a * ct + b * mri])
    return [
        band_panel(name, a * ct, f"mask × CT, {name}", reach),
        band_panel(name, b * mri, f"+ mask × MRI, {name}", reach),
        band_panel(name, a * ct + b * mri, f"= fused {name}", reach),
    ]


def fused_bands(parts: Parts) -> Subbands:
    """The bands of the fused image, ``a C + b M``."""
    ct = parts.masks.ct.combine(parts.ct, torch.mul)
    return ct.combine(parts.masks.mri.combine(parts.mri, torch.mul), torch.add)


def kept(bands: Subbands, levels: int) -> Subbands:
    """Bands of which only LL and the details of the coarsest ``levels`` levels are left."""
    zeros = [Details(*(torch.zeros_like(band) for band in level)) for level in bands.details]
    first = bands.levels - levels
    return Subbands(bands.ll, (*zeros[:first], *bands.details[first:]))


def _reconstruct(parts: Parts, _: str) -> list[Panel]:
    bands = fused_bands(parts)
    panels = []
    for levels in range(bands.levels + 1):
        image = synthesise(kept(bands, levels), parts.wavelet, parts.size)
        first = bands.levels - levels + 1
        added = "" if bands.levels == 1 else f" of level {first}"
        title = f"+ details{added}" if levels else f"{parts.names[0]} alone"
        panels.append(image_panel(title, array(image), "fused"))
    return panels


def _attribution(parts: Parts) -> Attribution | None:
    return caches.attribution_of(parts.fused)


def _residual(parts: Parts) -> str:
    attribution = _attribution(parts)
    if attribution is None:
        return ""
    rest = parts.pair.result.fused - attribution.ct_only - attribution.mri_only
    return f"Here the largest difference is {GREY * float(rest.abs().max()):.1g} grey levels."


def _sum(parts: Parts, _: str) -> list[Panel]:
    attribution = _attribution(parts)
    if attribution is None:
        return [Panel("Fused", parts.pair.fused8)]
    window = (GREY / 2, float(GREY))
    ct, mri, clipping = (
        GREY * array(image)
        for image in (attribution.ct_only, attribution.mri_only, attribution.clipping)
    )
    return [
        Panel.from_values("CT part", ct, "grey", "part", window, decimals=1),
        Panel.from_values("+ MRI part", mri, "grey", "part", window, decimals=1),
        Panel.from_values(
            "+ clipping", clipping, "grey", "clipping", (0.0, 32.0),
            table=colours.signed_table(), decimals=1,
        ),
        Panel.from_values("= shown", parts.pair.fused8, "grey", "sum", window),
    ]  # fmt: skip
