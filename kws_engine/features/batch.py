"""Features of many clips at once, and as a graph for export; both equal `Pipeline.batch`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kws_engine.features.encoded import EncodedPipeline
from kws_engine.features.pipeline import FeaturePipeline, Pipeline

if TYPE_CHECKING:
    from torch import nn

    from kws_engine.features._torch import TorchFeatures


def torch_features(pipeline: FeaturePipeline) -> nn.Module:
    """A module that learns nothing and maps samples (B, N) to features (B, T, n_features), on any device."""
    from kws_engine.features._torch import EncodedFeatures

    return EncodedFeatures(pipeline).eval() if isinstance(pipeline, EncodedPipeline) else mel_features(pipeline)


def mel_features(pipeline: FeaturePipeline) -> TorchFeatures:
    """The same of a pipeline that has no encoder, with its band energies as a step of their own."""
    from kws_engine.features._torch import TorchFeatures

    assert isinstance(pipeline, Pipeline)
    return TorchFeatures(pipeline).eval()


def frontend_graph(pipeline: FeaturePipeline) -> nn.Module:
    """The same mapping in operations that every ONNX runtime has (convolution, square, matmul, log); N >= one window.

    What depends on earlier frames (PCEN, running mean, deltas) starts with the first sample: pass the window that the
    network is to classify, not a piece of a stream.
    """
    from kws_engine.features._torch import EncodedFeatures, FrontendGraph

    if isinstance(pipeline, EncodedPipeline):
        return EncodedFeatures(pipeline, for_export=True).eval()
    assert isinstance(pipeline, Pipeline)
    return FrontendGraph(pipeline).eval()
