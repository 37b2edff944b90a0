"""What makes one synthetic head differ from another: the user's choices and the seeded anatomy."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

LESIONS = ("tumour", "infarct", "bleed", "calcification")
"""Every lesion a head can carry."""

Z_RANGE = (-50.0, 66.0)
"""Axial levels in mm (0 = the plane of the commissures, up positive) that hold a useful slice."""

Point = tuple[float, float, float]


@dataclass(frozen=True)
class HeadConfig:
    """One synthetic head and the grid it is sampled on.

    Args:
        seed: which head; every seed has its own shape, folds and lesion places.
        size: pixels along each side of a slice, 16 to 2048.
        spacing_mm: pixel spacing in mm, above 0; 256 x 0.9 mm holds the whole head.
        lesions: any of :data:`LESIONS`.
        oversample: sub-samples per pixel side that are averaged into partial volumes, 1 to 5.
        ventricle_scale: ventricle width relative to a typical one; None lets the seed choose.
        sulcus_mm: half width of an open sulcus in mm; None lets the seed choose.

    Raises:
        ValueError: a value lies outside its range or a lesion is unknown.
    """

    seed: int = 0
    size: int = 256
    spacing_mm: float = 0.9
    lesions: tuple[str, ...] = LESIONS
    oversample: int = 2
    ventricle_scale: float | None = None
    sulcus_mm: float | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"the head's seed is {self.seed}; give an integer of 0 or more")
        if not 16 <= self.size <= 2048:
            raise ValueError(f"the slice size is {self.size} pixels; give 16 to 2048")
        if not 0 < self.spacing_mm < 100:
            raise ValueError(f"the pixel spacing is {self.spacing_mm} mm; give a value above 0")
        if not 1 <= self.oversample <= 5:
            raise ValueError(f"oversample is {self.oversample}; give 1 to 5")
        for field in ("ventricle_scale", "sulcus_mm"):
            value = getattr(self, field)
            if value is not None and not 0 < value <= 3:
                raise ValueError(f"{field} is {value}; give a value above 0 and up to 3, or None")
        for name in self.lesions:
            if name not in LESIONS:
                raise ValueError(f"unknown lesion {name!r}; choose from {', '.join(LESIONS)}")


@dataclass(frozen=True)
class Lesion:
    """One lesion: its kind, centre (x, y, z) and radius in mm.

    x grows to the right of the image, y downwards (towards the back of the head), z upwards.
    """

    kind: str
    centre: Point
    radius: float


@dataclass(frozen=True)
class Anatomy:
    """The numbers a seed draws for one head (mm and radians, before any lesion)."""

    half_width: float
    half_length: float
    half_height: float
    skull: float
    scalp: float
    roll: float
    pitch: float
    ventricles: float
    sulcus: float
    gyrus_wavelength: float
    side: int


@lru_cache(maxsize=64)
def anatomy(config: HeadConfig) -> Anatomy:
    """Draw the seeded measures of a head."""
    rng = np.random.default_rng([config.seed, 1])
    drawn = Anatomy(
        half_width=float(rng.uniform(63, 69)),
        half_length=float(rng.uniform(79, 86)),
        half_height=float(rng.uniform(70, 76)),
        skull=float(rng.uniform(5.8, 7.6)),
        scalp=float(rng.uniform(4.4, 6.4)),
        roll=float(rng.normal(0, 0.035)),
        pitch=float(rng.normal(0, 0.04)),
        ventricles=float(rng.uniform(0.8, 1.35)),
        sulcus=float(rng.uniform(0.55, 1.15)),
        gyrus_wavelength=float(rng.uniform(19, 22)),
        side=int(rng.choice([-1, 1])),
    )
    chosen = {
        "ventricles": config.ventricle_scale or drawn.ventricles,
        "sulcus": config.sulcus_mm or drawn.sulcus,
    }
    return Anatomy(**{**drawn.__dict__, **chosen})


@lru_cache(maxsize=64)
def lesion_sites(config: HeadConfig) -> tuple[Lesion, ...]:
    """Return where the lesions of a head lie, in the order of its ``lesions``.

    The places depend on the seed alone, so leaving one lesion out does not move the others.
    """
    rng = np.random.default_rng([config.seed, 2])
    side = anatomy(config).side

    def between(low: Point, high: Point, sign: int) -> Point:
        x, y, z = rng.uniform(low, high)
        return float(sign * x), float(y), float(z)

    sites = {
        "tumour": [
            Lesion("tumour", between((28, -38, 16), (36, 34, 32), side), float(rng.uniform(11, 16)))
        ],
        "infarct": [
            Lesion(
                "infarct", between((42, -26, 8), (46, -6, 24), -side), float(rng.uniform(21, 28))
            )
        ],
        "bleed": [
            Lesion("bleed", between((27, 34, 4), (36, 48, 24), -side), float(rng.uniform(8, 13)))
        ],
        "calcification": [
            Lesion("calcification", (0.0, 23.0, 2.0), float(rng.uniform(2.0, 3.2))),
            Lesion("calcification", (-25.0, 35.0, 6.0), float(rng.uniform(2.4, 3.6))),
            Lesion("calcification", (25.0, 35.0, 7.0), float(rng.uniform(2.4, 3.6))),
        ],
    }
    return tuple(lesion for kind in LESIONS if kind in config.lesions for lesion in sites[kind])
