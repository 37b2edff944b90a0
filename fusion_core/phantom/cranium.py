"""The head around the brain: skull, scalp, skull base, orbits, sinuses and the face below."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion_core.phantom.config import HeadConfig, anatomy
from fusion_core.phantom.space import (
    Field,
    Points,
    bump,
    capsule,
    ellipsoid,
    noise,
    ramp,
    slow_noise,
    steepness,
)
from fusion_core.phantom.tissues import Tissue

Mask = NDArray[np.bool_]


class Cavity(NamedTuple):
    """The space inside the skull: distance in mm to its roof (negative inside) and to its floor."""

    roof: Field
    floor: Field
    floor_level: Field


def _shell(config: HeadConfig, x: Field, y: Field, z: Field) -> Field:
    """Return a value that is 1 on the inner surface of the skull vault and grows outwards."""
    head = anatomy(config)
    wide = np.float32(head.half_width) * (1 + 0.085 * np.tanh((y + 5) / 45))
    height = np.where(z > 0, z / np.float32(head.half_height), z / 112.0).astype(np.float32)
    plane = (np.abs(x) / wide) ** 2.25 + (np.abs(y - 2) / np.float32(head.half_length)) ** 2.25
    return np.asarray(np.sqrt(plane ** (2 / 2.25) + np.abs(height) ** 2.3), dtype=np.float32)


def floor_level(config: HeadConfig, points: Points) -> Field:
    """Return the height in mm of the skull base under every point: three fossae, their ridges."""
    uneven = slow_noise(config, 6, 26, points._replace(z=np.zeros_like(points.z)))
    ax, y = np.abs(points.x) + 1.2 * uneven, points.y + 1.6 * uneven
    bay = np.clip((ax - 38) / np.where(ax < 38, 24, 34), -1, 1)
    sphenoid = -22 - 24 * (1 - bay * bay)
    petrous = -7 + 0.36 * np.clip(ax - 10, 0, 60) + 0.0052 * np.clip(ax - 10, 0, 60) ** 2
    front, back = ramp((sphenoid - y) / 2.0), ramp((y - petrous) / 2.0)
    anterior = -25 + 9 * bump(ax, 31, 15)
    middle = -50 + 0.016 * (ax - 38) ** 2 + 0.014 * (y + 16) ** 2 + 1.5 * uneven
    middle = middle + (-31 - middle) * ramp((13 - ax) / 1.8)
    clivus = np.maximum(-64, -27 - 3.0 * (y + 9))
    posterior = -64 + (clivus + 64) * ramp((15 - ax) / 2)
    canal = ramp((13 - np.hypot(ax, (y - 17) * 0.9)) / 1.5)
    posterior = posterior - 60 * canal
    level = front * anterior + back * posterior + (1 - front) * (1 - back) * middle
    wing = 7 * np.exp(-(((y - sphenoid) / 3.2) ** 2)) * ramp((ax - 9) / 2) * ramp((56 - ax) / 3)
    broad = 3.6 + 2.0 * bump(ax, 24, 12) + 3.0 * ramp((ax - 46) / 4) + 0.8 * uneven
    pyramid = np.exp(-(((y - petrous) / broad) ** 2)) * ramp((ax - 12) / 2) * ramp((60 - ax) / 3)
    level = level + wing + (-31 - level) * np.clip(pyramid * 1.25, 0, 1) * (level < -31)
    return np.asarray(level, dtype=np.float32)


def cavity(config: HeadConfig, points: Points) -> Cavity:
    """Return the distances to the inner surface of the skull."""
    value = _shell(config, points.x, points.y, points.z)
    above = _shell(config, points.x, points.y, points.z + 1)
    slope = np.maximum(steepness(value, points.step, above - value), 1e-3)
    level = floor_level(config, points)
    floor = (points.z - level) / np.sqrt(1 + np.minimum(steepness(level, points.step), 4) ** 2)
    roof = (value - 1) / slope
    return Cavity(roof.astype(np.float32), floor.astype(np.float32), level)


def paint_head(config: HeadConfig, points: Points, space: Cavity) -> NDArray[np.uint8]:
    """Return the labels of a slice with everything but the contents of the skull."""
    head = anatomy(config)
    x, y, z = points.x, points.y, points.z
    ax, roof = np.abs(x), space.roof
    wobble = slow_noise(config, 1, 45, points)
    sinus = bump(ax, 8, 13) * bump(z, -12, 12) * (y < -50)
    skull = head.skull * (1 + 0.10 * wobble) + 1.5 * bump(y, 84, 30) * bump(ax, 0, 30) + 6 * sinus
    skull = skull - 0.30 * head.skull * bump(y, -22, 32) * bump(z, -12, 26) * (ax > 30)
    temporal = 10 * bump(y, -30, 28) * bump(z, -22, 26) * ramp((ax - 38) / 4)
    neck = 12 * bump(y, 88, 40) * ramp((-42 - z) / 4)
    surface = roof - skull - temporal - neck - head.scalp - 0.4 * wobble
    surface = np.maximum(surface, _face_cut(points))
    nose = np.minimum(ellipsoid(points, (0, -90, -47), (12, 19, 17)),
                      capsule(points, (0, -84, -20), (0, -93, -36), (9.0, 10.0)))  # fmt: skip
    surface = np.minimum(surface, nose)
    label = np.zeros(x.shape, dtype=np.uint8)
    inside = surface < 0
    ear = ellipsoid(points, (76, 12, -36), (4.5, 13, 20), 0.5)
    ear = np.minimum(
        ear, ellipsoid(Points(-x, y, z, points.step), (76, 12, -36), (4.5, 13, 20), 0.5)
    )
    label[ear < 0] = Tissue.SKIN
    label[inside] = Tissue.FAT
    label[inside & (nose < 0)] = Tissue.MUSCLE
    label[inside & (surface > -1.9)] = Tissue.SKIN
    deep = inside & (surface < -1.9)

    fibres = slow_noise(config, 2, 17, points) + 0.5 * slow_noise(config, 3, 30, points)
    below = (space.floor < 0) | (roof > 0)
    flesh = deep & (z < space.floor_level + 8) & (surface < -head.scalp) & below
    label[flesh & (fibres > -0.55)] = Tissue.MUSCLE
    muscle = (roof > 0) & (roof < skull + temporal + neck * 0.8) & deep & (temporal + neck > 1.2)
    label[muscle & (fibres > -1.3)] = Tissue.MUSCLE

    _paint_vault(config, label, points, space, skull, deep)
    _paint_base(config, label, points, space, deep, fibres)
    hollow = deep & (roof > 2.0) & (roof < skull - 1.8) & (sinus > 0.42 + 0.12 * wobble)
    label[hollow & (z > space.floor_level - 6)] = Tissue.AIR
    label[hollow & (ax < 0.7 + 0.4 * np.abs(wobble))] = Tissue.CORTICAL_BONE
    _paint_orbits(label, points, deep | (surface < -0.8), space)
    return label


def _face_cut(points: Points) -> Field:
    """Return the signed distance behind the front of the face: brow, orbits and nose."""
    ax, z = np.abs(points.x), points.z
    low = ramp((-22 - z) / 2.5)
    front = -99 + low * (11 + 0.012 * np.maximum(ax - 20, 0) ** 2) + 5 * bump(ax, 0, 60) * low
    return np.asarray((front - points.y) * 0.85, dtype=np.float32)


def _paint_vault(
    config: HeadConfig,
    label: NDArray[np.uint8],
    points: Points,
    space: Cavity,
    skull: Field,
    deep: Mask,
) -> None:
    roof = space.roof
    high = points.z > space.floor_level - 4
    bone = deep & high & (roof > 0) & (roof < skull)
    table = np.where(points.z > -15, 1.7, 2.0)
    spongy = bone & (roof > table) & (roof < skull - table) & (skull > 4.4)
    trabecula = noise(config, 4, 7, points.x, points.y, points.z)
    label[bone] = Tissue.CORTICAL_BONE
    label[spongy & (trabecula < 1.2)] = Tissue.DIPLOE


def _paint_base(
    config: HeadConfig,
    label: NDArray[np.uint8],
    points: Points,
    space: Cavity,
    deep: Mask,
    fibres: Field,
) -> None:
    """Paint the skull base and the air spaces under it."""
    if float(points.z.min()) > 0:
        return
    x, y, z = points.x, points.y, points.z
    right = Points(np.abs(x), y, z, points.step)
    cells = noise(config, 5, 9, x, y, z)
    depth = -space.floor
    base = deep & (space.roof < 1) & (depth > 0) & (depth < np.where(y < -30, 2.4, 4.5) + fibres)
    label[base] = Tissue.CORTICAL_BONE
    label[base & (depth > 1.8) & (depth < 3.6) & (cells < 0.8)] = Tissue.DIPLOE

    body = ellipsoid(right, (0, -22, -40), (15, 17, 11))
    clivus = capsule(right, (0, -11, -38), (0, 0, -60), (6, 6))
    block = deep & (np.minimum(body, clivus) < 0)
    label[block] = np.where(cells[block] < 0.4, Tissue.DIPLOE, Tissue.CORTICAL_BONE)
    label[block & (np.minimum(body, clivus) > -1.6)] = Tissue.CORTICAL_BONE
    rock = deep & (capsule(right, (14, -5, -39), (54, 20, -40), (5.0, 9.0)) < 0)
    label[rock & (space.floor < 1)] = Tissue.CORTICAL_BONE
    mastoid = ellipsoid(right, (55, 24, -46), (11, 14, 14)) + 1.5 * fibres
    honeycomb = deep & (mastoid < 0) & (space.floor < -0.5)
    label[honeycomb] = np.where(np.abs(cells[honeycomb]) > 0.35, Tissue.AIR, Tissue.CORTICAL_BONE)
    canal = deep & (capsule(right, (42, 11, -41), (80, 10, -43), (2.4, 3.4)) < 0)
    label[canal] = Tissue.AIR
    inner_ear = deep & (capsule(right, (20, 3, -38), (30, 9, -38), (1.6, 1.8)) < 0)
    label[inner_ear & rock] = Tissue.CSF

    for wall, hollow in ((1.5, ellipsoid(right, (7.5, -29, -40), (7.5, 10, 8))),
                         (1.5, ellipsoid(right, (28, -60, -60), (14, 17, 15)))):  # fmt: skip
        label[deep & (hollow < wall)] = Tissue.CORTICAL_BONE
        label[deep & (hollow < 0.5)] = Tissue.MUCOSA
        label[deep & (hollow + 0.4 * fibres < 0)] = Tissue.AIR
    label[block & (np.abs(x + 1.2 * fibres) < 0.7)] = Tissue.CORTICAL_BONE

    ethmoid = np.maximum(np.maximum(right.x - 11.5 + 0.06 * (y + 40), np.abs(y + 60) - 19),
                         np.abs(z + 36) - 13)  # fmt: skip
    nasal = np.maximum(np.maximum(right.x - 13, np.abs(y + 56) - 32), np.abs(z + 62) - 15)
    sieve = deep & (ethmoid < 0)
    label[deep & (ethmoid < 1.3) & (y > -80)] = Tissue.CORTICAL_BONE
    label[sieve] = np.where(np.abs(cells[sieve]) > 0.22, Tissue.AIR, Tissue.MUCOSA)
    label[sieve & (np.abs(cells) < 0.09)] = Tissue.CORTICAL_BONE
    airway = deep & (nasal < 0)
    label[airway] = np.where(cells[airway] > -0.25, Tissue.AIR, Tissue.MUCOSA)
    septum = deep & ((nasal < 0) | (ethmoid < 0)) & (np.abs(x + 0.8 * fibres) < 0.9)
    label[septum] = Tissue.CORTICAL_BONE
    bridge = deep & (z > -48) & (z < -14) & (right.x < 9 - 0.02 * (z + 14)) & (y < -76) & (y > -92)
    rim = bridge & (np.abs(right.x - 5.5) < 1.6)
    label[rim] = Tissue.CORTICAL_BONE
    nostril = ellipsoid(right, (5, -94, -54), (2.6, 7, 8))
    label[deep & (nostril < 0)] = Tissue.AIR
    throat = deep & (ellipsoid(right, (0, -18, -66), (12, 8, 10)) < 0)
    label[throat] = Tissue.AIR
    arch = deep & (capsule(right, (57, -52, -48), (66, -8, -46), (2.6, 2.4)) < 0)
    condyle = deep & (ellipsoid(right, (50, -4, -52), (8, 5, 9)) < 0)
    label[arch | condyle] = Tissue.CORTICAL_BONE


def _paint_orbits(label: NDArray[np.uint8], points: Points, deep: Mask, space: Cavity) -> None:
    """Paint both orbits: bony wall, fat, muscles, optic nerve, globe and lens."""
    z = points.z
    if float(z.max()) < -58 or float(z.min()) > 0:
        return
    right = Points(np.abs(points.x), points.y, z, points.step)
    eye = (32.5, -71.0, -34.0)
    cone = capsule(right, (14, -33, -31), (33, -74, -34), (3.0, 18.5))
    outside = (space.floor < 0) | (space.roof > 0)
    rim = right.y > -78 + 0.35 * np.maximum(right.x - 28, 0)
    label[deep & outside & (cone < 2.6) & rim] = Tissue.CORTICAL_BONE
    socket = deep & (cone < 0)
    label[socket] = Tissue.FAT
    for bend in ((20.0, -66.0, -34.0), (46.0, -64.0, -34.0), (33.0, -66.0, -21.0),
                 (33.0, -66.0, -47.0)):  # fmt: skip
        rectus = capsule(right, (14.5, -36, -31), bend, (1.3, 1.9))
        label[socket & (rectus < 0)] = Tissue.MUSCLE
    nerve = np.minimum(capsule(right, (13, -31, -30), (22, -48, -32.5), (2.1, 2.1)),
                       capsule(right, (22, -48, -32.5), (32, -61, -34), (2.1, 2.2)))  # fmt: skip
    label[deep & (nerve < 0.9) & outside] = Tissue.CSF
    label[deep & (nerve < 0) & outside] = Tissue.OPTIC_NERVE
    globe = ellipsoid(right, eye, (12, 12.4, 12))
    label[deep & (globe < 0)] = Tissue.SCLERA
    label[deep & (globe < -1.1)] = Tissue.VITREOUS
    lens = ellipsoid(right, (32.8, -79.2, -34), (4.6, 2.2, 4.6))
    label[deep & (lens < 0)] = Tissue.LENS
