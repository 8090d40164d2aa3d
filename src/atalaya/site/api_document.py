"""What the OpenAPI document says beyond what the code of each operation says: errors, headers and examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from atalaya import __version__
from atalaya.web.problem import CONTENT_TYPE

Document = dict[str, Any]

ABOUT = """Files and events in; events, findings, notices and the registry out, as far as the token's owner may see.

**Token.** Every request carries `Authorization: Bearer TOKEN`. A person makes a token on the page "My account"; it is shown
once, works for a limited time, and may do what it was made for and never more than its owner.

**Pages.** A list gives `limit` rows and in `next` the cursor of the following page; ask with it until it is null. What
comes in between moves nothing: no row is given twice or left out.

**Errors.** Every error is `application/problem+json` (RFC 9457): `detail` says what failed, `advice` what you can do,
`errors` names each place that does not fit. 429 and 503 pass: wait for `Retry-After` seconds and ask again.

**Names.** Every answer carries `X-Request-ID`, yours if you send one of 8 to 64 letters and digits.

Times are ISO 8601 in UTC. Codes do not depend on a language."""

TAGS = {
    "events": "What feeds have seen.",
    "findings": "What owners have to fix.",
    "marks": "What owners say became of findings.",
    "files": "Feed files: in, and what became of them.",
    "feeds": "What this node can read.",
    "rules": "What happens with events on their way in.",
    "registry": "Organisations, whom to tell, and who owns which network.",
    "notices": "What owners were told.",
    "reference": "What the node knows about addresses and vulnerabilities without asking anybody.",
    "retention": "For how long what is kept, what is held back, and the proof of each run.",
    "token": "The token itself.",
    "node": "The node's background work.",
    "records": "The audit log.",
}

PROBLEM: Document = {
    "title": "Problem",
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What failed."},
        "advice": {"type": "string", "description": "What you can do."},
        "request_id": {
            "type": "string",
            "description": "Under this name the request stands in the node's log.",
        },
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["place", "reason"],
                "properties": {"place": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
    },
}
ERRORS = {
    400: ("The body cannot be read.", ""),
    401: ("No valid token.", "Give a valid token: Authorization: Bearer TOKEN."),
    403: ("The token or its owner may not do this.", "This token or its owner may not do this."),
    404: ("There is no such thing, or it is not yours to see.", "There is no such thing."),
    413: ("The body is too large.", "The body is too large."),
    422: (
        "Something does not fit: `errors` names it.",
        "query.limit: Input should be less than or equal to 1000",
    ),
    429: ("The token asks too often.", "This token asks too often."),
    503: ("Not now; try again.", "Another process works on this file."),
}
REQUEST_ID = {"X-Request-ID": {"description": "The name of this request.", "schema": {"type": "string"}}}
RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}}


def described(document: Document) -> None:
    """Write every operation's errors, headers and examples into the document."""
    document["info"] |= {"description": ABOUT, "x-atalaya-version": __version__}
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    document["components"]["schemas"]["Problem"] = PROBLEM
    schemas = document["components"]["schemas"]
    for path, _method, operation in operations(document):
        for response in operation["responses"].values():
            response["headers"] = REQUEST_ID
            _exemplify(response.get("content", {}), schemas)
        body = operation.get("requestBody", {})
        _exemplify(body.get("content", {}), schemas)
        for parameter in operation["parameters"]:
            _simplify(parameter)
        for status in _errors(path, bool(body)):
            operation["responses"][status] = _problem(status)


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Document]]:
    """Path, method and description of each operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _errors(path: str, body: bool) -> list[int]:
    found = [401, 403, 422, 429, 503]
    # A body, too, may name things.
    return sorted(found + ([404] if "{" in path or body else []) + ([400, 413] if body else []))


def _problem(status: int) -> Document:
    means, detail = ERRORS[status]
    example = {
        "type": "about:blank",
        "title": means.rstrip("."),
        "status": status,
        "detail": detail,
        "request_id": "01JD4Q7Z",
    }
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {
        "description": means,
        "content": {CONTENT_TYPE: content},
        "headers": REQUEST_ID | (RETRY if status in (429, 503) else {}),
    }


def _simplify(parameter: Document) -> None:
    """One example for a parameter, in the place where OpenAPI wants it, and words for what an address names."""
    if parameter["in"] == "path":
        parameter.setdefault("description", "Its identifier.")
    examples = parameter.pop("examples", None)
    if examples:
        parameter["example"] = examples[0]


def _exemplify(content: Document, schemas: Document) -> None:
    for media in content.values():
        if "example" not in media and media.get("schema"):
            media["example"] = example_of(media["schema"], schemas)


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value that fits a schema: its own example, or one put together from those of its parts."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rsplit("/", 1)[-1]], schemas)
    for place in ("example", "default", "const"):
        if place in schema:
            return schema[place]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], schemas)
    if schema.get("type") == "object":
        return {name: example_of(part, schemas) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [example_of(schema["items"], schemas)]
    return PLAIN.get(schema.get("type", ""), "")


PLAIN: dict[str, Any] = {"integer": 1, "number": 1, "boolean": True, "string": "", "null": None}
