"""The wavelet laboratory, its transform half, driven through the app and by its pure parts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from fusion_core import shrinkage
from fusion_core.edge_study import ringing
from fusion_core.wavelet_facts import facts, keep_bands
from fusion_core.wavelets import MODES, analyse, band_names, synthesise
from imaging.image import Image
from pipelines.cases import CASES
from tests.app_driver import (
    ROOT,
    TIMEOUT,
    by_key,
    grey_png,
    open_page,
    start,
    words,
    write_checkpoints,
)
from ui.lab import boundaries_view, images, mosaic, pictures, ringing_view, shell, wavelet_view
from ui.lab.boundaries_figures import extension_figure
from ui.lab.compute import side_by_side
from ui.lab.edges_view import sentence
from ui.lab.ringing_figures import profile_figure
from ui.lab.views import TRANSFORM, VIEWS
from ui.lab.wavelet_figures import filter_figure, function_figure, response_figure
from ui.lab.words import power


@pytest.fixture(autouse=True)
def _models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoints(tmp_path)
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path))


def lab(view: str) -> AppTest:
    """The laboratory, opened at a view by its address."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=TIMEOUT)
    app.query_params["view"] = shell.slug(view)
    app.run()
    app.switch_page("pages/lab.py")
    app.query_params["view"] = shell.slug(view)
    app.run()
    assert not app.exception
    return app


@pytest.mark.parametrize("view", TRANSFORM)
def test_every_view_opens_by_its_address(view: str) -> None:
    """A link with ?view= shows that view, without an error, with literature at its foot."""
    app = lab(view)
    assert not app.error
    assert app.session_state["twf_lab_view"] == view
    assert "https://doi.org/10." in words(app)


def test_an_unknown_address_shows_the_first_view() -> None:
    """A wrong ?view= is no error."""
    app = lab("nonsense")
    assert app.session_state["twf_lab_view"] == next(iter(VIEWS))
    assert not app.error


def test_choices_of_the_rail_survive_another_page() -> None:
    """Wavelet, levels, border and image are still chosen after a visit to Fuse."""
    app = lab("Pyramid")
    by_key(app.selectbox, "lab-wavelet").set_value("bior4.4").run()
    by_key(app.slider, "lab-levels").set_value(3).run()
    by_key(app.button_group, "lab-side").set_value("MRI").run()
    open_page(app, "fuse")
    open_page(app, "lab")
    assert by_key(app.selectbox, "lab-wavelet").value == "bior4.4"
    assert by_key(app.slider, "lab-levels").value == 3
    head = words(app)
    assert "bior4.4" in head
    assert "3 levels" in head
    assert "Tumour with oedema, MRI" in head


def test_bands_switched_off_are_counted_and_missing() -> None:
    """ "All" misses nothing; "Only details" misses LL, whose energy is what is named."""
    app = lab("Pyramid")
    assert "Now missing: 6 bands" in words(app)
    (everything,) = (b for b in app.button if b.label == "All")
    everything.click().run()
    assert "Now missing: nothing, 0 grey levels" in words(app)
    (details,) = (b for b in app.button if b.label == "Only details")
    details.click().run()
    assert "Now missing: 1 band," in words(app)


def test_the_shown_quality_is_the_computed_one() -> None:
    """PSNR before and after on the screen are those of the same noise and threshold in Python."""
    app = lab("Denoise")
    by_key(app.slider, "lab-sigma").set_value(30).run()
    chosen = images.load(images.ImageChoice(images.HEAD, next(iter(CASES)), "CT"))
    noisy = shrinkage.add_noise(chosen.tensor, 30 / 255)
    bands = analyse(noisy, "haar", 2)
    threshold = shrinkage.universal_threshold(shrinkage.noise_level(bands), noisy.numel()) / 2
    clean = synthesise(shrinkage.shrink(bands, threshold, "soft"), "haar", chosen.shape)
    for image in (noisy, clean):
        assert f"{shrinkage.psnr(image, chosen.tensor, data_range=1.0):.2f} dB" in words(app)


def test_an_own_image_is_used_and_a_bad_one_explained() -> None:
    """A dropped PNG becomes the image of the lab; a text file is refused in one sentence."""
    app = lab("Pyramid")
    by_key(app.button_group, "lab-from").set_value("Own").run()
    by_key(app.file_uploader, "lab-file").set_value(("ramp.png", grey_png(50, 70), "")).run()
    assert "70 × 50 pixels" in words(app)
    by_key(app.file_uploader, "lab-file").set_value(("note.txt", b"no image", "")).run()
    assert any("note.txt" in error.value for error in app.error)
    assert not app.exception


