"""A client of a node's API, for scripts: standard library only.

    from atalaya.client import Client

    node = Client("https://csirt.example", token="atl_...")
    for finding in node.findings(status="open", severity=4):
        print(finding["address"], finding["organisation_name"])
    told = node.send_file("2026-11-20-scan_rdp-tt.csv")
    print(told["kept"], told["rejected"])

Lists come page by page while they are read. A node that is busy (429, 503) is asked again when it says so; reading and
sending in may be repeated without harm, because the same file is taken in once. Nothing inside the product uses this.
"""

from __future__ import annotations

import gzip
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Client", "Refused", "Unreachable"]

Object = dict[str, Any]
Param = str | int | bool | None

PAUSE_SECONDS = 1.0
"""First pause after an answer that names none; doubled each time."""
LONGEST_PAUSE = 60.0
ANSWER_BYTES = 256 * 1024 * 1024
"""An answer that is longer is no page of a list."""


class Unreachable(Exception):
    """The node did not answer, or what answered is not a node."""


class Refused(Exception):
    """The node's answer was an error; the text is the node's own.

    `status` is the HTTP status, `advice` what can be done, `errors` the places that do not fit (`place`, `reason`),
    `request_id` the name under which the request stands in the node's log.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.advice = str(problem.get("advice", ""))
        self.errors: list[Object] = list(problem.get("errors", []))
        self.request_id = str(problem.get("request_id", ""))
        told = problem.get("detail") or problem.get("title") or "The node refused."
        super().__init__(f"{status}: {told} {self.advice}".strip())


@dataclass
class Client:
    """One node, asked with one token. `timeout` is in seconds, `attempts` how often a busy node is asked at most."""

    url: str
    token: str = field(repr=False)
    timeout: float = 60.0
    attempts: int = 6
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    # -- reading -------------------------------------------------------------------------------------------------

    def whoami(self) -> Object:
        """What this token may do."""
        return self.get("token")

    def events(self, **filters: Param) -> Iterator[Object]:
        """Events, newest first, by the filters of the explorer (`type="scanner"`, `since="2026-11-01"` ...)."""
        return self.listed("events", **filters)

    def findings(self, **filters: Param) -> Iterator[Object]:
        """What owners have to fix, in an order that no later sighting changes unless `order="newest"` is asked for."""
        return self.listed("findings", **{"order": "number", **filters})

    def organisations(self, **filters: Param) -> Iterator[Object]:
        """Organisations by name."""
        return self.listed("organisations", **filters)

    def networks(self, **filters: Param) -> Iterator[Object]:
        """Networks by value."""
        return self.listed("networks", **filters)

    def owners(self, of: str) -> list[Object]:
        """Who owns an address, prefix, AS number or domain today: the winning claim first."""
        claims: list[Object] = self.get("owners", of=of)["claims"]
        return claims

    def notices(self, **filters: Param) -> Iterator[Object]:
        """What owners were told, latest first."""
        return self.listed("notices", **filters)

    def files(self, **filters: Param) -> Iterator[Object]:
        """Feed files, latest first."""
        return self.listed("files", **filters)

    def rejects(self, file: str) -> Iterator[Object]:
        """The rejected rows of a file, by its identifier."""
        return self.listed(f"files/{urllib.parse.quote(file, safe='')}/rejects")

    def reference_files(self, **filters: Param) -> Iterator[Object]:
        """Reference files, latest first."""
        return self.listed("reference", **filters)

    def retention_runs(self, **filters: Param) -> Iterator[Object]:
        """Each time that the rules of retention were carried out or looked at, latest first."""
        return self.listed("retention/runs", **filters)

    # -- sending in ----------------------------------------------------------------------------------------------

    def send_events(
        self, events: Iterable[Mapping[str, Any]], *, name: str = "", wait: float = 600.0
    ) -> Object:
        """Send IntelMQ events; returns what became of them, as `send_file`."""
        lines = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events)
        return self._send(lines.encode(), {"name": name}, wait)

    def send_file(self, path: str | Path, *, feed: str = "", name: str = "", wait: float = 600.0) -> Object:
        """Send a feed file; returns what became of it: `read`, `kept`, `doubled`, `rejected` and `reasons`.

        `feed` is the feed's code, for a file whose name does not tell. A long file is processed after it was received:
        asks for up to `wait` seconds, then returns it as it stands. Raises Refused when the node does not take it.
        """
        path = Path(path)
        return self._send(path.read_bytes(), {"feed": feed, "name": name or path.name}, wait)

    def _send(self, body: bytes, params: Mapping[str, Param], wait: float) -> Object:
        # Without the time of packing: sent again, the same file has to be the same bytes.
        packed = body if body[:2] == b"\x1f\x8b" else gzip.compress(body, compresslevel=6, mtime=0)
        told: Object = self.request("POST", "events", params, packed, "application/octet-stream")
        return {**self._until(("done", "failed"), "files", told, wait), "new": told["new"]}

    def load_reference(self, path: str | Path, kind: str, *, wait: float = 600.0) -> Object:
        """Load a reference file and wait for its compilation as `send_file` does; returns it, `ready` or `failed`."""
        path = Path(path)
        params = {"kind": kind, "name": path.name}
        told: Object = self.request(
            "POST", "reference", params, path.read_bytes(), "application/octet-stream"
        )
        return self._until(("ready", "failed"), "reference", told, wait)

    def _until(self, ends: tuple[str, ...], place: str, told: Object, wait: float) -> Object:
        pause = PAUSE_SECONDS
        while told["status"] not in ends and wait > 0:
            self.sleep(min(pause, wait))
            wait, pause = wait - pause, min(pause * 2, 10.0)
            told = self.get(f"{place}/{told['id']}")
        return told

    # -- what everything is made of ------------------------------------------------------------------------------

    def listed(self, path: str, **filters: Param) -> Iterator[Object]:
        """Every row of a list of the API, page by page."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(path, **{"limit": 500, **filters, "cursor": cursor})
            yield from page["results"]
            cursor = page["next"]

    def get(self, path: str, **params: Param) -> Object:
        """One answer of the API. Raises Refused, Unreachable."""
        answer: Object = self.request("GET", path, params)
        return answer

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Object:
        """Send a JSON object to an address of the API. Raises as `get`."""
        return self._write("POST", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Object:
        """Change something. Raises as `get`."""
        return self._write("PATCH", path, body)

    def delete(self, path: str) -> None:
        """Remove something. Raises as `get`."""
        self._write("DELETE", path, None)

    def _write(self, method: str, path: str, body: Mapping[str, Any] | None) -> Object:
        data = json.dumps(body).encode() if body is not None else None
        answer: Object = self.request(method, path, {}, data, "application/json")
        return answer

    def request(
        self, method: str, path: str, params: Mapping[str, Param], body: bytes | None = None, kind: str = ""
    ) -> Any:
        """One request, repeated while the node says that it is busy. Returns the JSON of the answer, {} for none."""
        request = urllib.request.Request(self._address(path, params), data=body, method=method)  # noqa: S310
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Accept", "application/json")
        if kind:
            request.add_header("Content-Type", kind)
        pause = PAUSE_SECONDS
        for left in range(self.attempts - 1, -1, -1):
            try:
                return self._once(request)
            except _Busy as busy:
                if not left:
                    raise busy.refused from None
                self.sleep(min(busy.seconds or pause, LONGEST_PAUSE))
                pause *= 2
        raise AssertionError("a client makes at least one attempt")

    def _address(self, path: str, params: Mapping[str, Param]) -> str:
        if not self.url.startswith(("https://", "http://")):
            raise Unreachable(f"{self.url!r} is not the address of a node.")
        given = {name: _plain(value) for name, value in params.items() if value not in (None, "")}
        query = f"?{urllib.parse.urlencode(given)}" if given else ""
        return f"{self.url.rstrip('/')}/api/v1/{path}{query}"

    def _once(self, request: urllib.request.Request) -> Any:
        try:
            with _opener.open(request, timeout=self.timeout) as response:
                return _json(response.read(ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                refused = Refused(error.code, _problem(error.read(1024 * 1024)))
                if error.code in (429, 503):
                    raise _Busy(refused, _seconds(error.headers.get("Retry-After", ""))) from None
                raise refused from None
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise Unreachable(f"{self.url} does not answer: {error}") from error


class _Busy(Exception):
    def __init__(self, refused: Refused, seconds: float) -> None:
        super().__init__(str(refused))
        self.refused, self.seconds = refused, seconds


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An API never sends its client elsewhere: following would show the token to another server."""

    def redirect_request(self, *_args: Any, **_options: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect)


def _plain(value: Param) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(body: bytes) -> Any:
    if not body:
        return {}
    try:
        return json.loads(body)
    except ValueError as error:
        raise Unreachable("What answers there is not a node: its answer is not JSON.") from error


def _problem(body: bytes) -> Object:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(text: str) -> float:
    return float(text) if text.strip().isdigit() else 0.0
