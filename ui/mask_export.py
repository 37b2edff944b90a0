"""Masks to take home: stamped pictures, exact numbers, and the measures as a table."""

import csv
import io
import math
import zipfile
from collections.abc import Sequence

import numpy as np

from imaging.write import encode_png
from pipelines.export import STAMP, mask_images, method_label, stamp
from ui.mask_choice import Compared, Gate, measures_of

GATES: tuple[Gate, Gate] = ("CT", "MRI")


def pictures_zip(methods: Sequence[Compared]) -> bytes:
    """Every mask as a stamped PNG in its own resolution, a folder per method."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for owner in methods:
            text = stamp(owner.fused.pair)
            for name, image in mask_images(owner.fused.pair).items():
                words = f"Mask {name}: 0 (black) takes nothing of the source, 255 (white) takes all"
                place = zipfile.ZipInfo(f"{owner.name}/{name}.png", (1980, 1, 1, 0, 0, 0))
                archive.writestr(place, encode_png(image, text=text | {"Description": words}))
    return buffer.getvalue()


def numbers_npz(methods: Sequence[Compared]) -> bytes:
    """Every mask as float32, named method/source_band; "about" says what it is."""
    arrays = {
        f"{owner.name}/{gate.lower()}_{name}": band[0, 0].numpy()
        for owner in methods
        for gate in GATES
        for name, band in owner.gate(gate).items()
    }
    labels = [method_label(owner.fused.pair.method) for owner in methods]
    pair = methods[0].fused.pair
    about = f"{STAMP}. Masks in [0, 1] of {pair.name} by {'; '.join(labels)}."
    buffer = io.BytesIO()
    np.savez_compressed(buffer, about=np.array(about), **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def measures_csv(methods: Sequence[Compared]) -> str:
    """One row per method, source and band, counted inside the head; empty where undefined."""
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow((f"# {STAMP}", methods[0].fused.pair.name, "counted inside the head"))
    rows.writerow(
        ("method", "sha256", "gate", "band", "mean", "spread", "decisiveness", "entropy_bits",
         "sharpness")
    )  # fmt: skip
    for owner in methods:
        for gate in GATES:
            for m in measures_of(owner, gate):
                values = (m.mean, m.spread, m.decisiveness, m.entropy, m.sharpness)
                numbers = ("" if math.isnan(v) else f"{v:.9g}" for v in values)
                sha = owner.fused.pair.method.sha256 or ""
                rows.writerow((owner.name, sha, gate, m.band, *numbers))
    return buffer.getvalue()
