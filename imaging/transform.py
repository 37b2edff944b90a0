"""How one image lies to another: a matrix in millimetres, told in millimetres and degrees."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

_WAYS = {
    2: (("to the right", "to the left"), ("down", "up")),
    3: (
        ("to the patient's left", "to the patient's right"),
        ("to the back", "to the front"),
        ("to the head", "to the feet"),
    ),
}


@dataclass(frozen=True, eq=False)
class Transform:
    """Where each point of the fixed image is found in the moving one (as ITK has it).

    The motion that a user sees is the inverse: `shift_mm` and `turn_deg` say how the moving image
    was moved to lie on the fixed one.

    Args:
        matrix: (n + 1, n + 1) on (x, y[, z], 1) in mm, n = 3 for volumes (LPS) and 2 for images
            (x to the right, y down).
        centre: point of the fixed image, mm, about which turns are told; the head's middle.

    Raises:
        ValueError: the matrix is not of that kind, not finite, or singular.
    """

    matrix: Matrix
    centre: tuple[float, ...] = field(default=())

    def __post_init__(self) -> None:
        size = self.matrix.shape[0]
        last = np.eye(size)[-1] if size else np.empty(0)
        if self.matrix.shape not in ((3, 3), (4, 4)) or not np.isfinite(self.matrix).all():
            raise ValueError("Transform needs a finite (3, 3) or (4, 4) matrix.")
        if not np.allclose(self.matrix[-1], last) or abs(np.linalg.det(self.matrix)) < 1e-9:
            raise ValueError("Transform needs an invertible matrix whose last row is 0, ..., 1.")
        if not self.centre:
            object.__setattr__(self, "centre", (0.0,) * (size - 1))
        if len(self.centre) != size - 1:
            raise ValueError(f"Transform needs a centre of {size - 1} numbers.")

    @property
    def dimension(self) -> int:
        """2 for images, 3 for volumes."""
        return len(self.matrix) - 1

    @property
    def shift_mm(self) -> tuple[float, ...]:
        """How far the moving image was moved after it was turned about the centre, mm."""
        centre = np.array(self.centre)
        back = _inverse(self.matrix)
        return tuple(float(v) for v in back[:-1, :-1] @ centre + back[:-1, -1] - centre)

    @property
    def translation_mm(self) -> float:
        """Length of `shift_mm`."""
        return math.hypot(*self.shift_mm)

    @property
    def turn_deg(self) -> tuple[float, ...]:
        """How the moving image was turned, degrees about each axis; one number for images.

        For images the number counts clockwise on the screen; for volumes the three are the axis
        of the turn times its angle, by the right-hand rule about left, back and head.
        """
        rotation = self.rotation.T
        if self.dimension == 2:
            return (math.degrees(math.atan2(rotation[1, 0], rotation[0, 0])),)
        cos = np.clip((np.trace(rotation) - 1) / 2, -1, 1)
        angle = math.acos(float(cos))
        skew = np.array([rotation[2, 1], rotation[0, 2], rotation[1, 0]])
        skew -= [rotation[1, 2], rotation[2, 0], rotation[0, 1]]
        if angle > math.pi - 1e-6:  # half a turn has no skew part: the axis is the eigenvector
            axis = np.linalg.eigh((rotation + rotation.T) / 2)[1][:, -1]
        else:
            axis = skew / (2 * math.sin(angle)) if angle > 1e-9 else skew
        return tuple(math.degrees(angle) * float(a) for a in axis)

    @property
    def rotation_deg(self) -> float:
        """The whole angle of the turn, 0 to 180 degrees."""
        return math.hypot(*self.turn_deg)

    @property
    def rotation(self) -> Matrix:
        """The rotation nearest to the linear part, from the fixed to the moving image."""
        left, _, right = np.linalg.svd(self.matrix[:-1, :-1])
        nearest = left @ right
        if np.linalg.det(nearest) < 0:
            left[:, -1] *= -1
            nearest = left @ right
        return np.asarray(nearest, np.float64)

    @property
    def scales(self) -> tuple[float, float]:
        """Smallest and largest factor by which the moving image was stretched; 1 where rigid."""
        sizes = np.linalg.svd(self.matrix[:-1, :-1], compute_uv=False)
        return float(1 / sizes.max()), float(1 / sizes.min())

    @property
    def mirrors(self) -> bool:
        """Whether left and right change places."""
        return bool(np.linalg.det(self.matrix) < 0)

    def points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Carry (n, dimension) points of the fixed image, mm, to the moving one."""
        moved = points @ self.matrix[:-1, :-1].T + self.matrix[:-1, -1]
        return np.asarray(moved, np.float64)

    def inverse(self) -> "Transform":
        """The way back: what was fixed becomes moving."""
        centre = tuple(float(v) for v in self.points(np.array([self.centre]))[0])
        return Transform(_inverse(self.matrix), centre)

    def about(self, centre: NDArray[np.float64]) -> "Transform":
        """The same transform, told about another centre."""
        return replace(self, centre=tuple(float(v) for v in centre))

    def nudged(self, shift_mm: tuple[float, ...], turn_deg: tuple[float, ...]) -> "Transform":
        """Turn the moving image about the centre as it lies now, then move it.

        Args:
            shift_mm: mm along each axis.
            turn_deg: as in `Transform.turn_deg`.

        Raises:
            ValueError: the counts do not fit the dimension.
        """
        if len(shift_mm) != self.dimension:
            raise ValueError(f"This nudge needs {self.dimension} lengths, not {len(shift_mm)}.")
        motion = rigid(shift_mm, turn_deg, self.centre)
        return Transform(self.matrix @ motion.matrix, self.centre)

    def describe(self) -> str:
        """The motion in words: "moved 5.1 mm (5.0 mm to the head, ...) and turned 3.0°"."""
        parts = []
        for length, (ahead, back) in zip(self.shift_mm, _WAYS[self.dimension], strict=True):
            if abs(length) >= 0.05:
                parts.append(f"{abs(length):.1f} mm {ahead if length > 0 else back}")
        words = []
        if self.translation_mm >= 0.05:
            words.append(f"moved {self.translation_mm:.1f} mm ({', '.join(parts)})")
        if self.rotation_deg >= 0.05:
            words.append(f"turned {self.rotation_deg:.1f}°")
        low, high = self.scales
        if max(abs(low - 1), abs(high - 1)) >= 0.002:
            words.append(f"stretched by {low:.3f} to {high:.3f}")
        return " and ".join(words) or "not moved"


