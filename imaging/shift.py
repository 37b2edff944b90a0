"""A rigid motion in the image plane: so far to the right, so far down, turned by so much."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from imaging.image import Image

Spacing = tuple[float, float] | None


@dataclass(frozen=True)
class Shift:
    """Turn about the image's centre, then move.

    Args:
        right: pixels, negative to the left.
        down: pixels, negative upwards.
        turn: degrees clockwise as seen on the screen.
    """

    right: float = 0.0
    down: float = 0.0
    turn: float = 0.0

    def __bool__(self) -> bool:
        return (self.right, self.down, self.turn) != (0, 0, 0)

    def matrix(self, spacing: Spacing = None) -> NDArray[np.float64]:
        """Where an offset (x, y) from the centre, in pixels, is turned to; (2, 2).

        Args:
            spacing: (row, column) mm; where they differ, an angle in pixels is none in space.
        """
        row, column = spacing or (1.0, 1.0)
        angle = math.radians(self.turn)
        cos, sin = math.cos(angle), math.sin(angle)
        return np.array([[cos, -sin * row / column], [sin * column / row, cos]])

    def then(self, other: "Shift", spacing: Spacing = None) -> "Shift":
        """The one motion that does this and then another."""
        right, down = other.matrix(spacing) @ (self.right, self.down)
        return Shift(float(right) + other.right, float(down) + other.down, self.turn + other.turn)

    def scaled(self, across: float, along: float) -> "Shift":
        """The same motion on a grid with so many times the pixels across and down."""
        return Shift(self.right * across, self.down * along, self.turn)

    def distance(self, inside: NDArray[np.bool_], spacing: Spacing = None) -> float:
        """Root mean square way of the marked pixels, in pixels; 0 where none is marked."""
        rows, columns = np.nonzero(inside)
        if rows.size == 0:
            return 0.0
        middle = (np.array(inside.shape[::-1])[:, None] - 1) / 2
        offset = np.stack((columns, rows)) - middle
        way = self.matrix(spacing) @ offset - offset + [[self.right], [self.down]]
        return float(np.sqrt((way**2).sum(0).mean()))


def move(
    pixels: NDArray[np.float32],
    shift: Shift,
    spacing: Spacing = None,
    *,
    every: int = 1,
    linear: bool = False,
) -> NDArray[np.float32]:
    """Move an image on its own grid; what comes in from outside gets the image's minimum.

    Whole pixels without a turn are copied, not interpolated. Otherwise bicubic, held to the range
    of the image, because a cubic kernel swings over at edges.

    Args:
        pixels: (H, W) in any unit.
        shift: the motion.
        spacing: (row, column) mm, for angles on pixels that are not square.
        every: compute only every so many rows and columns.
        linear: interpolate linearly, quicker, for smooth images.

    Returns:
        (ceil(H / every), ceil(W / every)).
    """
    if not shift:
        return np.ascontiguousarray(pixels[::every, ::every])
    rows, columns = pixels.shape
    back = np.linalg.inv(shift.matrix(spacing))
    middle = np.array([(columns - 1) / 2, (rows - 1) / 2])
    origin = middle - back @ (middle + np.array([shift.right, shift.down]))
    inverse = np.hstack((back * every, origin[:, None]))
    low = float(pixels.min())
    moved = cv2.warpAffine(
        pixels,
        inverse,
        (-(-columns // every), -(-rows // every)),
        flags=cv2.WARP_INVERSE_MAP | (cv2.INTER_LINEAR if linear else cv2.INTER_CUBIC),
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=low,
    )
    return np.clip(np.asarray(moved, np.float32), low, pixels.max())


def move_image(image: Image, shift: Shift) -> Image:
    """Move an image and record it among its notes; no motion leaves it as it is."""
    if not shift:
        return image
    note = f"Moved {describe(shift, image.spacing)} by the user; what came in is black."
    pixels = move(image.pixels, shift, image.spacing)
    return replace(image, pixels=pixels, notes=(*image.notes, note))


def describe(shift: Shift, spacing: Spacing = None) -> str:
    """A motion in words: "3 px (2.7 mm) to the left and 1 px (0.9 mm) up, turned 2° clockwise"."""
    row, column = spacing or (None, None)
    parts = []
    for way, mm, ahead, back in (
        (round(shift.right, 3), column, "to the right", "to the left"),
        (round(shift.down, 3), row, "down", "up"),
    ):
        if way:
            length = f" ({abs(way) * mm:.2g} mm)" if mm else ""
            parts.append(f"{abs(way):.3g} px{length} {ahead if way > 0 else back}")
    words = [" and ".join(parts)] if parts else []
    if turn := round(shift.turn, 3):
        words.append(f"turned {abs(turn):.3g}° {'clockwise' if turn > 0 else 'anticlockwise'}")
    return ", ".join(words) or "by nothing"
