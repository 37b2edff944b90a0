"""What a wavelet's filters are and do, measured from their numbers instead of looked up.

Reference: I. Daubechies, Ten Lectures on Wavelets, SIAM, 1992, doi:10.1137/1.9781611970104.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pywt
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion_core.wavelets import (
    BoundaryMode,
    Details,
    Subbands,
    band_names,
    check_mode,
    check_wavelet,
    coefficient_size,
    level_sizes,
    synthesise,
)

Array = NDArray[np.float64]

TOLERANCE = 1e-7
"""A moment counts as vanished below this part of the sum of its absolute terms. Some long filters
are tabulated to about eight digits."""

_PAD_MODES: dict[BoundaryMode, Literal["constant", "symmetric", "wrap", "reflect"]] = {
    "zero": "constant",
    "symmetric": "symmetric",
    "periodic": "wrap",
    "reflect": "reflect",
}


class Filters(NamedTuple):
    """The four filters of a wavelet, each (L,), as PyWavelets lists them."""

    dec_lo: Array
    dec_hi: Array
    rec_lo: Array
    rec_hi: Array


class Functions(NamedTuple):
    """Scaling function and wavelet on a fine grid; for an orthogonal wavelet both sides agree.

    Attributes:
        x: positions, in samples of the level that the function belongs to.
        phi, psi: scaling function and wavelet that rebuild the signal (synthesis).
        phi_analysis, psi_analysis: those that measure it.
    """

    x: Array
    phi: Array
    psi: Array
    phi_analysis: Array
    psi_analysis: Array


@dataclass(frozen=True)
class WaveletFacts:
    """Measured properties of a wavelet.

    Attributes:
        name: PyWavelets' name.
        family: the family's name.
        taps: (low-pass, high-pass) number of analysis filter values that are not zero.
        length: length L of the filters as they are applied, zeros included.
        moments: vanishing moments of the analysis wavelet: details of a polynomial of lower
            degree are zero.
        moments_synthesis: vanishing moments of the synthesis wavelet.
        orthogonality_error: largest difference of the even shifts' inner products from those of
            an orthonormal basis.
        biorthogonality_error: the same between analysis and synthesis filters; it decides whether
            an image comes back.
        symmetry_error: how far the analysis low-pass filter is from its mirror image, over its
            largest value.
    """

    name: str
    family: str
    taps: tuple[int, int]
    length: int
    moments: int
    moments_synthesis: int
    orthogonality_error: float
    biorthogonality_error: float
    symmetry_error: float

    @property
    def orthogonal(self) -> bool:
        """Whether the analysis filters form an orthonormal basis."""
        return self.orthogonality_error < 1e-6

    @property
    def symmetric(self) -> bool:
        """Whether the filters are their own mirror images, so that edges do not move."""
        return self.symmetry_error < 1e-6

    @property
    def kind(self) -> str:
        """One word for the basis."""
        return "orthogonal" if self.orthogonal else "biorthogonal"


def filters(wavelet: str) -> Filters:
    """The four filters of a wavelet."""
    w = pywt.Wavelet(check_wavelet(wavelet))
    return Filters(*(np.array(f, dtype=np.float64) for f in w.filter_bank))


def functions(wavelet: str, refinements: int = 8) -> Functions:
    """Scaling function and wavelet by the cascade algorithm, 2**refinements points a sample."""
    w = pywt.Wavelet(check_wavelet(wavelet))
    found = w.wavefun(level=refinements)
    if len(found) == 3:
        phi, psi, x = found
        return Functions(x, phi, psi, phi, psi)
    phi_a, psi_a, phi_s, psi_s, x = found
    return Functions(x, phi_s, psi_s, phi_a, psi_a)


def facts(wavelet: str) -> WaveletFacts:
    """Measure a wavelet.

    Raises:
        ValueError: the wavelet is unknown.
    """
    bank = filters(wavelet)
    w = pywt.Wavelet(wavelet)
    length = len(bank.dec_lo)
    orthogonality = _basis_error(bank.dec_lo[::-1], bank.dec_hi[::-1], bank.dec_lo, bank.dec_hi)
    # An orthonormal filter of length L cannot have more than L / 2 vanishing moments.
    most = length // 2 if orthogonality < 1e-6 else length
    return WaveletFacts(
        wavelet,
        str(w.family_name),
        (_taps(bank.dec_lo), _taps(bank.dec_hi)),
        length,
        min(most, vanishing_moments(bank.dec_hi)),
        min(most, vanishing_moments(bank.rec_hi)),
        orthogonality,
        _basis_error(bank.rec_lo, bank.rec_hi, bank.dec_lo, bank.dec_hi),
        _symmetry_error(bank.dec_lo),
    )


def vanishing_moments(high: Array) -> int:
    """How many moments of a high-pass filter vanish: sum of k**n high[k] for n = 0, 1, ...

    Args:
        high: (L,) filter.
    """
    kept = _trim(high)
    at = np.linspace(-1, 1, len(kept))  # shift and scale keep lower moments zero, and powers small
    for order in range(len(kept)):
        terms = kept * at**order
        if abs(terms.sum()) >= TOLERANCE * np.abs(terms).sum():
            return order
    return len(kept)


def response(taps: Array, points: int = 256) -> tuple[Array, Array]:
    """Magnitude of a filter's frequency response.

    Returns:
        Frequencies from 0 to 0.5 cycles a pixel, and the magnitude, 1 for an unchanged wave;
        the filters' own gain of sqrt(2) is divided out.
    """
    frequency = np.linspace(0, 0.5, points)
    wave = np.exp(-2j * np.pi * np.outer(frequency, np.arange(len(taps))))
    return frequency, np.abs(wave @ taps) / np.sqrt(2)


def atom(
    wavelet: str, levels: int, band: str, row: int, column: int, size: tuple[int, int]
) -> Tensor:
    """What one coefficient of value 1 adds to the image.

    Args:
        wavelet: its name.
        levels: levels of the decomposition.
        band: a name of :func:`fusion_core.wavelets.band_names`.
        row, column: place of the coefficient in its band.
        size: (H, W) of the image.

    Returns:
        (1, 1, H, W) float64.

    Raises:
        ValueError: there is no such coefficient.
    """
    bands = empty_bands(size, wavelet, levels)
    by_name = dict(bands.items())
    if band not in by_name:
        raise ValueError(f"Unknown band {band!r}; choose one of {', '.join(by_name)}.")
    height, width = by_name[band].shape[-2:]
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(f"{band} has {height} x {width} coefficients, not one at {row}, {column}.")
    by_name[band][0, 0, row, column] = 1
    return synthesise(bands, wavelet, size)


def empty_bands(size: tuple[int, int], wavelet: str, levels: int) -> Subbands:
    """Float64 bands of an image of that size, all zero."""
    details = []
    for height, width in level_sizes(size, wavelet, levels):
        h, w = coefficient_size(height, wavelet), coefficient_size(width, wavelet)
        details.append(Details(*(torch.zeros(1, 1, h, w, dtype=torch.float64) for _ in range(3))))
    return Subbands(torch.zeros_like(details[-1].lh), tuple(details))


def keep_bands(bands: Subbands, names: frozenset[str]) -> Subbands:
    """The decomposition with every band that is not named set to zero.

    Raises:
        ValueError: a name is no band of this decomposition.
    """
    known = band_names(bands.levels)
    if unknown := names - set(known):
        raise ValueError(f"Unknown band {sorted(unknown)[0]!r}; choose from {', '.join(known)}.")
    wanted = iter([band if name in names else band * 0 for name, band in bands.items()])
    ll = next(wanted)
    coarse_first = [Details(next(wanted), next(wanted), next(wanted)) for _ in bands.details]
    return Subbands(ll, tuple(reversed(coarse_first)))


def reach(wavelet: str, levels: int) -> int:
    """Pixels along one side that a coefficient of the coarsest level looks at."""
    return int((pywt.Wavelet(check_wavelet(wavelet)).dec_len - 1) * (2**levels - 1) + 1)


def extend(values: Array, pad: int, mode: BoundaryMode) -> Array:
    """Continue a line or an image by ``pad`` samples on every side, as the transform does."""
    if check_mode(mode) == "reflect" and min(values.shape) == 1:
        return np.pad(values, pad, mode="edge")  # nothing beside the border to reflect
    return np.pad(values, pad, mode=_PAD_MODES[mode])


def _taps(values: Array) -> int:
    return int((np.abs(values) > 1e-12).sum())


def _trim(values: Array) -> Array:
    """A filter without the zeros at its ends."""
    places = np.flatnonzero(np.abs(values) > 1e-12)
    return values[places[0] : places[-1] + 1]


def _basis_error(lo: Array, hi: Array, other_lo: Array, other_hi: Array) -> float:
    """Largest deviation of the even shifts' inner products from 1 at no shift and 0 elsewhere."""
    centre = len(lo) - 1
    worst = 0.0
    pairs = ((lo, other_lo, 1.0), (hi, other_hi, 1.0), (lo, other_hi, 0.0), (hi, other_lo, 0.0))
    for one, other, at_centre in pairs:
        products = np.convolve(one, other)
        products[centre] -= at_centre
        worst = max(worst, float(np.abs(products[centre % 2 :: 2]).max()))
    return worst


def _symmetry_error(low: Array) -> float:
    kept = _trim(low)
    return float(np.abs(kept - kept[::-1]).max() / np.abs(kept).max())
