"""Painted masks: what comes of them, without a browser."""

import json
from pathlib import Path

import numpy as np
import torch

from fusion_core.wavelets import analyse, band_names
from tests.lab_parts import network, parts_by
from ui.lab import paint_masks
from ui.lab.method_parts import array
from ui.lab.paint_component import pack

SCRIPTS = Path(paint_masks.__file__).parent


def random_masks(shapes: tuple[tuple[int, int], ...]) -> tuple[np.ndarray, ...]:
    """A mask per band."""
    rng = np.random.default_rng(9)
    return tuple(rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes)


def test_all_white_masks_give_the_ct_and_all_black_ones_the_mri() -> None:
    """A mask of 255 everywhere rebuilds the CT exactly, 0 the MRI, whatever the size and levels."""
    for levels in (1, 2, 3):
        canvas = paint_masks.canvas_of(parts_by(network("seed")), levels)
        for value, image in ((255, canvas.ct), (0, canvas.mri)):
            masks = tuple(np.full(shape, value, np.uint8) for shape in canvas.shapes)
            fused = array(paint_masks.fuse(canvas, masks).fused)
            np.testing.assert_allclose(255 * fused, image, atol=1e-3)


def test_band_shapes_are_those_of_the_transform() -> None:
    """The shapes that the browser is asked for are those that the decomposition has."""
    for size in ((37, 50), (64, 64), (5, 9)):
        bands = analyse(torch.zeros(1, 1, *size), "haar", 3)
        assert paint_masks.band_shapes(size, 3) == tuple(
            tuple(b.shape[2:]) for _, b in bands.items()
        )


def test_pooling_is_the_mean_of_blocks_with_the_border_repeated() -> None:
    """2 x 2 blocks are averaged and rounded; an odd last column counts twice."""
    mask = np.array([[0, 255, 10], [255, 255, 20]], np.uint8)
    assert paint_masks.pool(mask, 1).tolist() == [[191, 15]]
    assert paint_masks.pool(mask, 0) is mask


def test_masks_survive_the_way_through_the_browser() -> None:
    """Encoded masks come back as they were; anything of another size or kind is refused."""
    shapes = paint_masks.band_shapes((37, 50), 2)
    masks = random_masks(shapes)
    text = paint_masks.encode(masks)
    back = paint_masks.decode(text, shapes)
    assert back is not None
    assert all(np.array_equal(a, b) for a, b in zip(masks, back, strict=True))
    for bad in (text[:-8], text + "AAAA", "no base64!", None, 7, {"a": 1}):
        assert paint_masks.decode(bad, shapes) is None


def test_learned_start_of_a_convex_method_is_its_own_mask() -> None:
    """On the method's own haar grid the start "learned" fuses to what the method fuses."""
    parts = parts_by(network("seed"), (64, 64))
    canvas = paint_masks.canvas_of(parts, 1)
    fused = array(paint_masks.fuse(canvas, paint_masks.start_masks(canvas, True)).fused)
    np.testing.assert_allclose(fused, array(parts.pair.result.fused), atol=3 / 255)


def test_large_pairs_are_painted_smaller() -> None:
    """The longer side of the painting stays within its limit, and the aspect is kept."""
    parts = parts_by(network("seed"), (300, 1100))
    canvas = paint_masks.canvas_of(parts, 1)
    assert canvas.ct.shape == (140, paint_masks.LONGEST)
    assert canvas.learned[0].shape == canvas.ct.shape


def test_the_packed_canvas_says_its_sizes() -> None:
    """Header and samples lie where the browser looks for them."""
    canvas = paint_masks.canvas_of(parts_by(network("deep")), 2)
    data = pack(canvas, "half", 400)
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length])
    size = header["width"] * header["height"]
    assert tuple(header["names"]) == band_names(2)
    assert len(data) == 4 + length + size * (2 + len(header["names"]))
    assert data[4 + length : 4 + length + size] == canvas.ct.tobytes()


def test_the_painter_fetches_nothing() -> None:
    """The scripts of the painter name no address and build no HTML from text."""
    for name in ("painter.js", "paint_haar.js"):
        text = (SCRIPTS / name).read_text(encoding="utf-8")
        assert not any(word in text for word in ("http", "fetch(", "innerHTML", "import("))
