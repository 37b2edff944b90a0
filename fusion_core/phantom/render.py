"""From labels to pictures: CT numbers with scanner noise, MR signal by the signal equation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion_core.phantom.brain import paint_brain
from fusion_core.phantom.config import Z_RANGE, HeadConfig
from fusion_core.phantom.cranium import cavity, paint_head
from fusion_core.phantom.lesions import paint_lesions
from fusion_core.phantom.space import noise as noise_field
from fusion_core.phantom.space import slice_points, slow_noise
from fusion_core.phantom.tissues import TISSUES, Tissue, property_table

Labels = NDArray[np.uint8]
Picture = NDArray[np.float32]


class Timing(NamedTuple):
    """The times of an MR sequence in ms; ``ti`` None is a spin echo without inversion."""

    te: float
    tr: float
    ti: float | None = None


def _csf_null(tr: float) -> float:
    """Return the inversion time in ms at which CSF gives no signal."""
    t1 = TISSUES[Tissue.CSF].t1
    return float(t1 * (np.log(2) - np.log1p(np.exp(-tr / t1))))


SEQUENCES: dict[str, Timing] = {
    "T1": Timing(te=14, tr=500),
    "T2": Timing(te=100, tr=4000),
    "FLAIR": Timing(te=120, tr=9000, ti=_csf_null(9000)),
    "PD": Timing(te=20, tr=3000),
}
"""Default times of each sequence; FLAIR's inversion time nulls CSF."""

_WHITE: dict[str, tuple[Tissue, float]] = {
    "T1": (Tissue.FAT, 0.95),
    "T2": (Tissue.CSF, 0.84),
    "FLAIR": (Tissue.GREY_MATTER, 1.9),
    "PD": (Tissue.CSF, 1.15),
}
"""Which tissue's signal, times what, is shown as white."""

CT_WINDOW = (40.0, 110.0)
"""Centre and width in HU of the brain window in which bone saturates to white."""

_AIR_SHARE = 0.5
_UNEVEN = (
    Tissue.GREY_MATTER,
    Tissue.WHITE_MATTER,
    Tissue.DEEP_GREY,
    Tissue.CEREBELLAR_GREY,
    Tissue.CEREBELLAR_WHITE,
    Tissue.BRAIN_STEM,
    Tissue.MUSCLE,
    Tissue.FAT,
    Tissue.TUMOUR,
    Tissue.NECROSIS,
    Tissue.OEDEMA,
    Tissue.INFARCT,
    Tissue.BLEED,
)


@dataclass(frozen=True)
class PhantomSlice:
    """One axial slice of a synthetic head, CT and MR on one grid.

    ``ct_hu`` is in HU and ``mr`` in units of water's proton density. ``ct01`` and ``mr01`` are
    windowed to [0, 1], with the air around the head exactly 0. ``labels`` holds :class:`Tissue`
    values.
    """

    ct_hu: Picture
    mr: Picture
    labels: Labels
    spacing_mm: tuple[float, float]
    ct01: Picture
    mr01: Picture
    z_mm: float
    sequence: str


def labels(config: HeadConfig, z_mm: float, oversample: int = 1) -> Labels:
    """Return the tissue at the points of one axial slice.

    Args:
        config: the head.
        z_mm: level in mm; 0 is the plane of the commissures, up is positive.
        oversample: points per pixel side; 1 gives (size, size), k gives (k size, k size).
    """
    points = slice_points(config, z_mm, oversample)
    space = cavity(config, points)
    label = paint_head(config, points, space)
    rows, columns = np.nonzero((space.roof < 0) & (space.floor > 0))
    if rows.size:
        box = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
        inner = points.crop(box)
        cropped = type(space)(*(np.ascontiguousarray(field[box]) for field in space))
        brain = np.ascontiguousarray(label[box])
        moved = paint_brain(config, inner, cropped, brain)
        paint_lesions(config, moved, brain)
        label[box] = brain
    return label


def volume(config: HeadConfig, z_mm: NDArray[np.float32] | list[float]) -> Labels:
    """Return the labels of many axial slices, (len(z_mm), size, size)."""
    return np.stack([labels(config, float(z)) for z in z_mm])


def _table(value: Picture, label: Labels, config: HeadConfig) -> Picture:
    """Look values up and average the sub-samples of each pixel: partial volume."""
    factor, rest = divmod(label.shape[0], config.size)
    if label.ndim != 2 or label.shape[0] != label.shape[1] or rest or factor < 1:
        raise ValueError(
            f"the label map has shape {label.shape}; a head of size {config.size} needs a square "
            f"of {config.size} or a multiple of it"
        )
    picture: Picture = value[label]
    if factor > 1:
        # The mean of k x k samples; cv2's area resize by an integer factor is exactly that.
        size = (config.size, config.size)
        mean = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        picture = np.asarray(mean, dtype=np.float32)
    return picture


