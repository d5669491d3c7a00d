"""Words by the synthetic voices that this machine has: real ones, odd texts, and programs that do not answer."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kws_engine import audio
from kws_engine.errors import KwsError
from kws_engine.synthesis import SYNTHESIZERS, _child, _espeak, _program, flite, speaking
from kws_engine.synthesis._voice_files import package_folder
from kws_engine.synthesis.neighbours import neighbours
from kws_engine.synthesis.script import language_of
from kws_engine.synthesis.speaking import say_many, speak, speakable, voices
from kws_engine.synthesis.voice import Voice, is_phonemic

RATE = 16_000
needs_espeak = pytest.mark.skipif(_espeak.data() is None, reason="espeak-ng is not installed")
needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
ENGINES = sorted({voice.engine for voice in voices()})


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    _child.close_idle()


@pytest.fixture
def _no_programs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a machine without espeak-ng and flite."""
    remembered = (_espeak.program, _espeak.data, _espeak.accents, _espeak._phonemes, speaking._known)
    for part in remembered:
        part.cache_clear()
    with monkeypatch.context() as alone:
        alone.setenv("PATH", "")
        yield
    for part in remembered:
        part.cache_clear()


def of(engine: str, language: str = "en") -> Voice:
    return next(voice for voice in voices(language) if voice.engine == engine)


@pytest.mark.all_parts
def test_every_synthesizer_introduces_itself_and_names_its_own_voices() -> None:
    assert {"espeak", "flite", "kokoro", "piper"} <= set(SYNTHESIZERS.names())
    for entry in SYNTHESIZERS:
        assert entry.title and entry.summary.endswith(".")
        found = entry.build(entry.config()).voices("en")
        assert {voice.engine for voice in found} <= {entry.name}
        assert len(set(found)) == len(found)
        assert entry.build(entry.config()).voices("xx") == []


