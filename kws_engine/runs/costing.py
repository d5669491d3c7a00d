"""How many parameters and multiply-accumulates a network would have, as a question for the warm process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from kws_engine.runs.warm import Question


@dataclass(frozen=True)
class CostAnswer:
    """Parameters of a network, and its multiply-accumulates for one clip."""

    parameters: int
    macs: int


@dataclass(frozen=True)
class CostQuestion(Question[CostAnswer]):
    """What a network would cost.

    Attributes:
        settings: As of `Settings.to_dict`.
        n_samples: Length of a clip.
        rate: Its samples a second.
        n_labels: Outputs of the network, `_unknown_` and `_silence_` among them.
    """

    unexpected: ClassVar[str] = "There is no such network"
    lost: ClassVar[str] = (
        "Parameters and MACs cannot be counted: the process that counts them ended; training still works"
    )

    settings: Mapping[str, Any]
    n_samples: int
    rate: int
    n_labels: int

    def answer(self) -> CostAnswer:
        """Builds the network without memory for its weights, and counts.

        Raises:
            SpecError: The options leave no network.
        """
        import torch

        from kws_engine.models.counting import count
        from kws_engine.runs.checking import check
        from kws_engine.settings import Settings

        settings = Settings.from_dict(self.settings)
        pipeline, network = check(settings, rate=self.rate, n_samples=self.n_samples, n_labels=self.n_labels)
        with torch.device("meta"):
            cost = count(
                network, n_frames=pipeline.n_frames(pipeline.window_for(self.n_samples)), n_features=pipeline.n_features
            )
        return CostAnswer(cost.parameters, cost.macs)
