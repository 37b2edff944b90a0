"""The bundled cases: synthetic heads, made on the spot."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusion_core.phantom import CT_WINDOW, HeadConfig, Tissue, labels, render_slice
from imaging.image import Image
from imaging.windowing import Window, apply_window
from imaging.write import encode_png

MR_WHITE = 1000.0
"""Display white of the synthetic MRI in its arbitrary units."""

EDGES = ("R", "L", "A", "P")
"""The synthetic head is drawn as radiologists look at one: its right at the left, face up."""


@dataclass(frozen=True)
class Case:
    """One synthetic pair of images.

    Attributes:
        name: stable, for keys and file names.
        title: what the menu shows.
        description: one sentence on what to look at.
        seed, z_mm, sequence, lesions: see :mod:`fusion_core.phantom`.
    """

    name: str
    title: str
    description: str
    seed: int
    z_mm: float
    sequence: str
    lesions: tuple[str, ...]


_ALL = (
    Case(
        "tumour",
        "Tumour with oedema, CT + T2",
        "The oedema is bright on T2 and hardly seen on CT; skull and calcifications only on CT.",
        3, 22.0, "T2", ("tumour", "calcification"),
    ),
    Case(
        "bleed",
        "Fresh bleed, CT + T1",
        "Fresh blood is bright on CT and grey on T1, which shows the cortex and the scalp fat.",
        7, 14.0, "T1", ("bleed", "calcification"),
    ),
    Case(
        "infarct",
        "Infarct, CT + FLAIR",
        "The infarct is bright on FLAIR and faint on CT.",
        11, 16.0, "FLAIR", ("infarct",),
    ),
    Case(
        "normal",
        "No lesion, CT + T2",
        "A head without lesions near the vertex: folds from the MRI, bone from the CT.",
        5, 38.0, "T2", (),
    ),
)  # fmt: skip

CASES: dict[str, Case] = {case.name: case for case in _ALL}
"""The bundled cases by name; the first one is what a new visitor sees."""


def render_case(case: Case) -> tuple[Image, Image]:
    """Render a case as CT in HU and MRI in arbitrary units on one grid."""
    config = HeadConfig(seed=case.seed, lesions=case.lesions)
    picture = render_slice(config, case.z_mm, case.sequence)
    air = picture.labels == Tissue.BACKGROUND
    ct = np.where(air & (picture.ct01 == 0), np.float32(-1000), np.rint(picture.ct_hu))
    mri = np.rint(picture.mr01 * np.float32(MR_WHITE))
    return (
        Image(
            ct.astype(np.float32), (-1024.0, 3071.0), "HU", picture.spacing_mm, "CT",
            f"{case.name}-ct", window=Window(*CT_WINDOW, "LINEAR_EXACT"), orientation=EDGES,
        ),
        Image(
            mri.astype(np.float32), (0.0, MR_WHITE), "grey", picture.spacing_mm, "MR",
            f"{case.name}-{case.sequence.lower()}", window=Window.from_range(0, MR_WHITE),
            orientation=EDGES,
        ),
    )  # fmt: skip


def case_labels(case: Case) -> NDArray[np.uint8]:
    """The tissue of every pixel of a case, (H, W) values of :class:`Tissue`."""
    return labels(HeadConfig(seed=case.seed, lesions=case.lesions), case.z_mm)


def write_cases(folder: Path) -> None:
    """Write every case, windowed to 16 bits, as CT/NAME.png and MRI/NAME.png."""
    for name, case in CASES.items():
        for source, image in zip(("CT", "MRI"), render_case(case), strict=True):
            target = folder / source / f"{name}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.rint(apply_window(image, image.window) * 65535).astype(np.uint16)
            target.write_bytes(encode_png(pixels, bits=16, spacing=image.spacing))
