"""Export of a checkpoint to ONNX, and the check that ONNX Runtime computes the same."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fusion_core.architectures import to_dict
from fusion_core.checkpoint import Checkpoint
from fusion_core.phantom import HeadConfig, render_slice
from fusion_core.wavelets import Subbands
from imaging.errors import InputError
from pipelines.export import STAMP

TOLERANCE = 1e-5
"""Largest difference of any value, on a scale from black 0 to white 1, that counts as agreement."""

SIZES = ((256, 256), (181, 217), (64, 97), (33, 20))
"""Rows and columns that an export is checked on: even and odd, square and not."""

NEEDS = "onnx==1.23.2 onnxruntime==1.32.0"


@dataclass(frozen=True)
class Agreement:
    """How far ONNX Runtime is from this program on one pair.

    Attributes:
        rows, columns: of the pair.
        fused: largest difference of a fused pixel; black is 0, white 1.
        passed: largest difference of what a mask lets through, the mask times its coefficient;
            None for a model without masks, as is the next.
        same: share of the masks' values that agree within :data:`TOLERANCE` themselves. It is not
            quite 1 for a bounded model: where an image is black or white and nothing may change,
            the factor that shrinks a gate is a quotient of two roundings, in either program.
    """

    rows: int
    columns: int
    fused: float
    passed: float | None
    same: float | None

    @property
    def worst(self) -> float:
        """The larger of both differences."""
        return max(self.fused, self.passed or 0.0)

    @property
    def holds(self) -> bool:
        """Whether the image and what the masks let through agree within :data:`TOLERANCE`."""
        return self.worst <= TOLERANCE


@dataclass(frozen=True, eq=False)
class OnnxExport:
    """An ONNX file that was checked.

    Attributes:
        data: the file.
        outputs: names of what it returns.
        checks: one per size of :data:`SIZES`.
        runtime: version of ONNX Runtime that the check ran with.
    """

    data: bytes
    outputs: tuple[str, ...]
    checks: tuple[Agreement, ...]
    runtime: str


def export_onnx(checkpoint: Checkpoint, sizes: Sequence[tuple[int, int]] = SIZES) -> OnnxExport:
    """Write a checkpoint as ONNX and hold it against this program.

    The graph takes ``ct`` and ``mri``, (batch, 1, height, width) float32 in [0, 1] of any size,
    and returns ``fused``, not clamped, and the masks.

    Raises:
        InputError: the packages are not installed, or the two programs do not agree.
    """
    try:
        import onnx
        import onnxruntime

        from pipelines.onnx_graph import build_graph, output_names
    except ImportError as error:
        raise InputError(
            f"Export to ONNX needs two more packages; run: pip install {NEEDS}."
        ) from error
    outputs = output_names(checkpoint.model)
    cpu = Checkpoint(
        checkpoint.name, checkpoint.model.to("cpu"), checkpoint.metadata, checkpoint.sha256,
        checkpoint.path,
    )  # fmt: skip
    graph = build_graph(cpu.model, outputs)
    graph.doc_string = (
        f"{STAMP}. CT-MRI fusion by {cpu.name}. ct and mri: (batch, 1, height, width) float32, "
        "windowed to [0, 1]. fused is not clamped; clamp it to [0, 1] for display. The others are "
        "masks: the share of a source's coefficient in a wavelet band that enters the image."
    )
    onnx.helper.set_model_props(graph, _properties(cpu))
    onnx.checker.check_model(graph, full_check=True)
    data = graph.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # hints on the graph's optimisation are no news for the user
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    checks = tuple(_compare(session, cpu, outputs, *size) for size in sizes)
    if wrong := next((c for c in checks if not c.holds), None):
        raise InputError(
            f"ONNX Runtime {onnxruntime.__version__} does not compute what this program computes "
            f"for {cpu.name}: a difference of {wrong.worst:.1e} at "
            f"{wrong.columns} × {wrong.rows} pixels, where {TOLERANCE:.0e} is allowed; no file was "
            "made."
        )
    return OnnxExport(data, outputs, checks, onnxruntime.__version__)


def check_table(export: OnnxExport) -> str:
    """The check as plain text, one line per size."""
    lines = [f"{'pixels':<12}{'fused':>10}{'passed':>10}{'masks':>10}"]
    for check in export.checks:
        passed = "none" if check.passed is None else f"{check.passed:.1e}"
        same = "none" if check.same is None else f"{100 * check.same:.3f} %"
        size = f"{check.columns} × {check.rows}"
        lines.append(f"{size:<12}{check.fused:>10.1e}{passed:>10}{same:>10}")
    return "\n".join(
        [
            *lines,
            "fused, passed: largest difference of a pixel, and of mask times coefficient; white "
            "is 1.",
            f"masks: share of their values that agree within {TOLERANCE:.0e}.",
        ]
    )


def sample_pair(rows: int, columns: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A synthetic head of any size, (rows, columns) each, in [0, 1]."""
    side = max(rows, columns, 32)
    head = render_slice(HeadConfig(seed=3, size=side, spacing_mm=0.9 * 256 / side), 22.0)
    top, left = (side - rows) // 2, (side - columns) // 2
    cut = np.s_[top : top + rows, left : left + columns]
    return np.ascontiguousarray(head.ct01[cut]), np.ascontiguousarray(head.mr01[cut])


def _properties(checkpoint: Checkpoint) -> dict[str, str]:
    return {
        "name": checkpoint.name,
        "sha256": checkpoint.sha256,
        "config": json.dumps(to_dict(checkpoint.model.config), sort_keys=True),
        "use": STAMP,
    }


def _compare(
    session: Any, checkpoint: Checkpoint, outputs: tuple[str, ...], rows: int, columns: int
) -> Agreement:
    ct, mri = (image[None, None] for image in sample_pair(rows, columns))
    fused, *masks = session.run(list(outputs), {"ct": ct, "mri": mri})
    with torch.inference_mode():
        ours = checkpoint.model(torch.from_numpy(ct), torch.from_numpy(mri))
    apart = float(np.abs(fused - ours.fused.numpy()).max())
    if ours.masks is None:
        return Agreement(rows, columns, apart, None, None)
    expected, bands = _arrays(ours.masks), _arrays((ours.ct, ours.mri))
    gaps = [np.abs(x - y) for x, y in zip(masks, expected, strict=True)]
    passed = max(float((gap * np.abs(z)).max()) for gap, z in zip(gaps, bands, strict=True))
    same = sum(int((gap <= TOLERANCE).sum()) for gap in gaps) / sum(gap.size for gap in gaps)
    return Agreement(rows, columns, apart, passed, same)


def _arrays(sources: Iterable[Subbands]) -> list[NDArray[np.float32]]:
    """Bands in the order of the graph's outputs."""
    return [band.numpy() for bands in sources for _, band in bands.items()]
