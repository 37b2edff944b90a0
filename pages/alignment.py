"""Alignment: move the MRI and watch what it does to the fusion; warn where it lies wrong."""

from ui import theme
from ui.alignment.note import notes_with_undo
from ui.alignment.panel import bench
from ui.controls import rail
from ui.workspace import facts, fuse_current

rail()
fused = fuse_current()
theme.page_head("Alignment", facts(fused) if fused else ())
if fused is not None:
    notes_with_undo(fused)
    bench(fused)
