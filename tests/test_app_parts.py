"""What the screens are made of: colours, charts, texts, windows, downloads; no browser."""

import csv
import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest
from streamlit.testing.v1 import AppTest

from fusion_core.metrics import METRICS, Scores
from fusion_core.provenance import attribute, contributions, energies, pixel
from imaging.image import Image
from imaging.windowing import Window
from pipelines.cases import CASES, render_case
from pipelines.export import metrics_json, provenance_json
from pipelines.fuse import FusedPair, fuse_pair, scores
from pipelines.methods import load_method
from tests.app_driver import write_checkpoints
from ui import colours, figures, theme
from ui.downloads import masks_zip, metrics_csv, stem
from ui.mask_choice import level_groups
from ui.quality import GROUPS, number, reading, table_html
from ui.stage import extent, pair_panels
from ui.windows import CUSTOM, name_of, window_options
from ui.workspace import shorten


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> FusedPair:
    """The first bundled case, fused by an untrained model with three levels and two gates."""
    folder = tmp_path_factory.mktemp("checkpoints")
    write_checkpoints(folder)
    method = load_method(checkpoint=folder / "default.safetensors", device="cpu")
    return fuse_pair(*render_case(next(iter(CASES.values()))), method)


def test_every_case_is_a_registered_pair_with_units_and_spacing() -> None:
    """Bundled cases have CT in HU and MRI on one grid, with spacing and a sentence."""
    for case in CASES.values():
        ct, mri = render_case(case)
        assert ct.shape == mri.shape == (256, 256)
        assert ct.unit == "HU"
        assert ct.spacing == mri.spacing == (0.9, 0.9)
        assert ct.pixels.min() >= -1024
        assert ct.pixels.max() > 800
        assert case.description.endswith(".")


def test_gate_colours_are_clear_at_a_half_and_swap_with_the_source() -> None:
    """0.5 is nearly clear; 1 is orange for CT and blue for MRI; a closed gate is neither."""
    closed = tuple(colours.gate_table("CT", convex=False)[0, :3])
    assert closed not in (colours.rgb(colours.CT), colours.rgb(colours.MRI))
    ct, mri = (colours.gate_table(source, convex=True) for source in ("CT", "MRI"))
    assert ct[127, 3] < 0.2 * 255
    assert ct[255, 3] == ct[0, 3] == 255
    assert tuple(ct[255, :3]) == colours.rgb(colours.CT) == tuple(mri[0, :3])
    assert tuple(ct[0, :3]) == colours.rgb(colours.MRI) == tuple(mri[255, :3])


def test_text_colours_have_aa_contrast() -> None:
    """Text and quiet text reach 4.5 to 1 on the ground and on panels."""

    def luminance(colour: str) -> float:
        channels = np.array(colours.rgb(colour)) / 255
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return float(linear @ (0.2126, 0.7152, 0.0722))

    for ground in (colours.GROUND, colours.PANEL):
        for text in (colours.TEXT, colours.MUTED, colours.CT, colours.MRI):
            assert (luminance(text) + 0.05) / (luminance(ground) + 0.05) > 4.5


def test_pixel_bars_add_up_to_the_value_shown(pair: FusedPair) -> None:
    """CT bars + MRI bars + clipping equal the shown bar within half a grey level."""
    attribution = attribute(pair.result)
    for row, column in ((128, 128), (60, 128), (0, 0), (200, 90)):
        figure = figures.breakdown_bars(pixel(attribution, row, column))
        bars = {bar.name: sum(v for v in bar.x if v is not None) for bar in figure.data}
        total = bars["from CT"] + bars["from MRI"] + bars["clipping"]
        assert total == pytest.approx(bars["shown"], abs=0.5)
        assert bars["shown"] == pytest.approx(float(pair.fused8[row, column]), abs=0.51)


def test_share_bars_show_ct_and_mri_as_a_whole(pair: FusedPair) -> None:
    """Per band the two shares make 100 %, by each definition, and the axis names it."""
    shares = contributions(pair.result)
    titles = set()
    for definition in figures.DEFINITIONS:
        figure = figures.share_bars(shares, definition)
        ct, mri = (np.array(bar.x, dtype=float) for bar in figure.data)
        assert len(ct) == 10
        assert np.allclose(ct + mri, 100)
        titles.add(figure.layout.xaxis.title.text)
    assert len(titles) == 3


def test_energy_bars_name_raw_and_centred(pair: FusedPair) -> None:
    """The axis says whether the mean was removed."""
    assert pair.result.ct is not None
    assert pair.result.mri is not None
    ct, mri = energies(pair.result.ct), energies(pair.result.mri)
    assert "raw" in figures.energy_bars(ct, mri, False).layout.xaxis.title.text
    assert "mean removed" in figures.energy_bars(ct, mri, True).layout.xaxis.title.text


def test_every_metric_has_its_place_once() -> None:
    """The grouped table holds each metric of the core exactly once."""
    names = [n for _, rows in GROUPS for r in rows for n in (r.name, r.ct, r.mri) if n]
    assert sorted(names) == sorted(METRICS)


