"""The viewer's Python side: payload layout, value maps, and what is accepted from the browser."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ui.viewer import DIVERGING, SEQUENTIAL, Mixture, Overlay, Panel, Pick, Preset, Roi, fade
from ui.viewer import component as viewer_component
from ui.viewer.component import SCRIPTS, STYLES, _check, _component, _pair, _state
from ui.viewer.payload import pack

PLAIN = {
    "height": 400,
    "mode": "side",
    "blend": None,
    "amount": 0.5,
    "opacity": 0.5,
    "spacing": None,
    "orientation": None,
    "outline": None,
    "presets": {},
}


def unpack(data: bytes) -> tuple[dict, bytes]:
    length = int.from_bytes(data[:4], "little")
    return json.loads(data[4 : 4 + length]), data[4 + length :]


def test_payload_holds_every_sample_where_the_header_says() -> None:
    """Samples of 8 and 16 bits come back bit for bit from the offsets in the header, aligned."""
    rng = np.random.default_rng(0)
    ct = rng.integers(0, 65536, (5, 7), dtype=np.uint16)
    grey = rng.integers(0, 256, (5, 7), dtype=np.uint8)
    layer = Overlay(rng.integers(0, 256, (3, 4), dtype=np.uint8), fade(DIVERGING, 128), "a")
    header, blob = unpack(pack([Panel("CT", ct), Panel("F", grey, overlay=layer)], **PLAIN))
    assert (header["rows"], header["columns"]) == (5, 7)
    for place, array, dtype in (
        (header["panels"][0]["pixels"], ct, "<u2"),
        (header["panels"][1]["pixels"], grey, "u1"),
        (header["panels"][1]["overlay"]["pixels"], layer.pixels, "u1"),
        (header["wash"], SEQUENTIAL, "u1"),
    ):
        assert place["offset"] % 8 == 0
        raw = blob[place["offset"] : place["offset"] + place["size"]]
        np.testing.assert_array_equal(np.frombuffer(raw, dtype).reshape(array.shape), array)


def test_whole_numbers_survive_sixteen_bits_exactly() -> None:
    """Hounsfield units from -1024 to 3071 are the same numbers after the value map."""
    values = np.arange(-1024.0, 3072.0).reshape(64, 64)
    panel = Panel.from_values("CT", values, "HU", "ct")
    slope, intercept = panel.value_map
    np.testing.assert_array_equal(slope * panel.pixels.astype(float) + intercept, values)
    assert panel.shown_decimals == 0
    assert panel.applied_window == (1023.5, 4095.0)


def test_real_numbers_are_within_half_a_step() -> None:
    """Values that are not whole are off by at most range / 131070, and NaN becomes the minimum."""
    values = np.random.default_rng(1).normal(size=(20, 30))
    values[3, 4] = np.nan
    panel = Panel.from_values("M", values, "a.u.")
    slope, intercept = panel.value_map
    back = slope * panel.pixels.astype(float) + intercept
    expected = np.where(np.isnan(values), np.nanmin(values), values)
    span = expected.max() - expected.min()
    assert np.abs(back - expected).max() <= span / 131070 * (1 + 1e-9)


def test_constant_and_single_pixel_images_are_shown() -> None:
    """A constant 1 x 1 image has a positive window width."""
    panel = Panel.from_values("one", np.full((1, 1), 0.25), "grey")
    assert panel.applied_window is not None
    assert panel.applied_window[1] > 0


def test_digest_follows_content() -> None:
    """Equal pixels have equal digests; one changed pixel changes it."""
    a = np.zeros((1024, 1024), np.uint8)
    b = a.copy()
    b[700, 3] = 1
    assert Panel("x", a).digest == Panel("y", a.copy()).digest
    assert Panel("x", a).digest != Panel("x", b).digest


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Panel("P", np.zeros((2, 2), np.float32)), "uint8 or uint16"),
        (lambda: Panel("P", np.zeros((0, 2), np.uint8)), "needs an"),
        (lambda: Panel("P", np.zeros((2, 2), np.uint8), window=(1.0, 0.0)), "width > 0"),
        (lambda: Panel("P", np.zeros((2, 2), np.uint8), value_map=(0.0, 1.0)), "slope"),
        (lambda: Overlay(np.zeros((2, 2), np.uint8), np.zeros((9, 4), np.uint8), "o"), "256, 4"),
        (lambda: Panel.from_values("P", np.full((2, 2), np.nan), "HU"), "no finite value"),
    ],
)
def test_wrong_panels_are_refused(make, words: str) -> None:
    """A panel that cannot be drawn raises one sentence that names what is wrong."""
    with pytest.raises(ValueError, match=words):
        make()


def test_wrong_arguments_are_refused() -> None:
    """Counts, modes, pairs, spacing and letters out of range raise; fitting ones do not."""
    small, large = (Panel(str(n), np.zeros((n, n), np.uint8)) for n in (2, 3))
    good = ([small, large, small], "side", (0, 2), 0.5, 0.5, (1.0, 0.5), ("R", "L", "A", "P"))
    _check(*good)
    for at, value in (
        (0, []),
        (0, [small] * 10),
        (1, "fade"),
        (2, (0, 1)),
        (2, (0, 7)),
        (2, (1, 1)),
        (3, 1.5),
        (5, (0.0, 1.0)),
        (6, ("R", "L")),
    ):
        bad = list(good)
        bad[at] = value
        with pytest.raises(ValueError, match=r"\w"):
            _check(*bad)
    assert _pair([small, large, small]) == (0, 2)
    assert _pair([small, large]) is None


def test_answers_of_the_browser_are_checked() -> None:
    """Well-formed values become a state; anything malformed or outside the image is dropped."""
    good = {
        "pick": {"row": 1, "col": 2},
        "roi": {"row0": 0, "col0": 1, "row1": 4, "col1": 5},
        "windows": {"ct": [40, 80], "mri": [1, -1]},
        "mode": "wash",
    }
    state = _state(good, (4, 5), "side")
    assert state.pick == Pick(1, 2)
    assert state.roi == Roi(0, 1, 4, 5)
    assert state.windows == {"ct": (40.0, 80.0)}
    assert state.mode == "wash"
    assert state.window("mri", (5.0, 6.0)) == (5.0, 6.0)
    bad = {
        "pick": {"row": 4, "col": 0},
        "roi": {"row0": 2, "col0": 1, "row1": 2, "col1": 5},
        "windows": [1],
        "mode": "<b>",
    }
    empty = _state(bad, (4, 5), "blend")
    assert (empty.pick, empty.roi, empty.windows, empty.mode) == (None, None, {}, "blend")
    assert _state({"pick": {"row": "1", "col": True}}, None, "side").pick is None


def test_same_input_gives_same_bytes() -> None:
    """The payload depends on nothing but its arguments, so that Streamlit can send a reference."""
    panel = Panel("CT", np.arange(64, dtype=np.uint16).reshape(8, 8))
    presets = {"image": [Preset("brain", 40, 80)]}
    first = pack([panel], **PLAIN | {"presets": presets})
    assert first == pack([panel], **PLAIN | {"presets": presets})
    assert unpack(first)[0]["presets"]["image"][0] == {"name": "brain", "center": 40, "width": 80}


def test_a_mixture_travels_with_its_parts() -> None:
    """Base and parts come back from the payload in their own type; an empty part is null."""
    rng = np.random.default_rng(4)
    ct = rng.normal(size=(4, 5, 6)).astype(np.float32)
    mri = np.zeros_like(ct)
    panels = [Panel("a", np.zeros((5, 6), np.uint8)), Panel("b", np.ones((5, 6), np.uint8))]
    for exact, dtype in ((True, "<f4"), (False, "<i2")):
        mixture = Mixture(
            "k", ("LL", "LH", "HL", "HH"), "learned", ct.sum(0), ct, mri, (0, 1),
            ("#000000", "#ffffff"), exact,
        )  # fmt: skip
        header, blob = unpack(pack(panels, **PLAIN, mixture=mixture))
        mix = header["mix"]
        assert mix["mri"] == [None] * 4
        place, scale = mix["ct"][1]["pixels"], mix["ct"][1]["scale"]
        assert f"{place['kind']}{place['bits'] // 8}" == dtype[1:]
        raw = blob[place["offset"] : place["offset"] + place["size"]]
        back = scale * np.frombuffer(raw, dtype).reshape(5, 6)
        np.testing.assert_allclose(back, ct[1], atol=0 if exact else 1e-4)


def test_region_indexes_an_array() -> None:
    """Roi.slices selects rows row0 to row1 - 1 and columns col0 to col1 - 1."""
    image = np.arange(20).reshape(4, 5)
    np.testing.assert_array_equal(image[Roi(1, 2, 3, 4).slices], [[7, 8], [12, 13]])


def test_tables_are_opaque_and_centred() -> None:
    """The diverging table is dark and balanced at its centre; fading makes that entry vanish."""
    assert (DIVERGING[:, 3] == 255).all()
    assert DIVERGING[127:129, :3].max() < 40
    assert fade(DIVERGING, 128)[128, 3] == 0
    assert fade(SEQUENTIAL)[255, 3] == 255


def test_component_is_made_of_all_its_files() -> None:
    """Every script in the folder is part of the component, short, and free of HTML and network."""
    folder = Path(viewer_component.__file__).parent
    assert {p.name for p in folder.glob("*.js")} == set(SCRIPTS)
    assert {p.name for p in folder.glob("*.css")} == set(STYLES)
    for path in folder.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") < 400, path.name
        for word in ("innerHTML", "insertAdjacentHTML", "document.write", "fetch(", "XMLHttp"):
            assert word not in text, f"{word} in {path.name}"
    assert callable(_component())


def test_scripts_join_into_one_valid_module(tmp_path: Path) -> None:
    """The scripts, joined in order, parse as one JavaScript module."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    folder = Path(viewer_component.__file__).parent
    module = tmp_path / "viewer.mjs"
    module.write_text("\n".join((folder / n).read_text(encoding="utf-8") for n in SCRIPTS))
    done = subprocess.run([node, "--check", str(module)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
