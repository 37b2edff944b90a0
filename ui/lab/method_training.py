"""Before and after training: an untrained network of the same build beside the checkpoint."""

from dataclasses import dataclass

import streamlit as st
import torch
from torch import Tensor

from fusion_core.model import FusionConfig, FusionNet, FusionResult
from fusion_core.wavelets import Subbands
from pipelines.fuse import to_8bit
from trainer.run_folder import list_runs
from ui import theme
from ui.lab.choice import LabChoice
from ui.lab.method_parts import (
    Parts,
    array,
    current_parts,
    mask_panel,
    numbers,
    numbers_html,
)
from ui.lab.method_sheet import save_sheet
from ui.stage import band_heading, letters
from ui.training.places import runs_folder
from ui.viewer import Panel, viewer

SEED = 0


@dataclass(frozen=True)
class MaskNumbers:
    """A mask in three numbers.

    Attributes:
        mean: 0 to 1.
        spread: standard deviation.
        decided: share of coefficients, 0 to 1, within 0.1 of closed or open.
    """

    mean: float
    spread: float
    decided: float


def mask_numbers(mask: Tensor) -> MaskNumbers:
    """Mean, spread and how much of a mask is nearly 0 or 1."""
    values = array(mask)
    decided = ((values <= 0.1) | (values >= 0.9)).mean()
    return MaskNumbers(float(values.mean()), float(values.std()), float(decided))


def untrained(config: FusionConfig) -> FusionNet:
    """A network of that build with random weights of seed 0; the random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return FusionNet(config).eval()


@st.cache_resource(show_spinner=False, max_entries=6)
def _before(key: str, _parts: Parts) -> FusionResult | None:
    config = _parts.pair.method.config
    if not isinstance(config, FusionConfig):
        return None
    ct, mri = (torch.from_numpy(image) for image in (_parts.pair.ct01, _parts.pair.mri01))
    with torch.inference_mode():
        result: FusionResult = untrained(config)(ct, mri)
        return result


def before_training(parts: Parts) -> FusionResult | None:
    """The pair fused by the untrained network of the checkpoint's build; None for a rule."""
    return _before(parts.fused.key, parts)


def training_view(_: LabChoice) -> None:
    """Masks and fused image of both networks on one cursor, with numbers and history."""
    parts = current_parts()
    if parts is None:
        return
    theme.section(
        "Before and after training",
        "Left: the same network with random weights (seed 0). Right: the checkpoint. Before "
        "training the masks are almost one even value, so both images are merely mixed; training "
        "teaches them where each image has something to show.",
    )
    before = before_training(parts)
    if before is None:
        st.info(
            "A rule has nothing to train; choose a learned method at the left.",
            icon=":material/info:",
        )
        return
    gates = ["CT"] if parts.convex else ["CT", "MRI"]
    with st.container(horizontal=True, gap="large"):
        gate = gates[0]
        if len(gates) > 1:
            gate = st.segmented_control(
                "Gate of", gates, default="CT", key="training-gate", required=True,
                help="CT gate: how much of each CT coefficient is let through; MRI gate likewise.",
            )  # fmt: skip
        name = st.segmented_control(
            "Band", parts.names, default=parts.names[-1], required=True,
            key=f"training-band-{len(parts.names)}",
        )  # fmt: skip
    panels = training_panels(parts, before, gate, name)
    viewer(
        panels, key=f"training-{gate}-{name}-{parts.fused.key[:12]}", height=430, blend=(2, 3),
        opacity=0.6, spacing=parts.pair.ct.spacing, orientation=letters(parts.pair),
    )  # fmt: skip
    save_sheet(
        lambda: panels, f"{parts.pair.name}_before_after_{name}",
        f"Mask {name} of the {gate} and fused image before and after training.", "training-save",
    )  # fmt: skip
    left, right = st.columns(2, gap="large")
    with left:
        theme.section("What training changed in the image")
        st.html(_scores_html(parts, before))
    with right:
        theme.section(
            "What training changed in the masks",
            "Decided: share of coefficients whose mask is below 0.1 or above 0.9.",
        )
        st.html(masks_html(_gate(before, gate), _gate(parts.pair.result, gate), gate))
    theme.section("How it was trained", history_text(parts))


