"""The contents of the skull: folded cortex, white matter, ventricles, nuclei, cerebellum, stem."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion_core.phantom.config import HeadConfig, Point, anatomy, lesion_sites
from fusion_core.phantom.cranium import Cavity, Mask
from fusion_core.phantom.space import (
    AnyField,
    Field,
    Points,
    capsule,
    distance_from,
    ellipsoid,
    noise,
    ramp,
    slow_noise,
    steepness,
)
from fusion_core.phantom.tissues import Tissue

CORTEX_MM = 3.3
"""Thickness of the cortical ribbon in mm."""

Tube = tuple[Point, Point, tuple[float, float]]

LATERAL_VENTRICLE: tuple[Tube, ...] = (
    ((15.5, -38, 6), (5.5, -16, 11), (3.6, 4.6)),
    ((15.0, -36, 14), (6.0, -10, 20), (3.6, 4.8)),
    ((6.0, -10, 20), (12.0, 10, 24), (4.4, 4.8)),
    ((12.0, 10, 24), (19.0, 29, 16), (5.0, 6.2)),
    ((19.0, 29, 16), (25.5, 38, 5), (6.2, 5.6)),
    ((25.5, 38, 8), (23.0, 62, 9), (5.2, 2.2)),
    ((26.0, 34, 3), (32.0, 10, -14), (3.6, 1.9)),
    ((32.0, 10, -14), (30.0, -8, -19), (1.9, 2.2)),
)
"""Axis and radii in mm of the parts of a lateral ventricle, right side."""

SYLVIAN: tuple[Tube, ...] = (
    ((16, -18, -17), (34, -27, -14), (1.5, 1.9)),
    ((34, -27, -14), (56, -38, -10), (1.9, 1.6)),
    ((37, -26, 0), (42, -8, 3), (1.2, 1.3)),
    ((42, -8, 3), (41, 14, 8), (1.3, 1.1)),
    ((38, -25, 2), (64, -32, 2), (1.7, 1.9)),
    ((41, -4, 6), (66, 2, 12), (1.1, 1.3)),
    ((41, 13, 10), (64, 24, 18), (1.2, 1.2)),
)
"""The lateral fissure and the furrows around the insula, right side, as open channels."""


class Folds(NamedTuple):
    """Distances in mm that shape the cortex: depth under the surface, and to the nearest sulcus."""

    depth: Field
    sulcus: Field
    reach: Field


def _deform(config: HeadConfig, points: Points) -> Points:
    """Return the points moved by slow noise and by the mass effect of a tumour or a bleed."""
    x = points.x + 1.4 * slow_noise(config, 10, 70, points)
    y = points.y + 1.8 * slow_noise(config, 11, 70, points)
    z = points.z
    for lesion in lesion_sites(config):
        if lesion.kind not in ("tumour", "bleed"):
            continue
        cx, cy, cz = lesion.centre
        dx, dy, dz = x - cx, y - cy, z - cz
        far = np.sqrt(dx * dx + dy * dy + dz * dz) + 1
        pull = 0.30 * lesion.radius * np.exp(-((far / (2.4 * lesion.radius)) ** 2)) / far
        x, y = x - pull * dx, y - pull * dy
    return Points(x.astype(np.float32), y.astype(np.float32), z.astype(np.float32), points.step)


def _tubes(points: Points, tubes: tuple[Tube, ...], scale: float = 1.0) -> Field:
    """Return the signed distance to the smooth union of tubes whose radii are scaled."""
    height = float(points.z.min()), float(points.z.max())
    near: Field | None = None
    for start, end, radii in tubes:
        widest = max(radii) * scale + 3
        if height[0] > max(start[2], end[2]) + widest or height[1] < min(start[2], end[2]) - widest:
            continue
        part = capsule(points, start, end, (radii[0] * scale, radii[1] * scale))
        if near is None:
            near = part
            continue
        blend = np.clip(0.5 + 0.5 * (near - part) / 2.0, 0, 1)
        near = near + (part - near) * blend - 2.0 * blend * (1 - blend)
    return np.full_like(points.x, 99) if near is None else np.asarray(near, dtype=np.float32)


def _tentorium(points: Points) -> Field:
    """Return the signed height in mm above the tentorium; the cerebellum lies below it."""
    ax, y = np.abs(points.x), points.y
    ridge = (
        3
        - 0.62 * np.sqrt(ax * ax + 16)
        - 0.30 * np.maximum(y - 26, 0)
        - 0.5 * np.maximum(24 - y, 0)
    )
    return np.asarray((points.z - np.maximum(ridge, -32)) * 0.82, dtype=np.float32)


def _on_surface(config: HeadConfig, points: Points) -> tuple[Field, Field, Field]:
    """Return where each point lies on its hemisphere, so that folds run straight inwards."""
    head = anatomy(config)
    radii = (0.55 * head.half_width, 0.98 * head.half_length, 0.86 * head.half_height)
    sign = np.where(points.x >= 0, np.float32(1), np.float32(-1))
    u = (np.abs(points.x) - 0.47 * head.half_width) / radii[0]
    v = (points.y - 2) / radii[1]
    w = (points.z - 8) / radii[2]
    far = np.sqrt(u * u + v * v + w * w) + 1e-3
    shrink = (1 + 0.30 * (far - 1)) / far
    left = np.where(sign < 0, np.float32(400), np.float32(0))
    return (
        np.asarray(u * shrink * radii[0] * sign + left, dtype=np.float32),
        np.asarray(v * shrink * radii[1] + left, dtype=np.float32),
        np.asarray(w * shrink * radii[2], dtype=np.float32),
    )


def _folds(config: HeadConfig, points: Points, depth: Field) -> Folds:
    """Return the sulci: the zero surfaces of band-passed noise laid out over each hemisphere."""
    head = anatomy(config)
    bend = [2.6 * slow_noise(config, stream, 30, points) for stream in (12, 13)]
    moved = Points(points.x + bend[0], points.y + bend[1], points.z, points.step)
    here = _on_surface(config, moved)
    above = _on_surface(config, moved._replace(z=points.z + np.float32(0.7)))
    pattern = noise(config, 14, head.gyrus_wavelength, *here)
    change = (noise(config, 14, head.gyrus_wavelength, *above) - pattern) / np.float32(0.7)
    slope = np.sqrt(steepness(pattern, points.step, change) ** 2 + 0.045**2)
    reach = 18.5 + 6.5 * noise(config, 15, 45, *here)
    return Folds(depth, np.abs(pattern) / slope, np.clip(reach, 4, 25))


def paint_brain(
    config: HeadConfig, points: Points, space: Cavity, label: NDArray[np.uint8]
) -> Points:
    """Paint everything inside the skull over the labels of a slice, in place.

    Returns:
        The points as the brain's own shifts moved them, for the lesions.
    """
    head = anatomy(config)
    gap = 0.8 + 0.7 * head.sulcus
    inside = (space.roof < 0) & (space.floor > 0)
    brain = (space.roof < -gap) & (space.floor > 0.6 * gap)
    label[inside] = Tissue.CSF
    label[inside & ((space.roof > -0.7) | (space.floor < 0.6))] = Tissue.DURA
    moved = _deform(config, points)
    right = Points(np.abs(moved.x), moved.y, moved.z, moved.step)
    y, z = moved.y, moved.z

    tent = _tentorium(moved) + 2.2 * slow_noise(config, 24, 28, points) * ramp(
        (np.abs(moved.x) - 12) / 4
    )
    behind = y > 9 + 0.5 * right.x
    under = (tent < 0) & behind & (z < 4)
    forebrain = brain & ~under & ((z > -24) | (right.x > 16) | (y < -20))
    bent = slow_noise(config, 19, 26, points)
    midline = points._replace(x=points.x + 0.8 * bent)
    cleft = _cleft(midline, right)
    depth = np.minimum(np.minimum(-space.roof - gap, space.floor - 0.6 * gap), cleft)
    depth = np.where(behind & (z < 6), np.minimum(depth, tent - 1), depth)
    _paint_cerebrum(config, label, points, moved, forebrain, depth, cleft)
    if float(z.min()) < 6:
        _paint_cerebellum(config, label, moved, brain & under, -tent - 0.8, space, gap)
        label[inside & behind & (np.abs(tent) < 0.5) & (z < -9)] = Tissue.DURA
        _paint_stem(label, moved, right, brain)
    _paint_deep(config, label, moved, right, brain)
    falx = inside & (cleft < 0) & (np.abs(midline.x) < 0.6) & ~under
    label[falx & ((y > -72) | (z > -10))] = Tissue.DURA
    triangle = 5.5 - (-space.roof) * 0.55
    sinus = inside & (np.abs(points.x) < triangle) & (space.roof > -7) & ((y > 30) | (z > 45))
    label[sinus & (z > -14)] = Tissue.VESSEL
    return moved


def _cleft(points: Points, right: Points) -> Field:
    """Return the distance in mm from the interhemispheric cleft, negative in it."""
    y, z = right.y, right.z
    bridge = np.sqrt(((y - 0.0) / 43) ** 2 + ((z - 6) / 27) ** 2)
    bridge = np.minimum(bridge, np.sqrt(((y - 4) / 26) ** 2 + ((z + 14) / 20) ** 2))
    shut = np.maximum(1 - bridge, 0) * 26
    width = 1.0 + 0.9 * ramp((-y - 45) / 6)
    return np.asarray(
        np.abs(points.x) - width + np.where(shut > 0, shut + width, 0), dtype=np.float32
    )


def _paint_cerebrum(
    config: HeadConfig,
    label: NDArray[np.uint8],
    points: Points,
    moved: Points,
    where: Mask,
    depth: Field,
    cleft: Field,
) -> None:
    head = anatomy(config)
    folds = _folds(config, moved, depth)
    calm = _central(moved)
    reach = np.minimum(folds.reach, calm)
    open_part = np.clip(1 - depth / np.maximum(reach, 1), 0, 1)
    width = head.sulcus * (0.35 + 0.75 * open_part)
    furrow = (folds.sulcus < width) & (depth < reach)
    right = Points(np.abs(moved.x), moved.y, moved.z, moved.step)
    sylvian = _tubes(right, SYLVIAN, 0.75 + 0.35 * head.sulcus) + 0.5 * slow_noise(
        config, 16, 15, points
    )
    surface = (depth < 0) | furrow | (sylvian < 0)
    outside = surface | ~where
    ribbon = distance_from(outside, points.step)
    cortex = CORTEX_MM + 0.35 * slow_noise(config, 17, 20, points)
    grey = (ribbon < cortex) | (depth < cortex)
    grey |= (folds.sulcus < cortex + 0.3) & (depth < reach + cortex)
    middle = (np.abs(points.x) < 12) & (cleft > 2) & (moved.z < 34) & (moved.z > -10)
    grey &= ~(middle & (ribbon > cortex) & (depth > cortex))
    label[where] = Tissue.WHITE_MATTER
    label[where & grey] = Tissue.GREY_MATTER
    label[where & surface] = Tissue.CSF


def _central(points: Points) -> Field:
    """Return how far in mm from the brain's core sulci must stop."""
    core = ellipsoid(points, (0, 4, 8), (25, 38, 21))
    return np.asarray(np.maximum(core * 1.8, 0), dtype=np.float32)


