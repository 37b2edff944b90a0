"""The Studies page in headless chromium: real uploads, scrolled, fused, exported, read again."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imaging.nifti import read_nifti
from imaging.scan import scan
from imaging.study import read_series
from imaging.volume import Volume, same_grid
from tests.browser.test_app_browser import expect, settled
from tests.series_files import zipped
from tests.study_files import small_study, small_volumes

pytestmark = [pytest.mark.slow, pytest.mark.browser]

LONG = 300_000
"""Milliseconds for a registration or a volume on a busy machine."""

WIDE = "e => e.scrollWidth - e.clientWidth"


@pytest.fixture
def tab(page: Any, app_address: str) -> Any:
    """The Studies page of a new visitor."""
    page.set_default_timeout(LONG)
    page.goto(f"{app_address}/studies")
    page.get_by_role("heading", name="Studies").wait_for()
    settled(page)
    return page


def drop(page: Any, slot: str, files: list[tuple[str, bytes]]) -> None:
    """Put files into a zone, once the one that it replaces is off the screen."""
    settled(page)
    zone = page.locator(f".st-key-studies-zone-{slot} input[type=file]")
    expect(zone).to_have_count(1)
    zone.set_input_files(
        [{"name": n, "mimeType": "application/octet-stream", "buffer": d} for n, d in files]
    )


def drop_study(page: Any) -> None:
    """The small study, the CT as a zip and the MRI as loose files."""
    ct, mri = small_study()
    drop(page, "ct", [("ct.zip", zipped(ct))])
    page.get_by_text("CT head").first.wait_for()
    drop(page, "mri", mri)
    page.get_by_text("Same patient: yes").wait_for()
    settled(page)


def press(page: Any, name: str, exact: bool = False) -> None:
    page.get_by_role("button", name=name, exact=exact).first.click()


def align(page: Any, way: str) -> None:
    """From step 1 to a pair on one grid, in step 3."""
    press(page, "Continue to alignment")
    page.get_by_text("As the files place them").wait_for()
    settled(page)
    page.get_by_text(way, exact=True).click()
    settled(page)
    press(page, "Align", exact=True)
    page.get_by_text("As aligned").wait_for()
    settled(page)
    press(page, "Continue: view and fuse")
    page.locator("[class*=st-key-studies-main-] canvas.v-canvas").wait_for()
    page.get_by_text("What this fused slice hides").wait_for()
    settled(page)


def main(page: Any) -> Any:
    return page.locator("[class*=st-key-studies-main-] canvas.v-canvas")


def small(page: Any, plane: str) -> Any:
    return page.locator(f"[class*=st-key-studies-{plane}-] canvas.v-canvas")


def at_slice(page: Any, canvas: Any, index: int) -> dict[str, Any]:
    """Wait until a viewer shows a slice and wishes for no other; gives what it shows."""
    page.wait_for_function(
        "([e, k]) => e.viewer().slice === k && e.viewer().wish === null",
        arg=[canvas.element_handle(), index],
    )
    state: dict[str, Any] = canvas.evaluate("e => e.viewer()")
    return state


def point(canvas: Any) -> tuple[float, float]:
    """The middle of the first image on the screen."""
    box, tile = canvas.bounding_box(), canvas.evaluate("e => e.viewer().tiles[0]")
    return box["x"] + tile["x"] + tile["w"] / 2, box["y"] + tile["y"] + tile["h"] / 2


def saved(page: Any, name: str) -> bytes:
    """Click an entry of the open Export menu and take the file."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    return Path(waiting.value.path()).read_bytes()


def exported(page: Any) -> tuple[Volume, Volume]:
    """The whole volume out of the DICOM zip and out of the NIfTI file."""
    press(page, "Export")
    page.get_by_text("Whole volume", exact=True).click()
    page.get_by_role("button", name="Volume (NIfTI)").wait_for()
    settled(page)
    data = saved(page, "DICOM series (ZIP), de-identified")
    (series,) = scan([("fused.zip", data)]).series
    assert b"Doe" not in b"".join(
        zipfile.ZipFile(io.BytesIO(data)).read(n)
        for n in zipfile.ZipFile(io.BytesIO(data)).namelist()
    )
    return read_series(series), read_nifti(saved(page, "Volume (NIfTI)"), "fused.nii.gz", 0)


def test_two_series_are_registered_scrolled_fused_and_taken_home(tab: Any) -> None:
    """Upload, rigid, wheel and keys, the volume, DICOM and NIfTI out: the CT's grid comes back."""
    drop_study(tab)
    press(tab, "Continue to alignment")
    tab.get_by_text("Suggested: rigid").wait_for()
    settled(tab)
    press(tab, "Align", exact=True)
    tab.get_by_text("Aligned: the image was moved").first.wait_for()
    settled(tab)
    press(tab, "Continue: view and fuse")
    canvas = main(tab)
    canvas.wait_for()
    at_slice(tab, canvas, 11)
    settled(tab)
    tab.mouse.move(*point(canvas))
    for _ in range(5):
        tab.mouse.wheel(0, 100)
    at_slice(tab, canvas, 16)
    canvas.focus()
    tab.keyboard.press("PageUp")
    at_slice(tab, canvas, 15)
    tab.keyboard.press("ArrowUp")
    at_slice(tab, canvas, 14)
    press(tab, "Fuse all 22 slices")
    tab.get_by_role("button", name="All 22 slices are fused").first.wait_for()
    settled(tab)
    ct = small_volumes()[0]
    dicom, nifti = exported(tab)
    assert same_grid(dicom, ct)
    assert same_grid(nifti, ct)
    assert float(dicom.voxels.max()) > 1000  # 12 bits, no HU
    np.testing.assert_allclose(nifti.voxels, dicom.voxels / 4095, atol=1e-3)


