"""Every image file that comes with pydicom opens with pydicom's values, or gets one sentence."""

import io
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file, get_testdata_files
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.processing import apply_modality_lut

import imaging.decode
from imaging.dicom import read_dicom
from imaging.errors import InputError
from imaging.scan import scan
from imaging.study import Series, read_series
from imaging.volume import Volume

ROOT = Path(__file__).resolve().parent.parent

LOSSLESS = {
    "MR_small_jpeg_ls_lossless.dcm": "MR_small.dcm",
    "MR_small_jp2klossless.dcm": "MR_small.dcm",
    "MR_small_RLE.dcm": "MR_small.dcm",
    "MR_small_bigendian.dcm": "MR_small.dcm",
    "MR_small_implicit.dcm": "MR_small.dcm",
    "SC_rgb_jpeg_gdcm.dcm": "SC_rgb_rle.dcm",
}
"""Encodings of one image, beside the file whose values they must have."""


def packaged(name: str) -> Path:
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"pydicom does not bring {name} along")
    return Path(str(path))


def first(path: Path) -> Series:
    found = scan(path).series
    assert len(found) == 1
    return found[0]


def opened(path: Path) -> Volume | str:
    """The volume of a file, or the sentence that it gets."""
    study = scan(path)
    if not study.series:
        return study.set_aside[0].reason
    try:
        return read_series(study.series[0])
    except InputError as error:
        return str(error)


def expected(path: Path) -> np.ndarray | None:
    """What pydicom itself makes of the values; None where it decodes nothing, or colour."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(path, force=True)
            stored = dataset.pixel_array
        except Exception:
            return None
        if dataset.get("SamplesPerPixel") != 1 or "Palette" in str(dataset):
            return None
        return np.asarray(apply_modality_lut(stored, dataset), np.float64)


def test_every_packaged_file_opens_with_pydicoms_values_or_gets_a_sentence() -> None:
    """No file crashes; grey ones have pydicom's values but for padding and inversion."""
    compared = 0
    for name in get_testdata_files():
        path = Path(name)
        if path.suffix in (".zip", ".py") or not path.is_file():
            continue
        result = opened(path)
        if isinstance(result, str):
            assert result.endswith("."), (path.name, result)
            continue
        reference = expected(path)
        if reference is None or any("inverted" in note for note in result.notes):
            continue
        reference = reference.reshape(result.shape)
        # Padding was set to the smallest other value; everything else is equal.
        kept = result.voxels != result.padding if result.padding is not None else ...
        np.testing.assert_allclose(
            result.voxels[kept], reference[kept], rtol=1e-6, atol=1e-3, err_msg=path.name
        )
        compared += 1
    assert compared >= 36


def test_all_packaged_files_stay_far_below_two_gigabytes() -> None:
    """A process that scans and reads all of them peaks below 2 GB."""
    code = (
        "import sys\n"
        "from pydicom.data import get_testdata_files\n"
        "from tests.test_imaging_decoders import opened, Path\n"
        "[opened(Path(n)) for n in get_testdata_files() if Path(n).is_file()]\n"
        "print(next(s.split()[1] for s in open('/proc/self/status') if 'VmHWM' in s))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    assert int(done.stdout.split()[-1]) * 1024 < 2e9


@pytest.mark.parametrize(("name", "plain"), LOSSLESS.items())
def test_lossless_encodings_are_exact(name: str, plain: str) -> None:
    """JPEG-LS, JPEG 2000, JPEG lossless, RLE and big endian give the values of the plain file."""
    volumes = [read_series(first(packaged(file))) for file in (name, plain)]
    np.testing.assert_array_equal(volumes[0].voxels, volumes[1].voxels)


@pytest.mark.parametrize(
    "name",
    ["JPEG-lossy.dcm", "JPGExtended.dcm", "JPEGLSNearLossless_08.dcm", "JPEGLSNearLossless_16.dcm"],
)  # fmt: skip
def test_what_pillow_cannot_decode_is_decoded(name: str) -> None:
    """12-bit JPEG and near-lossless JPEG-LS are read with the second decoder."""
    volume = read_series(first(packaged(name)))
    assert volume.value_range[1] > volume.value_range[0]
    assert volume.voxels.std() > 1


def test_the_first_image_of_a_file_is_decoded_the_same_way() -> None:
    """A single slice read as an image and as a volume has the same values and window."""
    path = packaged("MR_small_jpeg_ls_lossless.dcm")
    image, volume = read_dicom(path.read_bytes(), "a"), read_series(first(path))
    np.testing.assert_array_equal(image.pixels, volume.voxels[0])
    assert (image.window, image.spacing) == (volume.window, volume.spacing[1:])


def changed(rows: int | None = None, cut: int = 0) -> bytes:
    """The JPEG-LS sample with other declared rows in the header, or with a cut stream."""
    dataset = pydicom.dcmread(packaged("MR_small_jpeg_ls_lossless.dcm"))
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1).rstrip(b"\0")
    if rows is not None:
        dataset.Rows = rows
    dataset.PixelData = encapsulate([frame[: len(frame) - cut]])
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def test_the_second_decoder_never_sees_a_lie_or_a_cut_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Declared rows that the stream contradicts, and a stream without its end, are refused."""
    assert read_dicom(changed(), "a").shape == (64, 64)
    monkeypatch.setattr(imaging.decode, "_by_simpleitk", lambda _: pytest.fail("decoded"))
    with pytest.raises(InputError, match=r"^a contradicts itself: .* not the 64 × 65"):
        read_dicom(changed(rows=65), "a")
    with pytest.raises(InputError, match=r"^a contradicts itself: .* not the 64 × 8000"):
        read_dicom(changed(rows=8000), "a")
    with pytest.raises(InputError, match="a is truncated: its compressed pixels have no end"):
        read_dicom(changed(cut=200), "a")


def test_no_decoded_frame_is_left_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file through which the second decoder is given a frame is gone afterwards."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    read_series(first(packaged("MR_small_jpeg_ls_lossless.dcm")))
    assert list(tmp_path.iterdir()) == []
