"""Provenance: parts add up exactly, shares follow their definitions."""

import math
import random

import pytest
import torch

from fusion_core import (
    FusionConfig,
    FusionNet,
    FusionResult,
    Masks,
    attribute,
    contributions,
    get_rule,
    what_if,
)
from fusion_core.provenance import clipped_share, energies, pixel, region
from fusion_core.wavelets import MODES, NAMED_WAVELETS, WAVELETS, analyse
from pipelines.fuse import to_8bit
from ui.figures import breakdown_bars


def fuse(size=(33, 47), **settings):
    ct, mri = torch.rand(2, 2, 1, *size)
    with torch.inference_mode():
        return FusionNet(FusionConfig(**settings))(ct, mri)


@pytest.mark.parametrize("wavelet", NAMED_WAVELETS)
@pytest.mark.parametrize("levels", [1, 2, 3, 5])
@pytest.mark.parametrize("gating", ["convex", "independent"])
@pytest.mark.parametrize("mode", ["symmetric", "zero", "periodic", "reflect"])
def test_parts_add_up_to_the_fused_image(wavelet, levels, gating, mode) -> None:
    """The images of all bands and sources sum to the unclamped fused image within 1e-5."""
    result = fuse(wavelet=wavelet, levels=levels, gating=gating, mode=mode)
    parts = attribute(result)
    assert parts.ct.shape == parts.mri.shape == (2, 3 * levels + 1, 33, 47)
    assert (parts.ct_only + parts.mri_only - result.fused).abs().max() <= 1e-5
    assert (parts.shown - result.fused.clamp(0, 1)).abs().max() <= 1e-5


def test_a_part_is_its_band_alone() -> None:
    """Each image is what synthesis makes of that band with all others zero."""
    from fusion_core.wavelets import synthesise

    result = fuse(wavelet="bior4.4", levels=3, gating="independent")
    parts = attribute(result)
    gated = result.masks.mri.combine(result.mri, torch.mul)
    for k, name in enumerate(parts.names):
        alone = gated.map(torch.zeros_like)
        if name == "LL3":
            alone = alone._replace(ll=gated.ll)
        else:
            level, field = int(name[2]) - 1, name[:2].lower()
            details = list(alone.details)
            band = getattr(gated.details[level], field)
            details[level] = details[level]._replace(**{field: band})
            alone = alone._replace(details=tuple(details))
        expected = synthesise(alone, "bior4.4", (33, 47))
        assert torch.allclose(parts.mri[:, k : k + 1], expected, atol=1e-5)


def test_pixels_and_regions_sum_to_what_is_shown() -> None:
    """CT part + MRI part + clipping is the shown value, for pixels and for region means."""
    ct, mri = torch.rand(2, 1, 1, 20, 24)
    result = get_rule("sum")(ct, mri)  # the clipped sum: the clipping bar is not empty
    parts = attribute(result)
    shown = result.fused.clamp(0, 1)[0, 0]
    for row, column in ((0, 0), (19, 23), (7, 11)):
        piece = pixel(parts, row, column)
        assert piece.shown == pytest.approx(float(shown[row, column]), abs=1e-5)
        assert sum(piece.ct) == pytest.approx(float(ct[0, 0, row, column]), abs=1e-5)
    piece = region(parts, (2, 3, 12, 20))
    assert piece.clipping < -0.05
    assert piece.shown == pytest.approx(float(shown[2:12, 3:20].mean()), abs=1e-5)
    assert sum(piece.ct) + sum(piece.mri) + piece.clipping == pytest.approx(piece.shown, abs=1e-9)


@pytest.mark.parametrize("wavelet", NAMED_WAVELETS)
@pytest.mark.parametrize("levels", [1, 2, 3, 5])
@pytest.mark.parametrize("gating", ["convex", "independent"])
def test_bars_and_clipping_are_the_shown_grey_level(wavelet, levels, gating) -> None:
    """At random pixels the bars of all bands, clipping included, are the 8-bit value on the
    screen within half a grey level, where a good part of the image is clipped."""
    ct, mri = (torch.rand(2, 1, 1, 41, 52) > 0.5).float()
    with torch.inference_mode():
        result = FusionNet(FusionConfig(wavelet=wavelet, levels=levels, gating=gating))(ct, mri)
    # Half as much again, so that both ends of the range are left.
    masks = Masks(*(source.map(lambda mask: 1.5 * mask) for source in result.masks))
    strong = FusionResult(1.5 * result.fused, masks, result.ct, result.mri, result.wavelet)
    parts = attribute(strong)
    shown = (strong.fused.clamp(0, 1) * 255).round()[0, 0]
    clipped = 0
    for row, column in torch.stack(
        (torch.randint(41, (40,)), torch.randint(52, (40,))), 1
    ).tolist():
        piece = pixel(parts, row, column)
        bars = 255 * (sum(piece.ct) + sum(piece.mri) + piece.clipping)
        assert abs(bars - float(shown[row, column])) <= 0.5 + 1e-3
        clipped += abs(piece.clipping) > 0.5 / 255
    assert clipped > 0