def test_table_shows_a_dash_and_the_reason_where_a_metric_has_no_value() -> None:
    """NaN is a dash with its note, never "nan"."""
    values = dict.fromkeys(METRICS, 0.5) | {"VIF": float("nan")}
    html = table_html(Scores(values, {"VIF": "Needs an image of 41 pixels <b>."}))
    assert "nan" not in html
    assert "Needs an image of 41 pixels &lt;b&gt;." in html
    assert "↓" in html
    assert number(float("nan")) == "–"
    assert number(0.1234) == "0.123"
    assert number(1234.5, "dB") == "1234 dB"


def test_reading_names_the_neglected_source() -> None:
    """A copy of the MRI is said to neglect the CT; a balanced result neglects none."""
    mean = {"Qabf": 0.4, "SCD": 1.0, "Nabf": 0.0}
    base = {"Qabf": 0.6, "SCD": 1.5, "Nabf": 0.02}
    even = {"SSIM_CT": 0.7, "SSIM_MRI": 0.72, "MI_CT": 1.5, "MI_MRI": 1.6}
    copy = {"SSIM_CT": 0.3, "SSIM_MRI": 1.0, "MI_CT": 0.5, "MI_MRI": 4.0}
    assert "Neither source is neglected." in reading(base | even, mean)
    assert any(s.startswith("The CT is kept less") for s in reading(base | copy, mean))
    worse = {"Qabf": 0.3, "SCD": 0.5, "Nabf": 0.0}
    assert "plain mean does no worse" in reading(worse | even, mean)[-1]


def test_windows_are_named_and_hu_presets_need_hu() -> None:
    """A file without HU gets its range and percentiles; an unnamed window is custom."""
    grey = Image(np.arange(100, dtype=np.float32).reshape(10, 10), (0.0, 255.0))
    assert list(window_options(grey)) == ["Full range", "1–99 % of the head"]
    assert name_of(None, grey) == "Full range"
    assert name_of(Window.from_range(3, 7), grey) == CUSTOM
    hu = Image(np.zeros((4, 4), np.float32), (-1024.0, 3071.0), "HU", modality="CT")
    assert name_of(None, hu) == "Brain 80/40"
    center, width = extent(None, hu)
    assert (center, width) == (40, 80)


def test_panels_hold_true_units_and_the_windows_that_were_fused(pair: FusedPair) -> None:
    """The viewer gets HU, arbitrary units and the fused image, with the applied windows."""
    ct, mri, fused = pair_panels(pair)
    assert (ct.unit, mri.unit, fused.unit) == ("HU", "a.u.", "grey")
    slope, intercept = ct.value_map
    assert np.array_equal(ct.pixels * slope + intercept, pair.ct.pixels)
    assert ct.window == (40.0, 110.0)
    assert np.array_equal(fused.pixels, pair.fused8)


def test_levels_hold_three_bands_each_and_ll_once() -> None:
    """J levels make 3J + 1 masks, coarsest first, at most four at a time."""
    for levels in range(1, 6):
        groups = level_groups(levels)
        names = [name for group in groups.values() for name in group]
        assert len(groups) == levels
        assert len(names) == len(set(names)) == 3 * levels + 1
        assert max(map(len, groups.values())) == 4


def test_downloads_hold_what_they_promise(pair: FusedPair) -> None:
    """Masks, metrics and provenance open again; every mask carries the stamp."""
    with zipfile.ZipFile(io.BytesIO(masks_zip(pair))) as archive:
        names = archive.namelist()
        mask = PIL.Image.open(io.BytesIO(archive.read("ct_LL3.png")))
    assert len(names) == 20
    assert mask.info["Warning"] == "Research, not for diagnosis"
    found = scores(pair)
    rows = list(csv.DictReader(io.StringIO(metrics_csv(pair, found))))
    assert [row["metric"] for row in rows] == list(METRICS)
    assert float(rows[0]["value"]) == found.values[rows[0]["metric"]]
    assert json.loads(metrics_json(pair, found))["warning"] == "Research, not for diagnosis"
    assert len(json.loads(provenance_json(pair))["bands"]) == 10


def test_names_are_safe_for_files_and_short_on_screens(pair: FusedPair) -> None:
    """File names keep letters, digits, dot, dash and underscore; long ones lose their middle."""
    assert stem(pair) == "tumour-ct_default"
    assert len(shorten("x" * 300 + ".png")) <= 25
    assert shorten("a.png") == "a.png"


def test_the_app_listens_here_only_and_reports_nothing() -> None:
    """The shipped settings bind to loopback, report no usage and show no traceback."""
    import tomllib

    root = Path(__file__).resolve().parent.parent
    settings = tomllib.loads((root / ".streamlit" / "config.toml").read_text())
    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["server"]["enableXsrfProtection"] is True
    assert settings["server"]["maxUploadSize"] == 200
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["client"]["showErrorDetails"] == "none"


def test_images_get_their_moment_before_the_first_chart_once_a_visit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first look of a session waits, later ones do not; another session waits again."""
    waits: list[float] = []
    monkeypatch.setattr(theme, "time", SimpleNamespace(sleep=waits.append))

    def page() -> None:
        from ui.theme import images_first

        images_first()

    app = AppTest.from_function(page).run()
    app.run()
    assert len(waits) == 1
    assert waits[0] > 0
    AppTest.from_function(page).run()
    assert len(waits) == 2
