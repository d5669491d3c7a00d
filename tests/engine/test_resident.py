"""Memory that only starting needed is given back, and nothing is lost by it."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
import tone_model

from kws_engine.resident import clean_mappings

SMAPS = """\
7f00-7f10 r-xp 00000000 08:01 77 /usr/lib/one.so
Size: 64 kB
Anonymous:             0 kB
7f10-7f20 r--p 00010000 08:01 77 /usr/lib/one.so
Anonymous:             8 kB
7f20-7f30 rw-p 00020000 08:01 77 /usr/lib/one.so
Anonymous:             0 kB
7f30-7f40 r--p 00000000 00:00 0
Anonymous:             0 kB
7f40-7f50 r--s 00000000 08:01 78 /tmp/shared
Anonymous:             0 kB
7f50-7f60 r--p 00000000 08:01 77 /usr/lib/one.so
Anonymous:             0 kB
"""


def test_only_pages_that_are_as_in_their_file_are_given_back() -> None:
    assert clean_mappings(SMAPS) == [(0x7F00, 0x7F10), (0x7F50, 0x7F60)]


CODE = """
import pathlib, sys
import numpy as np
import tone_model
from kws_engine.resident import give_back
from kws_engine.spotting.model_file import SpottingModel

def resident():
    told = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in told if line.startswith("VmRSS"))

sound = np.concatenate([tone_model.pause(2), tone_model.tone("low"), tone_model.pause(2)])
model = SpottingModel(sys.argv[1])
before = [step.scores for step in model.detector().feed(sound)]
most = resident()
give_back()
least = resident()
after = [step.scores for step in model.detector().feed(sound)]
assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)) and len(before) == len(after)
print(most, least, resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells which pages are clean")
def test_a_listener_is_smaller_afterwards_and_hears_the_same(tmp_path: pathlib.Path) -> None:
    model = tone_model.write(tmp_path / "tones.kws")
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(model)], capture_output=True, text=True, check=False,
        env={"PYTHONPATH": f"{root}:{root / 'tests'}", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    most, least, later = map(int, done.stdout.split())
    assert least < later < 0.8 * most
