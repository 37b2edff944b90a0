"""Fuse one slice of a pair of volumes at once, or all of them with a summary."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion_core.model import FusionResult
from fusion_core.provenance import attribute
from imaging.dicom_write import WHITE
from imaging.image import Image
from imaging.planes import Plane, check_index, native_plane, plane_axes, slice_image
from imaging.register import Cancelled
from imaging.volume import Matrix
from imaging.windowing import Window, apply_window
from pipelines.fuse import CLIPPING_NOTE, HEAD_LEVEL, FusedPair, fuse_pair
from pipelines.hidden import Region, hidden_regions
from pipelines.methods import Method
from pipelines.volume_findings import Finding, join_regions
from pipelines.volume_pair import VolumePair

Windows = tuple[Window, Window]

MOST_SHARED = 48
"""Slices from which the bands' shares are taken at most: they cost as much as the fusion."""


@dataclass(frozen=True)
class VolumeShare:
    """CT's share of one band over a volume, as :class:`fusion_core.provenance.BandShare`."""

    band: str
    mask: float
    energy: float
    attribution: float


@dataclass(frozen=True, eq=False)
class FusedVolume:
    """A fused volume and what must be said of it.

    Attributes:
        voxels: (K, H, W) uint16 on the pair's grid, 0 to :data:`imaging.dicom_write.WHITE` for
            0 to 1; values outside were clamped.
        pair: what it was fused from.
        plane: the plane whose slices were fused, one by one.
        method: what fused them.
        windows: of the CT and the MRI, the same for every slice.
        clipped: share of the head's voxels that clamping moved.
        share: CT's share of the whole by attribution; None for a rule that works on pixels.
        bands: CT's share of every band; empty likewise.
        shared_slices: from how many slices the shares were taken.
        findings: bright regions of either source that the fused volume dims, worst first.
        notes: sentences that must be visible beside the result.
    """

    voxels: NDArray[np.uint16]
    pair: VolumePair
    plane: Plane
    method: Method
    windows: Windows
    clipped: float
    share: float | None
    bands: tuple[VolumeShare, ...]
    shared_slices: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def affine(self) -> Matrix:
        """(4, 4), from (column, row, slice, 1) to LPS millimetres."""
        return self.pair.grid.affine

    def picture(self, plane: Plane, index: int) -> NDArray[np.uint8]:
        """(H, W), one picture of the fused volume for the screen, laid as `slice_image` lays it.

        Raises:
            InputError: there is no such picture.
        """
        pictures = plane_axes(self.affine, plane).stack(self.voxels)
        check_index(index, len(pictures), plane)
        shown: NDArray[np.uint8] = np.rint(pictures[index] * (255 / WHITE)).astype(np.uint8)
        return shown


def fuse_slice(
    pair: VolumePair, plane: Plane, index: int, method: Method, windows: Windows
) -> FusedPair:
    """Fuse one picture of a pair.

    Args:
        pair: both volumes on one grid.
        plane: of the picture.
        index: from 0.
        method: from :func:`pipelines.methods.load_method`.
        windows: of CT and MRI, from :func:`pipelines.volume_pair.volume_windows`.

    Raises:
        InputError: there is no such picture.
        MethodError: the memory does not suffice, or the checkpoint is unusable.
    """
    ct, mri = slice_image(pair.ct, plane, index), slice_image(pair.mri, plane, index)
    fused = fuse_pair(ct, mri, method, *windows)
    axes = plane_axes(pair.grid.affine, plane)
    name = f"{plane} slice {index + 1} of {pair.grid.shape[axes.through]}"
    return replace(fused, name=name, notes=tuple(dict.fromkeys((*pair.notes, *fused.notes))))


