"""Fused volumes: equal to their slices, told of truthfully, and exported with equal geometry."""

import io
import json
import zipfile
from dataclasses import replace
from functools import partial

import nibabel
import numpy as np
import pydicom
import pytest

from fusion_core.provenance import contributions
from imaging.dicom_write import NO_HU, WHITE
from imaging.errors import InputError
from imaging.planes import PLANES, Plane
from imaging.register import Cancelled
from imaging.scan import scan
from imaging.study import Study, read_series
from imaging.transform import rigid
from imaging.volume import Volume
from pipelines import export, volume_export
from pipelines.fuse import ct_share
from pipelines.fuse_volume import FusedVolume, fuse_slice, fuse_volume
from pipelines.hidden import Region
from pipelines.methods import Method, load_method
from pipelines.volume_findings import finding_sentence, join_regions
from pipelines.volume_load import choose_series, load_series
from pipelines.volume_pair import VolumePair, pair_volumes, volume_windows
from tests.moved_heads import head
from tests.series_files import uploads
from tests.volume_files import CT_GRID, MR_GRID, dicom_head


@pytest.fixture(scope="module")
def method() -> Method:
    """The shipped checkpoint."""
    return load_method(device="cpu")


@pytest.fixture(scope="module")
def pair() -> VolumePair:
    """A DICOM pair in one frame of reference."""
    studies: list[Study] = [
        scan(uploads(dicom_head(modality, grid)))
        for modality, grid in (("CT", CT_GRID), ("MR", MR_GRID))
    ]
    ct, mri = choose_series(studies[0], "CT"), choose_series(studies[1], "MR")
    volumes = load_series(ct), load_series(mri)
    return pair_volumes(*volumes, "geometry", ct_series=ct, mri_series=mri)


@pytest.fixture(scope="module")
def fused(pair: VolumePair, method: Method) -> FusedVolume:
    """All of it, fused."""
    return fuse_volume(pair, method, volume_windows(pair))


def test_every_slice_of_the_volume_is_the_slice_alone(
    pair: VolumePair, fused: FusedVolume, method: Method
) -> None:
    """The whole volume holds what fusing each slice by itself gives, to half a stored level."""
    for index in range(pair.grid.shape[0]):
        alone = fuse_slice(pair, "axial", index, method, fused.windows)
        values = np.clip(alone.result.fused[0, 0].numpy(), 0, 1)
        assert np.abs(fused.voxels[index] / WHITE - values).max() <= 0.51 / WHITE
        assert np.abs(fused.picture("axial", index).astype(int) - alone.fused8).max() <= 1
        assert alone.name == f"axial slice {index + 1} of 10"
        assert alone.windows == fused.windows


def test_a_grid_that_runs_the_other_way_gives_the_same_volume(
    pair: VolumePair, fused: FusedVolume, method: Method
) -> None:
    """A CT stored upside down and mirrored is fused as it is looked at, and put back as stored."""

    def turned(volume: Volume) -> Volume:
        affine = volume.affine.copy()
        for axis in (0, 1):  # columns and rows
            affine[:3, 3] += affine[:3, axis] * (volume.shape[2 - axis] - 1)
            affine[:3, axis] *= -1
        return replace(volume, voxels=volume.voxels[:, ::-1, ::-1].copy(), affine=affine)

    other = replace(pair, ct=turned(pair.ct), mri=turned(pair.mri))
    again = fuse_volume(other, method, fused.windows)
    assert np.array_equal(again.voxels[:, ::-1, ::-1], fused.voxels)


def test_shares_of_a_volume_of_one_slice_are_those_of_the_slice(method: Method) -> None:
    """Shares are quotients of sums: for a single slice those that provenance gives."""
    grid = ((1, 48, 44), (6.0, 4.0, 4.0))
    pair = pair_volumes(head("CT", *grid), head("MR", *grid))
    fused = fuse_volume(pair, method, volume_windows(pair))
    alone = fuse_slice(pair, "axial", 0, method, fused.windows)
    assert fused.shared_slices == 1
    assert fused.share == pytest.approx(ct_share(alone.result), abs=1e-6)
    for found, wanted in zip(fused.bands, contributions(alone.result), strict=True):
        assert found.band == wanted.band
        assert found.mask == pytest.approx(wanted.mask, abs=1e-6)
        assert found.energy == pytest.approx(wanted.energy, abs=1e-6)
        assert found.attribution == pytest.approx(wanted.attribution, abs=1e-6)


