"""Nodes and constants of an ONNX graph in the making."""

from typing import Any, cast

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import Tensor, nn

_END = 2**62


class Graph:
    """Nodes and constants in the making; every method returns the name of what it added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._known: dict[tuple[str, bytes, tuple[int, ...]], str] = {}

    def op(self, kind: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        """Add a node with one output."""
        name = out or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def tensor(self, values: NDArray[np.generic]) -> str:
        """Add a constant, or find the same one."""
        key = (str(values.dtype), values.tobytes(), values.shape)
        if key not in self._known:
            name = self._known[key] = f"constant_{len(self.constants)}"
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return self._known[key]

    def number(self, value: float) -> str:
        return self.tensor(np.array(value, np.float32))

    def whole(self, *values: int) -> str:
        return self.tensor(np.array(values, np.int64))

    def side(self, x: str, axis: int) -> str:
        """Length of an axis, as one whole number in a vector."""
        return self.op("Gather", self.op("Shape", x), self.whole(axis), axis=0)

    def sides(self, x: str) -> str:
        """Height and width."""
        return self.op("Gather", self.op("Shape", x), self.whole(2, 3), axis=0)

    def channel(self, x: str, *channels: int) -> str:
        return self.op("Gather", x, self.whole(*channels), axis=1)

    def every_second(self, x: str, axis: int, first: int) -> str:
        return self.op(
            "Slice", x, self.whole(first), self.whole(_END), self.whole(axis), self.whole(2)
        )

    def crop(self, x: str, sides: str) -> str:
        return self.op("Slice", x, self.whole(0, 0), sides, self.whole(2, 3))

    def add(self, *terms: str) -> str:
        total = terms[0]
        for term in terms[1:]:
            total = self.op("Add", total, term)
        return total

    def mul(self, x: str, y: str) -> str:
        return self.op("Mul", x, y)

    def sub(self, x: str, y: str) -> str:
        return self.op("Sub", x, y)

    def convolve(self, x: str, layer: nn.Module) -> str:
        """A convolution layer."""
        conv = cast(nn.Conv2d, layer)
        inputs = [self.tensor(_numpy(conv.weight))]
        if conv.bias is not None:
            inputs.append(self.tensor(_numpy(conv.bias)))
        pads = [int(side) for side in conv.padding] * 2
        return self.op(
            "Conv", x, *inputs, kernel_shape=list(conv.kernel_size), pads=pads,
            strides=list(conv.stride), dilations=list(conv.dilation),
        )  # fmt: skip


def _numpy(tensor: Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = tensor.detach().cpu().contiguous().numpy().astype(np.float32)
    return found
