"""Frames go through real pipes as they are, however they are cut; none that is too long is made room for."""

from __future__ import annotations

import io
import os
import resource
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.isolation.framing import LARGE, MOST_HEADER, Inbox, read_frame, write_frame


def framed(*frames: tuple[bytes, bytes]) -> bytes:
    out = io.BytesIO()
    for header, payload in frames:
        write_frame(out, header, payload)
    return out.getvalue()


def received(pieces: list[bytes], most_payload: int = 1 << 32) -> list[tuple[bytes, bytes]]:
    """What an inbox makes of pieces that are written to a pipe one after another."""
    into, out = os.pipe()
    try:
        os.set_blocking(into, False)
        inbox, frames = Inbox(into, most_payload), []
        for piece in pieces:
            os.write(out, piece)
            frames += [(frame.header, bytes(frame.payload)) for frame in inbox.take()]
        assert not inbox.ended
        os.close(out)
        out = -1
        frames += [(frame.header, bytes(frame.payload)) for frame in inbox.take()]
        assert inbox.ended
        return frames
    finally:
        os.close(into)
        if out >= 0:
            os.close(out)


def read_one_by_one(data: bytes) -> list[tuple[bytes, bytes]]:
    """What a child reads, which waits for each frame and leaves what follows it in the pipe."""
    into, out = os.pipe()
    os.write(out, data)
    os.close(out)
    frames = []
    while (frame := read_frame(into)) is not None:
        frames.append((frame.header, bytes(frame.payload)))
    os.close(into)
    return frames


@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=300), st.binary(max_size=300)), max_size=5),
    st.lists(st.integers(1, 100), min_size=1, max_size=30),
)
def test_frames_arrive_however_they_are_cut(frames, sizes):
    data, pieces = framed(*frames), []
    while data:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[:size])
        data = data[size:]
    assert received(pieces) == frames
    assert read_one_by_one(framed(*frames)) == frames


def test_a_large_frame_goes_through_a_small_pipe():
    payload = os.urandom(3 * LARGE + 7)
    into, out = os.pipe()
    with os.fdopen(out, "wb", buffering=0) as file:
        writing = threading.Thread(target=write_frame, args=(file, b"{}", payload))
        writing.start()
        os.set_blocking(into, False)
        inbox, frames = Inbox(into), []
        while not frames:
            frames += inbox.take()
        writing.join()
    os.close(into)
    assert frames[0].payload == payload


@pytest.mark.parametrize("cut", [0, 1, 15, 16, 17, 20])
def test_a_stream_that_ends_within_a_frame_has_ended(cut):
    whole = framed((b"{}", b"abc"))
    assert received([whole, whole[:cut]]) == [(b"{}", b"abc")]
    assert read_one_by_one(whole + whole[:cut]) == [(b"{}", b"abc")]


@pytest.mark.parametrize("lengths", [(MOST_HEADER + 1, 0), (1, 101), (0, 5), (0, 0), (1 << 60, 1 << 60)])
def test_a_frame_that_is_too_long_is_refused_before_it_comes(lengths):
    beginning = b"".join(length.to_bytes(8, "little") for length in lengths)
    with pytest.raises(ValueError, match="too long"):
        received([beginning], most_payload=100)


def test_who_only_claims_to_send_much_costs_no_memory():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    beginning = (1).to_bytes(8, "little") + (1 << 32).to_bytes(8, "little")
    assert received([beginning, b"{", b"some"]) == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10  # kB


def test_who_never_stops_talking_lets_others_speak():
    into, out = os.pipe()
    os.write(out, framed(*[(b"{}", b"")] * 1000))
    os.set_blocking(into, False)
    inbox = Inbox(into)
    turns = [len(list(inbox.take())) for _ in range(1000)]
    os.close(into)
    os.close(out)
    assert sum(turns) == 1000
    assert max(turns) < 100
