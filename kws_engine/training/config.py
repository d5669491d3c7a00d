"""The options of the training loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kws_engine.spec import option


@dataclass(frozen=True)
class TrainingConfig:
    epochs: int = option(
        40, "Epochs", "How often every clip is seen at most; early stopping may end the run sooner.", low=1, high=10_000
    )
    batch_size: int = option(128, "Batch size", "Clips per step of the optimizer.", low=1, high=8192)
    learning_rate: float = option(
        8e-3,
        "Learning rate",
        "The largest step size of the schedule. Too high diverges, too low learns slowly.",
        low=1e-7,
        high=10.0,
        log=True,
    )
    schedule: Literal["one_cycle", "cosine", "step", "constant"] = option(
        "one_cycle",
        "Schedule",
        "How the learning rate changes: up and down again, only down, to a tenth at a time, or not at all.",
    )
    drops: int = option(
        2,
        "Drops",
        "How often the learning rate falls to a tenth, at equal intervals.",
        low=1,
        high=10,
        shown_when=("schedule", "step"),
    )
    optimizer: Literal["adamw", "sgd"] = option(
        "adamw", "Optimizer", "AdamW adapts each weight's step; SGD with momentum is the classic."
    )
    momentum: float = option(
        0.9,
        "Momentum",
        "How much of the previous step each step keeps.",
        low=0.0,
        high=0.999,
        shown_when=("optimizer", "sgd"),
    )
    weight_decay: float = option(
        0.1,
        "Weight decay",
        "Shrinks every weight by the same share at each step, apart from the loss. L2 (under Regularizers) is a term "
        "of the loss: AdamW divides its pull by the size of a weight's gradients, so that weights with large gradients "
        "hardly shrink. With SGD the two differ only by a factor.",
        low=0.0,
        high=1.0,
        log=True,
    )
    label_smoothing: float = option(
        0.0,
        "Label smoothing",
        "Share of the certainty that is spread over all labels: the network learns not to be overconfident, which "
        "helps where some recordings have the wrong label; 0 is off, 0.1 is usual.",
        low=0.0,
        high=0.5,
    )
    mixup: float = option(
        0.0,
        "Mixup",
        "Blends pairs of clips and their labels. Blends are drawn from Beta(a, a): 0 is off, 0.2 leaves most pairs "
        "nearly unmixed, 1 makes every blend equally likely.",
        low=0.0,
        high=2.0,
    )
    early_stopping: bool = option(
        True,
        "Early stopping",
        "Stops when the validation loss no longer falls.",
    )
    patience: int = option(
        20,
        "Patience",
        "Epochs without a new best before the run stops.",
        low=1,
        high=1000,
        unit="epochs",
        shown_when=("early_stopping", True),
    )
    minimum_gain: float = option(
        0.0,
        "Minimum gain",
        "How much lower the validation loss must be to count as a new best.",
        low=0.0,
        high=10.0,
        advanced=True,
        shown_when=("early_stopping", True),
    )
    keep: Literal["best", "last"] = option(
        "best",
        "Weights kept",
        "Those of the epoch with the lowest validation loss, or of the last one: with very few validation clips the "
        "lowest loss is chance.",
        advanced=True,
    )
    averaging: float = option(
        0.98,
        "Weight averaging",
        "How much of the running average of the weights each step keeps; the average is evaluated and saved. 0 is off.",
        low=0.0,
        high=0.9999,
        advanced=True,
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = option(
        "auto", "Device", "Where the network trains; auto uses a graphics card when there is one."
    )
    precision: Literal["auto", "float32", "bfloat16"] = option(
        "auto",
        "Precision",
        "bfloat16 does the network's arithmetic with half as many bits while it trains; auto uses it where it is "
        "faster: on graphics cards that support it, with large networks.",
        advanced=True,
    )
    class_balance: Literal["off", "draws", "weights"] = option(
        "off",
        "Class balance",
        "Where some words have more clips than others: draws all words equally often, or gives rare ones more "
        "weight in the loss.",
        advanced=True,
    )
    fresh_share: float = option(
        0.125,
        "Share augmented anew",
        "How much of an epoch's sound is augmented anew; the rest is reused from earlier epochs, with new changes to "
        "its spectrogram. 1 augments everything anew, which takes several times as long.",
        low=0.01,
        high=1.0,
        advanced=True,
    )
    clips_per_epoch: int = option(
        1500,
        "Clips per epoch, at least",
        "The clips of a small project are repeated, each time augmented anew, until an epoch has this many.",
        low=1,
        high=1_000_000,
        advanced=True,
    )
    silence_share: float = option(
        0.08,
        "Share of silence",
        "How much of an epoch is background noise without a word.",
        low=0.0,
        high=0.5,
        advanced=True,
    )
    unknown_share: float = option(
        0.2,
        "Share of other words, at most",
        "How much of an epoch is other words, to learn what not to respond to.",
        low=0.0,
        high=0.9,
        advanced=True,
    )
    made_up_share: float = option(
        0.15,
        "Share of synthetic words",
        "How much of an epoch is pieces of the recordings joined at random: they teach the network to wait for a whole "
        "word.",
        low=0.0,
        high=0.5,
        advanced=True,
    )
    talk_share: float = option(
        0.15,
        "Share of talk",
        "How much of an epoch is continuous talk, as other words: recordings in the project's folder `talk`, and the "
        "program's own. It teaches the network to stay silent while somebody speaks; 0 is off.",
        low=0.0,
        high=0.5,
    )
    hard_talk_share: float = option(
        0.5,
        "Hardest talk",
        "How much of that talk is drawn from where the network so far came closest to hearing a word. It is looked for "
        "five times in a run; 0 is off.",
        low=0.0,
        high=1.0,
        advanced=True,
    )
    synthetic_takes: int = option(
        0,
        "Synthetic voices",
        "How many times synthetic voices say each word, where this machine has any: neither voice nor microphone then "
        "tells the word from others. For networks on the speech embedding; never validated on.",
        low=0,
        high=2000,
        advanced=True,
    )
    synthetic_others: int = option(
        0,
        "Words that sound near",
        "How many times they say what sounds almost like a word, as other words: its parts, and words that differ in a "
        "sound. For networks on the speech embedding.",
        low=0,
        high=2000,
        advanced=True,
    )
    shipped_unknown: bool = option(
        True,
        "Use shipped other words",
        "Where the project has few recordings of other words, adds the program's synthetic ones.",
        advanced=True,
    )
    false_alarms_per_hour: float = option(
        0.5,
        "False alarms an hour",
        "After training, the thresholds are set so that all words together fire falsely at most so often in an hour of "
        "talk. Fewer false alarms cost missed words.",
        low=0.01,
        high=1000.0,
    )
