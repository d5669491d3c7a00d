"""Features of many clips at once, and as a graph for export; both equal `Pipeline.batch`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kws_engine.features.pipeline import Pipeline

if TYPE_CHECKING:
    from torch import nn

    from kws_engine.features._torch import TorchFeatures


def torch_features(pipeline: Pipeline) -> TorchFeatures:
    """A module without parameters that maps samples (B, N) to features (B, T, n_features), on any device."""
    from kws_engine.features._torch import TorchFeatures

    return TorchFeatures(pipeline).eval()


def frontend_graph(pipeline: Pipeline) -> nn.Module:
    """The same mapping in operations that every ONNX runtime has (convolution, square, matmul, log); N >= one window.

    What depends on earlier frames (PCEN, running mean, deltas) starts with the first sample: pass the window that the
    network is to classify, not a piece of a stream.
    """
    from kws_engine.features._torch import FrontendGraph

    return FrontendGraph(pipeline).eval()
