"""What a person points at to import: a folder, a zip, a table, a label track, or single recordings."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from kws_engine import audio
from kws_engine.clips.clip import EXPECTED, LONGEST_CLIP_S, is_audio_name
from kws_engine.clips.cutting import cut_at_pauses
from kws_engine.clips.import_files import ImportFile
from kws_engine.clips.import_labels import by_track, label_track_of, read_labels
from kws_engine.clips.import_layout import Arranged, Placed, with_speaker
from kws_engine.clips.import_list import LIST_COLUMNS
from kws_engine.clips.import_plan import Plan, plan_arranged, plan_import
from kws_engine.clips.import_speakers import SpeakerRule
from kws_engine.clips.import_tree import Found, SkippedFile
from kws_engine.clips.import_zip import unpack
from kws_engine.clips.project import Project
from kws_engine.clips.words import NOISE, speaker_id
from kws_engine.disk import write_atomically
from kws_engine.errors import AudioError, ProjectError

_LONG_CLIPS: Final = 3.0
_TABLES: Final = (".csv", ".tsv")


@dataclass(frozen=True)
class Pointed:
    """What is to be imported, and what is known of it.

    Attributes:
        paths: One folder, zip, table, label track or recording; or several recordings.
        words: Words among those that are there; None for all.
        rest_unknown: Whether the other words are such that the model must not answer to.
        rule: Where speakers are read from.
        list_file: A table of the recordings in a folder or zip.
        labels: A label track of a recording, where it does not lie beside it under its name.
        word: What single recordings say.
        cut: Whether single recordings say it again and again and are cut at the pauses.
    """

    paths: tuple[Path, ...]
    words: tuple[str, ...] | None = None
    rest_unknown: bool = False
    rule: SpeakerRule = field(default_factory=SpeakerRule)
    list_file: Path | None = None
    labels: Path | None = None
    word: str = ""
    cut: bool = False

    @property
    def title(self) -> str:
        """The name of the file or folder, or how many there are."""
        return self.paths[0].name if len(self.paths) == 1 else f"{len(self.paths)} recordings"


def pointed_at(paths: Sequence[Path], *, word: str, clip_s: float) -> Pointed:
    """What dropped files are, as far as they say it: recordings much longer than a clip are cut at the pauses.

    Args:
        paths: One folder, zip, table or label track; or recordings.
        word: What recordings say that have no label track.
        clip_s: How long a clip is.

    Raises:
        AudioError: A recording cannot be read.
    """
    found = Pointed(tuple(paths), word=word)
    recordings = [path for path in paths if path.is_file() and is_audio_name(path.name)]
    is_long = any(audio.info(path).seconds > _LONG_CLIPS * clip_s for path in recordings)
    return replace(found, cut=is_long and not any(map(label_track_of, recordings)))


def plan_pointed(
    project: Project,
    pointed: Pointed,
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Plan:
    """What an import of this would take as what; `import_planned` does it.

    Args:
        project: Where it is to go.
        pointed: What is to be imported.
        progress: Called with (done, in all) while a zip is unpacked or a recording is cut.
        should_stop: Called now and then; the plan then holds what was found by then.

    Raises:
        ProjectError: It is missing or cannot be read, nobody says which word it is, or there is nothing to import.
        AudioError: A recording to be cut cannot be read.
    """
    first = pointed.paths[0]
    for path in pointed.paths:
        if not path.exists():
            raise ProjectError(f"{path} is not there: choose a folder that holds {EXPECTED}, or a file.")
    if first.is_dir():
        return _plan_folder(project, first, pointed)
    if first.suffix.lower() == ".zip":
        unpacked = unpack(first, progress=progress, should_stop=should_stop)
        plan = _plan_folder(project, unpacked.folder, pointed)
        return replace(plan, keeps=unpacked, skipped=[*plan.skipped, *unpacked.skipped])
    if first.suffix.lower() in _TABLES:
        return _plan_folder(project, first.parent, replace(pointed, list_file=first))
    if first.suffix.lower() == ".txt":
        recording = _recording_of(first)
        return _plan_recordings(project, replace(pointed, paths=(recording,), labels=first), progress, should_stop)
    return _plan_recordings(project, pointed, progress, should_stop)


def _plan_folder(project: Project, folder: Path, pointed: Pointed) -> Plan:
    return plan_import(
        project,
        folder,
        words=pointed.words,
        rest_unknown=pointed.rest_unknown,
        rule=pointed.rule,
        list_file=pointed.list_file,
    )


def _recording_of(track: Path) -> Path:
    if not read_labels(track):
        raise ProjectError(
            f"{track.name} is no label track of Audacity: choose a recording, a folder, a zip or a table."
        )
    others = sorted(track.parent.glob(f"{_escaped(track.stem)}.*"))
    found = next((path for path in others if is_audio_name(path.name) and path.is_file()), None)
    if found is None:
        raise ProjectError(f"There is no recording called {track.stem} beside {track.name}: put it there.")
    return found


def _escaped(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _plan_recordings(
    project: Project,
    pointed: Pointed,
    progress: Callable[[int, int], None] | None,
    should_stop: Callable[[], bool] | None,
) -> Plan:
    arranged = Arranged()
    for path in pointed.paths:
        found = Found.at(path.absolute(), ())
        track = pointed.labels or (None if pointed.cut else label_track_of(path))
        if track is not None:
            arranged.extend(by_track(found, track, pointed.rule, clip_s=project.clip_ms / 1000))
        elif not pointed.word:
            raise ProjectError(
                f"Nobody says which word {path.name} is: name it (--word W), and have it cut at the pauses (--cut) "
                "where it is said several times; or put a label track beside it."
            )
        elif pointed.cut and pointed.word != NOISE:
            arranged.extend(_cut(project, found, pointed, progress, should_stop))
        else:
            arranged.extend(_whole(found, pointed))
    root = pointed.paths[0].absolute().parent
    plan = plan_arranged(project, root, arranged, words=pointed.words, rest_unknown=pointed.rest_unknown)
    return _named_after_files(plan) if plan.speakers_unknown else plan


def _named_after_files(plan: Plan) -> Plan:
    """Where nobody says who speaks, one person speaks in all the recordings, and is called as the first of them."""
    unknown = plan.one_speaker
    speaker = speaker_id(plan.files[0].path.stem) if plan.files else unknown
    plan.files.set_speaker(plan.files.rows_of(speaker=unknown).tolist(), speaker, is_given=False)
    return replace(plan, one_speaker=speaker)


def _whole(found: Found, pointed: Pointed) -> Arranged:
    try:
        seconds = audio.info(found.path).seconds
    except AudioError as error:
        return Arranged(skipped=[SkippedFile(found.path, str(error))])
    if seconds > LONGEST_CLIP_S and pointed.word != NOISE:
        reason = f"{found.name} lasts {seconds:.0f} s: have it cut at the pauses (--cut), or label it."
        return Arranged(skipped=[SkippedFile(found.path, reason)])
    return Arranged(placed=[with_speaker(Placed(found, pointed.word), pointed.rule)])


def _cut(
    project: Project,
    found: Found,
    pointed: Pointed,
    progress: Callable[[int, int], None] | None,
    should_stop: Callable[[], bool] | None,
) -> Arranged:
    pieces = cut_at_pauses(
        found.path, rate=project.rate, clip_samples=project.clip_samples, progress=progress, should_stop=should_stop
    )
    one = with_speaker(Placed(found, pointed.word), pointed.rule)
    placed = [replace(one, take=None, span_s=(piece.start_s, piece.end_s), remark=piece.remark) for piece in pieces]
    good = sum(not piece.remark for piece in pieces)
    doubtful = f", and {len(pieces) - good} more to listen to first" if len(pieces) > good else ""
    note = f"{found.name} was cut at the pauses: {good} {'take' if good == 1 else 'takes'}{doubtful}."
    return Arranged(placed=placed, notes=[note])


def list_row(file: ImportFile) -> list[str | float | None]:
    """One file to import as a row of a table with `LIST_COLUMNS`."""
    start, end = (None, None) if file.span_s is None else (round(second, 6) for second in file.span_s)
    return [str(file.path), file.word, file.speaker, file.split, start, end]


def write_list(target: Path, files: Iterable[ImportFile]) -> None:
    """Writes what would be taken as what to a table, which a person may change and import.

    Raises:
        ProjectError: It cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(LIST_COLUMNS)
    writer.writerows(list_row(file) for file in files)
    write_atomically(target, text.getvalue().encode())
