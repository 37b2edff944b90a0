"""What leaves the program: stamped images, masks, metrics and provenance as bytes and files."""

import json
import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from fusion_core import __version__
from fusion_core.metrics import METRICS, Scores
from fusion_core.model import Masks
from fusion_core.provenance import Attribution, attribute, clipped_share, contributions, energies
from imaging.errors import InputError
from imaging.windowing import Window
from imaging.write import encode_png
from pipelines.fuse import FusedPair, ct_share, to_8bit
from pipelines.methods import Method, MethodError

STAMP = "Research, not for diagnosis"
NO_HU = "A fused value has no HU: measure densities in the CT, not in the fused image."
PROGRAM = f"trainable-wavelet-fusion {__version__}"
CAPTION_MIN_WIDTH = 160
CAPTION_SIZE = 10
CAPTION_LINE = 13

DEFINITIONS = {
    "mask": "mean of CT's mask over the sum of both masks' means",
    "energy": "energy of CT's gated coefficients over the energy of both",
    "attribution": "sum of |image| that CT brought over that of both, after the inverse transform",
}
"""The three meanings of CT's share, named wherever a share is written."""


def stamp(pair: FusedPair) -> dict[str, str]:
    """What every exported image says about itself, as PNG text: keyword to words."""
    text = {
        "Software": PROGRAM,
        "Warning": STAMP,
        "Value": NO_HU,
        "Title": pair.name,
        "Method": method_label(pair.method),
        "CT share": _share_text(pair),
        "CT window": _window_text(pair.windows[0]),
        "MRI window": _window_text(pair.windows[1]),
    }
    if pair.method.sha256 is not None:
        text["Checkpoint SHA-256"] = pair.method.sha256
    if pair.notes:
        text["Comment"] = " ".join(pair.notes)
    return text


def method_label(method: Method) -> str:
    """Kind and name, for a checkpoint with its short hash: ``checkpoint default 0123456789ab``."""
    return " ".join(part for part in (method.kind, method.name, method.short_hash) if part)


def stamped_png(pair: FusedPair, caption: bool = False) -> bytes:
    """The fused image as an 8-bit grey PNG with the stamp in its metadata.

    Args:
        pair: a fused pair.
        caption: also write the stamp below the image, on a strip that makes it higher.
    """
    image = pair.fused8
    if caption:
        words = (STAMP, method_label(pair.method), f"CT share {_share_text(pair)}")
        image = with_caption(image, words)
    return encode_png(image, text=stamp(pair), spacing=pair.ct.spacing)


def with_caption(image: NDArray[np.uint8], parts: tuple[str, ...]) -> NDArray[np.uint8]:
    """Add a black strip with words below an image; no pixel of the image is covered.

    Args:
        image: (H, W) uint8.
        parts: sentences, kept whole where the width allows.

    Returns:
        (H + strip, max(W, 160)) uint8.
    """
    height, width = image.shape
    full = max(width, CAPTION_MIN_WIDTH)
    font = ImageFont.load_default(CAPTION_SIZE)
    lines = _wrap(parts, font, full - 6)
    strip = Pillow.new("L", (full, CAPTION_LINE * len(lines) + 4), 0)
    draw = ImageDraw.Draw(strip)
    for row, line in enumerate(lines):
        draw.text((3, 2 + row * CAPTION_LINE), line, fill=200, font=font)
    top = np.zeros((height, full), np.uint8)
    top[:, :width] = image
    return np.vstack((top, np.asarray(strip)))


def mask_images(pair: FusedPair) -> dict[str, NDArray[np.uint8]]:
    """Every mask in its own resolution, 0 to 255 for 0 to 1, by file stem.

    Where the gates of a band sum to one, CT's mask says it all: ``LL``, ``LH``, ... Independent
    gates give two: ``ct_LL``, ``mri_LL``, ...

    Raises:
        MethodError: the method is a rule that works on pixels.
    """
    masks = pair.result.masks
    if masks is None:
        raise no_masks(pair.method)
    if _is_convex(pair, masks):
        return {name: to_8bit(mask[0, 0].numpy()) for name, mask in masks.ct.items()}
    both = (("ct", masks.ct), ("mri", masks.mri))
    return {
        f"{source}_{name}": to_8bit(mask[0, 0].numpy())
        for source, bands in both
        for name, mask in bands.items()
    }


def no_masks(method: Method) -> MethodError:
    """The error for asking a rule that works on pixels for masks."""
    return MethodError(
        f"The rule {method.name} works on pixels and has no masks; use a checkpoint or a wavelet "
        "rule."
    )


def write_masks(pair: FusedPair, folder: Path) -> list[Path]:
    """Write one stamped PNG per mask into a folder, made if it is missing.

    Raises:
        InputError: the folder cannot be written.
        MethodError: the method has no masks.
    """
    written = []
    text = stamp(pair)
    for name, image in mask_images(pair).items():
        meaning = f"Mask {name}: 0 (black) takes nothing of the source, 255 (white) takes all"
        path = folder / f"{name}.png"
        write_file(path, encode_png(image, text=text | {"Description": meaning}))
        written.append(path)
    return written


