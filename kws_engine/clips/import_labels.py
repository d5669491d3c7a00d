"""Label tracks of Audacity beside recordings: a line for each word, with where it begins and ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from kws_engine.clips.import_layout import Arranged, Placed, with_speaker
from kws_engine.clips.import_speakers import SpeakerRule
from kws_engine.clips.import_tree import Found, SkippedFile, Tree
from kws_engine.errors import ProjectError

_LINE: Final = re.compile(r"\s*(\d+(?:[.,]\d+)?)\t\s*(\d+(?:[.,]\d+)?)(?:\t(.*))?")
_MOST_BYTES: Final = 2**25


@dataclass(frozen=True)
class Label:
    """What a stretch of a recording is, from and to in seconds; a point label begins and ends at one moment."""

    start_s: float
    end_s: float
    text: str


def read_labels(file: Path) -> list[Label]:
    """The labels of a track as Audacity exports it, in order; empty where the file is none.

    Lines of frequencies, which begin with a backslash, are passed over.

    Raises:
        ProjectError: It cannot be read.
    """
    try:
        if file.stat().st_size > _MOST_BYTES:
            return []
        text = file.read_bytes().decode("utf-8-sig", "replace")
    except OSError as error:
        raise ProjectError(f"{file} cannot be read ({error.strerror}): check that it is there.") from error
    labels = []
    for line in re.split(r"\r\n|\n|\r", text):
        if not line.strip() or line.startswith("\\"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            return []
        start, end = (float(match[number].replace(",", ".")) for number in (1, 2))
        labels.append(Label(start, max(start, end), " ".join((match[3] or "").split())))
    return sorted(labels, key=lambda label: (label.start_s, label.end_s))


def widened(labels: Sequence[Label], *, clip_s: float) -> list[Label]:
    """The labels made as long as a clip, so that no onset is cut, but not into the labels beside them."""
    wide = []
    for at, label in enumerate(labels):
        before = max((one.end_s for one in labels[:at]), default=0.0)
        after = labels[at + 1].start_s if at + 1 < len(labels) else float("inf")
        missing = max(0.0, clip_s - (label.end_s - label.start_s))
        start = max(label.start_s - missing / 2, min(before, label.start_s), 0.0)
        end = min(start + max(clip_s, label.end_s - start), max(after, label.end_s))
        wide.append(replace(label, start_s=start, end_s=end))
    return wide


def label_track_of(recording: Path) -> Path | None:
    """The label track beside a recording, which has its name: `day.txt` of `day.wav`."""
    track = recording.with_suffix(".txt")
    return track if track.is_file() and read_labels(track) else None


def by_track(found: Found, track: Path, rule: SpeakerRule, *, clip_s: float) -> Arranged:
    """The pieces of a recording that a label track names.

    Raises:
        ProjectError: The track cannot be read, or is none.
    """
    labels = read_labels(track)
    if not labels:
        raise ProjectError(f"{track.name} is no label track: export one in Audacity (File, Export Other).")
    arranged = Arranged(lists=[track])
    for label in widened(labels, clip_s=clip_s):
        if not label.text:
            reason = f"{found.name} has a label without a word at {label.start_s:.2f} s: write it there."
            arranged.skipped.append(SkippedFile(found.path, reason))
            continue
        placed = with_speaker(Placed(found, label.text), rule)
        arranged.placed.append(replace(placed, take=None, span_s=(label.start_s, label.end_s)))
    count = "1 label" if len(labels) == 1 else f"{len(labels):,} labels"
    arranged.notes.append(f"{track.name} has {count} for {found.name}: each piece is a clip.")
    return arranged


def by_labels(tree: Tree, rule: SpeakerRule, *, clip_s: float) -> Arranged:
    """The pieces of all recordings that have a label track beside them; those recordings leave the tree."""
    arranged = Arranged()
    texts = {path.with_suffix("") for path in tree.others if path.suffix.lower() == ".txt"}
    tracks: dict[Path, Path] = {}
    for found in tree.files if texts else ():
        track = label_track_of(found.path) if found.path.with_suffix("") in texts else None
        if track is not None:
            tracks[found.path] = track
            arranged.extend(by_track(found, track, rule, clip_s=clip_s))
    if tracks:
        tree.files = [found for found in tree.files if found.path not in tracks]
    return arranged