def training_panels(parts: Parts, before: FusionResult, gate: str, name: str) -> list[Panel]:
    """One mask and the fused image, before and after."""
    after = parts.pair.result
    masks = [dict(_gate(result, gate).items())[name] for result in (before, after)]
    below = parts.pair.fused8
    return [
        mask_panel(name, gate, parts.convex, mask, below, f"{gate} mask {name}, {when}")
        for mask, when in zip(masks, ("before", "after"), strict=True)
    ] + [
        Panel("Fused, before", to_8bit(array(before.fused)), "grey", "fused"),
        Panel("Fused, after", parts.pair.fused8, "grey", "fused"),
    ]


def _gate(result: FusionResult, gate: str) -> Subbands:
    assert result.masks is not None, "networks always have masks"
    return result.masks.ct if gate == "CT" else result.masks.mri


def _scores_html(parts: Parts, before: FusionResult) -> str:
    pair = parts.pair
    fused8 = to_8bit(array(before.fused))
    return numbers_html(
        {
            "Before": numbers(f"{parts.fused.key}-before", fused8, pair.ct01, pair.mri01),
            "After": numbers(f"{parts.fused.key}-shown", pair.fused8, pair.ct01, pair.mri01),
        }
    )


def masks_html(before: Subbands, after: Subbands, gate: str) -> str:
    """Mean, spread and decided share of every mask of a gate, before and after."""
    rows = []
    for (name, first), (_, second) in zip(before.items(), after.items(), strict=True):
        a, b = mask_numbers(first), mask_numbers(second)
        cells = "".join(
            f"<td class='n'>{old} → {new}</td>"
            for old, new in (
                (f"{a.mean:.2f}", f"{b.mean:.2f}"),
                (f"{a.spread:.2f}", f"{b.spread:.2f}"),
                (f"{100 * a.decided:.0f} %", f"{100 * b.decided:.0f} %"),
            )
        )
        rows.append(f"<tr><td>{band_heading(name)}</td>{cells}</tr>")
    return (
        f"<table class='twf'><thead><tr><th>{gate} mask</th><th class='n'>Mean</th>"
        "<th class='n'>Spread (SD)</th><th class='n'>Decided</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def history_text(parts: Parts) -> str:
    """Data, epochs and loss from the checkpoint's own record, and its run if it lies here."""
    method = parts.pair.method
    record = method.metadata
    data, training = record.get("data") or {}, record.get("training") or {}
    words = []
    if pairs := data.get("train_pairs"):
        words.append(f"Trained on {pairs} pairs")
        if patients := data.get("train_patients"):
            words[-1] += f" of {len(patients)} patients"
        words[-1] += "."
    if (epoch := record.get("epoch")) and (epochs := training.get("epochs")):
        words.append(f"The weights are those of epoch {epoch} of {epochs}.")
    words += _trajectory(method.name)
    if not words:
        return "The checkpoint does not say how it was trained."
    return " ".join(words)


def _trajectory(name: str) -> list[str]:
    """How the loss fell in the run that made a checkpoint, where its folder is still here."""
    for run in list_runs(runs_folder()):
        if run.name != name and not run.name.endswith(f"-{name}"):
            continue
        losses = [
            float(value)
            for record in run.history()
            if (value := record.get("val_total")) is not None
        ]
        if len(losses) > 1:
            low = min(losses)
            return [
                f"In its run the validation loss fell from {losses[0]:.3g} to {low:.3g}, reached "
                f"in epoch {losses.index(low) + 1}."
            ]
    return []
