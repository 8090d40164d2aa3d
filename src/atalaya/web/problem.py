"""Errors for programs: problem+json (RFC 9457) for every address under /api/, and the name of each request."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

API = "/api/"
CONTENT_TYPE = "application/problem+json"
GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
"""A request's name as a client may give it, so that both sides' logs can be laid beside each other."""

Answer = Callable[[HttpRequest], HttpResponseBase]

_log = logging.getLogger(__name__)


def request_id(request: HttpRequest) -> str:
    """The name of this request: what the client sent as X-Request-ID when it is fit for a log, or a new UUID."""
    if not hasattr(request, "name_in_logs"):
        given = request.headers.get("X-Request-ID", "")
        request.name_in_logs = given if GIVEN.fullmatch(given) else str(uuid.uuid4())  # type: ignore[attr-defined]
    return str(request.name_in_logs)  # type: ignore[attr-defined]


def problem(
    request: HttpRequest, status: int, detail: str = "", *, headers: dict[str, str] | None = None, **more: Any
) -> HttpResponse:
    """An answer of type application/problem+json. Empty members are left out; `more` are members of our own:
    `advice` (what the person can do) and `errors` (the places that do not fit)."""
    members = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **more,
        "request_id": request_id(request),
    }
    body = {name: value for name, value in members.items() if value not in ("", None, [])}
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE, headers=headers)


def for_programs(get_response: Answer) -> Answer:
    """Middleware: under /api/ no error leaves as a page, whoever made it, and each answer names its request."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if not request.path.startswith(API):
            return response
        if response.status_code >= 400 and response.headers.get("Content-Type") != CONTENT_TYPE:
            response = _translated(request, response)
        if response.status_code >= 500:
            _log.error("request %s: %s %s", request_id(request), response.status_code, request.path)
        response.headers["X-Request-ID"] = request_id(request)
        return response

    return middleware


KEPT = ("Allow", "Retry-After", "WWW-Authenticate")
TOLD = {
    404: "Nothing has this address, or it is not yours to see.",
    405: "This address does not take this method.",
    500: "The node made a mistake. It is in the node's log under this request_id.",
}


def _translated(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    status = response.status_code
    headers = {name: response.headers[name] for name in KEPT if name in response.headers}
    return problem(request, status, TOLD.get(status, ""), headers=headers)