def identity(dimension: int = 3) -> Transform:
    """The transform that leaves everything where its file places it."""
    return Transform(np.eye(dimension + 1))


def rigid(
    shift_mm: tuple[float, ...], turn_deg: tuple[float, ...], centre: tuple[float, ...] = ()
) -> Transform:
    """Make the transform that turns the moving image about a centre, then moves it.

    Args:
        shift_mm: mm along each of two or three axes.
        turn_deg: one angle for images, three numbers for volumes, as in `Transform.turn_deg`.
        centre: mm; the origin if left out.

    Raises:
        ValueError: the counts do not fit each other.
    """
    size = len(shift_mm)
    if (size, len(turn_deg)) not in ((2, 1), (3, 3)):
        raise ValueError("A rigid motion needs 2 lengths and 1 angle, or 3 lengths and 3 angles.")
    middle = np.array(centre or (0.0,) * size)
    motion = np.eye(size + 1)
    motion[:-1, :-1] = _rotation(np.radians(turn_deg))
    motion[:-1, -1] = middle + shift_mm - motion[:-1, :-1] @ middle
    return Transform(_inverse(motion), tuple(float(v) for v in middle))


def _inverse(matrix: Matrix) -> Matrix:
    return np.asarray(np.linalg.inv(matrix), np.float64)


def _rotation(turn: NDArray[np.float64]) -> Matrix:
    """Matrix of a turn in radians (Rodrigues' formula for three axes)."""
    if turn.size == 1:
        cos, sin = math.cos(turn[0]), math.sin(turn[0])
        return np.array([[cos, -sin], [sin, cos]])
    angle = float(np.linalg.norm(turn))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = turn / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(
        np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross, np.float64
    )
