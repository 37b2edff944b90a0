"""Named discrete wavelets: analysis and synthesis of image batches, exact and differentiable.

The transform is the one of PyWavelets ``dwt2`` / ``idwt2``: per side and level N samples become
``floor((N + L - 1) / 2)`` coefficients for filters of length L. Two engines compute it:

- ``fast``: a 2x2 butterfly for two-tap filters, separable strided convolutions for the others;
- ``reference``: the ``pytorch-wavelets`` package.

They agree to rounding; callers never choose. Tests and benchmarks switch with :func:`engine`.

Reference: S. Mallat, "A theory for multiresolution signal decomposition", IEEE TPAMI 11(7), 1989,
doi:10.1109/34.192463.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Literal, NamedTuple, cast, get_args

import numpy as np
import pywt
import torch
import torch.nn.functional as F
from torch import Tensor

BoundaryMode = Literal["zero", "symmetric", "periodic", "reflect"]
"""How an image continues beyond its border, in PyWavelets' words."""

MODES: tuple[BoundaryMode, ...] = get_args(BoundaryMode)
NAMED_WAVELETS = ("haar", "db1", "db2", "db4", "db8", "bior2.2", "bior4.4", "coif2", "coif4")
"""The wavelets the menus show first."""

WAVELETS: tuple[str, ...] = tuple(n for n in pywt.wavelist(kind="discrete") if n != "dmey")
"""Every discrete wavelet that reconstructs perfectly."""

TWO_TAP_WAVELETS = ("haar", "db1", "bior1.1", "rbio1.1")
"""The names of the Haar wavelet."""

MAX_LEVELS = 5

Engine = Literal["fast", "reference"]
_ENGINE: ContextVar[Engine] = ContextVar("wavelet_engine", default="fast")


class Details(NamedTuple):
    """The three detail bands of one level, each (B, C, h, w).

    ``lh`` is PyWavelets' cH: low-pass along the rows, high-pass down the columns, so a horizontal
    edge lights it. ``hl`` is cV and answers to vertical edges; ``hh`` is cD, the diagonals.
    """

    lh: Tensor
    hl: Tensor
    hh: Tensor


class Subbands(NamedTuple):
    """A wavelet decomposition: the coarsest approximation and the details of every level.

    ``ll`` is (B, C, h, w); ``details[0]`` belongs to level 1, the finest.
    """

    ll: Tensor
    details: tuple[Details, ...]

    @property
    def levels(self) -> int:
        return len(self.details)

    def items(self) -> list[tuple[str, Tensor]]:
        """(name, band) in the order of :func:`band_names`."""
        bands = [self.ll, *(band for level in reversed(self.details) for band in level)]
        return list(zip(band_names(self.levels), bands, strict=True))

    def map(self, fn: Callable[[Tensor], Tensor]) -> "Subbands":
        """Apply ``fn`` to every band."""
        return Subbands(fn(self.ll), tuple(Details(*map(fn, level)) for level in self.details))

    def combine(self, other: "Subbands", fn: Callable[[Tensor, Tensor], Tensor]) -> "Subbands":
        """Apply ``fn`` to every band and the other decomposition's band of the same name."""
        details = (
            Details(*map(fn, mine, theirs))
            for mine, theirs in zip(self.details, other.details, strict=True)
        )
        return Subbands(fn(self.ll, other.ll), tuple(details))


def band_names(levels: int) -> tuple[str, ...]:
    """Names of the 3J + 1 bands, LL first, then coarse to fine.

    One level has the plain names LL, LH, HL, HH; more levels carry the level's number.
    """
    _check_levels(levels)
    if levels == 1:
        return ("LL", "LH", "HL", "HH")
    details = (f"{kind}{j}" for j in range(levels, 0, -1) for kind in ("LH", "HL", "HH"))
    return (f"LL{levels}", *details)