def test_every_pattern_can_be_decomposed() -> None:
    """Each test picture opens in the pyramid, with its sentence below the menu."""
    app = lab("Pyramid")
    by_key(app.button_group, "lab-from").set_value("Pattern").run()
    for name, make in pictures.PICTURES.items():
        by_key(app.selectbox, "lab-picture").set_value(name).run()
        assert not app.error
        assert str(make.__doc__) in words(app)
        pixels = make()
        assert pixels.dtype == np.float32
        assert 0 <= pixels.min() < pixels.max() <= 1


def test_haar_offers_a_longer_wavelet_at_the_border() -> None:
    """Where all modes agree, a button changes the wavelet, and then they differ."""
    app = lab("Boundaries")
    assert "All modes cost the same here." in words(app)
    (button,) = (b for b in app.button if b.label == "Use db4")
    button.click().run()
    assert by_key(app.selectbox, "lab-wavelet").value == "db4"
    assert "zero the largest" in words(app)


def test_the_reading_of_an_edge_follows_the_angle() -> None:
    """At 0 degrees LH is named, at 90 degrees HL."""
    app = lab("Edges")
    for angle, kind in ((0, "LH (horizontal edges)"), (90, "HL (vertical edges)")):
        by_key(app.slider, "lab-angle").set_value(angle).run()
        assert f"At level 2, {kind} holds" in words(app)
    assert sentence((0.0, 0.0, 0.0), 1) == "No band of level 1 answers."


def test_ringing_names_the_wavelet_that_is_chosen() -> None:
    """The fourth wavelet of the comparison is the one of the rail unless it is there already."""
    app = lab("Ringing")
    assert "<td>sym8</td>" in words(app)
    by_key(app.selectbox, "lab-wavelet").set_value("bior4.4").run()
    assert "<td>bior4.4</td>" in words(app)
    assert "<td>sym8</td>" not in words(app)


# --- pure parts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "wavelet", "levels"), [((33, 50), "db4", 3), ((64, 64), "haar", 1)]
)
def test_every_coefficient_has_its_pixel_in_the_mosaic(
    size: tuple[int, int], wavelet: str, levels: int
) -> None:
    """No two bands overlap, every coefficient is found again at its pixel, gaps belong to none."""
    bands = analyse(torch.rand(1, 1, *size, dtype=torch.float64), wavelet, levels)
    built = mosaic.build(bands)
    counted: dict[str, int] = {}
    for row, column in np.ndindex(*built.pixels.shape):
        if found := built.find(row, column):
            counted[found[0]] = counted.get(found[0], 0) + 1
    assert counted == {name: band.numel() for name, band in bands.items()}
    tile = built.tiles[-1]
    name, row, column = built.find(tile.top + 1, tile.left + 2)  # type: ignore[misc]
    value = float(dict(bands.items())[name][0, 0, row, column])
    expected = np.clip(np.rint(128 + 127 * value / tile.scale), 0, 255)
    assert built.pixels[tile.top + 1, tile.left + 2] == expected


def test_contrast_and_look_change_the_mosaic_as_they_say() -> None:
    """Alike, all details share one scale; as size, nothing is below black's zero."""
    picture = torch.zeros(1, 1, 32, 32, dtype=torch.float64)
    picture[..., 9:] = 1
    bands = analyse(picture, "haar", 2)
    alike = mosaic.build(bands, "common")
    assert len({tile.scale for tile in alike.tiles[1:]}) == 1
    empty = mosaic.build(bands, "band", "size")
    flat = next(tile for tile in empty.tiles if tile.band == "LH1")
    region = empty.pixels[flat.top : flat.top + 16, flat.left : flat.left + 16]
    assert region.max() == 0


def test_a_large_image_is_averaged_and_the_user_is_told() -> None:
    """Beyond the limit the image shrinks, its spacing grows, and a note says so."""
    pixels = np.random.default_rng(0).random((600, 1200)).astype(np.float32)
    image = Image(pixels, (0.0, 1.0), spacing=(1.0, 1.0), name="wide scan.png")
    found = images.from_image(image, "key", "wide")
    assert found.shape == (256, 512)
    assert found.spacing == pytest.approx((600 / 256, 1200 / 512))
    assert "1200 × 600 to 512 × 256" in found.notes[-1]
    assert found.stem == "wide_scan"