def _paint_cerebellum(
    config: HeadConfig,
    label: NDArray[np.uint8],
    points: Points,
    where: Mask,
    below: AnyField,
    space: Cavity,
    gap: float,
) -> None:
    """Paint the cerebellum with its folia and its branching white matter."""
    x, y, z = points.x, points.y, points.z
    ax = np.abs(x)
    depth = np.minimum(np.minimum(below, -space.roof - gap), space.floor - gap)
    radius = np.sqrt((0.72 * x) ** 2 + (y - 14) ** 2 + (1.2 * (z + 36)) ** 2)
    wave = (
        radius + 2.6 * slow_noise(config, 20, 26, points) + 1.2 * slow_noise(config, 21, 50, points)
    )
    folia = np.cos(wave * np.float32(2 * np.pi / 3.9))
    core = ellipsoid(Points(ax, y, z, points.step), (19, 33, -38), (19, 15, 12), 0.4)
    core = np.minimum(
        core, capsule(Points(ax, y, z, points.step), (9, 10, -36), (20, 28, -38), (6, 6))
    )
    label[where] = Tissue.CEREBELLAR_GREY
    label[where & (folia < -0.55) & (depth > 3) & (core < 8)] = Tissue.CEREBELLAR_WHITE
    label[where & (core + 2.2 * folia < 0)] = Tissue.CEREBELLAR_WHITE
    cut = (
        (folia > 1.0 - 0.10 * anatomy(config).sulcus + 0.06 * slow_noise(config, 22, 14, points))
        & (depth < 13)
        & (core > 3)
    )
    label[where & cut] = Tissue.CSF
    dentate = ellipsoid(Points(ax, y, z, points.step), (14, 29, -38), (5, 8, 6), 0.5)
    label[where & (np.abs(dentate) < 0.7)] = Tissue.DEEP_GREY
    notch = (ax < 2.4 - 0.2 * depth) & (y > 50)
    label[where & notch] = Tissue.CSF
    vallecula = capsule(points, (0, 40, -62), (0, 62, -64), (7, 9))
    label[where & (vallecula < 0)] = Tissue.CSF


