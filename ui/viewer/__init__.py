"""The one image viewer of the app: linked panels on a canvas, with picks, regions and windows."""

from .colours import DIVERGING, SEQUENTIAL, fade
from .component import viewer, viewer_state
from .mixing import Mix, Mixture
from .panels import Overlay, Panel, Pick, Preset, Roi, Stack, ViewerState

__all__ = [
    "DIVERGING",
    "SEQUENTIAL",
    "Mix",
    "Mixture",
    "Overlay",
    "Panel",
    "Pick",
    "Preset",
    "Roi",
    "Stack",
    "ViewerState",
    "fade",
    "viewer",
    "viewer_state",
]
