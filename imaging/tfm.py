"""Transforms as ITK's text files (.tfm), which 3D Slicer, ITK-SNAP and SimpleITK exchange.

The text is read and written here, not through a file on disk, because uploads stay in memory.
"""

import math

import numpy as np

from imaging.errors import InputError
from imaging.resample import itk
from imaging.transform import Matrix, Transform

MAX_BYTES = 64 * 1024
"""A rigid or affine transform takes some 300 bytes; larger files hold deformations."""

_HEADER = "#Insight Transform File V1.0"
_CLASSES = {
    "AffineTransform": "AffineTransform",
    "MatrixOffsetTransformBase": "AffineTransform",
    "Euler2DTransform": "Euler2DTransform",
    "Euler3DTransform": "Euler3DTransform",
    "Similarity2DTransform": "Similarity2DTransform",
    "Similarity3DTransform": "Similarity3DTransform",
    "ScaleTransform": "ScaleTransform",
    "ScaleVersor3DTransform": "ScaleVersor3DTransform",
    "ScaleSkewVersor3DTransform": "ScaleSkewVersor3DTransform",
    "TranslationTransform": "TranslationTransform",
    "VersorTransform": "VersorTransform",
    "VersorRigid3DTransform": "VersorRigid3DTransform",
}
"""Names in files, and the class of SimpleITK that understands their numbers."""

_SIZED = {"AffineTransform", "ScaleTransform", "TranslationTransform"}


def encode_tfm(transform: Transform) -> bytes:
    """Write a transform from the fixed to the moving image, as ITK's affine transform."""
    size = transform.dimension
    centre = np.array(transform.centre)
    linear = transform.matrix[:-1, :-1]
    # ITK turns about a centre and then translates: x -> A (x - c) + c + t.
    offset = transform.matrix[:-1, -1] - centre + linear @ centre
    numbers = " ".join(repr(float(v)) for v in (*linear.ravel(), *offset))
    fixed = " ".join(repr(float(v)) for v in centre)
    return (
        f"{_HEADER}\n#Transform 0\nTransform: AffineTransform_double_{size}_{size}\n"
        f"Parameters: {numbers}\nFixedParameters: {fixed}\n"
    ).encode("ascii")


def decode_tfm(data: bytes, name: str = "the file") -> Transform:
    """Read a rigid or affine transform, or a chain of them.

    Args:
        data: the content of a .tfm or .txt file.
        name: the file's name, for messages.

    Raises:
        InputError: the file is no such transform, deforms, or cannot be inverted.
    """
    if len(data) > MAX_BYTES:
        raise InputError(
            f"{name} holds {len(data) // 1024} KiB, too much for a rigid or affine transform; "
            "save the linear part alone."
        )
    text = data.decode("ascii", errors="replace")
    if not text.startswith("#Insight Transform File"):
        raise InputError(f"{name} is no ITK transform file (.tfm); save it as one again.")
    steps = _steps(text)
    if not steps:
        raise InputError(f"{name} holds no transform; save it again.")
    linear = [_linear(kind, fields, name) for kind, fields in steps]
    matrices, centre = [matrix for matrix, _ in linear], linear[-1][1]
    if len({matrix.shape for matrix in matrices}) != 1:
        raise InputError(f"{name} mixes transforms of images and of volumes; save one alone.")
    # In a chain ITK applies the last one first.
    total = np.linalg.multi_dot(matrices) if len(matrices) > 1 else matrices[0]
    try:
        return Transform(total, centre)
    except ValueError:
        raise InputError(f"{name} holds a transform that cannot be inverted.") from None


def _steps(text: str) -> list[tuple[str, dict[str, str]]]:
    """The transforms of a file in its order: name, and their lines; a chain's own head is left."""
    steps: list[tuple[str, dict[str, str]]] = []
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "Transform":
            steps.append((value.strip(), {}))
        elif steps and not line.startswith("#"):
            steps[-1][1][key.strip()] = value
    return [step for step in steps if not step[0].startswith("CompositeTransform")]


def _linear(kind: str, fields: dict[str, str], name: str) -> tuple[Matrix, tuple[float, ...]]:
    """Matrix and centre of one transform of a file."""
    sitk = itk()
    title, *rest = kind.split("_")
    dimension = 2 if rest[-1:] == ["2"] else 3
    if title not in _CLASSES or rest[-2:] not in (["2", "2"], ["3", "3"]):
        raise InputError(
            f"{name} holds a '{kind[:60]}', not a rigid or affine transform; save the linear part."
        )
    wanted = _CLASSES[title]
    transform = getattr(sitk, wanted)(*([dimension] if wanted in _SIZED else []))
    try:
        fixed = [float(v) for v in fields.get("FixedParameters", "").split()]
        parameters = [float(v) for v in fields.get("Parameters", "").split()]
        if not all(map(math.isfinite, (*fixed, *parameters))):
            raise ValueError("not finite")
        if fixed:
            transform.SetFixedParameters(fixed)
        if len(parameters) != transform.GetNumberOfParameters():
            raise ValueError("wrong count")
        transform.SetParameters(parameters)
    except (ValueError, RuntimeError):
        raise InputError(f"{name} is damaged: its {title} lacks numbers; save it again.") from None
    matrix = np.eye(dimension + 1)
    origin = np.array(transform.TransformPoint((0.0,) * dimension))
    units = np.array([transform.TransformPoint(tuple(row)) for row in np.eye(dimension)])
    matrix[:-1, :-1] = (units - origin).T
    matrix[:-1, -1] = origin
    return matrix, tuple(fixed[:dimension]) if wanted != "TranslationTransform" else ()
