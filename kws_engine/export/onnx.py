"""Exports a network as an ONNX graph and compares the two."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from kws_engine.errors import TrainingError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from kws_engine.export.stream_modules import StreamFrontend

TOLERANCE = 1e-4
_OPSET = 18


def to_onnx(module: nn.Module, example: Tensor, *, input_name: str, output_name: str, dynamic: dict[int, str]) -> bytes:
    """The graph of `module` in evaluation mode; `dynamic` names the axes of the input that may vary.

    Raises:
        TrainingError: The output of onnxruntime for the example differs from torch's by more than 1e-4 of its size.
    """
    import torch

    module = module.cpu().eval()
    written = io.BytesIO()
    with _silent():
        # The exporter by torch.export takes 4 to 6 s for such a network, this one 0.1 s.
        torch.onnx.export(
            module,
            (example,),
            written,
            dynamo=False,
            input_names=[input_name],
            output_names=[output_name],
            dynamic_axes={input_name: dynamic},
            opset_version=_OPSET,
        )
    graph = written.getvalue()
    with torch.no_grad():
        expected = module(example).numpy()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    difference = float(np.abs(session.run(None, {input_name: example.numpy()})[0] - expected).max())
    if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise TrainingError(f"The exported network differs from the trained one by {difference:.2g}: report this")
    return graph


def to_onnx_with_states(frontend: StreamFrontend, look_samples: int, *, operators: int) -> bytes:
    """The graph of a front end: "samples" (1, look_samples) and its states to "features" and the states, as "new_...".

    Args:
        frontend: In evaluation mode.
        look_samples: Samples of one look.
        operators: The version of ONNX's operators to use.
    """
    import torch

    examples = (torch.zeros(1, look_samples), *(torch.zeros(shape) for shape in frontend.states.values()))
    with _silent():
        program = torch.onnx.export(
            frontend,
            examples,
            dynamo=True,
            input_names=["samples", *frontend.states],
            output_names=["features", *(f"new_{name}" for name in frontend.states)],
            opset_version=operators,
            verbose=False,
        )
        graph: bytes = program.model_proto.SerializeToString()  # type: ignore[union-attr]
    return graph


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
