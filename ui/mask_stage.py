"""Masks of several methods in one linked viewer."""

from collections.abc import Sequence

from pipelines.fuse import FusedPair, to_8bit
from ui import colours
from ui.mask_choice import Shown
from ui.stage import Background, background_image, band_heading, letters
from ui.viewer import Overlay, Panel, viewer

ONE_ROW, TWO_ROWS = 460, 640


def masks_stage(
    pair: FusedPair, masks: Sequence[Shown], background: Background, *, named: bool
) -> None:
    """Show up to nine masks over the anatomy, linked, each with its legend.

    Args:
        pair: the pair on the screen.
        masks: what to show.
        background: the image below; the fused one is that of the method on the screen.
        named: head every panel with its method.
    """
    image = background_image(pair, background)
    panels = []
    for mask in masks:
        overlay = Overlay(
            to_8bit(mask.values), colours.gate_table(mask.gate, mask.owner.convex),
            f"{mask.band}: share of the {mask.gate} let through",
        )  # fmt: skip
        title = f"{mask.owner.name} · {mask.band}" if named else band_heading(mask.band)
        panels.append(Panel(title, image, "grey", "anatomy", overlay=overlay))
    rows, columns = pair.fused8.shape
    viewer(
        panels, key=f"stage-masks-{pair.name}-{rows}x{columns}", opacity=0.6,
        height=ONE_ROW if len(panels) <= 4 else TWO_ROWS, spacing=pair.ct.spacing,
        orientation=letters(pair),
    )  # fmt: skip
