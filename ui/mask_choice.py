"""Which masks are on the Masks screen: up to three methods, one gate, one level, some subbands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fusion_core.mask_measures import MaskMeasure, measure, on_grid
from fusion_core.model import Masks
from fusion_core.wavelets import Subbands
from ui import caches, session
from ui.caches import Fused
from ui.guard import USER_ERRORS
from ui.models import held

Gate = Literal["CT", "MRI"]
KINDS = ("LL", "LH", "HL", "HH")
MOST_METHODS = 3
MOST_PANELS = 9


@dataclass(frozen=True, eq=False)
class Compared:
    """One method's masks of the pair on the screen.

    Attributes:
        name: the method's.
        fused: the pair as this method fused it.
        masks: both gates.
        convex: whether MRI's gate is 1 minus CT's.
    """

    name: str
    fused: Fused
    masks: Masks
    convex: bool

    @property
    def levels(self) -> int:
        """Depth of the decomposition."""
        return self.masks.ct.levels

    def gate(self, gate: Gate) -> Subbands:
        """The masks of one source."""
        return self.masks.ct if gate == "CT" else self.masks.mri


@dataclass(frozen=True, eq=False)
class Shown:
    """One mask in the viewer."""

    owner: Compared
    gate: Gate
    band: str

    @property
    def values(self) -> NDArray[np.float32]:
        """(h, w) in [0, 1]."""
        mask: NDArray[np.float32] = dict(self.owner.gate(self.gate).items())[self.band][
            0, 0
        ].numpy()
        return mask


def compared(fused: Fused) -> Compared:
    """The masks of a fused pair that has some."""
    masks = cast(Masks, fused.pair.result.masks)
    total = masks.ct.combine(masks.mri, lambda a, b: a + b - 1)
    convex = all(float(band.abs().max()) < 1e-5 for _, band in total.items())
    return Compared(fused.pair.method.name, fused, masks, convex)


def choose_methods(fused: Fused) -> list[Compared]:
    """The method of the rail and up to two checkpoints beside it, on the same pair."""
    own = fused.pair.method
    others = [
        info.name
        for info in held.methods()
        if info.kind == "checkpoint" and (own.kind, own.name) != (info.kind, info.name)
    ]
    found = [compared(fused)]
    if not others:
        return found
    names = st.multiselect(
        "Compare with", others, key="masks-compare", max_selections=MOST_METHODS - 1,
        placeholder="Up to two more", width=200,
        help="Their masks of the same pair, under the same cursor.",
    )  # fmt: skip
    choice = session.get()
    if choice.ct is None or choice.mri is None:
        return found
    for name in names:
        try:
            other = caches.fuse(
                choice.ct, choice.mri, choice.windows, caches.method("checkpoint", name)
            )
        except USER_ERRORS as error:
            st.error(str(error), icon=":material/error:")
            continue
        if other.pair.result.masks is None:
            st.caption(f"“{name}” has no masks, so there is nothing of it to compare.")
        else:
            found.append(compared(other))
    return found


def level_groups(levels: int) -> dict[str, list[str]]:
    """The bands of each level by its menu entry, the coarsest first and with LL."""
    if levels == 1:
        return {"Level 1": list(KINDS)}
    groups = {}
    for level in range(levels, 0, -1):
        kinds = KINDS if level == levels else KINDS[1:]
        groups[f"Level {level} ({2**level} px)"] = [f"{kind}{level}" for kind in kinds]
    return groups


def band_name(kind: str, level: int, levels: int) -> str | None:
    """How a decomposition calls its band of a kind at a level; None where it has none."""
    if level > levels or (kind == "LL" and level != levels):
        return None
    return kind if levels == 1 else f"{kind}{level}"


def masks_to_show(
    methods: Sequence[Compared], gate: Gate, level: int, kinds: Sequence[str]
) -> tuple[list[Shown], list[str]]:
    """Masks for at most nine panels, method by method, and the kinds for which there is no room."""
    wanted = [kind for kind in KINDS if kind in kinds]
    left_out: list[str] = []
    while True:
        shown = [
            Shown(owner, gate, band)
            for owner in methods
            for kind in wanted
            if (band := band_name(kind, level, owner.levels)) is not None
        ]
        if len(shown) <= MOST_PANELS:
            return shown, left_out
        left_out.insert(0, wanted.pop())


@st.cache_resource(show_spinner=False, max_entries=24)
def _measures(key: str, gate: Gate, _owner: Compared) -> tuple[MaskMeasure, ...]:
    head = _owner.fused.pair.head
    return tuple(
        measure(name, band[0, 0].numpy(), on_grid(head, (band.shape[-2], band.shape[-1])))
        for name, band in _owner.gate(gate).items()
    )


def measures_of(owner: Compared, gate: Gate) -> tuple[MaskMeasure, ...]:
    """Every mask of a gate in numbers, counted inside the head."""
    return _measures(owner.fused.key, gate, owner)
