"""Fuse one slice of a pair of volumes at once, or all of them with a summary."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imaging.dicom_write import WHITE
from imaging.image import Image
from imaging.planes import Plane, check_index, native_plane, plane_axes, slice_image
from imaging.register import Cancelled
from imaging.volume import Matrix
from imaging.windowing import Window, apply_window
from pipelines.batch import in_order, sensible_workers
from pipelines.fuse import CLIPPING_NOTE, HEAD_LEVEL, FusedPair, fuse_pair
from pipelines.hidden import Region, hidden_regions
from pipelines.methods import Method
from pipelines.volume_findings import Finding, join_regions
from pipelines.volume_pair import VolumePair
from pipelines.volume_shares import Sums, VolumeShare, shares, sums_of

Windows = tuple[Window, Window]

MOST_SHARED = 48
"""Slices from which the bands' shares are taken at most: they cost as much as the fusion."""


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
    """Fuse every slice of the grid, few at a time, so that memory does not grow with their number.

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
    voxels = np.empty(pair.grid.shape, np.uint16)
    fused = plane_axes(pair.grid.affine, plane).stack(voxels)
    count = len(fused)
    every = -(-count // MOST_SHARED)

    def work(index: int) -> _Slice:
        ct, mri = slice_image(pair.ct, plane, index), slice_image(pair.mri, plane, index)
        return _fused(ct, mri, method, windows, index % every == every // 2)

    head = clipped = 0
    sums: list[Sums] = []
    regions: list[tuple[int, Region]] = []
    with closing(in_order(work, range(count), sensible_workers(method))) as slices:
        for index in range(count):
            if cancelled and cancelled():
                raise Cancelled("The fusion of the volume was stopped; nothing was kept.")
            done = next(slices)
            fused[index] = done.stored
            head += done.head
            clipped += done.clipped
            sums += [] if done.sums is None else [done.sums]
            regions += [(index, region) for region in done.regions]
            if progress:
                progress((index + 1) / count)
    share, bands = shares(sums)
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
        shared_slices=len(sums),
        findings=join_regions(regions),
        notes=(*pair.notes, *_notes(lost)),
    )


@dataclass(frozen=True, eq=False)
class _Slice:
    """What is kept of a fused slice: stored values, counts of the head, what the volume sums."""

    stored: NDArray[np.uint16]
    head: int
    clipped: int
    regions: tuple[Region, ...]
    sums: Sums | None


def _fused(ct: Image, mri: Image, method: Method, windows: Windows, shared: bool) -> _Slice:
    ct01, mri01 = apply_window(ct, windows[0]), apply_window(mri, windows[1])
    result = method.fuse(ct01, mri01)
    values = result.fused[0, 0].numpy()
    shown = np.clip(values, 0, 1)
    head = np.maximum(ct01, mri01) > HEAD_LEVEL
    hu = ct.pixels if ct.unit == "HU" else None
    return _Slice(
        np.rint(shown * np.float32(WHITE)).astype(np.uint16),
        int(head.sum()),
        int((np.abs(shown - values)[head] > 0.5 / 255).sum()),
        hidden_regions(ct01, mri01, shown, hu=hu, spacing=ct.spacing),
        sums_of(result) if shared else None,
    )


def _notes(clipped: float) -> tuple[str, ...]:
    if clipped < CLIPPING_NOTE:
        return ()
    return (
        f"{100 * clipped:.0f} % of the head's voxels leave the range from black to white and are "
        "clipped.",
    )