def test_a_pixel_rule_has_no_shares_but_clips(pair: VolumePair) -> None:
    """A rule on pixels has no bands; a rule that adds too much is told to clip."""
    rule = load_method(rule="max", device="cpu")
    fused = fuse_volume(pair, rule, volume_windows(pair))
    assert fused.share is None
    assert fused.bands == ()

    def doubled(ct: object, mri: object) -> object:
        return replace(rule.run(ct, mri), fused=2 * rule.run(ct, mri).fused)  # type: ignore[arg-type]

    bright = fuse_volume(pair, replace(rule, run=doubled), volume_windows(pair))  # type: ignore[arg-type]
    assert bright.clipped > 0.1
    assert "are clipped" in bright.notes[-1]
    assert bright.voxels.max() == WHITE


def test_progress_and_stop(pair: VolumePair, method: Method) -> None:
    """Progress grows to 1; a stop raises between two slices and nothing is kept."""
    shares: list[float] = []
    fuse_volume(pair, method, volume_windows(pair), shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    seen: list[float] = []
    with pytest.raises(Cancelled, match="nothing was kept"):
        fuse_volume(pair, method, volume_windows(pair), seen.append, lambda: len(seen) > 2)
    assert len(seen) == 3


def test_a_bleed_that_is_dimmed_is_found_through_its_slices(method: Method) -> None:
    """A dense ball in the brain, dimmed in the fused volume, is one finding over its slices."""
    grid = ((20, 64, 56), (5.0, 3.5, 3.5))
    ct = head("CT", *grid)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in ct.shape), indexing="ij"), -1)
    points = (index[..., ::-1] @ ct.affine[:3, :3].T) + ct.affine[:3, 3]
    ball = ((points - (-24, 0, 10)) ** 2).sum(-1) < 12**2
    ct = replace(ct, voxels=np.where(ball, np.float32(75), ct.voxels))
    pair = pair_volumes(ct, head("MR", *grid))

    # Only the MRI is shown, so whatever the CT alone shows is gone.
    mri_only = replace(
        method, run=lambda ct, mri: replace(method.run(ct, mri), fused=mri[None, None])
    )
    fused = fuse_volume(pair, mri_only, volume_windows(pair))
    hits = [f for f in fused.findings if f.region.source == "CT" and f.first <= 11 <= f.last]
    assert hits
    assert hits[0].last - hits[0].first >= 2
    assert "look at the CT" in finding_sentence(hits[0], "axial")


def test_regions_of_neighbouring_slices_are_joined() -> None:
    """Touching regions of one source become one finding; others stay apart; worst comes first."""
    region = partial(Region, row=10.0, column=10.0, area_mm2=50.0, contrast=0.5, radius=5.0)
    found = join_regions(
        [
            (3, region("CT", fused=0.3)),
            (3, replace(region("CT", fused=0.3), row=40.0)),
            (4, region("CT", fused=0.1)),
            (4, region("MRI", fused=0.3)),
            (6, region("CT", fused=0.3)),
        ]
    )
    assert next((f.first, f.last, f.worst) for f in found) == (3, 4, 4)
    assert len(found) == 4
    sentence = finding_sentence(found[0], "axial")
    assert "axial slices 4 to 5, most in 5: 50 mm²" in sentence
    assert "80 % less" in sentence


