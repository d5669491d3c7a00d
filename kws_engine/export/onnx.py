"""Exports a network as an ONNX graph and compares the two."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from kws_engine.errors import TrainingError
from kws_engine.spotting.network_check import CheckedNetwork
from kws_engine.spotting.onnx_bytes import NetworkRefused

if TYPE_CHECKING:
    from torch import Tensor, nn

TOLERANCE = 1e-4
_OPSET = 18
_MOST_BYTES = 1 << 40


def to_onnx(module: nn.Module, example: Tensor, *, input_name: str, output_name: str, dynamic: dict[int, str]) -> bytes:
    """The graph of `module` in evaluation mode; `dynamic` names the axes of the input that may vary.

    Raises:
        TrainingError: The output of onnxruntime for the example differs from torch's by more than 1e-4 of its size.
    """
    import torch

    module = module.cpu().eval()
    names: dict[str, Any] = {"input_names": [input_name], "output_names": [output_name]}
    with _silent():
        # The exporter by tracing takes 0.1 s, the one by torch.export 4 to 6 s.
        graph = _traced(module, example, dynamic={input_name: dynamic}, **names)
        if not _is_let_through(graph, example, input_name=input_name):
            graph = _exported(module, example, dynamic, **names)
    with torch.no_grad():
        expected = module(example).numpy()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    difference = float(np.abs(session.run(None, {input_name: example.numpy()})[0] - expected).max())
    if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise TrainingError(f"The exported network differs from the trained one by {difference:.2g}: report this")
    return graph


def _traced(module: nn.Module, example: Tensor, *, dynamic: dict[str, dict[int, str]], **names: Any) -> bytes:
    import torch

    written = io.BytesIO()
    into: Any = written  # a file too, though the types name only paths
    torch.onnx.export(module, (example,), into, dynamo=False, dynamic_axes=dynamic, opset_version=_OPSET, **names)
    return written.getvalue()


def _exported(module: nn.Module, example: Tensor, dynamic: dict[int, str], **names: Any) -> bytes:
    import torch

    shapes = ({axis: torch.export.Dim(name) for axis, name in dynamic.items()},)
    program = torch.onnx.export(module, (example,), dynamo=True, dynamic_shapes=shapes, verbose=False, **names)
    model = program.model_proto  # type: ignore[union-attr]
    for node in model.graph.node:
        node.ClearField("metadata_props")  # the lines of code that it came from, with this machine's paths
    graph: bytes = model.SerializeToString()
    return graph


def _is_let_through(graph: bytes, example: Tensor, *, input_name: str) -> bool:
    """Whether a model file may hold it."""
    try:
        checked = CheckedNetwork(graph, input_name=input_name, window_shape=tuple(example.shape[1:]))
        checked.cost(len(example), most_bytes=_MOST_BYTES)
    except NetworkRefused:
        return False
    return True


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Hides the exporter's progress and deprecation warnings, which do not concern users."""
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger("torch.onnx").setLevel(level)
