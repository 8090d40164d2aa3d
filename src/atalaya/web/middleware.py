"""What every response carries, and what bounds a long one."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from atalaya.core import limits, room
from atalaya.core.errors import NoRoom

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"
)


def security_headers(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: content security policy without inline or eval, no other origin."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        return response

    return middleware


LOOK_EVERY = 16 * limits.MIB
"""Bytes of one answer between two looks at the disk; an answer of more is long."""
TURNS = threading.BoundedSemaphore(2)
"""Long answers that are written at the same time. Others wait for their turn: pages would, if all wrote at once."""


def while_there_is_room(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: an answer that is written piece by piece breaks off when the disk is nearly full, as what a slow client
    has not taken yet waits there."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        # A file of ours is sent from where it is.
        if isinstance(response, StreamingHttpResponse) and getattr(response, "file_to_stream", None) is None:
            response.streaming_content = _while_there_is_room(response.streaming_content)  # type: ignore[arg-type]
        return response

    return middleware


def _while_there_is_room(pieces: Iterable[bytes]) -> Iterator[bytes]:
    since, is_long = 0, False
    with ExitStack() as turn:
        for piece in pieces:
            since += len(piece)
            if since >= LOOK_EVERY:
                since = 0
                if not is_long:
                    turn.enter_context(TURNS)
                    is_long = True
                if room.free(Path(tempfile.gettempdir())) < room.LEAST_FREE:
                    raise NoRoom
            yield piece
