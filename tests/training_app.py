"""Drives the Train page without a browser: tiny runs, zips and folders of pairs."""

import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from tests.app_driver import by_key, open_page, png_pair, start

PAIR = png_pair(32, 1)


def train_page() -> AppTest:
    """The Train page of a new visitor."""
    return open_page(start(), "train")


def fill(app: AppTest, **values: object) -> AppTest:
    """Type into number fields by the end of their keys, then run once."""
    for name, value in values.items():
        (found,) = (n for n in app.number_input if n.key.endswith(f"-{name}"))
        found.set_value(value)
    return app.run()


def check_heads(app: AppTest, heads: int = 3) -> AppTest:
    """Choose a few tiny synthetic heads and ask for their report."""
    fill(app, heads=heads, slices=1, side=32, size=32, crop=32, epochs=2, batch_size=2)
    return by_key(app.button, "train-check").click().run()


def zip_of(files: dict[str, bytes]) -> bytes:
    """A zip file of paths and contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return buffer.getvalue()


def pair_files(*names: str, root: str = "") -> dict[str, bytes]:
    """CT and MRI of the same names."""
    return {f"{root}{side}/{n}.png": PAIR[i] for n in names for i, side in enumerate(("CT", "MRI"))}


def write_pairs(folder: Path, *names: str) -> Path:
    """Pairs of the same names as files."""
    for path, data in pair_files(*names).items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return folder


def until(what: Callable[[], Any], seconds: float = 240.0) -> Any:
    """Wait for a condition of the training thread."""
    end = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > end:
            raise TimeoutError("it did not happen in time")
        time.sleep(0.05)
    return found
