"""The API: every app's router under /api/v1/, with errors as problem+json (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from atalaya.apps.events.api import router as events
from atalaya.apps.events.marks.api import router as marks
from atalaya.apps.notices.api import router as notices
from atalaya.apps.registry.api import router as registry
from atalaya.core.errors import AtalayaError, NotAllowed, TooLarge

api = NinjaAPI(title="Atalaya", version="1", urls_namespace="api", docs_url=None)
api.add_router("", events)
api.add_router("", marks)
api.add_router("", registry)
api.add_router("", notices)


def problem(status: int, title: str, detail: str = "", **members: object) -> HttpResponse:
    """A response of type application/problem+json."""
    body = {
        "type": "about:blank",
        "status": status,
        "title": title,
        **({"detail": detail} if detail else {}),
        **members,
    }
    return JsonResponse(body, status=status, content_type="application/problem+json")


@api.exception_handler(AtalayaError)
def refused(_request: HttpRequest, error: AtalayaError) -> HttpResponse:
    """An error with advice: 403, 413 or 422, and 503 when trying again helps."""
    status = 422 if error.permanent else 503
    status = 403 if isinstance(error, NotAllowed) else 413 if isinstance(error, TooLarge) else status
    return problem(status, HTTPStatus(status).phrase, error.what, advice=error.advice)


@api.exception_handler(AuthenticationError)
def stranger(_request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    """No valid token: says nothing more."""
    response = problem(401, "Unauthorized", "Give a valid token: Authorization: Bearer TOKEN.")
    response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(ValidationError)
def invalid(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    """A parameter or body that does not fit: names each place."""
    return problem(422, "Unprocessable Content", "A parameter does not fit.", errors=error.errors)


@api.exception_handler(HttpError)
def plain(_request: HttpRequest, error: HttpError) -> HttpResponse:
    """Any other refusal."""
    return problem(error.status_code, HTTPStatus(error.status_code).phrase, str(error))