def check_wavelet(wavelet: str) -> str:
    """Return the name if the wavelet can be used here.

    Raises:
        ValueError: the name is unknown, or names a transform that cannot be inverted.
    """
    if wavelet == "dmey":
        raise ValueError(
            "The wavelet dmey is not invertible (its finite filters only approximate the Meyer "
            "wavelet, so an image does not come back); choose another one, for example coif4."
        )
    if wavelet not in WAVELETS:
        raise ValueError(
            f"Unknown wavelet {wavelet!r}; common ones are {', '.join(NAMED_WAVELETS)}; "
            f"all: {', '.join(WAVELETS)}."
        )
    return wavelet


def check_mode(mode: str) -> BoundaryMode:
    """Return the boundary mode if it is one of :data:`MODES`.

    Raises:
        ValueError: it is not.
    """
    if mode not in MODES:
        raise ValueError(f"Unknown boundary mode {mode!r}; choose one of {', '.join(MODES)}.")
    return mode


def coefficient_size(size: int, wavelet: str) -> int:
    """Number of coefficients per side that one level makes of ``size`` samples."""
    return (size + int(pywt.Wavelet(wavelet).dec_len) - 1) // 2


def level_sizes(size: tuple[int, int], wavelet: str, levels: int) -> list[tuple[int, int]]:
    """(H, W) of the image that each level decomposes, level 1 first."""
    sizes = [size]
    for _ in range(levels - 1):
        height, width = sizes[-1]
        sizes.append((coefficient_size(height, wavelet), coefficient_size(width, wavelet)))
    return sizes


def analyse(
    image: Tensor, wavelet: str, levels: int = 1, mode: BoundaryMode = "symmetric"
) -> Subbands:
    """Decompose images into wavelet subbands.

    Args:
        image: (B, C, H, W), float32 or float64, any H and W from 1 on, any values.
        wavelet: one of :data:`WAVELETS`.
        levels: 1 to 5.
        mode: how the image continues beyond its border, one of :data:`MODES`.

    Raises:
        ValueError: shape, dtype, wavelet, levels or mode are not as described.
    """
    _check_levels(levels)
    ll, details = image, []
    for _ in range(levels):
        ll, level = analyse_level(ll, wavelet, mode)
        details.append(level)
    return Subbands(ll, tuple(details))


def analyse_level(
    image: Tensor, wavelet: str, mode: BoundaryMode = "symmetric"
) -> tuple[Tensor, Details]:
    """One level of :func:`analyse`: the approximation and its three detail bands."""
    check_wavelet(wavelet)
    check_mode(mode)
    _check_image(image)
    if _ENGINE.get() == "reference" and _reference_accepts(image, wavelet, mode):
        return _analyse_reference(image, wavelet, mode)
    if wavelet in TWO_TAP_WAVELETS:
        return _analyse_butterfly(image, mode)
    return _analyse_separable(image, wavelet, mode)


def synthesise(subbands: Subbands, wavelet: str, size: tuple[int, int]) -> Tensor:
    """Rebuild images from their subbands; the exact inverse of :func:`analyse` in every mode.

    Args:
        subbands: bands as :func:`analyse` gives them.
        wavelet: the wavelet they were made with.
        size: (H, W) of the image, which the bands alone leave open by one sample.

    Returns:
        (B, C, H, W).

    Raises:
        ValueError: the bands do not belong to an image of that size.
    """
    check_wavelet(wavelet)
    ll = subbands.ll
    sizes = level_sizes(size, wavelet, subbands.levels)
    for level, out in zip(reversed(subbands.details), reversed(sizes), strict=True):
        ll = synthesise_level(ll, level, wavelet, out)
    return ll