@pytest.mark.parametrize("name", ["haar", "db38", "bior3.1", "coif17"])
def test_charts_of_any_wavelet_can_be_drawn(name: str) -> None:
    """The shortest and the longest filters have all their taps in the charts."""
    names = [name, "sym5"]
    figure = filter_figure(names)
    stems = [trace for trace in figure.data if trace.mode == "markers"]
    assert sum(len(trace.x) for trace in stems) == 4 * (facts(name).length + 10)
    assert len(response_figure(names).data) == 4
    assert len(function_figure(names).data) == (6 if name == "bior3.1" else 4)


def test_facts_are_shown_as_measured() -> None:
    """The table has a column per wavelet and says which one is orthogonal and symmetric."""
    table = wavelet_view.facts_table([facts("haar"), facts("bior4.4")], 2)
    assert table.count(">orthogonal</td>") == 1
    assert ">biorthogonal</td>" in table
    assert ">9 / 7</td>" in table
    assert ">4 px</td>" in table


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.25, "0.250"), (3.2e-14, "3 × 10⁻¹⁴"), (1e-9, "1 × 10⁻⁹")]
)
def test_small_numbers_are_written_for_readers(value: float, shown: str) -> None:
    """Errors near rounding have a power of ten instead of a row of zeros."""
    assert power(value) == shown


def test_border_coefficients_are_told_from_inner_ones() -> None:
    """Changing the continuation changes exactly the coefficients that are counted as border."""
    line = np.random.default_rng(1).random(31)
    for wavelet in ("haar", "db4"):
        inner = boundaries_view.inside(31, facts(wavelet).length)
        found = [
            analyse(torch.from_numpy(line).expand(1, 1, 31, 31), wavelet, 1, mode).details[0].hl
            for mode in MODES
        ]
        middle = [band[0, 0, 8].numpy() for band in found]
        same = np.all([np.isclose(other, middle[0], atol=1e-12) for other in middle], axis=0)
        assert same[inner].all()
        assert not same[~inner].all()


def test_pictures_stand_side_by_side_with_gaps() -> None:
    """Two pictures of 3 columns and a gap of 2 make 8 columns, the gap white."""
    black = np.zeros((4, 3), np.uint8)
    row = side_by_side([black, black], 2)
    assert row.shape == (4, 8)
    assert (row[:, 3:5] == 255).all()
    assert (row[:, 5:] == 0).all()


def test_the_reading_of_ringing_says_what_is_worst() -> None:
    """The sentence names the wavelet that leaves the range most, and Haar's price."""
    picture = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    picture[..., 19:41, 23:44] = 1
    found = {}
    for name in ("haar", "db4"):
        kept = keep_bands(analyse(picture, name, 2), frozenset(band_names(2)[:1]))
        smooth = synthesise(kept, name, (64, 64))
        found[name] = ringing(picture, smooth, 32, ringing_view.LIMIT)
    text = ringing_view.reading(found)
    assert text.startswith("db4 leaves the range most")
    assert "its price is blocks" in text
    assert ringing_view.reading({"haar": found["haar"]}).startswith("No wavelet leaves the range")


def test_the_profile_is_drawn_around_the_first_strong_edge() -> None:
    """A faint edge before the strong one does not decide where the window lies."""
    line = np.zeros(200)
    line[60:] = 10
    line[100:] = 255
    assert ringing_view.edge_window(line) == (73, 125)
    assert ringing_view.edge_window(np.zeros(200)) == (0, 26)


def test_start_of_the_app_is_not_the_lab() -> None:
    """The lab's address parameter appears only on the lab."""
    app = start()
    assert "view" not in app.query_params


def test_what_lies_beyond_is_shaded_and_the_screen_is_marked() -> None:
    """Every panel of both line charts has its shade, or its lines at black and white."""
    lines = {mode: np.arange(10.0) for mode in MODES}
    shades = extension_figure(lines, 3, 5).layout.shapes
    assert [shape.x0 for shape in shades] == [-3.5] * 4
    marks = profile_figure(np.arange(60.0), {"haar": np.arange(60.0)}, (10, 40), 255).layout.shapes
    assert [shape.y0 for shape in marks] == [0, 255]
