"""CT-MRI image fusion in the wavelet domain with learned, inspectable masks.

Tensors in, tensors out; no files but checkpoints, no screens.
"""

from fusion_core.checkpoint import Checkpoint, CheckpointError, list_checkpoints, load
from fusion_core.model import PRESETS, FusionConfig, FusionNet, FusionResult, Masks
from fusion_core.provenance import attribute, contributions, what_if
from fusion_core.rules import RULES, get_rule
from fusion_core.wavelets import Subbands, analyse, synthesise

__version__ = "0.1.0"

__all__ = [
    "PRESETS",
    "RULES",
    "Checkpoint",
    "CheckpointError",
    "FusionConfig",
    "FusionNet",
    "FusionResult",
    "Masks",
    "Subbands",
    "analyse",
    "attribute",
    "contributions",
    "get_rule",
    "list_checkpoints",
    "load",
    "synthesise",
    "what_if",
]
