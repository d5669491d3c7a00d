"""Exports a network as an ONNX graph and compares the two."""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

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
    lean = lean_copy(module, merge=True)
    graph = exported(lean, (example,), inputs=[input_name], outputs=[output_name], dynamic={input_name: dynamic})
    if not _is_let_through(graph, example, input_name=input_name):
        graph = _exported_slowly(lean, example, input_name=input_name, output_name=output_name, dynamic=dynamic)
    with torch.no_grad():
        expected = module(example).numpy()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    difference = float(np.abs(session.run(None, {input_name: example.numpy()})[0] - expected).max())
    if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise TrainingError(f"The exported network differs from the trained one by {difference:.2g}: report this")
    return graph


def exported(
    module: nn.Module,
    examples: tuple[Tensor, ...],
    *,
    inputs: list[str],
    outputs: list[str],
    dynamic: dict[str, dict[int, str]] | None = None,
    opset: int = _OPSET,
) -> bytes:
    """The graph of a module in evaluation mode; nothing is compared."""
    import torch

    written = io.BytesIO()
    with _silent():
        # The exporter by torch.export takes 4 to 6 s for such a network, this one 0.1 s.
        torch.onnx.export(
            module,
            examples,
            written,  # type: ignore[arg-type]
            dynamo=False,
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=dynamic,
            opset_version=opset,
        )
    return written.getvalue()


def lean_copy(module: nn.Module, *, merge: bool = False) -> nn.Module:
    """The same network with layers that need fewer operators: a third less time for an answer of a small one.

    What training needs otherwise costs here: a mean over maps becomes one operator, and a 1 x 1 convolution takes its
    steps itself. With `merge`, a committee of heads becomes one network, which takes two thirds of the time.
    """
    from torch import nn

    from kws_engine.export._merging import merged
    from kws_engine.models._layers import Committee, MapMeans, Subsample

    lean = copy.deepcopy(module)
    if merge and isinstance(lean, Committee):
        return merged(lean) or lean
    for parent in list(lean.modules()):
        children = list(parent.named_children())
        for name, child in children:
            if isinstance(child, nn.AdaptiveAvgPool2d) and child.output_size in (1, (1, 1)):
                setattr(parent, name, MapMeans())
        for (name, first), (_, second) in itertools.pairwise(children):
            is_point = isinstance(second, nn.Conv2d) and second.kernel_size == (1, 1) and second.padding in (0, (0, 0))
            if isinstance(parent, nn.Sequential) and isinstance(first, Subsample) and is_point:
                if second.stride == (1, 1):
                    second.stride = (first.rows, first.columns)  # type: ignore[assignment]
                    setattr(parent, name, nn.Identity())
    return lean


def _exported_slowly(
    module: nn.Module, example: Tensor, *, input_name: str, output_name: str, dynamic: dict[int, str]
) -> bytes:
    import torch

    shapes = ({axis: torch.export.Dim(name) for axis, name in dynamic.items()},)
    with _silent():
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            input_names=[input_name],
            output_names=[output_name],
            dynamic_shapes=shapes,
            verbose=False,
        )
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
