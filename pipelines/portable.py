"""A checkpoint as a folder that runs without this program: weights, settings, code, a check."""

import hashlib
import io
import json
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pywt
import torch
from numpy.typing import NDArray

from fusion_core.architectures import to_dict
from fusion_core.checkpoint import Checkpoint, save
from fusion_core.model import FusionConfig, FusionResult
from fusion_core.provenance import attribute
from imaging.errors import InputError
from imaging.write import encode_png
from pipelines.export import STAMP, write_file
from pipelines.fuse import to_8bit
from pipelines.onnx_export import sample_pair

WEIGHTS = "weights.safetensors"
EXAMPLE_SIZE = (217, 181)
"""Odd on both sides, so that the example sees every border."""

_CODE = Path(__file__).resolve().parent / "standalone"
_LICENCE = Path(__file__).resolve().parent.parent / "LICENSE"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def portable_files(checkpoint: Checkpoint) -> dict[str, bytes]:
    """Every file of the folder, by its path in it.

    The code needs numpy and torch only: the wavelet's filters stand in ``config.json``.
    """
    files = {WEIGHTS: _weights(checkpoint)}
    for name in ("fuse.py", "check.py"):
        files[name] = (_CODE / name).read_bytes()
    files |= _example(checkpoint)
    if _LICENCE.is_file():
        files["LICENSE"] = _LICENCE.read_bytes()
    config = {
        "name": checkpoint.name,
        "use": STAMP,
        "sha256": checkpoint.sha256,
        "settings": to_dict(checkpoint.model.config),
        "filters": _filters(checkpoint),
        "weights": WEIGHTS,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }
    files["config.json"] = (json.dumps(config, indent=2) + "\n").encode()
    files["README.md"] = _readme(checkpoint).encode()
    return dict(sorted(files.items()))


def portable_zip(checkpoint: Checkpoint) -> bytes:
    """The folder as a zip, the same bytes whenever it is made."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in portable_files(checkpoint).items():
            entry = zipfile.ZipInfo(f"{checkpoint.name}/{name}", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def write_portable(checkpoint: Checkpoint, folder: Path) -> Path:
    """Write the folder.

    Raises:
        InputError: it is there already and not empty, or cannot be written.
    """
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder} is there already; name a folder that is new or empty.")
        for name, data in portable_files(checkpoint).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_file(folder / name, data)
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}).") from error
    return folder


def _weights(checkpoint: Checkpoint) -> bytes:
    """A checkpoint of this program whose bytes depend on its content alone."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / WEIGHTS
        save(path, checkpoint.model, checkpoint.metadata)
        data = path.read_bytes()
    # safetensors writes the keys of its header in any order.
    (size,) = struct.unpack("<Q", data[:8])
    header = json.dumps(json.loads(data[8 : 8 + size]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data[8 + size :]


def _filters(checkpoint: Checkpoint) -> dict[str, list[float]]:
    config = checkpoint.model.config
    if not isinstance(config, FusionConfig):
        return {}
    wavelet = pywt.Wavelet(config.wavelet)
    return {name: list(getattr(wavelet, name)) for name in ("dec_lo", "dec_hi", "rec_lo", "rec_hi")}


def _example(checkpoint: Checkpoint) -> dict[str, bytes]:
    ct, mri = sample_pair(*EXAMPLE_SIZE)
    with torch.inference_mode():
        model = checkpoint.model.to("cpu")
        result = model(torch.from_numpy(ct), torch.from_numpy(mri))
    arrays = {"ct": ct, "mri": mri, "expected_fused": result.fused[0, 0].numpy()} | _parts(result)
    files = {f"example/{name}.npy": _npy(array) for name, array in arrays.items()}
    for name in ("ct", "mri"):
        files[f"example/{name}.png"] = encode_png(to_8bit(arrays[name]))
    files["example/fused.png"] = encode_png(to_8bit(arrays["expected_fused"]))
    return files


def _parts(result: FusionResult) -> dict[str, NDArray[np.float32]]:
    if result.masks is None:
        return {}
    found = attribute(result)
    return {
        "expected_ct_part": found.ct_only[0, 0].numpy(),
        "expected_mri_part": found.mri_only[0, 0].numpy(),
    }


def _npy(array: NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array, np.float32))
    return buffer.getvalue()


def _readme(checkpoint: Checkpoint) -> str:
    config = checkpoint.model.config
    about = str(checkpoint.metadata.get("summary") or f"A fusion model: {config.summary}.")
    masks = (
        "\n`--details` writes the masks, one per wavelet band and source, and what each source "
        "adds to the\nfused image (`ct_part` + `mri_part` = fused).\n"
        if isinstance(config, FusionConfig)
        else "\nThis model has no masks: nothing in its image can be traced to a source.\n"
    )
    return f"""# {checkpoint.name}

{" ".join(about.split())}

**{STAMP}.** This folder fuses a CT and an MRI image of the same anatomy; it needs Python 3.10 or
newer, `numpy` and `torch` (2.4 or newer), nothing else.

```sh
python check.py                                      # is it whole, and does it compute the same?
python fuse.py example/ct.npy example/mri.npy -o fused.npy --details details.npz
python fuse.py CT.png MRI.png -o fused.png           # needs Pillow
```
{masks}
- **Input:** two images of one size, already aligned, windowed so that black is 0 and white is 1.
- **Output:** the fused image as float32, not clamped; clamp it to [0, 1] for display. `.png`
  files are clamped and have 8 bits. A fused grey value has no Hounsfield unit.
- **Settings:** `config.json`. **Weights:** `{WEIGHTS}`, which holds numbers only.
- **SHA-256 of settings and weights:** `{checkpoint.sha256}`
- **Example:** a synthetic head, no patient; `expected_*.npy` is what was computed at
  the export.
"""