def metrics_json(pair: FusedPair, scores: Scores) -> str:
    """Scores with units and directions, and how the image was made; NaN becomes null."""
    rows = {
        name: {
            "value": value,
            "unit": METRICS[name].unit,
            "better": METRICS[name].direction,
            **({"note": scores.notes[name]} if name in scores.notes else {}),
        }
        for name, value in scores.values.items()
    }
    return to_json(description(pair) | {"ct_share": ct_share(pair.result), "metrics": rows})


def provenance_json(pair: FusedPair, attribution: Attribution | None = None) -> str:
    """CT's share of every band by three definitions, energies of both sources, and clipping.

    Raises:
        MethodError: the method is a rule that works on pixels.
    """
    return to_json(provenance(pair, attribution))


def provenance(pair: FusedPair, attribution: Attribution | None = None) -> dict[str, Any]:
    """What :func:`provenance_json` writes, as plain values.

    Raises:
        MethodError: the method is a rule that works on pixels.
    """
    result = pair.result
    if result.masks is None or result.ct is None or result.mri is None:
        raise MethodError(
            f"The rule {pair.method.name} works on pixels, so there are no subbands to explain; "
            "use a checkpoint or a wavelet rule."
        )
    parts = attribution or attribute(result)
    rest = result.fused - parts.ct_only - parts.mri_only
    return description(pair) | {
        "wavelet": result.wavelet,
        "levels": result.ct.levels,
        "definitions": DEFINITIONS,
        "ct_share": ct_share(result),
        "bands": [asdict(share) for share in contributions(result, parts)],
        "energies": {
            "ct": [asdict(energy) for energy in energies(result.ct)],
            "mri": [asdict(energy) for energy in energies(result.mri)],
        },
        "clipped_share_of_head": clipped_share(result, torch.from_numpy(pair.head)[None, None]),
        "largest_residual": float(rest.abs().max()),
    }


def provenance_table(values: dict[str, Any]) -> str:
    """CT's share in percent per band and definition, as text.

    Args:
        values: from :func:`provenance`.
    """
    lines = [f"{'band':<8}" + "".join(f"{name:>13}" for name in DEFINITIONS)]
    for row in values["bands"]:
        cells = (_percent(row[name]) for name in DEFINITIONS)
        lines.append(f"{row['band']:<8}" + "".join(f"{cell:>13}" for cell in cells))
    lines.append(f"whole image by attribution: {_percent(values['ct_share'])}")
    return "\n".join([*lines, *(f"  {name}: {text}" for name, text in DEFINITIONS.items())])


def description(pair: FusedPair) -> dict[str, Any]:
    """How an image was made: names, sizes, windows, method, notes."""
    method = pair.method
    height, width = pair.fused8.shape
    return {
        "program": PROGRAM,
        "warning": STAMP,
        "name": pair.name,
        "rows": height,
        "columns": width,
        "spacing_mm": pair.ct.spacing,
        "method": {
            "kind": method.kind,
            "name": method.name,
            "sha256": method.sha256,
            "config": None if method.config is None else method.config.to_dict(),
        },
        "windows": {
            source: None if window is None else asdict(window)
            for source, window in zip(("ct", "mri"), pair.windows, strict=True)
        },
        "notes": list(pair.notes),
    }


def to_json(values: Any) -> str:
    """Indented JSON that any reader accepts: NaN and infinity become null."""
    return json.dumps(_finite(values), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def check_target(
    path: Path | None, sources: Sequence[Path], suffixes: tuple[str, ...] = ()
) -> None:
    """Refuse a file to write that is a source image, a folder, or named as another format.

    Raises:
        InputError: it is; nothing is refused where the path is None.
    """
    if path is None:
        return
    if path.resolve() in {source.resolve() for source in sources}:
        raise InputError(f"{path} is a source image; give another name to write to.")
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file to write.")
    if suffixes and path.suffix.lower() not in suffixes:
        raise InputError(f"{path} must end in {' or '.join(suffixes)}.")


def write_file(path: Path, data: bytes | str) -> None:
    """Write a file whole or not at all; its folder is made if it is missing.

    Raises:
        InputError: it cannot be written.
    """
    check_target(path, ())
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}); choose another place."
        ) from error


def _is_convex(pair: FusedPair, masks: Masks) -> bool:
    if pair.method.config is not None:
        return len(pair.method.config.gates) == 1
    total = masks.ct.combine(masks.mri, lambda a, b: a + b - 1)
    return all(float(band.abs().max()) < 1e-6 for _, band in total.items())


def _share_text(pair: FusedPair) -> str:
    share = ct_share(pair.result)
    if share is not None:
        return f"{100 * share:.1f} % by attribution"
    return "unknown (pixel rule)" if pair.result.masks is None else "none (black image)"


def _percent(share: float | None) -> str:
    return "–" if share is None or math.isnan(share) else f"{100 * share:.1f}"


def _window_text(window: Window | None) -> str:
    if window is None:
        return "full range"
    return f"center {window.center:g}, width {window.width:g}, {window.function}"


def _wrap(parts: tuple[str, ...], font: Any, room: int) -> list[str]:
    """Parts side by side while they fit; a part too long for a line is broken between words."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]}  ·  {part}" if lines else part
        if lines and font.getlength(joined) <= room:
            lines[-1] = joined
            continue
        lines.append("")
        for word in part.split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and font.getlength(longer) > room:
                lines.append(word)
            else:
                lines[-1] = longer
    return lines


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
