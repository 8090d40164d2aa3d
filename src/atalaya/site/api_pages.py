"""The API's own description: as OpenAPI for programs, and as a page for people, made from the same document."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render, resolve_url
from django.utils.html import escape, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from atalaya.site.api import api
from atalaya.site.api_document import operations


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The OpenAPI document as plain data. It depends on the code alone."""
    written = json.dumps(api.get_openapi_schema(path_prefix="/api/v1/"), default=str)
    plain: dict[str, Any] = json.loads(written)
    return plain


@require_safe
def openapi(_request: HttpRequest) -> HttpResponse:
    """The OpenAPI document, for who has a token or is signed in."""
    return JsonResponse(document())


@login_not_required
@require_safe
def reference(request: HttpRequest) -> HttpResponseBase:
    """The reference of the API as a page, for who is signed in or comes with a token."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path(), resolve_url("account_login"))
    context = {
        "groups": groups(),
        "about": paragraphs(document()["info"]["description"]),
        "root": f"{settings.CONFIG.url}/api/v1/",
    }
    return render(request, "api.html", context)


@lru_cache(maxsize=1)
def groups() -> list[dict[str, Any]]:
    """The operations by tag, as the page shows them."""
    found: dict[str, dict[str, Any]] = {tag["name"]: {**tag, "operations": []} for tag in document()["tags"]}
    for path, method, operation in operations(document()):
        found[operation["tags"][0]]["operations"].append(_shown(path, method, operation))
    return [group for group in found.values() if group["operations"]]


def _shown(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    answers = operation["responses"]
    good = next(status for status in answers if status.startswith("2"))
    body = next(iter(operation.get("requestBody", {}).get("content", {}).items()), None)
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path.removeprefix("/api/v1/"),
        "summary": operation["summary"],
        "about": paragraphs(operation.get("description", "")),
        "parameters": [_parameter(one) for one in operation["parameters"]],
        "body": {"kind": body[0], "example": _written(body[1]["example"])} if body else None,
        "status": good,
        "answer": _answer(answers[good]),
        "errors": [status for status in answers if not status.startswith("2")],
        "scopes": operation["security"][0]["TokenAuth"],
    }


def _parameter(one: dict[str, Any]) -> dict[str, Any]:
    schema = one["schema"]
    kinds = [part for part in schema.get("anyOf", [schema]) if part.get("type") != "null"]
    values = [value for value in kinds[0].get("enum", []) if value != ""]
    return {
        "name": one["name"],
        "kind": kinds[0].get("format") or kinds[0].get("type", ""),
        "required": one["required"],
        "about": paragraphs(one.get("description", "")),
        "values": ", ".join(str(value) for value in values),
        "example": one.get("example", ""),
    }


def _answer(response: dict[str, Any]) -> str:
    media = next(iter(response.get("content", {}).values()), None)
    return _written(media["example"]) if media else ""


def _written(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)


MARKED = ((re.compile(r"\*\*([^*]+)\*\*"), r"<b>\1</b>"), (re.compile(r"`([^`]+)`"), r"<code>\1</code>"))


def paragraphs(text: str) -> SafeString:
    """The text of a docstring as HTML: paragraphs, `code` and **bold**, everything else escaped."""
    marked = []
    for part in text.split("\n\n"):
        line = str(escape(" ".join(part.split())))
        for pattern, into in MARKED:
            line = pattern.sub(into, line)
        if line:
            marked.append((SafeString(line),))
    return format_html_join("", "<p>{}</p>", marked)
