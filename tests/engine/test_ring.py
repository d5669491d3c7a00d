"""The ring: what is read is what was written, and what is lost is counted, also under fire."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_engine.ring import Ring


def ramp(first: int, count: int) -> np.ndarray:
    return np.arange(first, first + count, dtype=np.float32)


@given(st.integers(1, 50), st.lists(st.tuples(st.integers(0, 120), st.booleans()), max_size=40))
def test_every_sample_is_read_once_or_counted_lost(capacity, steps):
    ring = Ring(capacity)
    written = since = 0
    for count, then_read in steps:
        ring.write(ramp(written, count))
        written += count
        assert ring.position == written
        if then_read:
            got = ring.read(since)
            kept = min(written - since, capacity)
            assert np.array_equal(got.samples, ramp(written - kept, kept))
            assert (got.position, got.lost) == (written, written - since - kept)
            since = got.position


@pytest.mark.parametrize("since", [-1, 11])
def test_a_position_that_never_was(since):
    ring = Ring(8)
    ring.write(ramp(0, 10))
    with pytest.raises(ValueError, match=f"since: {since} is outside 0 to 10"):
        ring.read(since)


def test_a_ring_without_room():
    with pytest.raises(ValueError, match="capacity_samples: 0"):
        Ring(0)


def test_what_was_read_is_a_copy():
    ring = Ring(4)
    ring.write(ramp(0, 4))
    samples = ring.read(0).samples
    ring.write(ramp(4, 4))
    assert np.array_equal(samples, ramp(0, 4))


def test_strided_channels_are_written():
    ring = Ring(6)
    ring.write(np.stack((ramp(0, 5), ramp(100, 5)), axis=1)[:, 0])
    assert np.array_equal(ring.read(0).samples, ramp(0, 5))


class OvertakenRing(Ring):
    """A writer that gets in while the reader is copying, as a thread switch there would let it."""

    overtake_by = 0

    def _copy(self, start, end):
        half = super()._copy(start, end)
        self.write(ramp(end, self.overtake_by))
        # The reader copied before and after: any mixture of old and new is possible in what was overwritten.
        return np.where(np.arange(end - start) % 2, super()._copy(start, end), half)


@pytest.mark.parametrize("overtake_by", [0, 1, 3, 7, 8, 9, 20])
def test_a_reader_overtaken_while_copying_counts_exactly(overtake_by):
    ring = OvertakenRing(8)
    ring.overtake_by = overtake_by
    ring.write(ramp(0, 10))
    got = ring.read(1)
    kept = max(0, 8 - overtake_by)
    assert np.array_equal(got.samples, ramp(10 - kept, kept))
    assert (got.position, got.lost) == (10, 9 - kept)


def test_hammering_readers_lose_nothing_uncounted():
    ring = Ring(5_000)
    total, writing = 400_000, threading.Event()
    writing.set()
    failures: list[str] = []
    counts: list[tuple[int, int]] = []

    def follow() -> None:
        since = seen = lost = 0
        while writing.is_set() or since < ring.position:
            got = ring.read(since)
            if not np.array_equal(got.samples, ramp(got.position - len(got.samples), len(got.samples))):
                failures.append(f"wrong samples before {got.position}")
            seen, lost, since = seen + len(got.samples), lost + got.lost, got.position
        counts.append((seen, lost))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        readers = [threading.Thread(target=follow) for _ in range(3)]
        for reader in readers:
            reader.start()
        written, sizes = 0, np.random.default_rng(0)
        while written < total:
            count = min(int(sizes.integers(1, 900)), total - written)
            ring.write(ramp(written, count))
            written += count
        writing.clear()
        for reader in readers:
            reader.join(60)
    finally:
        sys.setswitchinterval(interval)
    assert not failures
    assert [seen + lost for seen, lost in counts] == [total] * 3
    assert any(seen for seen, _ in counts)