def _paint_stem(label: NDArray[np.uint8], points: Points, right: Points, brain: Mask) -> None:
    """Paint the cisterns, the brain stem, the fourth ventricle and the basal arteries."""
    z = points.z
    midbrain = np.minimum(ellipsoid(points, (0, 7, -15), (15, 11, 13)),
                          ellipsoid(right, (10, -1, -14), (7, 9, 11), -0.5))  # fmt: skip
    pons = ellipsoid(points, (0, 0, -33), (18, 14, 15))
    peduncle = capsule(right, (12, 6, -34), (20, 20, -37), (7.0, 7.5))
    medulla = capsule(points, (0, 5, -44), (0, 13, -80), (9.0, 7.5))
    stem = np.minimum(np.minimum(midbrain, pons), np.minimum(medulla, peduncle))
    low = brain & (z < -4)
    star = ellipsoid(points, (0, -13, -19), (13, 9, 8))
    star = np.minimum(star, capsule(right, (4, -14, -18), (17, -19, -17), (4.5, 2.5)))
    star = np.minimum(star, capsule(right, (15, 0, -14), (18, 12, -11), (2.4, 2.2)))
    smile = capsule(right, (0, 20, -7), (14, 16, -8), (3.6, 1.8))
    before = ellipsoid(points, (0, -8, -34), (15, 9, 20))
    around = np.minimum(ellipsoid(points, (0, 5, -14), (19, 16, 8)), pons + 1)
    water = np.minimum(np.minimum(star, smile), np.minimum(before, np.maximum(around, stem - 2.6)))
    label[low & (water < 0)] = Tissue.CSF
    label[low & (stem < 2.0) & (z < -46)] = Tissue.CSF
    label[low & (stem < 0)] = Tissue.BRAIN_STEM
    label[low & (ellipsoid(right, (0, 8.5, -15), (1.2, 3.5, 10)) < 0)] = Tissue.CSF
    red = ellipsoid(right, (4.5, 3, -11), (2.6, 2.6, 3.5))
    nigra = capsule(right, (4, -3.5, -14), (11, 0, -14), (1.4, 1.1))
    label[low & (np.minimum(red, nigra) < 0)] = Tissue.DEEP_GREY
    fourth = np.minimum(ellipsoid(points, (0, 19, -37), (8, 5.5, 10)),
                        ellipsoid(points, (0, 23, -37), (4, 5, 7)))  # fmt: skip
    label[low & (fourth < 0)] = Tissue.VENTRICLE
    label[low & (ellipsoid(points, (0, 14, -22), (1.3, 1.3, 12)) < 0)] = Tissue.VENTRICLE
    chiasm = capsule(right, (0, -12, -16.5), (10, -24, -19), (1.6, 2.0))
    label[low & (chiasm < 0)] = Tissue.OPTIC_NERVE
    artery = np.minimum(capsule(points, (1, -16, -44), (0, -9, -19), (1.7, 1.6)),
                        capsule(right, (11, -20, -26), (12, -17, -15), (2.0, 1.8)))  # fmt: skip
    artery = np.minimum(artery, capsule(right, (12, -17, -15), (33, -25, -14), (1.4, 0.9)))
    label[low & (artery < 0)] = Tissue.VESSEL


