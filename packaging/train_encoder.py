"""Trains the robust speech encoder from Google's, and writes its weights.

    sh packaging/train_encoder.sh [OUTPUT]

Or by hand, from the repository root; ``docs/encoder.md`` tells what comes of it:

    .venv/bin/python packaging/train_encoder.py --output FILE

It needs the recordings of people that ``kws_engine/bench/_people.py`` names; of those only what may train what ships is
read. It takes about 35 minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from encoder.sounds import Pairs, People
from encoder.training import Checked, Options, trained
from safetensors.torch import save_file

from kws_engine.bench._people import folder_of_people, recordings
from kws_engine.features._encoder_network import Encoder


def main() -> None:
    """Reads, trains, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--steps", type=int, default=Options.steps)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    folder = folder_of_people()
    if folder is None:
        raise SystemExit("There are no recordings of people: name their folder in KWS_SHARED_DATA.")
    training, checking = (
        Pairs(People.of(recordings(folder), part), seed=arguments.seed) for part in ("training", "calibration")
    )
    encoder = trained(Encoder("google"), training, checking, Options(steps=arguments.steps), told=_tell)
    weights = encoder.convolutions.state_dict()
    save_file({f"conv{name}": values.contiguous() for name, values in weights.items()}, arguments.output)


def _tell(checked: Checked) -> None:
    losses = ", ".join(f"{loss:.3f} at {snr_db:g} dB" for snr_db, loss in checked.losses.items())
    print(f"step {checked.step}: {losses}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
