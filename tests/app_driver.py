"""Drives the app without a browser, with untrained checkpoints of known shapes."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from streamlit.testing.v1 import AppTest

from fusion_core.checkpoint import save
from fusion_core.model import PRESETS, FusionNet
from fusion_core.phantom import HeadConfig, render_slice
from imaging.write import encode_png

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT = 60


def write_checkpoints(folder: Path) -> None:
    """Put untrained models there: ``default`` has three levels and two gates, ``one`` is convex."""
    torch.manual_seed(0)
    for name, preset in (("default", "deep"), ("one", "seed")):
        save(folder / f"{name}.safetensors", FusionNet(PRESETS[preset]), {})


def png_pair(size: int = 96, seed: int = 1) -> tuple[bytes, bytes]:
    """A small synthetic CT and MRI as 8-bit PNG files."""
    head = render_slice(HeadConfig(seed=seed, size=size, spacing_mm=0.9 * 256 / size), 12.0)
    return encode_png(head.ct01), encode_png(head.mr01)


def grey_png(height: int, width: int) -> bytes:
    """A ramp as PNG."""
    ramp = np.linspace(0, 255, height * width).reshape(height, width)
    return encode_png(np.rint(ramp).astype(np.uint8))


def start() -> AppTest:
    """The app on its first screen."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=TIMEOUT).run()
    assert not app.exception
    return app


def open_page(app: AppTest, page: str) -> AppTest:
    """Go to another page in the same session."""
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def by_key(widgets: Any, prefix: str) -> Any:
    """The one widget whose key starts so."""
    (found,) = (widget for widget in widgets if widget.key and widget.key.startswith(prefix))
    return found


def own_images(app: AppTest) -> AppTest:
    """Turn to the drop zones."""
    by_key(app.button_group, "images-from").set_value("My images").run()
    return app


def upload(app: AppTest, slot: str, name: str, data: bytes) -> AppTest:
    """Drop one file into the CT or the MRI zone, in place of the one before."""
    by_key(app.file_uploader, f"upload-{slot}").set_value((name, data, "")).run()
    return app


def shown(app: AppTest) -> Any:
    """The fused pair that is on the screen."""
    return app.session_state["twf_last"].pair


def words(app: AppTest) -> str:
    """All text of a screen."""
    kinds = (app.get("html"), app.caption, app.markdown, app.info, app.error, app.warning)
    return "\n".join(
        str(getattr(x, "value", None) or getattr(x.proto, "body", "")) for k in kinds for x in k
    )