def fuse_volume(
    pair: VolumePair,
    method: Method,
    windows: Windows,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> FusedVolume:
    """Fuse every slice of the grid, one by one, so that memory does not grow with their number.

    Args:
        pair: both volumes on one grid.
        method: from :func:`pipelines.methods.load_method`.
        windows: of CT and MRI, the same for every slice.
        progress: told the share that is done, in (0, 1].
        cancelled: asked before every slice.

    Raises:
        Cancelled: `cancelled` said so.
        MethodError: the memory does not suffice, or the checkpoint is unusable.
    """
    plane = native_plane(pair.grid)
    axes = plane_axes(pair.grid.affine, plane)
    voxels = np.empty(pair.grid.shape, np.uint16)
    fused = axes.stack(voxels)
    count = len(fused)
    every = -(-count // MOST_SHARED)
    sums, head, clipped, shared = _Sums(), 0, 0, 0
    regions: list[tuple[int, Region]] = []
    # What is looked for in a finished slice is looked for while the next one is fused.
    with ThreadPoolExecutor(1) as pool:
        searches: deque[tuple[int, Future[tuple[Region, ...]]]] = deque()
        for index in range(count):
            if cancelled and cancelled():
                raise Cancelled("The fusion of the volume was stopped; nothing was kept.")
            ct, mri = slice_image(pair.ct, plane, index), slice_image(pair.mri, plane, index)
            ct01, mri01 = apply_window(ct, windows[0]), apply_window(mri, windows[1])
            result = method.fuse(ct01, mri01)
            values = result.fused[0, 0].numpy()
            shown = np.clip(values, 0, 1)
            inside = np.maximum(ct01, mri01) > HEAD_LEVEL
            head += int(inside.sum())
            clipped += int((np.abs(shown - values)[inside] > 0.5 / 255).sum())
            fused[index] = np.rint(shown * np.float32(WHITE))
            if index % every == every // 2:
                sums.add(result)
                shared += 1
            searches.append((index, pool.submit(_search, ct, ct01, mri01, shown)))
            while len(searches) > (2 if index + 1 < count else 0):
                at, search = searches.popleft()
                regions += [(at, region) for region in search.result()]
            if progress:
                progress((index + 1) / count)
    share, bands = sums.shares()
    lost = clipped / head if head else 0.0
    return FusedVolume(
        voxels=voxels,
        pair=pair,
        plane=plane,
        method=method,
        windows=windows,
        clipped=lost,
        share=share,
        bands=bands,
        shared_slices=shared if bands else 0,
        findings=join_regions(regions),
        notes=(*pair.notes, *_notes(lost)),
    )


def _search(
    ct: Image, ct01: NDArray[np.float32], mri01: NDArray[np.float32], shown: NDArray[np.float32]
) -> tuple[Region, ...]:
    hu = ct.pixels if ct.unit == "HU" else None
    return hidden_regions(ct01, mri01, shown, hu=hu, spacing=ct.spacing)


def _notes(clipped: float) -> tuple[str, ...]:
    if clipped < CLIPPING_NOTE:
        return ()
    return (
        f"{100 * clipped:.0f} % of the head's voxels leave the range from black to white and are "
        "clipped.",
    )


@dataclass
class _Sums:
    """What the shares of the bands are quotients of, summed over slices, CT and MRI."""

    names: tuple[str, ...] = ()
    masks: Tensor = field(default_factory=lambda: torch.zeros(()))
    energies: Tensor = field(default_factory=lambda: torch.zeros(()))
    images: Tensor = field(default_factory=lambda: torch.zeros(()))
    whole: Tensor = field(default_factory=lambda: torch.zeros(()))

    def add(self, result: FusionResult) -> None:
        """Count a slice; rules that work on pixels have nothing to count."""
        if result.masks is None or result.ct is None or result.mri is None:
            return
        parts = attribute(result)
        sources = ((result.masks.ct, result.ct), (result.masks.mri, result.mri))
        pairs = [
            [(a, a * x) for (_, a), (_, x) in zip(m.items(), b.items(), strict=True)]
            for m, b in sources
        ]
        self.names = parts.names
        self.masks = self.masks + _table([[_sum(a) / a.numel() for a, _ in row] for row in pairs])
        self.energies = self.energies + _table(
            [[_sum(x.square()) for _, x in row] for row in pairs]
        )
        both = (parts.ct[0], parts.mri[0])
        self.images = self.images + _table([[_sum(image.abs()) for image in p] for p in both])
        self.whole = self.whole + _table([[_sum(p.sum(0).abs())] for p in both])

    def shares(self) -> tuple[float | None, tuple[VolumeShare, ...]]:
        """CT's share of the whole, and of every band."""
        if not self.names:
            return None, ()
        columns = [_share(t) for t in (self.masks, self.energies, self.images)]
        rows = (VolumeShare(*row) for row in zip(self.names, *columns, strict=True))
        whole = _share(self.whole)[0]
        return None if np.isnan(whole) else whole, tuple(rows)


def _sum(values: Tensor) -> float:
    return float(values.sum(dtype=torch.float64))


def _table(rows: list[list[float]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def _share(sums: Tensor) -> list[float]:
    """CT's row over both rows; NaN where neither brings anything."""
    return [float(value) for value in sums[0] / sums.sum(0)]