def synthesise_level(ll: Tensor, details: Details, wavelet: str, size: tuple[int, int]) -> Tensor:
    """One level of :func:`synthesise`."""
    expected = (coefficient_size(size[0], wavelet), coefficient_size(size[1], wavelet))
    for band in (ll, *details):
        if tuple(band.shape[-2:]) != expected:
            raise ValueError(
                f"A {wavelet} level of a {size[0]}x{size[1]} image has bands of "
                f"{expected[0]}x{expected[1]}, got {band.shape[-2]}x{band.shape[-1]}."
            )
    if _ENGINE.get() == "reference":
        full = _synthesise_reference(ll, details, wavelet)
    elif wavelet in TWO_TAP_WAVELETS:
        full = _synthesise_butterfly(ll, details)
    else:
        full = _synthesise_separable(ll, details, wavelet)
    return full[..., : size[0], : size[1]]


@contextmanager
def engine(name: Engine) -> Iterator[None]:
    """Compute the transforms inside the block with the named engine (tests and benchmarks)."""
    if name not in get_args(Engine):
        raise ValueError(f"Unknown engine {name!r}; choose one of {', '.join(get_args(Engine))}.")
    token = _ENGINE.set(name)
    try:
        yield
    finally:
        _ENGINE.reset(token)


def _check_levels(levels: int) -> None:
    if not 1 <= levels <= MAX_LEVELS:
        raise ValueError(f"Levels must be 1 to {MAX_LEVELS}, got {levels}.")


def _check_image(image: Tensor) -> None:
    if image.dim() != 4 or 0 in image.shape:
        raise ValueError(
            f"Expected an image batch (B, C, H, W) with no empty side, got {tuple(image.shape)}."
        )
    if not image.dtype.is_floating_point:
        raise ValueError(f"Expected float32 or float64 images, got {image.dtype}.")


# --- borders ------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _border(size: int, pad: int, side: Literal["before", "after"], mode: str) -> tuple[int, ...]:
    """Which samples continue a signal of ``size`` by ``pad`` samples on one side."""
    index = np.arange(-pad, 0) if side == "before" else np.arange(size, size + pad)
    if mode == "periodic":
        index = index % size
    elif mode == "symmetric":
        index = index % (2 * size)
        index = np.minimum(index, 2 * size - 1 - index)
    else:  # reflect: the border sample is not repeated
        period = max(2 * (size - 1), 1)
        index = index % period
        index = np.minimum(index, period - index) if size > 1 else index * 0
    return tuple(int(i) for i in index)


def _pad(x: Tensor, dim: int, before: int, after: int, mode: str) -> Tensor:
    """Continue ``x`` along ``dim`` (-1 or -2); reflection repeats where the image is short."""
    if before == after == 0:
        return x
    if mode == "zero":
        return F.pad(x, (before, after) if dim == -1 else (0, 0, before, after))
    size = x.shape[dim]
    parts = [x]
    if before:
        index = torch.tensor(_border(size, before, "before", mode), device=x.device)
        parts.insert(0, x.index_select(dim, index))
    if after:
        index = torch.tensor(_border(size, after, "after", mode), device=x.device)
        parts.append(x.index_select(dim, index))
    return torch.cat(parts, dim)


