"""What-if: other masks, factors, what the browser gets, numbers and files of an altered image."""

import io
import json

import numpy as np
import PIL.Image
import pytest
import torch

from fusion_core.provenance import attribute, reweight, what_if
from imaging.image import Image
from pipelines import altered
from pipelines.altered import Alteration
from pipelines.fuse import FusedPair, fuse_pair, to_8bit
from pipelines.methods import load_method
from tests.app_driver import write_checkpoints
from tests.synthetic import picture
from ui.caches import Fused
from ui.viewer.mixing import Mix, Mixture, as_mix
from ui.whatif import numbers
from ui.whatif import parts as whatif_parts
from ui.whatif.parts import EXACT_BYTES, MOST_BYTES, plan, plan_note, reduced
from ui.whatif.screen import alteration


@pytest.fixture(scope="module", params=["default", "one"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FusedPair:
    """A pair fused by untrained models: three levels with two gates, and one level, convex."""
    folder = tmp_path_factory.mktemp("checkpoints")
    write_checkpoints(folder)
    ct, mri = (Image(picture(45, 52, k).astype(np.float32), (0, 255)) for k in (1, 2))
    return fuse_pair(ct, mri, load_method(checkpoint=folder / f"{request.param}.safetensors"))


def names_of(pair: FusedPair) -> tuple[str, ...]:
    return attribute(pair.result).names


def test_all_ct_is_the_ct_itself_and_not_its_part(pair: FusedPair) -> None:
    """All weight on one source gives that source exactly; its part under the masks is less."""
    for weights, source in (("ct", pair.ct01), ("mri", pair.mri01)):
        result = reweight(pair.result, weights)
        assert np.abs(result.fused[0, 0].numpy() - source).max() < 1e-5
        made = altered.parts(pair, weights)
        image = altered.altered_image(made, Alteration.none(names_of(pair), weights))
        assert np.array_equal(image, to_8bit(source))
    part = attribute(pair.result).ct_only[0, 0].numpy()
    assert np.abs(part - pair.ct01).max() > 0.1


def test_swap_exchanges_the_masks_and_twice_leads_back(pair: FusedPair) -> None:
    """Swapped weights fuse the CT's bands with the MRI's masks; swapping again is the start."""
    swapped = reweight(pair.result, "swapped")
    parts = attribute(swapped)
    assert (parts.ct_only + parts.mri_only - swapped.fused).abs().max() < 1e-5
    masks = swapped.masks
    assert masks is not None
    assert pair.result.masks is not None
    assert masks.ct is pair.result.masks.mri
    again = reweight(swapped, "swapped").fused
    assert (again - pair.result.fused).abs().max() < 1e-5
    # Where both sources are gated alike nothing could change; here the masks differ.
    assert (swapped.fused - pair.result.fused).abs().max() > 1e-3


def test_unknown_weights_are_refused(pair: FusedPair) -> None:
    """A wrong name is answered with the valid ones."""
    with pytest.raises(ValueError, match="valid: learned, swapped, ct, mri"):
        reweight(pair.result, "all")  # type: ignore[arg-type]


def test_factors_of_one_give_the_base_to_the_bit(pair: FusedPair) -> None:
    """what_if adds what is scaled to the fused image, so nothing scaled is that image."""
    parts = attribute(pair.result)
    assert torch.equal(what_if(parts, base=pair.result.fused), pair.result.fused)
    made = altered.parts(pair, "learned", parts)
    assert np.array_equal(altered.altered_image(made, Alteration.none(parts.names)), pair.fused8)
    muted = Alteration(parts.names, "learned", (0.0,) * len(parts.names), (1.0,) * len(parts.names))
    expected = to_8bit(parts.mri_only[0, 0].numpy())
    assert np.abs(altered.altered_image(made, muted).astype(int) - expected).max() <= 1


def test_an_altered_image_says_so_everywhere(pair: FusedPair) -> None:
    """Text chunk, caption and JSON name the alteration; the learned image's CT share is gone."""
    names = names_of(pair)
    chosen = Alteration(names, "swapped", (0.5, *(1.0,) * (len(names) - 1)), (1.0,) * len(names))
    image = altered.altered_image(altered.parts(pair, "swapped"), chosen)
    plain = PIL.Image.open(io.BytesIO(altered.altered_png(pair, image, chosen, caption=False)))
    assert np.array_equal(np.asarray(plain), image)
    text = plain.text  # type: ignore[attr-defined]
    assert text["Altered"].startswith("Altered by hand, not the method's result: the CT with the")
    assert f"CT {names[0]} × 0.5" in text["Altered"]
    assert json.loads(text["Alteration"]) == chosen.to_dict()
    assert "CT share" not in text
    assert text["Warning"] == "Research, not for diagnosis"
    marked = np.asarray(PIL.Image.open(io.BytesIO(altered.altered_png(pair, image, chosen))))
    assert np.array_equal(marked[:45, :52], image)
    assert marked[45:].max() > 100
    learned = altered.altered_scores(pair, pair.fused8)
    values = json.loads(
        altered.altered_json(pair, chosen, learned, altered.altered_scores(pair, image)),
        parse_constant=pytest.fail,
    )
    assert values["altered"] is True
    assert values["alteration"]["ct"][names[0]] == 0.5
    row = values["metrics"]["SD"]
    assert row["difference"] == pytest.approx(row["altered"] - row["learned"])


def test_an_alteration_is_checked_and_described() -> None:
    """Factors outside 0 to 2 and wrong counts raise; words list what is not 1."""
    names = ("LL", "LH", "HL", "HH")
    ones = (1.0,) * 4
    with pytest.raises(ValueError, match="0 to 2"):
        Alteration(names, "learned", (2.5, 1, 1, 1), ones)
    with pytest.raises(ValueError, match="as many factors"):
        Alteration(names, "learned", ones[:3], ones)
    assert Alteration.none(names).is_none
    assert Alteration.none(names).words() == "nothing"
    assert not Alteration.none(names, "ct").is_none
    chosen = Alteration(names, "learned", (0.0, 1, 1, 1), (1, 1, 1, 1.35))
    assert chosen.words() == "CT LL × 0, MRI HH × 1.35"
    assert chosen.digest != Alteration.none(names).digest


def test_the_answer_of_the_sliders_is_checked() -> None:
    """Only well-formed weights and factors become a Mix; one for other bands alters nothing."""
    good = {"weights": "ct", "ct": [0, 1, 2, 0.05], "mri": [1, 1, 1, 1]}
    mix = as_mix(good)
    assert mix == Mix("ct", (0.0, 1.0, 2.0, 0.05), (1.0,) * 4)
    for change in (
        {"weights": "all"}, {"ct": [0, 1]}, {"ct": [0, 1, 2, 2.1]}, {"mri": [1, 1, 1, None]},
        {"mri": "1111"}, {"ct": [True, 1, 1, 1]}, {"ct": [float("nan"), 1, 1, 1]},
    ):  # fmt: skip
        assert as_mix(good | change) is None
    assert as_mix(None) is None
    assert alteration(("LL", "LH", "HL", "HH"), mix).ct == (0.0, 1.0, 2.0, 0.05)
    assert alteration(("LL2", "LH2"), mix).is_none


def test_sixteen_bits_hold_a_part_within_a_hundredth_of_a_grey_level() -> None:
    """Scaled whole numbers are off by at most half a step; an empty part is not sent."""
    rng = np.random.default_rng(3)
    parts = rng.normal(0, 0.3, (4, 9, 8)).astype(np.float32)
    parts[2] = 0
    base = parts.sum(0)
    mixture = Mixture(
        "k", ("LL", "LH", "HL", "HH"), "learned", base, parts, parts, (0, 1), ("#000000",) * 2,
        exact=False,
    )  # fmt: skip
    found = mixture.sent["ct"]
    assert found[0] is not None
    samples, scale = found[0]
    assert samples.dtype == np.int16
    assert 255 * np.abs(samples * scale - parts[0]).max() < 0.01
    assert found[2] is None
    with pytest.raises(ValueError, match="parts of"):
        Mixture("k", ("LL",), "learned", base, parts, parts, (0, 1), ("#000000",) * 2)


@pytest.mark.parametrize(
    ("bands", "side", "step", "exact"),
    [(4, 256, 1, True), (10, 512, 1, True), (10, 1024, 1, False), (16, 1024, 1, False),
     (10, 2048, 2, False)],
)  # fmt: skip
def test_the_parts_are_kept_as_fine_as_they_fit(bands, side, step, exact) -> None:
    """Up to 24 MiB travel as float32, up to 64 MiB as 16 bits, and beyond on a coarser grid."""
    chosen = plan(bands, side, side)
    assert (chosen.step, chosen.exact) == (step, exact)
    each = 8 if exact else 4
    assert each * bands * (-(-side // step)) ** 2 <= (EXACT_BYTES if exact else MOST_BYTES)
    note = plan_note(chosen, bands, side, side)
    assert (note is None) == (step == 1)
    if note is not None:
        assert "2048 × 2048" in note
        assert "1024 × 1024 pixels, each the mean of 2 × 2" in note


def test_a_large_image_is_worked_on_reduced(
    pair: FusedPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit parts and learned image are means of squares that still add up."""
    monkeypatch.setattr(whatif_parts, "MOST_BYTES", 4 * len(names_of(pair)) * 23 * 26)
    found = whatif_parts.live(Fused(pair, f"reduced-{pair.method.name}"), "learned", True)
    assert found.plan == whatif_parts.Plan(2, exact=False)
    mixture = found.mixture
    assert found.learned.shape == mixture.base.shape == (23, 26)
    assert np.abs(mixture.ct.sum(0) + mixture.mri.sum(0) - mixture.base).max() < 1e-5
    assert mixture.panels == (0, 1, 2)
    assert np.array_equal(found.learned, to_8bit(mixture.base))


def test_a_reduced_part_is_the_mean_of_its_squares() -> None:
    """Reducing keeps sums: every pixel is the mean of its square."""
    image = np.random.default_rng(0).random((6, 8), np.float32)
    small = reduced(image, 2)
    np.testing.assert_allclose(small, image.reshape(3, 2, 4, 2).mean((1, 3)), rtol=1e-5)
    assert reduced(image, 1) is image


def test_differences_have_signs_and_a_reading() -> None:
    """Better and worse follow the metric's direction; tiny differences are the same."""
    assert numbers.verdict(0.5, 0.6, "up") == "better"
    assert numbers.verdict(0.5, 0.6, "down") == "worse"
    assert numbers.verdict(0.5, 0.6, "none") == "changed"
    assert numbers.verdict(0.5, 0.50001, "up") == "same"
    assert numbers.verdict(float("nan"), 0.5, "up") == "–"
    assert numbers.difference(0.575, 0.440, "") == "−0.135"
    assert numbers.difference(15.2, 16.45, "dB") == "+1.25 dB"
    assert numbers.difference(0.5, 0.5, "") == "0.000"
