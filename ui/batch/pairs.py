"""The pairs of a batch: a table with what became of each, contact sheets, one pair to look at."""

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from imaging.pairs import Pair, find_pairs
from imaging.read import read_image
from pipelines.batch_folder import BatchFolder, Row
from pipelines.batch_job import Snapshot
from pipelines.fuse import FusedPair, fuse_pair
from ui import caches, theme
from ui.stage import letters, pair_panels
from ui.viewer import viewer

FEW_ROWS = 7
"""Rows up to which the table is as high as its content."""

MOST_ROWS = 1000
"""Rows that the table shows; of more, the skipped ones and the newest."""


def table(folder: BatchFolder, seen: Snapshot) -> None:
    """What became of every pair; once the batch rests, a ticked pair is shown below."""
    rows = shown_rows(seen.rows)
    theme.section("Pairs", _heading(seen, rows))
    columns = {
        "Pair": [row.name for row in rows],
        "State": [row.state for row in rows],
        "What to know": [row.message for row in rows],
    }
    config: dict[str, Any] = {
        "Pair": st.column_config.TextColumn(width="small"),
        "State": st.column_config.TextColumn(width="small"),
        "What to know": st.column_config.TextColumn(width="large"),
    }
    height: Any = "auto" if len(rows) <= FEW_ROWS else 300
    if seen.alive:
        st.dataframe(
            columns, hide_index=True, column_config=config, height=height, alt="Pairs so far"
        )
        return
    event: Any = st.dataframe(
        columns, key=f"batch-pairs-{folder.name}", on_select="rerun", selection_mode="single-row",
        hide_index=True, column_config=config, height=height, alt="All pairs of the batch",
    )  # fmt: skip
    picked = [rows[n] for n in event.selection.rows if n < len(rows)]
    if not picked:
        _sheets(folder)
    elif picked[0].state == "skipped":
        st.warning(f"{picked[0].name} was skipped. {picked[0].message}", icon=":material/warning:")
    else:
        _look_at(folder, picked[0].name)


def shown_rows(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Skipped pairs first, then the newest; at most :data:`MOST_ROWS`."""
    skipped = tuple(row for row in rows if row.state == "skipped")
    others = tuple(row for row in reversed(rows) if row.state != "skipped")
    return (skipped + others)[:MOST_ROWS]


def _heading(seen: Snapshot, rows: tuple[Row, ...]) -> str:
    text = "Skipped ones first, then the newest."
    if len(rows) < len(seen.rows):
        text += f" {len(rows)} of {len(seen.rows)} are shown; report.txt in the zip has all."
    if not seen.alive:
        text += " Tick a pair to look at it, or to read why it was skipped."
    return text


def _look_at(folder: BatchFolder, name: str) -> None:
    """CT, MRI and fused image of one pair in the viewer, fused again as the batch did."""
    pair = next((p for p in find_pairs(folder.data()).pairs if p.name == name), None)
    if pair is None:
        st.info(f"The images of {name} are not in the folder any more.")
        return
    fused = _fused(folder, pair)
    theme.notes(fused.notes)
    viewer(
        pair_panels(fused), key=f"batch-{folder.name}-{name}", height=380, blend=(0, 1),
        spacing=fused.ct.spacing, orientation=letters(fused),
    )  # fmt: skip
    if not np.array_equal(_written(folder, fused), fused.fused8):
        st.caption("The image in the zip differs from this one: images or method were changed.")


def _fused(folder: BatchFolder, pair: Pair) -> FusedPair:
    method = caches.method(*folder.request().method)
    return fuse_pair(read_image(pair.ct), read_image(pair.mri), method)


def _written(folder: BatchFolder, fused: FusedPair) -> Any:
    """The image that the batch wrote, without the strip of a caption."""
    rows, columns = fused.fused8.shape
    image = read_image(folder.options(1).image(folder.out, fused.name)).pixels
    return image[:rows, :columns].astype(np.uint8)


def _sheets(folder: BatchFolder) -> None:
    paths = sorted(folder.out.glob("contact-sheet-*.png"), key=_number)
    if not paths:
        return
    with st.expander("Contact sheet", icon=":material/grid_on:", expanded=len(paths) == 1):
        number = 1
        if len(paths) > 1:
            number = st.number_input(
                f"Page, 1 to {len(paths)}", 1, len(paths), key=f"batch-sheet-{folder.name}",
                width=160,
            )  # fmt: skip
        st.image(str(paths[number - 1]), output_format="PNG", width="stretch")


def _number(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])