def _pads(size: int, length: int) -> tuple[int, int]:
    """Samples to add before and after, so that stride 2 gives floor((N + L - 1) / 2)."""
    total = 2 * ((size + length - 1) // 2 - 1) - size + length
    return total // 2, total - total // 2


# --- fast engine --------------------------------------------------------------------------------


def _analyse_butterfly(image: Tensor, mode: str) -> tuple[Tensor, Details]:
    height, width = image.shape[-2:]
    x = _pad(_pad(image, -1, *_pads(width, 2), mode), -2, *_pads(height, 2), mode)
    top, bottom = x[..., 0::2, :], x[..., 1::2, :]
    low, high = (top + bottom) * 0.5, (top - bottom) * 0.5
    left, right = low[..., 0::2], low[..., 1::2]
    ll, hl = left + right, left - right
    left, right = high[..., 0::2], high[..., 1::2]
    return ll, Details(left + right, hl, left - right)


def _synthesise_butterfly(ll: Tensor, details: Details) -> Tensor:
    lh, hl, hh = details
    low_left, low_right = ll + hl, ll - hl
    high_left, high_right = lh + hh, lh - hh
    top = torch.stack((low_left + high_left, low_right + high_right), -1).flatten(-2)
    bottom = torch.stack((low_left - high_left, low_right - high_right), -1).flatten(-2)
    return torch.stack((top, bottom), -2).flatten(-3, -2) * 0.5


@lru_cache(maxsize=256)
def _filters(
    wavelet: str, which: Literal["dec", "rec"], dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Low- and high-pass filters, (2, 1, L), in the order a convolution layer wants them."""
    w = pywt.Wavelet(wavelet)
    pair = (w.dec_lo[::-1], w.dec_hi[::-1]) if which == "dec" else (w.rec_lo, w.rec_hi)
    with torch.inference_mode(False):  # a cached tensor must serve training as well
        return torch.tensor(pair, dtype=torch.float64).unsqueeze(1).to(dtype=dtype, device=device)


def _analyse_separable(image: Tensor, wavelet: str, mode: str) -> tuple[Tensor, Details]:
    batch, channels, height, width = image.shape
    taps = _filters(wavelet, "dec", image.dtype, image.device)
    length = taps.shape[-1]
    x = image.reshape(batch * channels, 1, height, width)
    x = F.conv2d(
        _pad(x, -1, *_pads(width, length), mode), taps.view(2, 1, 1, length), stride=(1, 2)
    )
    x = x.reshape(-1, 1, height, x.shape[-1])
    x = F.conv2d(
        _pad(x, -2, *_pads(height, length), mode), taps.view(2, 1, length, 1), stride=(2, 1)
    )
    x = x.view(batch, channels, 2, 2, *x.shape[-2:])  # [.., along rows, down columns, h, w]
    return x[:, :, 0, 0], Details(x[:, :, 0, 1], x[:, :, 1, 0], x[:, :, 1, 1])


def _synthesise_separable(ll: Tensor, details: Details, wavelet: str) -> Tensor:
    lh, hl, hh = details
    batch, channels, h, w = ll.shape
    taps = _filters(wavelet, "rec", ll.dtype, ll.device)
    length = taps.shape[-1]
    x = torch.stack((torch.stack((ll, lh), 2), torch.stack((hl, hh), 2)), 2)
    x = x.view(batch * channels * 2, 2, h, w)
    column, row = taps.view(2, 1, length, 1), taps.view(2, 1, 1, length)
    x = F.conv_transpose2d(x, column, stride=(2, 1), padding=(length - 2, 0))
    x = x.reshape(batch * channels, 2, x.shape[-2], w)
    x = F.conv_transpose2d(x, row, stride=(1, 2), padding=(0, length - 2))
    return x.reshape(batch, channels, x.shape[-2], x.shape[-1])


# --- reference engine ---------------------------------------------------------------------------


def _reference_accepts(image: Tensor, wavelet: str, mode: str) -> bool:
    """pytorch-wavelets reflects once only, so it refuses images smaller than the padding."""
    pad = max(max(_pads(side, pywt.Wavelet(wavelet).dec_len)) for side in (*image.shape[-2:],))
    return mode != "reflect" or pad < min(image.shape[-2:])


@contextmanager
def _exact_default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """pytorch-wavelets builds its filters in the default dtype; give it the image's."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _analyse_reference(image: Tensor, wavelet: str, mode: str) -> tuple[Tensor, Details]:
    from pytorch_wavelets import DWTForward

    with _exact_default_dtype(image.dtype):
        ll, (high,) = DWTForward(J=1, wave=wavelet, mode=mode).to(image.device)(image)
    return ll, Details(*high.unbind(2))


def _synthesise_reference(ll: Tensor, details: Details, wavelet: str) -> Tensor:
    from pytorch_wavelets import DWTInverse

    # Mode "zero" gives the same values in every mode and, unlike the others, the right gradient.
    with _exact_default_dtype(ll.dtype):
        inverse = DWTInverse(wave=wavelet, mode="zero").to(ll.device)
    return cast(Tensor, inverse((ll, [torch.stack(details, 2)])))