def _generator(config: HeadConfig, stream: int, z_mm: float) -> np.random.Generator:
    return np.random.default_rng([config.seed, stream, round((z_mm + 1000) * 1000)])


def _texture(label: Labels, config: HeadConfig, z_mm: float) -> Picture:
    """Return the slight unevenness of living tissue: smooth noise, 0 outside the brain."""
    points = slice_points(config, z_mm, 1)
    fine = noise_field(config, 43, 5, points.x, points.y, points.z)
    texture = 0.6 * fine + 0.8 * slow_noise(config, 44, 16, points)
    brain = np.zeros(len(Tissue), dtype=np.float32)
    brain[list(_UNEVEN)] = 1
    return np.asarray(texture * _table(brain, label, config), dtype=np.float32)


def _smooth(picture: Picture, sigma_mm: float, config: HeadConfig) -> Picture:
    sigma = sigma_mm / config.spacing_mm
    if sigma < 0.1:
        return picture
    smooth = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(smooth, dtype=np.float32)


def render_ct(
    label: Labels,
    config: HeadConfig,
    noise_hu: float = 3.5,
    blur_mm: float = 0.5,
    hardening: float = 1.0,
    texture: float = 1.0,
    z_mm: float = 0.0,
) -> Picture:
    """Return the CT image of a label map in HU.

    Args:
        label: (k size, k size) tissue labels; k sub-samples a side are averaged.
        config: the head; its seed makes the noise.
        noise_hu: standard deviation of the noise in HU, 0 for none.
        blur_mm: standard deviation of the scanner's blur in mm, 0 for none.
        hardening: strength of beam hardening (a bright rim under bone, cupping), 0 for none.
        texture: strength of the tissue's own unevenness, 0 for none.
        z_mm: the slice's level, so that each slice has noise of its own.

    Raises:
        ValueError: the label map does not fit the head's size.
    """
    clean = _table(property_table("hu"), label, config)
    picture = _smooth(clean, blur_mm, config)
    if hardening:
        bone = np.asarray(np.clip(clean, 0, 1500) / 1500, dtype=np.float32)
        glow = 9 * _smooth(bone, 7, config) + 6 * _smooth(bone, 22, config) - np.float32(1.5)
        picture = picture + np.float32(hardening) * glow * (clean > -500)
    if texture:
        picture = picture + np.float32(0.9 * texture) * _texture(label, config, z_mm)
    if noise_hu:
        white = _generator(config, 40, z_mm).standard_normal(picture.shape, dtype=np.float32)
        grain = _smooth(white, 0.55, config)
        picture = picture + np.float32(noise_hu) * grain / grain.std()
    return np.asarray(picture, dtype=np.float32)


def signal(
    sequence: str, te: float | None = None, tr: float | None = None, ti: float | None = None
) -> Picture:
    """Return the signal of every tissue by the spin-echo or inversion-recovery equation.

    S = PD (1 - exp(-TR/T1)) exp(-TE/T2), or with an inversion
    S = PD |1 - 2 exp(-TI/T1) + exp(-TR/T1)| exp(-TE/T2).

    Args:
        sequence: a name in :data:`SEQUENCES`.
        te, tr, ti: times in ms in place of the sequence's own; ``ti`` makes any sequence an
            inversion recovery. FLAIR given only ``tr`` takes the ``ti`` that nulls CSF.

    Raises:
        ValueError: the sequence is unknown or a time is not positive.
    """
    if sequence not in SEQUENCES:
        raise ValueError(f"unknown sequence {sequence!r}; choose from {', '.join(SEQUENCES)}")
    default = SEQUENCES[sequence]
    echo = default.te if te is None else te
    repetition = default.tr if tr is None else tr
    inversion = ti
    if ti is None and default.ti is not None:
        inversion = _csf_null(repetition)
    for name, time in (("te", echo), ("tr", repetition), ("ti", inversion)):
        if time is not None and not time > 0:
            raise ValueError(f"{name} is {time} ms; give a time above 0")
    t1, t2, density = (property_table(name) for name in ("t1", "t2", "pd"))
    recovered = 1 - np.exp(-repetition / t1)
    if inversion is not None:
        recovered = np.abs(1 - 2 * np.exp(-inversion / t1) + np.exp(-repetition / t1))
    return np.asarray(density * recovered * np.exp(-echo / t2), dtype=np.float32)