@pytest.mark.parametrize("gating", ["convex", "independent"])
def test_bars_add_up_for_any_wavelet_level_and_border(gating) -> None:
    """The same for random wavelets of all there are, levels, borders and sizes, and for the bars
    as they are drawn: CT's, MRI's and clipping's end where the bar of the shown value ends."""
    draw = random.Random(f"bars {gating}")
    clipped = 0
    for _ in range(30):
        wavelet, levels = draw.choice(WAVELETS), draw.randint(1, 5)
        mode, size = draw.choice(MODES), (draw.randint(9, 70), draw.randint(9, 70))
        ct, mri = torch.rand(2, 1, 1, *size).mul(1.6).sub(0.3).clamp(0, 1)
        net = FusionNet(FusionConfig(wavelet=wavelet, levels=levels, mode=mode, gating=gating))
        with torch.inference_mode():
            made = net(ct, mri)
        masks = Masks(*(source.map(lambda mask: 1.5 * mask) for source in made.masks))
        result = FusionResult(1.5 * made.fused, masks, made.ct, made.mri, wavelet)
        parts = attribute(result)
        shown = to_8bit(result.fused[0, 0].numpy())
        for _ in range(8):
            row, column = draw.randrange(size[0]), draw.randrange(size[1])
            found = pixel(parts, row, column)
            total = 255 * (sum(found.ct) + sum(found.mri) + found.clipping)
            about = f"{wavelet}, {levels} levels, {mode}, {size}, pixel {row}, {column}"
            assert abs(total - float(shown[row, column])) <= 0.5 + 1e-3, about
            clipped += abs(found.clipping) > 0.5 / 255
        *bars, whole = (trace for trace in breakdown_bars(found).data if trace.type == "bar")
        drawn = sum(value for bar in bars for value in bar.x if value is not None)
        assert drawn == pytest.approx(total, abs=1e-3), about
        assert whole.x[-1] == pytest.approx(total, abs=1e-3), about
    assert clipped > 10


def test_shares_by_the_three_definitions() -> None:
    """Mean mask, energy and attribution shares follow from masks of .75 and CT = 2 MRI."""
    net = FusionNet(FusionConfig())
    for p in net.parameters():
        torch.nn.init.zeros_(p)
    torch.nn.init.constant_(net.mask_nets[0].layers[-2].bias, math.log(3))  # sigmoid = .75
    mri = torch.rand(1, 1, 32, 32) / 2
    with torch.inference_mode():
        result = net(2 * mri, mri)
    for share in contributions(result):
        assert share.mask == pytest.approx(0.75, abs=1e-6)
        assert share.energy == pytest.approx(36 / 37, abs=1e-5)  # (.75 * 2)^2 : .25^2
        assert share.attribution == pytest.approx(6 / 7, abs=1e-5)
        assert (share.mean_mask_ct, share.mean_mask_mri) == pytest.approx((0.75, 0.25))


def test_an_empty_band_has_no_share() -> None:
    """Two black images give NaN shares by energy and attribution, not an error."""
    black = torch.zeros(1, 1, 8, 8)
    shares = contributions(get_rule("mean")(black, black))
    assert all(math.isnan(s.energy) and math.isnan(s.attribution) for s in shares)
    assert all(s.mask == 0.5 for s in shares)


def test_energies_of_a_known_image() -> None:
    """A constant image is all LL; a checkerboard of 0 and 1 is half LL, half HH."""
    flat = energies(analyse(torch.ones(1, 1, 8, 8), "haar"))
    assert [e.raw for e in flat] == pytest.approx([1, 0, 0, 0])
    assert all(math.isnan(e.centred) for e in flat)
    board = (torch.arange(8)[:, None] + torch.arange(8)[None]).remainder(2).float()
    checked = energies(analyse(board[None, None], "haar"))
    assert [e.raw for e in checked] == pytest.approx([0.5, 0, 0, 0.5])
    assert [e.centred for e in checked] == pytest.approx([0, 0, 0, 1])


def test_what_if_scales_and_mutes() -> None:
    """Factors of 1 give the fused image, 0 takes a band out, 2 adds it once more."""
    result = fuse(levels=2, wavelet="db2")
    parts = attribute(result)
    assert torch.allclose(what_if(parts), result.fused, atol=1e-5)
    muted = what_if(parts, ct=dict.fromkeys(parts.names, 0.0))
    assert torch.allclose(muted, parts.mri_only, atol=1e-5)
    doubled = what_if(parts, mri={"HL1": 2.0})
    assert torch.allclose(doubled - result.fused, parts.mri[:, 5:6], atol=1e-5)


def test_clipped_share_counts_half_grey_levels() -> None:
    """Only pixels that clamping moves by more than half of 1/255 count."""
    from fusion_core import FusionResult

    fused = torch.tensor([0.5, 1.001, 1.01, -0.01]).view(1, 1, 1, 4)
    assert clipped_share(FusionResult(fused)) == 0.5
    assert clipped_share(FusionResult(fused), fused > 1.005) == 1.0


def test_errors_say_what_to_do() -> None:
    """Pixel rules, unknown bands and places outside are refused with the reason."""
    with pytest.raises(ValueError, match="works on pixels"):
        attribute(get_rule("max")(torch.rand(4, 4), torch.rand(4, 4)))
    parts = attribute(fuse())
    with pytest.raises(ValueError, match=r"Unknown bands XX; this result has LL, LH, HL, HH\."):
        what_if(parts, ct={"XX": 1})
    with pytest.raises(ValueError, match="33x47"):
        pixel(parts, 33, 0)
    with pytest.raises(ValueError, match="empty"):
        region(parts, (4, 4, 4, 9))
