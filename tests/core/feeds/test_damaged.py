"""The example of any feed, damaged on its way: it is read, row for row, or refused in words; nothing else."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from atalaya.core.errors import AtalayaError
from atalaya.core.feeds import Feed, reading
from atalaya.core.feeds.finding import catalogue

FEEDS = [feed for feed in catalogue().feeds if feed.example]
PIECES = (
    b"", b"\n", b"\r\n", b'"', b",", b";", b"|", b"\t", b":", b"\xff", b"\xc3", b"\0", b"{", b"}", b"[", b"]", b"<", b">", b"&", b"&#0;",
    b"null", b"NaN", b"1e999", b"-1", b"99999999999999999999", b"\\u0000", b"\\ud800", b"\xef\xbb\xbf", b"0000-00-00", b"1.2.3.4/33", b"::",
    b"T25:61:61Z", b"\xf0\x9f\x98\x80", b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> tuple[Feed, bytes]:
    feed = draw(st.sampled_from(FEEDS))
    assert feed.example is not None
    data = bytearray(feed.example.text.encode())
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        gone = draw(st.sampled_from((0, 0, 1, 20)))
        data[at : at + gone] = draw(st.sampled_from(PIECES))
    return feed, bytes(data)


@settings(max_examples=150, deadline=None)
@given(damaged())
def test_it_is_read_or_refused(told: tuple[Feed, bytes]) -> None:
    feed, data = told
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "feed"
        path.write_bytes(data)
        try:
            for part in reading.read(path, feed, feeds=catalogue()):
                assert part.rows_read == part.events.height + part.rejects.height
        except AtalayaError as error:
            assert error.what
