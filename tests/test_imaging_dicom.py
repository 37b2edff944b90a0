"""Reading one DICOM file."""

import io
import logging
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from imaging.dicom import read_dicom
from imaging.dicom_file import KEYWORDS
from imaging.errors import InputError
from imaging.read import read_image
from imaging.windowing import Window, apply_window

NAME = "Doe^Jane^Secret"


def dataset(stored: np.ndarray, **elements: object) -> Dataset:
    """A small CT-like DICOM dataset around stored pixels, with overridden or removed elements."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    ds.PatientName, ds.PatientID, ds.Modality = NAME, "ID-4711", "CT"
    frames = stored.ndim == 3 and stored.shape[-1] != 3
    ds.Rows, ds.Columns = stored.shape[1:3] if frames else stored.shape[:2]
    ds.SamplesPerPixel = 3 if stored.ndim == 3 and not frames else 1
    if ds.SamplesPerPixel == 3:
        ds.PlanarConfiguration = 0
    ds.PhotometricInterpretation = "RGB" if ds.SamplesPerPixel == 3 else "MONOCHROME2"
    bits = stored.dtype.itemsize * 8
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
    ds.PixelRepresentation = int(stored.dtype.kind == "i")
    if frames:
        ds.NumberOfFrames = len(stored)
    ds.PixelData = stored.tobytes()
    for keyword, value in elements.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def encoded(ds: Dataset) -> bytes:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def dicom(stored: np.ndarray, **elements: object) -> bytes:
    return encoded(dataset(stored, **elements))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.uint32])
def test_stored_values_become_hu(dtype: type) -> None:
    """Signed and unsigned stored values of each depth become HU = slope * stored + intercept."""
    stored = np.array([[0, 5, 50], [100, 20, 120]], dtype)
    if dtype is np.int16:
        stored = stored - 60
    image = read_image(dicom(stored, RescaleSlope=2, RescaleIntercept=-100), "a.dcm")
    np.testing.assert_array_equal(image.pixels, stored.astype(float) * 2 - 100)
    assert (image.unit, image.modality, image.name) == ("HU", "CT", "a.dcm")
    assert image.value_range == (image.pixels.min(), image.pixels.max())


def test_unused_high_bits_are_signed_properly() -> None:
    """A 12-bit signed value in 16 bits has its sign where bit 11 is."""
    stored = np.array([[0x0FFF, 0x0800, 0x07FF]], np.uint16)
    data = dicom(stored, BitsStored=12, HighBit=11, PixelRepresentation=1)
    np.testing.assert_array_equal(read_dicom(data, "a").pixels, [[-1, -2048, 2047]])


def test_spacing_is_row_then_column() -> None:
    """(0028,0030) Pixel Spacing comes back as (row, column); nonsense gives none."""
    stored = np.arange(6, dtype=np.uint16).reshape(2, 3)
    assert read_dicom(dicom(stored, PixelSpacing=[0.5, 0.75]), "a").spacing == (0.5, 0.75)
    assert read_dicom(dicom(stored, PixelSpacing=[0, 0.75]), "a").spacing is None
    assert read_dicom(dicom(stored), "a").spacing is None


def test_window_is_the_files_first() -> None:
    """The first (0028,1050/1051) window becomes the default, a width of 0 is no window."""
    stored = np.arange(6, dtype=np.uint16).reshape(2, 3)
    several = dicom(stored, WindowCenter=[40, 600], WindowWidth=[80, 2800])
    assert read_dicom(several, "a").window == Window(40, 80)
    exact = dicom(stored, WindowCenter=4, WindowWidth=8, VOILUTFunction="LINEAR_EXACT")
    assert read_dicom(exact, "a").window == Window(4, 8, "LINEAR_EXACT")
    assert read_dicom(dicom(stored, WindowCenter=4, WindowWidth=0), "a").window is None
    assert read_dicom(dicom(stored), "a").window is None


@pytest.mark.parametrize("windowed", [True, False])
def test_monochrome1_is_inverted(windowed: bool) -> None:
    """MONOCHROME1 shows as the inverse of the same pixels in MONOCHROME2, with a note."""
    stored = np.random.default_rng(0).integers(0, 4096, (9, 9)).astype(np.uint16)
    window = {"WindowCenter": 1500, "WindowWidth": 900} if windowed else {}
    plain = read_dicom(dicom(stored, Modality="MR", **window), "a")
    turned = read_dicom(
        dicom(stored, Modality="MR", PhotometricInterpretation="MONOCHROME1", **window), "a"
    )
    shown = apply_window(plain, plain.window), apply_window(turned, turned.window)
    np.testing.assert_allclose(shown[1], 1 - shown[0], atol=1e-5)
    assert any("MONOCHROME1" in note for note in turned.notes)
    eight = read_dicom(dicom(stored.astype(np.uint8), PhotometricInterpretation="MONOCHROME1"), "a")
    np.testing.assert_array_equal(eight.pixels, 255 - stored.astype(np.uint8).astype(int))


def test_declared_padding_is_ignored() -> None:
    """Padding, single value or range, has no say in the range and becomes the minimum."""
    stored = np.array([[-2000, 0, 40], [-1999, -1000, 900]], np.int16)
    hu = {"RescaleSlope": 1, "RescaleIntercept": 0}
    image = read_dicom(
        dicom(stored, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1999, **hu), "a"
    )
    np.testing.assert_array_equal(image.pixels, [[-1000, 0, 40], [-1000, -1000, 900]])
    assert image.value_range == (-1000.0, 900.0)
    assert image.notes == (
        "2 padding pixels outside the scan were set to the smallest value, -1000.",
    )
    magnitude = np.array([[0, 7, 300]], np.uint16)
    mr = read_dicom(dicom(magnitude, Modality="MR", PixelPaddingValue=0), "a")
    assert mr.value_range == (7.0, 300.0)


def test_undeclared_ct_padding_is_ignored() -> None:
    """HU below -1024, which scanners write outside the scan circle, has no say either."""
    stored = np.array([[-3024, -1000, 40]], np.int16)
    image = read_dicom(dicom(stored, RescaleSlope=1, RescaleIntercept=0), "a")
    assert image.pixels.tolist() == [[-1000, -1000, 40]]
    constant = np.full((2, 2), -3024, np.int16)
    all_out = read_dicom(dicom(constant, RescaleSlope=1, RescaleIntercept=0), "a")
    assert (all_out.pixels == -3024).all()


def test_first_frame_of_several() -> None:
    """Of a multi-frame file the first frame is read, with a note."""
    stored = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)
    image = read_dicom(dicom(stored), "a")
    np.testing.assert_array_equal(image.pixels, stored[0])
    assert image.notes == ("Only the first of 4 frames is used.",)


def test_enhanced_file_takes_its_functional_groups() -> None:
    """Rescale, spacing and window come from the functional groups of an enhanced file."""

    def item(**elements: object) -> Sequence:
        one = Dataset()
        for keyword, value in elements.items():
            setattr(one, keyword, value)
        return Sequence([one])

    frame = item(
        PixelValueTransformationSequence=item(RescaleSlope=1, RescaleIntercept=-1000),
        FrameVOILUTSequence=item(WindowCenter=30, WindowWidth=60),
    )
    shared = item(PixelMeasuresSequence=item(PixelSpacing=[0.4, 0.6]))
    stored = np.array([[0, 1000, 1040]], np.uint16)
    data = dicom(
        stored, SharedFunctionalGroupsSequence=shared, PerFrameFunctionalGroupsSequence=frame
    )
    image = read_dicom(data, "a")
    assert image.pixels.tolist() == [[-1000, 0, 40]]
    assert (image.unit, image.spacing, image.window) == ("HU", (0.4, 0.6), Window(30, 60))


def test_colour_and_rescale_types() -> None:
    """RGB becomes luminance; a named (0028,1054) Rescale Type is the unit."""
    rgb = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    image = read_dicom(dicom(rgb, Modality="OT"), "a")
    np.testing.assert_allclose(image.pixels, rgb @ np.array([0.299, 0.587, 0.114]), atol=1e-3)
    assert (image.modality, image.value_range) == (None, (0.0, 255.0))
    stored = np.arange(6, dtype=np.uint16).reshape(2, 3)
    named = dicom(stored, RescaleSlope=1, RescaleIntercept=0, RescaleType="OD")
    assert read_dicom(named, "a").unit == "OD"
    assert read_dicom(dicom(stored), "a").unit == "grey"


@pytest.mark.parametrize("order", ["implicit", "deflated", "no preamble"])
def test_encodings_are_sniffed_by_content(order: str) -> None:
    """Implicit, deflated and preamble-less files are recognised and give the same pixels."""
    stored = np.arange(60, dtype=np.uint16).reshape(6, 10)
    ds = dataset(stored)
    syntaxes = {"implicit": ImplicitVRLittleEndian, "deflated": DeflatedExplicitVRLittleEndian}
    ds.file_meta.TransferSyntaxUID = syntaxes.get(order, ExplicitVRLittleEndian)
    data = encoded(ds)
    if order == "no preamble":
        data = data[132 + 12 + int.from_bytes(data[140:144], "little") :]
        assert data[:4] == b"\x08\x00\x16\x00"
    np.testing.assert_array_equal(read_image(data, "scan").pixels, stored)


def compressed(frame: bytes, stored: np.ndarray, syntax: str, **elements: object) -> bytes:
    ds = dataset(stored, **elements)
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = encapsulate([frame])
    ds["PixelData"].is_undefined_length = True
    return encoded(ds)


def picture(array: np.ndarray, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def test_compressed_pixels_are_decoded() -> None:
    """JPEG, JPEG 2000 lossless and RLE frames give their pixels."""
    smooth = np.add.outer(np.arange(32), np.arange(32)).astype(np.uint8)
    jpeg = compressed(picture(smooth, "JPEG", quality=98), smooth, JPEGBaseline8Bit)
    assert np.abs(read_dicom(jpeg, "a").pixels - smooth).max() <= 2
    j2k = compressed(
        picture(smooth, "JPEG2000", irreversible=False, no_jp2=True), smooth, JPEG2000Lossless
    )
    np.testing.assert_array_equal(read_dicom(j2k, "a").pixels, smooth)
    ds = dataset(smooth.astype(np.uint16) * 100)
    ds.compress(RLELossless)
    np.testing.assert_array_equal(read_dicom(encoded(ds), "a").pixels, smooth * 100.0)


HUGE = {"Rows": 65535, "Columns": 65535}


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        (HUGE, "declares 65535 × 65535 pixels, more than the limit of 67 million"),
        ({"NumberOfFrames": 100_000_000}, "100000000 frames"),
        ({"Rows": 8000, "Columns": 8000, "NumberOfFrames": 60}, "more than the limit of 1024 MiB"),
        ({"Rows": 8000, "Columns": 8000}, "holds 12 of the 128000000 bytes"),
        ({"Rows": 0}, "declares 3 × 0 pixels"),
        ({"BitsAllocated": 24}, "24 bits per pixel"),
    ],
)
def test_a_declared_size_is_checked_before_decoding(
    elements: dict[str, int], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A header that asks for more than the limits, or than the data holds, decodes nothing."""
    data = dicom(np.zeros((2, 3), np.uint16), **elements)
    monkeypatch.setattr("imaging.decode.pixel_array", lambda *_, **__: pytest.fail("decoded"))
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as caught:
            read_dicom(data, "big.dcm")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith("big.dcm ")
    assert words in str(caught.value)
    assert peak < 4_000_000


