"""What is ill in a synthetic head: tumour with oedema, infarct, fresh bleed, calcification."""

import numpy as np
from numpy.typing import NDArray

from fusion_core.phantom.config import HeadConfig, Lesion, lesion_sites
from fusion_core.phantom.space import Field, Points, noise, slow_noise
from fusion_core.phantom.tissues import Tissue

_BRAIN = (
    Tissue.GREY_MATTER,
    Tissue.WHITE_MATTER,
    Tissue.DEEP_GREY,
    Tissue.CSF,
    Tissue.VENTRICLE,
)
_WHITE = (Tissue.WHITE_MATTER,)
_PARENCHYMA = (Tissue.GREY_MATTER, Tissue.WHITE_MATTER, Tissue.DEEP_GREY)


def paint_lesions(config: HeadConfig, points: Points, label: NDArray[np.uint8]) -> None:
    """Paint the lesions of a head over the labels of a slice, in place.

    Args:
        config: the head.
        points: the slice's points in head coordinates, mm.
        label: (h, w) labels of the healthy brain; changed.
    """
    healthy = label.copy()
    for lesion in lesion_sites(config):
        reach = 2.6 * lesion.radius
        if abs(float(points.z.mean()) - lesion.centre[2]) > reach + 10:
            continue
        far = _distance(points, lesion.centre)
        if lesion.kind == "tumour":
            _tumour(config, points, label, healthy, far, lesion)
        elif lesion.kind == "infarct":
            _infarct(config, points, label, healthy, lesion)
        elif lesion.kind == "bleed":
            _bleed(config, points, label, healthy, far, lesion)
        else:
            grain = noise(config, 33, 5, points.x, points.y, points.z)
            stone = (far < lesion.radius + 0.5 * grain) & _in(label, (*_BRAIN, Tissue.MUCOSA))
            label[stone] = Tissue.CALCIFICATION


def _distance(points: Points, centre: tuple[float, float, float]) -> Field:
    dx, dy, dz = (axis - np.float32(c) for axis, c in zip(points[:3], centre, strict=True))
    return np.asarray(np.sqrt(dx * dx + dy * dy + dz * dz), dtype=np.float32)


def _in(label: NDArray[np.uint8], tissues: tuple[Tissue, ...]) -> NDArray[np.bool_]:
    table = np.zeros(len(Tissue), dtype=bool)
    table[list(tissues)] = True
    return np.asarray(table[label])


def _tumour(
    config: HeadConfig,
    points: Points,
    label: NDArray[np.uint8],
    healthy: NDArray[np.uint8],
    far: Field,
    lesion: Lesion,
) -> None:
    rough = noise(config, 30, 18, points.x, points.y, points.z)
    fingers = slow_noise(config, 31, 26, points)
    fuzz = noise(config, 35, 4, points.x, points.y, points.z)
    swollen = far < lesion.radius * (1.75 + 0.30 * fingers) + 0.9 * fuzz
    label[swollen & _in(healthy, _WHITE)] = Tissue.OEDEMA
    edge = far - lesion.radius * (1 + 0.10 * rough + 0.08 * fingers) + 0.6 * fuzz
    solid = (edge < 0) & _in(healthy, _BRAIN)
    label[solid] = Tissue.TUMOUR
    label[solid & (edge + 1.2 * rough < -0.42 * lesion.radius)] = Tissue.NECROSIS


def _infarct(
    config: HeadConfig,
    points: Points,
    label: NDArray[np.uint8],
    healthy: NDArray[np.uint8],
    lesion: Lesion,
) -> None:
    """Paint a wedge with its tip at the deep nuclei and its base on the cortex."""
    cx, cy, cz = lesion.centre
    side = np.float32(np.sign(cx))
    out = points.x * side - np.float32(18)
    off = np.sqrt((points.y - cy) ** 2 + (1.15 * (points.z - cz)) ** 2)
    ragged = slow_noise(config, 32, 20, points)
    fuzz = noise(config, 35, 4, points.x, points.y, points.z)
    off = off + 2.0 * ragged + 0.8 * fuzz
    wedge = (out > 4 + fuzz) & (off < 3 + 0.50 * out) & (off < lesion.radius)
    label[wedge & _in(healthy, _PARENCHYMA)] = Tissue.INFARCT


def _bleed(
    config: HeadConfig,
    points: Points,
    label: NDArray[np.uint8],
    healthy: NDArray[np.uint8],
    far: Field,
    lesion: Lesion,
) -> None:
    rough = noise(config, 34, 20, points.x, points.y, points.z)
    edge = far - lesion.radius * (1 + 0.11 * rough)
    label[(edge < 3.5 + rough) & _in(healthy, _PARENCHYMA)] = Tissue.OEDEMA
    label[(edge < 0) & _in(healthy, _BRAIN)] = Tissue.BLEED
