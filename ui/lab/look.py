"""How the laboratory shows and saves: charts with a download button, pictures as PNG."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from imaging.write import encode_png
from pipelines.export import STAMP
from ui import theme
from ui.colours import GROUND


def chart(figure: go.Figure, key: str, label: str, name: str) -> None:
    """Show a chart in the app's look; its camera button saves it as SVG, drawn in the browser.

    Args:
        figure: the figure.
        key: widget key.
        label: what a screen reader says.
        name: name of the file, without its ending.
    """
    # A file is looked at without the page behind it, so the ground belongs to the figure.
    figure.update_layout(theme.layout() | {"paper_bgcolor": GROUND})
    config: dict[str, Any] = {
        "displayModeBar": True,
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "svg", "filename": name},
    }
    st.plotly_chart(figure, key=key, theme=None, config=config, alt=label)


def save_picture(
    label: str, make: Callable[[], NDArray[Any]], name: str, describe: str, key: str
) -> None:
    """A button that saves a picture as PNG; it is drawn only when asked for.

    Args:
        label: text of the button.
        make: gives (H, W) or (H, W, 3) uint8, or (H, W) float in [0, 1].
        name: name of the file, without its ending.
        describe: one sentence on what the picture shows, stored in the file.
        key: widget key.
    """

    def png() -> bytes:
        return encode_png(make(), text={"Description": describe, "Comment": STAMP})

    st.download_button(
        label, png, f"{name}.png", "image/png", key=key, on_click="ignore",
        icon=":material/download:", type="tertiary",
    )  # fmt: skip