def test_the_planes_are_linked_and_zoom_stays_while_scrolling(tab: Any) -> None:
    """A click moves the other planes there; Ctrl and the wheel zoom, the wheel alone keeps it."""
    drop_study(tab)
    align(tab, "By geometry")
    canvas = main(tab)
    x, y = point(canvas)
    view = canvas.evaluate("e => e.viewer()")
    tab.mouse.click(x + 10.5 * view["scale"], y - 8.5 * view["scale"] * view["aspect"])
    at_slice(tab, small(tab, "sagittal"), 50)
    at_slice(tab, small(tab, "coronal"), 31)
    cross = small(tab, "coronal").evaluate("e => e.viewer().cross")
    assert cross == {"row": 10, "col": 50}
    settled(tab)
    tab.mouse.move(x, y)
    tab.keyboard.down("Control")
    tab.mouse.wheel(0, -200)
    tab.keyboard.up("Control")
    tab.wait_for_timeout(200)
    zoomed = canvas.evaluate("e => e.viewer()")
    assert zoomed["slice"] == 11
    assert zoomed["scale"] > 1.3 * view["scale"]
    tab.mouse.wheel(0, 100)
    after = at_slice(tab, canvas, 12)
    assert after["scale"] == pytest.approx(zoomed["scale"])
    assert after["cross"] == zoomed["cross"]
    rows = small(tab, "sagittal").evaluate("e => e.viewer().cross.row")
    assert rows == 22 - 1 - 12
    # Voxels of 2.88 x 5.2 mm are drawn as such.
    assert small(tab, "coronal").evaluate("e => e.viewer().aspect") == pytest.approx(5.2 / 2.88)


def test_for_pacs_asks_first_and_keeps_the_patient(tab: Any) -> None:
    """The file with the patient is there only after the question; the other never names one."""
    drop_study(tab)
    align(tab, "By geometry")
    press(tab, "Export")
    assert b"Doe^Jane" not in saved(tab, "DICOM image, de-identified")
    assert tab.get_by_role("button", name="Keep the patient and save").count() == 0
    press(tab, "DICOM image for PACS")
    tab.get_by_role("button", name="Keep the patient and save").wait_for()
    settled(tab)
    data = saved(tab, "Keep the patient and save")
    assert b"Doe^Jane" in data
    assert b"ID-4711" in data
    assert tab.get_by_text("Doe").count() == 0


def test_bad_uploads_are_sentences_and_nothing_is_lost(tab: Any) -> None:
    """A zip bomb, CT given as MR, and two patients in one zip, on top of a good study."""
    drop_study(tab)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for k in range(12):
            archive.writestr(f"slice{k}.dcm", bytes(200 * 2**20))
    drop(tab, "ct", [("bomb.zip", buffer.getvalue())])
    tab.get_by_text("still in use").wait_for()
    expect(tab.get_by_role("button", name="Continue to alignment")).to_be_enabled()
    ct, mri = small_study()
    drop(tab, "ct", [("mri.zip", zipped(mri))])
    tab.get_by_text("given as CT says it is an MRI").wait_for()
    expect(tab.get_by_role("button", name="Continue to alignment")).to_be_disabled()
    other = [(f"other-{n}", d) for n, d in small_study(PatientID="X9", PatientName="Roe^R")[1]]
    drop(tab, "ct", [("two.zip", zipped(ct + other))])
    tab.get_by_text("belong to 2 patients").wait_for()
    assert tab.get_by_text("Roe").count() == 0
    assert tab.get_by_test_id("stException").count() == 0


def test_the_demo_fits_small_screens(tab: Any) -> None:
    """At 1024 x 768 no step of the demo scrolls sideways."""
    tab.set_viewport_size({"width": 1024, "height": 768})
    press(tab, "Open the demo study")
    tab.get_by_text("Same patient: yes").wait_for()
    settled(tab)
    assert tab.get_by_test_id("stMain").evaluate(WIDE) <= 1
    press(tab, "Continue to alignment")
    tab.get_by_text("Suggested").wait_for()
    settled(tab)
    assert tab.get_by_test_id("stMain").evaluate(WIDE) <= 1
    tab.get_by_text("By geometry", exact=True).click()
    settled(tab)
    press(tab, "Align", exact=True)
    tab.get_by_text("As aligned").wait_for()
    settled(tab)
    assert tab.get_by_test_id("stMain").evaluate(WIDE) <= 1
    press(tab, "Continue: view and fuse")
    tab.get_by_text("What this fused slice hides").wait_for()
    settled(tab)
    assert tab.get_by_test_id("stMain").evaluate(WIDE) <= 1


def test_a_real_pair_goes_in_and_comes_out_with_its_geometry(tab: Any, shared: Path) -> None:
    """A CT and an MR series as two zips: registered, fused, and the CT's grid read again."""
    folders = [shared / "cases/paired/sts_001" / name for name in ("CT", "MR_T1")]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip("the real pair is not here")
    for slot, folder in zip(("ct", "mri"), folders, strict=True):
        files = [(p.name, p.read_bytes()) for p in sorted(folder.iterdir())]
        drop(tab, slot, [(f"{slot}.zip", zipped(files))])
        tab.get_by_text(f"{'CT' if slot == 'ct' else 'MR'} extremity").first.wait_for()
    tab.get_by_text("Same patient").wait_for()
    settled(tab)
    align(tab, "Rigid")
    press(tab, "Fuse all 59 slices")
    tab.get_by_role("button", name="All 59 slices are fused").first.wait_for()
    settled(tab)
    (series,) = scan(folders[0]).series
    ct = read_series(series)
    for volume in exported(tab):
        assert same_grid(volume, ct)