def _paint_deep(
    config: HeadConfig, label: NDArray[np.uint8], points: Points, right: Points, brain: Mask
) -> None:
    """Paint the deep nuclei and the ventricles of the forebrain."""
    z = points.z
    if float(z.max()) < -24 or float(z.min()) > 45:
        return
    scale = anatomy(config).ventricles
    wobble = 0.6 * slow_noise(config, 18, 22, points)
    fuzz = 0.8 * noise(config, 23, 4, points.x, points.y, points.z)
    thalamus = ellipsoid(right, (10.5, 8, 6), (8.0, 15, 11), 0.45)
    head_of = ellipsoid(right, (14.5, -23, 10), (5.0, 10.5, 12), 0.25)
    tail_of = capsule(right, (15, -14, 20), (20, 14, 24), (3.2, 2.2))
    putamen = ellipsoid(right, (27, -7, 4), (5.4, 16, 11), -0.22)
    pallidum = ellipsoid(right, (20.5, -3, 1), (4.2, 9, 7), -0.35)
    claustrum = ellipsoid(right, (34, -6, 4), (1.0, 16, 9), -0.1)
    nuclei = np.minimum(np.minimum(head_of, tail_of), np.minimum(putamen, thalamus)) + wobble + fuzz
    label[brain & (claustrum < 0)] = Tissue.GREY_MATTER
    label[brain & (nuclei < 0)] = Tissue.DEEP_GREY
    label[brain & (pallidum < 0)] = Tissue.BRAIN_STEM

    lateral = _tubes(right, LATERAL_VENTRICLE, scale) + 0.5 * wobble
    septum = right.x > 0.7
    label[brain & (lateral < 0) & septum] = Tissue.VENTRICLE
    third = ellipsoid(right, (0, 0, -3), (1.1 + 1.0 * scale, 17, 11))
    label[brain & (third < 0)] = Tissue.VENTRICLE
    pool = ellipsoid(points, (0, 25, 2), (4.5, 4.5, 6))
    label[brain & (pool < 0)] = Tissue.CSF
    pineal = ellipsoid(points, (0, 23, 2), (2.4, 3.2, 2.4))
    label[brain & (pineal < 0)] = Tissue.DEEP_GREY
    plexus = capsule(right, (22, 33, 12), (25, 36, 4), (1.8, 2.2))
    label[brain & (plexus + wobble < 0) & (lateral < -0.6)] = Tissue.MUCOSA
