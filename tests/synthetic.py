"""Small seeded pairs, folders of them and checkpoints for tests of pipelines and the shell."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fusion_core.checkpoint import save
from fusion_core.model import PRESETS, FusionConfig, FusionNet


def picture(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """A head-like disc with smooth seeded texture on a black background."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    inside = ((y / height - 0.5) ** 2 + (x / width - 0.5) ** 2) < 0.2
    texture = cv2.GaussianBlur(rng.random((height, width)), (0, 0), 1.5)
    span = texture.max() - texture.min() or 1.0
    grey: NDArray[np.uint8] = (inside * (40 + 200 * (texture - texture.min()) / span)).astype("u1")
    return grey


def write_png(path: Path, image: NDArray[np.integer[Any]]) -> Path:
    """Write an array as PNG, its folder included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return path


def write_pair(folder: Path, height: int = 32, width: int = 40) -> tuple[Path, Path]:
    """ct.png and mri.png of one synthetic pair."""
    ct = write_png(folder / "ct.png", picture(height, width, 1))
    return ct, write_png(folder / "mri.png", picture(height, width, 2))


def write_folder(folder: Path, names: tuple[str, ...] = ("1001", "1002", "2001")) -> Path:
    """A data folder with CT/ and MRI/."""
    for k, name in enumerate(names):
        write_png(folder / "CT" / f"{name}.png", picture(32, 40, 10 + k))
        write_png(folder / "MRI" / f"{name}.png", picture(32, 40, 50 + k))
    return folder


def write_checkpoint(
    folder: Path, name: str = "default", config: FusionConfig | None = None
) -> str:
    """A seeded, untrained checkpoint; returns its SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(3)
    model = FusionNet(config or PRESETS["deep-1"])
    return save(folder / f"{name}.safetensors", model, {"title": "A test model"})
