"""The API: every app's router under /api/v1/, errors as problem+json (RFC 9457), and the document that describes it."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.utils.datastructures import MultiValueDict
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser

from atalaya.apps.events.api_files import router as events
from atalaya.apps.events.marks.api import router as marks
from atalaya.apps.events.rules.api import router as rules
from atalaya.apps.notices.api import router as notices
from atalaya.apps.people.api import router as people
from atalaya.apps.reference.api import router as reference
from atalaya.apps.registry.api import router as registry
from atalaya.apps.registry.cleaning import Refused
from atalaya.apps.retention.api import router as retention
from atalaya.core.errors import AtalayaError, BadInput, NotAllowed, TooLarge
from atalaya.site.api_document import described
from atalaya.site.api_node import router as node
from atalaya.web.problem import problem

DEPTH = 40
"""How deep lists and objects of a JSON body may be nested."""


class Strict(Parser):
    """Reads parameters and JSON bodies; refuses what a database or a reader further in could not take."""

    def parse_querydict(
        self, data: MultiValueDict[str, str], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        """The parameters of an address. Raises BadInput for a NUL, which PostgreSQL takes in no text."""
        for name, values in data.lists():
            if any("\0" in str(value) for value in values):
                raise BadInput(f"{name}: a NUL character stands there.", advice="Leave it out.")
        return super().parse_querydict(data, list_fields, request)

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """A JSON body. Raises ValueError when it is none, or holds a NUL or too much inside each other."""
        body = request.body
        if b"\\u0000" in body or b"\0" in body:
            raise ValueError("a NUL character")
        value: dict[str, Any] = json.loads(body)
        if _depth(value) > DEPTH:
            raise ValueError("nested too deeply")
        return value


def _depth(value: Any) -> int:
    deepest, left = 0, [(value, 1)]
    while left and deepest <= DEPTH:
        one, depth = left.pop()
        deepest = max(deepest, depth)
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        left += [(each, depth + 1) for each in inner]
    return deepest


class WithScopes(OpenAPISchema):
    """The document that ninja writes, with the scopes that each operation wants of a token."""

    def operation_security(self, operation: Any) -> list[dict[str, Any]] | None:
        """What opens the operation: a token with all of these scopes."""
        super().operation_security(operation)
        rights = {right.value for auth in operation.auth_callbacks for right in auth.rights}
        return [{"TokenAuth": sorted(rights)}]


class Api(NinjaAPI):
    """The API with its document completed: scopes, errors, headers and examples of every operation."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """The OpenAPI document."""
        document = WithScopes(self, path_prefix or self.get_root_path(path_params or {}))
        described(document)
        return document

    def get_openapi_operation_id(self, operation: Any) -> str:
        """A short name for each operation: that of its function. A test holds that no two are the same."""
        return str(operation.view_func.__name__)


api = Api(
    title="Atalaya", version="1", urls_namespace="api", docs_url=None, openapi_url=None, parser=Strict()
)
for router in (events, marks, rules, registry, notices, reference, retention, people, node):
    api.add_router("", router)


@api.exception_handler(AtalayaError)
def refused(request: HttpRequest, error: AtalayaError) -> HttpResponse:
    """An error with advice: 403, 413 or 422, and 503 when trying again helps."""
    status = 422 if error.permanent else 503
    status = 403 if isinstance(error, NotAllowed) else 413 if isinstance(error, TooLarge) else status
    fields = error.problems if isinstance(error, Refused) else ()
    places = [{"place": f"body.{one.field}".rstrip("."), "reason": str(one)} for one in fields]
    headers = {"Retry-After": "5"} if status == 503 else None
    return problem(request, status, error.what, advice=error.advice, errors=places, headers=headers)


@api.exception_handler(AuthenticationError)
def stranger(request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    """No valid token: says nothing more."""
    detail = "Give a valid token: Authorization: Bearer TOKEN."
    return problem(request, 401, detail, headers={"WWW-Authenticate": "Bearer"})


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """A parameter or body that does not fit: names each place, and never repeats what was sent."""
    places = [
        {"place": ".".join(str(step) for step in one["loc"]), "reason": str(one["msg"])}
        for one in error.errors
    ]
    told = "; ".join(f"{one['place']}: {one['reason']}" for one in places[:5])
    return problem(request, 422, told, advice="Mend what is named.", errors=places)


@api.exception_handler(RequestDataTooBig)
def too_large(request: HttpRequest, _error: RequestDataTooBig) -> HttpResponse:
    """A JSON body beyond what the node reads into memory."""
    return problem(request, 413, "The body is too large.", advice="Send less at a time.")


@api.exception_handler(Throttled)
def too_often(request: HttpRequest, error: Throttled) -> HttpResponse:
    """Too many requests of one token: says when to come back."""
    headers = {"Retry-After": str(error.wait or 1)}
    return problem(
        request, 429, "This token asks too often.", advice="Wait for Retry-After seconds.", headers=headers
    )


@api.exception_handler(HttpError)
def plain(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Any other refusal: a body that cannot be read, a right that is missing, a thing that is not there."""
    status, told = error.status_code, str(error)
    if status == 400:
        told = "The body is not JSON that this API takes."
    elif status == 403:
        told = "This token or its owner may not do this."
    return problem(request, status, "" if told == HTTPStatus(status).phrase else told)