def render_mr(
    label: Labels,
    config: HeadConfig,
    sequence: str = "T1",
    te: float | None = None,
    tr: float | None = None,
    ti: float | None = None,
    noise: float = 0.012,
    bias: float = 0.10,
    blur_mm: float = 0.55,
    texture: float = 1.0,
    z_mm: float = 0.0,
) -> Picture:
    """Return the MR image of a label map, 0 or more, in units of water's proton density.

    Args:
        label: (k size, k size) tissue labels; k sub-samples a side are averaged.
        config: the head; its seed makes the noise and the coil's bias field.
        sequence: "T1", "T2", "FLAIR" or "PD".
        te, tr, ti: echo, repetition and inversion time in ms; None takes the sequence's own.
        noise: Rician noise, standard deviation of each channel as a share of display white.
        bias: greatest relative change of the smooth bias field, 0 for none.
        blur_mm: standard deviation of the blur in mm, 0 for none.
        texture: strength of the tissue's own unevenness, 0 for none.
        z_mm: the slice's level, so that each slice has noise of its own.

    Raises:
        ValueError: the sequence is unknown, a time is not positive, or the label map does not fit.
    """
    table = signal(sequence, te, tr, ti)
    picture = _smooth(_table(table, label, config), blur_mm, config)
    if texture:
        picture = picture * (1 + np.float32(0.035 * texture) * _texture(label, config, z_mm))
    if bias:
        rng = np.random.default_rng([config.seed, 42])
        axis = np.linspace(-1, 1, config.size, dtype=np.float32)
        ax, ay, axx, ayy, axy = rng.uniform(-1, 1, 5).astype(np.float32)
        x, y = axis[None, :], axis[:, None]
        shape = ax * x + ay * y + axx * x * x + ayy * y * y + axy * x * y
        picture = picture * (1 + np.float32(bias) * shape / np.abs(shape).max())
    if noise:
        level = np.float32(noise * _white(sequence))
        rng = _generator(config, 41, z_mm)
        real, imaginary = rng.standard_normal((2, *picture.shape), dtype=np.float32) * level
        picture = np.sqrt((picture + real) ** 2 + imaginary**2)
    return np.asarray(picture, dtype=np.float32)


def _white(sequence: str) -> float:
    """Return the signal shown as white in a sequence at its own times."""
    tissue, factor = _WHITE[sequence]
    return float(signal(sequence)[tissue]) * factor


def render_slice(config: HeadConfig, z_mm: float, sequence: str = "T2") -> PhantomSlice:
    """Return one axial slice as co-registered CT and MR with its labels.

    Args:
        config: the head.
        z_mm: level in mm; :data:`Z_RANGE` holds the useful ones.
        sequence: "T1", "T2", "FLAIR" or "PD".

    Raises:
        ValueError: the sequence is unknown.
    """
    white = _white_of(sequence)
    factor = config.oversample
    fine = labels(config, z_mm, factor)
    # With an odd factor the middle sub-sample is the pixel's centre.
    middle = slice(factor // 2, None, factor)
    coarse = fine[middle, middle] if factor % 2 else labels(config, z_mm)
    ct = render_ct(fine, config, z_mm=z_mm)
    mr = render_mr(fine, config, sequence, z_mm=z_mm)
    air = np.zeros(len(Tissue), dtype=np.float32)
    air[Tissue.BACKGROUND] = 1
    head = _table(air, fine, config) < _AIR_SHARE
    centre, width = CT_WINDOW
    ct01 = np.clip((ct - (centre - width / 2)) / width, 0, 1) * head
    mr01 = np.clip(mr / white, 0, 1) * head
    spacing = (config.spacing_mm, config.spacing_mm)
    return PhantomSlice(
        ct, mr, np.ascontiguousarray(coarse), spacing, ct01.astype(np.float32),
        mr01.astype(np.float32), float(z_mm), sequence,
    )  # fmt: skip


def _white_of(sequence: str) -> float:
    """Return display white, refusing an unknown sequence before any work is done."""
    signal(sequence)
    return _white(sequence)


def slices(config: HeadConfig, count: int, sequence: str = "T2") -> Iterator[PhantomSlice]:
    """Yield slices spread evenly from the skull base to the vertex, lowest first.

    Args:
        config: the head.
        count: how many, 1 or more.
        sequence: "T1", "T2", "FLAIR" or "PD".

    Raises:
        ValueError: the count is below 1 or the sequence is unknown.
    """
    if count < 1:
        raise ValueError(f"{count} slices were asked for; give 1 or more")
    for z_mm in np.linspace(*Z_RANGE, count) if count > 1 else [10.0]:
        yield render_slice(config, float(z_mm), sequence)