@pytest.mark.parametrize("engine", ENGINES)
def test_every_synthesizer_here_speaks(engine: str) -> None:
    samples = speak("computer", of(engine), rate=RATE)
    assert samples.dtype == np.float32
    assert 0.3 < len(samples) / RATE < 1.5
    assert np.abs(samples).max() == pytest.approx(speaking.PEAK, abs=1e-4)
    assert audio.rms_db(samples[: RATE // 1000]) < -30, "a faded start"
    assert audio.rms_db(samples) > -30, "mostly speech"


@pytest.mark.parametrize("engine", ENGINES)
def test_pace_and_pitch_change_what_they_say(engine: str) -> None:
    voice = of(engine)
    slow, fast = (speak("computer lights", voice, pace=pace) for pace in (0.8, 1.25))
    assert len(fast) < 0.85 * len(slow)
    low, high = (_fundamental(speak("nine", voice, pitch=pitch)) for pitch in (-5.0, 5.0))
    assert 1.3 < high / low < 2.6, "10 semitones are a factor of 1.8"
    low, high = (len(speak("computer lights", voice, pitch=pitch)) for pitch in (-5.0, 5.0))
    assert high == pytest.approx(low, rel=0.25)


def _fundamental(samples: np.ndarray) -> float:
    """In Hz, by autocorrelation of the loudest 100 ms."""
    size = RATE // 10
    power = np.convolve(samples**2, np.ones(size), "valid")
    part = samples[int(power.argmax()) :][:size]
    likeness = np.correlate(part, part, "full")[size - 1 :]
    first, last = RATE // 450, RATE // 60
    return RATE / (first + int(likeness[first:last].argmax()))


@needs_espeak
def test_espeak_brings_many_voices_the_first_ones_different() -> None:
    found = [voice for voice in voices("en") if voice.engine == "espeak"]
    assert len({voice.name for voice in found[:40]}) == 40
    assert len({voice.language for voice in found[:4]}) > 1
    assert {voice.language for voice in voices("de")} == {"de"}


@needs_espeak
@pytest.mark.slow
def test_every_espeak_voice_says_something() -> None:
    for voice in {voice.name: voice for voice in voices("en") if voice.engine == "espeak"}.values():
        assert 0.2 < len(speak("stop", voice)) / RATE < 1.2, voice


@pytest.mark.parametrize("text", ["", " ", "😀", "\x00\n", "--", "[[", "?!"])
def test_what_has_nothing_to_say_is_refused(text: str) -> None:
    with pytest.raises(KwsError, match="nothing that a voice could say"):
        speakable(text)


def test_a_long_text_is_refused_with_its_length() -> None:
    with pytest.raises(KwsError, match="500 characters are too many"):
        speakable("x" * 500)
    assert speakable("x" * speaking.MOST_CHARACTERS)
    with pytest.raises(KwsError, match="characters are too many"):
        speakable(f"[[{'s' * 1000}]]")


def test_a_text_is_one_line_without_controls_and_symbols() -> None:
    assert speakable(" stop\n now\t😀\x1b ") == "stop now"
    assert speakable("cafe\u0301") == "café"


@pytest.mark.parametrize("engine", [name for name in ("espeak", "flite") if name in ENGINES])
@pytest.mark.parametrize(
    "text",
    [
        "-x",
        "--help",
        "--stdout",
        "-o /tmp/x",
        "a \"b\" 'c'",
        "$(false) `false` ; |",
        "a\nb",
        "<b>no</b>",
        "/etc/passwd",
    ],
)
def test_a_text_is_never_an_option_a_command_or_a_file(
    engine: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    samples = speak(text, of(engine))
    assert 0.1 < len(samples) / RATE < 6
    assert not list(tmp_path.iterdir())


@needs_espeak
def test_a_dash_is_read_as_what_follows_it() -> None:
    assert np.array_equal(speak("-x", of("espeak")), speak("x", of("espeak"))) or _espeak.program() is None
    assert _espeak.phonemes(["-x"], "en-us", style="ipa") == _espeak.phonemes(["x"], "en-us", style="ipa")


@needs_espeak
def test_brackets_inside_a_text_are_no_phonemes() -> None:
    assert is_phonemic("[[st'0p]]") and is_phonemic("[[st'0p]] [[n'aU]]")
    assert not is_phonemic("say [[st'0p]]") and not is_phonemic("[[ ]]")
    voice = of("espeak")
    assert len(speak("[[st'0p]]", voice)) == pytest.approx(len(speak("stop", voice)), rel=0.2)
    assert len(speak("say [[st'0p]]", voice)) > 1.5 * len(speak("say stop", voice)), "spelled, as any text"


@pytest.mark.parametrize(
    ("text", "language", "read"),
    [
        ("stop", "de", "de"),
        ("7", "en", "en"),
        ("привет", "en", "ru"),
        ("привіт", "uk", "uk"),
        ("مرحبا", "en", "ar"),
        ("你好", "en", "cmn"),
        ("日本", "ja", "ja"),
        ("日本です", "en", "ja"),
        ("안녕", "en", "ko"),
        ("नमस्ते", "en-gb", "hi"),
        ("OK Google привет привет", "en", "ru"),
    ],
)
def test_the_language_follows_the_script(text: str, language: str, read: str) -> None:
    assert language_of(text, language) == read


@needs_espeak
@pytest.mark.parametrize("text", ["привет", "مرحبا", "안녕", "नमस्ते", "γεια"])
def test_a_word_in_another_script_is_read_in_its_language(text: str) -> None:
    (said,) = say_many([text], per_word=1)
    assert said.voice.language == language_of(text)
    assert 0.2 < len(said.samples) / RATE < 1.5
    with pytest.raises(KwsError, match=f"take a voice for {said.voice.language}"):
        speak(text, of("espeak"))


@needs_espeak
def test_what_would_be_named_and_not_read_is_refused() -> None:
    with pytest.raises(KwsError, match="does not know how to read"):
        speak("日本", of("espeak", "ja"))


@needs_espeak
@pytest.mark.skipif(package_folder("pypinyin") is not None, reason="pypinyin is installed")
def test_chinese_without_pinyin_says_what_to_do() -> None:
    with pytest.raises(KwsError, match="write it in pinyin, or install pypinyin"):
        list(say_many(["你好"], per_word=1))
    assert list(say_many(["ni3 hao3"], per_word=1, language="zh"))


def test_what_is_outside_of_the_limits_is_refused() -> None:
    voice = Voice("espeak", "f2", "en-us")
    with pytest.raises(KwsError, match=r"pace of 3 is outside 0\.5 to 2"):
        speak("stop", voice, pace=3)
    with pytest.raises(KwsError, match="pitch of -13 is outside -12 to 12"):
        speak("stop", voice, pitch=-13)


@pytest.mark.parametrize(
    "voice", [Voice("nobody", "x"), Voice("espeak", "no", "en-us"), Voice("espeak", "f2;-w", "en-us")]
)
def test_an_unknown_voice_is_refused(voice: Voice) -> None:
    with pytest.raises(KwsError, match="is not installed"):
        speak("stop", voice)


@needs_espeak
def test_the_same_seed_says_the_same_and_another_one_not() -> None:
    def said(seed: int) -> list[tuple[str, Voice, float, float]]:
        made = say_many(["stop", "go"], per_word=12, seed=seed)
        return [(one.text, one.voice, one.pace, one.pitch) for one in made]

    first = said(1)
    assert first == said(1)
    assert first != said(2)
    assert [text for text, *_ in first] == ["stop"] * 12 + ["go"] * 12
    only_go = [(one.text, one.voice, one.pace, one.pitch) for one in say_many(["go"], per_word=12, seed=1)]
    assert only_go == first[12:], "whatever the other words are"


@pytest.mark.skipif(_espeak.program() is None, reason="the program espeak-ng is not installed")
def test_programs_give_the_very_same_samples_again() -> None:
    configs = {entry.name: entry.config(share=float(entry.name in ("espeak", "flite"))) for entry in SYNTHESIZERS}
    once, again = (list(say_many(["stop"], per_word=20, configs=configs)) for _ in range(2))
    assert all(np.array_equal(one.samples, other.samples) for one, other in zip(once, again, strict=True))


@needs_espeak
def test_many_are_spread_over_engines_speakers_paces_and_pitches() -> None:
    said = list(say_many(["stop"], per_word=40))
    assert len({one.voice.speaker for one in said}) >= 24
    assert {one.voice.engine for one in said} == set(ENGINES)
    assert min(one.pace for one in said) < 0.9 < 1.1 < max(one.pace for one in said)
    assert min(one.pitch for one in said) < -1 < 1 < max(one.pitch for one in said)
    assert all(0.8 <= one.pace <= 1.25 for one in said)


@needs_flite
def test_phonemes_are_only_for_those_who_read_them() -> None:
    with pytest.raises(KwsError, match="does not read phonemes"):
        speak("[[st'0p]]", of("flite"))
    if "espeak" in ENGINES:
        assert "flite" not in {one.voice.engine for one in say_many(["[[st'0p]]"], per_word=6)}


@needs_flite
def test_a_share_of_nothing_leaves_a_synthesizer_out() -> None:
    configs = {entry.name: entry.config(share=float(entry.name == "flite")) for entry in SYNTHESIZERS}
    assert {one.voice.engine for one in say_many(["stop"], per_word=8, configs=configs)} == {"flite"}
    assert {voice.engine for voice in voices(configs=configs)} == {"flite"}


@needs_espeak
def test_nothing_is_said_for_nobody_who_listens() -> None:
    many = say_many(["stop"], per_word=10_000)
    assert next(many).text == "stop"
    many.close()  # does not wait for ten thousand


@needs_espeak
def test_words_are_checked_before_anything_is_said() -> None:
    with pytest.raises(KwsError, match="nothing that a voice could say"):
        say_many(["stop", "😀"], per_word=1)


def test_a_machine_without_voices_says_so() -> None:
    configs = {entry.name: entry.config(share=0.0) for entry in SYNTHESIZERS}
    with pytest.raises(KwsError, match="no voice for en: install espeak-ng"):
        say_many(["stop"], per_word=1, configs=configs)


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
def test_a_program_that_does_not_answer_is_ended(tmp_path: Path) -> None:
    with pytest.raises(KwsError, match=r"did not answer within 0\.2 s"):
        _program.output_of([sys.executable, "-c", "import threading; threading.Event().wait()"], seconds=0.2)
    with pytest.raises(KwsError, match="no-such-program cannot be started"):
        _program.output_of(["no-such-program"], seconds=1)
    failing = tmp_path / "failing"
    failing.write_text("#!/bin/sh\necho out of tune >&2\nexit 3\n", encoding="utf-8")
    failing.chmod(failing.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(KwsError, match="failed: out of tune"):
        _program.output_of([str(failing)], seconds=5)


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
def test_another_voice_speaks_where_one_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "espeak" not in ENGINES or "flite" not in ENGINES:
        pytest.skip("needs two synthesizers")
    hanging = tmp_path / "flite"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    hanging.chmod(hanging.stat().st_mode | stat.S_IXUSR)
    flite._installed()  # as it was when the voices were listed
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(KwsError, match=r"flite did not answer within 0\.3 s"):
        speak("stop", of("flite"), seconds=0.3)
    monkeypatch.setattr(speaking.speak, "__kwdefaults__", {**speaking.speak.__kwdefaults__, "seconds": 0.3})
    configs = {entry.name: entry.config(share=float(entry.name in ("flite", "espeak"))) for entry in SYNTHESIZERS}
    assert {one.voice.engine for one in say_many(["stop"], per_word=6, configs=configs)} == {"espeak"}


def test_a_process_that_crashes_or_hangs_is_an_error_and_the_next_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd_part.py").write_text(
        "import os, threading\n"
        "def opened():\n"
        "    def answer(request):\n"
        "        print('noise on the way')\n"
        "        {'crash': os.abort, 'hang': threading.Event().wait, 'fail': lambda: 1 / 0}.get(request['do'], int)()\n"
        "        return {'did': request['do']}, b'1234'\n"
        "    return answer\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KwsError, match="odd_part crashed"):
        _child.ask("odd_part", {"do": "crash"}, seconds=20)
    with pytest.raises(KwsError, match="odd_part did not answer within 2 s"):
        _child.ask("odd_part", {"do": "hang"}, seconds=2)
    with pytest.raises(KwsError, match="odd_part failed: division by zero"):
        _child.ask("odd_part", {"do": "fail"}, seconds=20)
    head, body = _child.ask("odd_part", {"do": "well"}, seconds=20)
    assert (head["did"], body) == ("well", b"1234")
    assert len(_child._idle) == 1
    _child.close_idle()
    assert not _child._idle


def test_synthesis_loads_no_torch() -> None:
    code = "import sys, kws_engine.synthesis.neighbours as n; n.voices = 1; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"


@needs_espeak
def test_neighbours_of_a_word_sound_near_it() -> None:
    found = neighbours("stop", count=30)
    assert len(found) == len(set(found)) == 30
    assert {"top", "shop"} <= set(found)
    assert "stop" not in found
    by_sound = [one for one in found if is_phonemic(one)]
    assert {"[[S|t2|'0|p]]", "[[t2|'0|p]]", "[[s|k|'0|p]]"} <= set(by_sound)
    assert by_sound[:2] == ["[[s|t2|'0]]", "[['0|p]]"], "its halves"
    assert neighbours("stop", count=5) == found[:5]


@needs_espeak
def test_the_word_itself_said_otherwise_is_no_neighbour() -> None:
    found = neighbours("computer", count=200)
    assert not {"computer", "komputer", "cumputer", "camputer", "compuder"} & set(found)
    assert "[[k|@|m|p]]" in found


@needs_espeak
def test_neighbours_of_a_phrase_have_its_words_and_their_other_order() -> None:
    assert neighbours("computer lights", count=3) == ["computer", "lights", "lights computer"]
    found = neighbours("computer lights", count=100)
    assert any(one.startswith("computer ") for one in found) and any(one.endswith(" lights") for one in found)


@needs_espeak
def test_neighbours_of_the_longest_phrase_can_be_said() -> None:
    phrase = "turn off all the lights of the living room and then lock every window of the house behind me please"
    found = neighbours(phrase, count=60)
    assert len(found) == 60 and any(map(is_phonemic, found))
    assert all(map(speakable, found))


@needs_espeak
@pytest.mark.parametrize("word", ["-x", "7", "a", "привет", "مرحبا", "[[st'0p]]"])
def test_neighbours_of_odd_words_can_be_said(word: str) -> None:
    found = neighbours(word, count=6)
    assert len(found) == 6
    assert len(list(say_many(found, per_word=1, language=language_of(word)))) == 6


def test_without_espeak_neighbours_go_by_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_espeak, "accents", lambda language: ())
    found = neighbours("stop", count=40)
    assert {"st", "op", "shop", "top"} <= set(found)
    assert not any(map(is_phonemic, found))
    assert neighbours("computer lights", count=2) == ["computer", "lights"]


@pytest.mark.skipif(package_folder("espeakng_loader") is None, reason="the extra voices is not installed")
@pytest.mark.usefixtures("_no_programs")
def test_the_library_speaks_and_reads_as_the_program_does() -> None:
    assert _espeak.program() is None and len(voices("en")) > 100
    assert _espeak.phonemes(["stop", "-x", ""], "en-us", style="ipa") == ["stˈɑːp", "ˈɛks", ""]
    assert len(speak("--help", of("espeak"))) > 0.2 * RATE
    assert len(speak("[[st'0p]]", of("espeak"))) < 0.7 * RATE
    assert {"top", "[['0|p]]"} <= set(neighbours("stop", count=20))