@pytest.mark.parametrize("declared", [9000, 65535])
def test_a_frame_that_contradicts_the_header_is_not_decoded(
    declared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 32x32 file whose JPEG declares far more pixels is refused without decoding."""
    smooth = np.zeros((32, 32), np.uint8)
    jpeg = bytearray(picture(smooth, "JPEG"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", declared, declared)
    data = compressed(bytes(jpeg), smooth, JPEGBaseline8Bit)
    monkeypatch.setattr("imaging.decode.pixel_array", lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(InputError, match=r"a\.dcm contradicts itself: .* not the 32 × 32"):
        read_dicom(data, "a.dcm")


def test_a_deflated_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deflated file that inflates beyond the limit is refused in little memory."""
    monkeypatch.setattr("imaging.dicom_file.MAX_DECODED_BYTES", 8_000_000)
    ds = dataset(np.zeros((2, 3), np.uint16))
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data = encoded(ds)
    start = 144 + int.from_bytes(data[140:144], "little")
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = data[:start] + deflater.compress(bytes(40_000_000)) + deflater.flush()
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"bomb\.dcm inflates to more than the limit"):
            read_dicom(bomb, "bomb.dcm")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000


def test_truncated_and_imageless_files_get_one_sentence() -> None:
    """A cut file, a report without pixels and an undecodable syntax are refused by name."""
    whole = dicom(np.zeros((64, 64), np.uint16))
    with pytest.raises(InputError, match=r"^c\.dcm is truncated: it holds \d+ of the 8192 bytes"):
        read_dicom(whole[:-100], "c.dcm")
    report = dataset(np.zeros((2, 2), np.uint16), PixelData=None, Modality="SR")
    with pytest.raises(InputError, match=r"^r\.dcm is a DICOM file without an image \(modality SR"):
        read_dicom(encoded(report), "r.dcm")
    with pytest.raises(InputError, match=r"DICOM file without an image|damaged DICOM"):
        read_image(whole[:132], "h.dcm")
    foreign = compressed(b"\0" * 40, np.zeros((4, 4), np.uint8), HTJ2KLossless)
    with pytest.raises(InputError, match=r"cannot be decoded here \(High-Throughput JPEG 2000"):
        read_dicom(foreign, "h.dcm")


