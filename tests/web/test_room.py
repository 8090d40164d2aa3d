"""Long answers and the disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse

from atalaya.core import room
from atalaya.core.errors import NoRoom
from atalaya.core.limits import MIB
from atalaya.web import middleware

FREE = {"much": room.LEAST_FREE * 2, "little": room.LEAST_FREE - 1}


def pieces() -> Iterator[bytes]:
    for _ in range(40):
        yield b"x" * MIB


pytestmark = pytest.mark.django_db
"""The end of an answer looks after connections to the database."""


def answered(response: HttpResponse | StreamingHttpResponse) -> HttpResponse | StreamingHttpResponse:
    return middleware.while_there_is_room(lambda _request: response)(HttpRequest())  # type: ignore[return-value]


@pytest.mark.parametrize("free", ["much", "little"])
def test_a_long_answer_breaks_off_when_the_disk_is_nearly_full(
    free: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free", lambda _folder: FREE[free])
    stream, came = answered(StreamingHttpResponse(pieces())), 0
    if free == "much":
        assert len(b"".join(stream)) == 40 * MIB
        return
    with pytest.raises(NoRoom):
        for piece in stream:
            came += len(piece)
    assert 0 < came < 17 * MIB


def test_long_answers_take_turns_and_short_ones_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free", lambda _folder: FREE["much"])
    monkeypatch.setattr(middleware, "TURNS", threading.BoundedSemaphore(1))
    first, short = answered(StreamingHttpResponse(pieces())), [b"a", b"b"]
    some = iter(first)
    assert sum(len(next(some)) for _ in range(20)) == 20 * MIB
    assert b"".join(answered(StreamingHttpResponse(iter(short)))) == b"ab"
    came: list[int] = []
    second = threading.Thread(
        target=lambda: came.extend(len(piece) for piece in answered(StreamingHttpResponse(pieces())))
    )
    second.start()
    second.join(0.3)
    assert second.is_alive() and sum(came) < 16 * MIB
    first.close()  # who hangs up gives the turn to the next
    second.join(10)
    assert sum(came) == 40 * MIB


def test_files_and_pages_are_left_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free", lambda _folder: 0)
    (tmp_path / "file").write_bytes(b"whole")
    with (tmp_path / "file").open("rb") as stream:
        file = FileResponse(stream)
        assert answered(file) is file
        assert file.file_to_stream is stream
    assert answered(HttpResponse(b"page")).content == b"page"  # type: ignore[union-attr]