@pytest.mark.parametrize("plane", PLANES)
def test_a_slice_of_any_plane_lies_in_its_place_as_dicom(
    plane: Plane, pair: VolumePair, method: Method
) -> None:
    """The exported slice's grid has the mm of the volume's voxels that it shows."""
    fused = fuse_slice(pair, plane, 3, method, volume_windows(pair))
    data = volume_export.slice_dicom(pair, fused, plane, 3)
    volume = read_series(scan(("s.dcm", data)).series[0])
    values = np.clip(fused.result.fused[0, 0].numpy(), 0, 1) * WHITE
    assert np.abs(volume.voxels[0] - values).max() <= 0.51
    wanted = {"axial": (0, 0, 3), "coronal": (0, 3, 9), "sagittal": (3, 0, 9)}[plane]
    assert np.allclose(volume.affine[:3, 3], (pair.grid.affine @ (*wanted, 1))[:3], atol=1e-3)


def test_the_volume_comes_back_from_dicom_and_nifti(fused: FusedVolume) -> None:
    """Both formats read back with the CT's geometry and the same values, and say no HU."""
    archive = zipfile.ZipFile(io.BytesIO(volume_export.dicom_zip(fused)))
    first = pydicom.dcmread(io.BytesIO(archive.read("fused/fused-0001.dcm")))
    assert first.ImageComments == NO_HU
    assert "alignment: MRI resampled onto the grid of the CT" in first.DerivationDescription
    assert fused.method.sha256 is not None
    assert fused.method.sha256 in first.DerivationDescription
    assert list(first.ImageType[:2]) == ["DERIVED", "SECONDARY"]
    study = scan(("f.zip", volume_export.dicom_zip(fused)))
    volume = read_series(study.series[0])
    assert np.array_equal(volume.voxels, fused.voxels)
    assert np.allclose(volume.affine, fused.affine, atol=1e-4)
    data = volume_export.nifti_bytes(fused)
    image = read_series(scan(("f.nii.gz", data)).series[0])
    assert np.allclose(image.affine, fused.affine, atol=1e-4)
    assert np.allclose(image.voxels * WHITE, fused.voxels, atol=0.01)
    header = nibabel.Nifti1Image.from_bytes(volume_export.nifti_bytes(fused, False)).header
    assert export.NO_HU in header.extensions[0].get_content().decode()


def test_pictures_reports_and_summaries_say_how_it_was_made(
    pair: VolumePair, fused: FusedVolume, method: Method
) -> None:
    """PNG, report and JSON name alignment and windows, and that there is no HU."""
    alone = fuse_slice(pair, "axial", 4, method, fused.windows)
    assert export.NO_HU.encode() in export.stamped_png(alone)
    page = volume_export.slice_report(pair, alone).decode()
    assert pair.how in page
    assert "Axial slice 5 of 10" in page
    assert volume_export.slice_report(pair, alone, pdf=True).startswith(b"%PDF")
    values = json.loads(export.to_json(volume_export.summary(fused)))
    assert values["values"] == export.NO_HU
    assert values["windows"]["ct"]["width"] == 80
    assert values["alignment"]["sentence"] == pair.how


def test_a_colour_view_becomes_a_secondary_capture(
    pair: VolumePair, fused: FusedVolume, method: Method
) -> None:
    """An overlay keeps its spacing and its sides, and its description names the method."""
    alone = fuse_slice(pair, "coronal", 4, method, fused.windows)
    colour = np.repeat(alone.fused8[..., None], 3, axis=2)
    data = volume_export.colour_capture(pair, alone, colour, "coronal")
    dataset = pydicom.dcmread(io.BytesIO(data))
    assert dataset.SOPClassUID.name == "Secondary Capture Image Storage"
    assert list(dataset.PatientOrientation) == ["L", "F"]
    assert [float(v) for v in dataset.PixelSpacing] == [18.0, 6.0]
    assert np.array_equal(dataset.pixel_array, colour)


def test_a_transform_is_kept_and_read_back(pair: VolumePair) -> None:
    """What is saved of a pair lays it again; a file of images is refused."""
    moved = replace(pair, transform=rigid((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)))
    again = volume_export.load_tfm(volume_export.save_tfm(moved))
    assert np.allclose(again.matrix, moved.transform.matrix)
    with pytest.raises(InputError, match="transform of images"):
        volume_export.load_tfm(b"#Insight Transform File V1.0\nTransform: Euler2DTransform_double_2_2\nParameters: 0 0 0\nFixedParameters: 0 0\n", "x.tfm")  # fmt: skip # noqa: E501