def test_cut_anywhere_never_raises_anything_else() -> None:
    """A DICOM file cut or damaged at random is read or refused with InputError."""
    rng = np.random.default_rng(3)
    whole = np.frombuffer(
        dicom(np.arange(64, dtype=np.uint16).reshape(8, 8), RescaleSlope=1, RescaleIntercept=-1024),
        np.uint8,
    )
    outcomes = set()
    for trial in range(150):
        data = whole.copy()
        data[rng.integers(132, len(data), 3)] = rng.integers(0, 256, 3)
        cut = rng.integers(133, len(data)) if trial % 2 else len(data)
        try:
            outcomes.add(read_image(data[:cut].tobytes(), "f").pixels.ndim)
        except InputError:
            outcomes.add("refused")
    assert outcomes == {2, "refused"}


def test_patients_are_never_kept_or_logged(
    caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    """Names and numbers of patients reach neither image, log, warning nor error."""
    caplog.set_level(logging.DEBUG)
    stored = np.arange(6, dtype=np.uint16).reshape(2, 3)
    image = read_dicom(dicom(stored, WindowCenter=3, WindowWidth=4), "a.dcm")
    with pytest.raises(InputError) as caught:
        read_dicom(dicom(stored, Rows=500), "a.dcm")
    told = repr(image) + caplog.text + str(caught.value) + "".join(str(w.message) for w in recwarn)
    for secret in ("Doe", "Jane", "Secret", "4711"):
        assert secret not in told
    # How the slice lies in space is about the picture, not about who it shows.
    about = [keyword for keyword in KEYWORDS if "Patient" in keyword]
    assert about == ["ImageOrientationPatient"]


def test_packaged_samples_match_pydicom() -> None:
    """pydicom's own CT, and its MR in five encodings, have the values that pydicom gives."""
    ct = pydicom.dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
    image = read_image(str(get_testdata_file("CT_small.dcm", download=False)))
    np.testing.assert_array_equal(image.pixels, ct.pixel_array.astype(float) - 1024)
    assert image.spacing == (0.661468, 0.661468)
    mr = pydicom.dcmread(str(get_testdata_file("MR_small.dcm", download=False))).pixel_array
    for name in ("", "_RLE", "_bigendian", "_implicit", "_jp2klossless"):
        path = get_testdata_file(f"MR_small{name}.dcm", download=False)
        np.testing.assert_array_equal(read_image(str(path)).pixels, mr)


def test_a_real_pair_of_slices(shared: Path) -> None:
    """A real CT slice is in HU and a real MR slice is not; both have their spacing."""
    folder = shared / "cases" / "paired" / "sts_001"
    if not folder.is_dir():
        pytest.skip("../shared/cases/paired/sts_001 is not here")
    ct = read_image(folder / "CT" / "000010.dcm")
    mr = read_image(folder / "MR_T1" / "000010.dcm")
    assert (ct.unit, ct.modality, mr.unit, mr.modality) == ("HU", "CT", "grey", "MR")
    assert ct.spacing == mr.spacing == (0.976562, 0.976562)
    assert (ct.shape, ct.value_range[0]) == ((202, 198), -1000.0)
