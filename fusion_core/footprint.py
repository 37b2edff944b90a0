"""Which wavelet coefficients reach which pixels, and what a region took from either source.

One synthesis step of filters with L taps sends coefficient n to the samples 2n - L + 2 to 2n + 1,
as far as its taps are not zero and the samples exist; J levels repeat that J times, along the rows
and down the columns. From this follow the pixels that share a coefficient with a picked one, its
*footprint*: a square of 2**J pixels for haar, a larger one for longer filters.
"""

from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import pywt
from numpy.typing import NDArray

from fusion_core.model import FusionResult
from fusion_core.provenance import Attribution, BandShare, attribute
from fusion_core.wavelets import Subbands, band_names, check_wavelet, coefficient_size, level_sizes

Box = tuple[int, int, int, int]
"""First row, first column, row after the last, column after the last."""

Pass = Literal["low", "high"]
Indices = NDArray[np.intp]


class BandPlace(NamedTuple):
    """Where a band stands: its level, and the filter that made it down the columns and across."""

    level: int
    down: Pass
    across: Pass


def footprint(box: Box, band: str, wavelet: str, levels: int, size: tuple[int, int]) -> Box:
    """The smallest rectangle with all pixels that share a coefficient of a band with a region.

    A gate of that band cannot change the region without changing pixels of this rectangle too.

    Args:
        box: the region; a single pixel is ``(row, column, row + 1, column + 1)``.
        band: a name of :func:`fusion_core.wavelets.band_names`.
        wavelet: name of the wavelet.
        levels: of the decomposition.
        size: (H, W) of the image.

    Raises:
        ValueError: the band or the wavelet is unknown, or the region leaves the image.
    """
    place = _place(band, levels)
    rows, cols = coefficients(box, band, wavelet, levels, size)
    top, bottom = _spread(rows, size[0], wavelet, place.level, place.down)
    left, right = _spread(cols, size[1], wavelet, place.level, place.across)
    return top, left, bottom, right


def coefficients(
    box: Box, band: str, wavelet: str, levels: int, size: tuple[int, int]
) -> tuple[Indices, Indices]:
    """Rows and columns of the coefficients of a band that reach a region.

    Args and raises as for :func:`footprint`.
    """
    check_wavelet(wavelet)
    top, left, bottom, right = _inside(box, size)
    place = _place(band, levels)
    return (
        _reaching(np.arange(top, bottom), size[0], wavelet, place.level, place.down),
        _reaching(np.arange(left, right), size[1], wavelet, place.level, place.across),
    )


def region_shares(
    result: FusionResult, box: Box, attribution: Attribution | None = None
) -> tuple[BandShare, ...]:
    """CT's share of every band in a region, by the three definitions of :class:`BandShare`.

    Masks and energies count the coefficients that reach the region; attribution counts its pixels.

    Args:
        result: what a model or a wavelet rule returned; the first image of a batch is described.
        box: the region.
        attribution: its attribution, if it is already there.

    Raises:
        ValueError: the result has no subbands, or the region leaves the image.
    """
    parts = attribution or attribute(result)
    if result.masks is None or result.ct is None or result.mri is None or result.wavelet is None:
        raise ValueError("This result has no subbands; use a checkpoint or a wavelet rule.")
    size = (result.fused.shape[-2], result.fused.shape[-1])
    top, left, bottom, right = _inside(box, size)
    columns = zip(*map(_arrays, (*result.masks, result.ct, result.mri)), strict=True)
    shares = []
    for k, (name, arrays) in enumerate(zip(parts.names, columns, strict=True)):
        grid = np.ix_(*coefficients(box, name, result.wavelet, result.ct.levels, size))
        a, b, c, m = (array[grid].astype(np.float64) for array in arrays)
        image_ct, image_mri = (
            float(image[0, k, top:bottom, left:right].double().abs().sum())
            for image in (parts.ct, parts.mri)
        )
        mean_a, mean_b = (float(x.mean()) if x.size else float("nan") for x in (a, b))
        shares.append(
            BandShare(
                name,
                _share(mean_a, mean_b),
                _share(float(((a * c) ** 2).sum()), float(((b * m) ** 2).sum())),
                _share(image_ct, image_mri),
                mean_a,
                mean_b,
            )
        )
    return tuple(shares)


def _place(band: str, levels: int) -> BandPlace:
    if band not in band_names(levels):
        raise ValueError(
            f"Unknown band {band!r}; {levels} level(s) have {', '.join(band_names(levels))}."
        )
    # lh is low-pass along the rows, high-pass down the columns; hl the other way round.
    down: Pass = "high" if band[:2] in ("LH", "HH") else "low"
    across: Pass = "high" if band[:2] in ("HL", "HH") else "low"
    return BandPlace(int(band[2:] or 1), down, across)


def _inside(box: Box, size: tuple[int, int]) -> Box:
    top, left, bottom, right = box
    if not (0 <= top < bottom <= size[0] and 0 <= left < right <= size[1]):
        raise ValueError(f"The region {box} is empty or leaves the {size[0]}x{size[1]} image.")
    return box


def _reaching(samples: Indices, size: int, wavelet: str, level: int, kind: Pass) -> Indices:
    """Coefficients along one axis, at a level, that reach any of the samples."""
    found = samples
    for j, length in enumerate(_lengths(size, wavelet, level), 1):
        touched = _touches(length, wavelet, kind if j == level else "low")
        found = np.flatnonzero(touched[:, found].any(1))
    return found


def _spread(found: Indices, size: int, wavelet: str, level: int, kind: Pass) -> tuple[int, int]:
    """First sample, and the one after the last, that any of the coefficients reach."""
    lengths = _lengths(size, wavelet, level)
    for j in range(level, 0, -1):
        touched = _touches(lengths[j - 1], wavelet, kind if j == level else "low")
        found = np.flatnonzero(touched[found].any(0))
    return int(found[0]), int(found[-1]) + 1


def _lengths(size: int, wavelet: str, level: int) -> list[int]:
    return [rows for rows, _ in level_sizes((size, size), wavelet, level)]


@lru_cache(maxsize=24)
def _touches(length: int, wavelet: str, kind: Pass) -> NDArray[np.bool_]:
    """(coefficients, samples): whether one synthesis step leads from the one to the other."""
    filters = pywt.Wavelet(wavelet)
    taps = np.abs(np.asarray(filters.rec_lo if kind == "low" else filters.rec_hi))
    used = taps > 1e-12 * taps.max()  # some filters are padded with zeros
    n = np.arange(coefficient_size(length, wavelet))[:, None]
    tap = np.arange(length)[None] + len(taps) - 2 - 2 * n
    inside = (tap >= 0) & (tap < len(taps))
    touched: NDArray[np.bool_] = inside & used[np.clip(tap, 0, len(taps) - 1)]
    touched.flags.writeable = False
    return touched


def _arrays(bands: Subbands) -> list[NDArray[np.float32]]:
    return [band[0, 0].numpy() for _, band in bands.items()]


def _share(ct: float, mri: float) -> float:
    return ct / (ct + mri) if ct + mri > 0 else float("nan")
