"""Random pairs, untrained networks and what the laboratory takes a fusion into."""

import cv2
import numpy as np
import torch

from fusion_core.model import PRESETS, FusionNet
from imaging.image import Image
from pipelines.fuse import FusedPair, fuse_pair
from pipelines.methods import Method
from ui.caches import Fused
from ui.lab.method_parts import Parts, parts_of


def images(shape: tuple[int, int] = (37, 50), seed: int = 3) -> tuple[Image, Image]:
    """Two smooth random images of odd and even sides."""
    rng = np.random.default_rng(seed)
    made = []
    for name in ("ct", "mri"):
        smooth = cv2.GaussianBlur(rng.random(shape, dtype=np.float32), (0, 0), 2)
        smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
        made.append(Image(smooth.astype(np.float32), (0.0, 1.0), "grey", None, None, name))
    return made[0], made[1]


def network(preset: str) -> Method:
    """An untrained network as a method."""
    torch.manual_seed(4)
    net = FusionNet(PRESETS[preset]).eval()
    return Method(preset, preset, "checkpoint", "0" * 64, net.config, {}, torch.device("cpu"), net)


def parts_by(how: Method, shape: tuple[int, int] = (37, 50)) -> Parts:
    """A random pair fused and taken into its parts."""
    pair: FusedPair = fuse_pair(*images(shape), how)
    parts = parts_of(Fused(pair, f"{how.name}-{shape}"))
    assert parts is not None
    return parts
