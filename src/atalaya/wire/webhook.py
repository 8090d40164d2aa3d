"""One signed message to a webhook, over HTTPS, to an address that the guard let pass.

The receiver computes HMAC-SHA256 with the shared secret over the value of `Atalaya-Timestamp`, a full stop and the body
as it came, and compares it with the hex digits behind `v1=` in `Atalaya-Signature`. A timestamp that is minutes old is a
replay. `Atalaya-Delivery` is the same for every attempt, so that a second copy is known as one.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ssl
import time
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from atalaya.core.errors import BadInput, Temporary
from atalaya.wire.deadline import Deadline
from atalaya.wire.guard import Guard

TIMEOUT = 10.0
"""Seconds for the connection, and for each piece of the answer."""
SECONDS = 30.0
"""Seconds for all of it, from the connection to the end of the answer."""
ANSWER_BYTES = 65_536
TIMESTAMP, SIGNATURE, DELIVERY = "Atalaya-Timestamp", "Atalaya-Signature", "Atalaya-Delivery"


@dataclass(frozen=True)
class Answer:
    """What the other side said: 2xx is a delivery. `said` is the beginning of its text."""

    status: int
    said: str

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


def checked(url: str) -> SplitResult:
    """The parts of a webhook's address. Raises BadInput unless it is https with a host, and no user name in it."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise BadInput("This is not an address.", advice="Write it like https://example.org/hook.") from error
    if parts.scheme != "https" or not parts.hostname or not url.isascii() or not url.isprintable():
        raise BadInput("A webhook is an https address.", advice="Write it like https://example.org/hook.")
    if parts.username is not None or parts.fragment or port == 0 or " " in url.strip():
        raise BadInput("A webhook's address holds no user name and no #.", advice="Leave these parts out.")
    return parts


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The value of the signature's header."""
    text = f"{timestamp}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def post(
    url: str, body: bytes, *, secret: str, delivery: str, guard: Guard | None = None,
    timeout: float = TIMEOUT, seconds: float = SECONDS,
) -> Answer:  # fmt: skip
    """Send one JSON body. Redirects are not followed: they are an answer like any other.

    `guard` has the private addresses that may be reached; none by itself. Raises BadInput for what is no webhook's
    address, guard.Forbidden for a private one, Temporary when the line or the other side fails.
    """
    parts = checked(url)
    host = parts.hostname or ""
    now = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Atalaya",
        TIMESTAMP: str(now),
        SIGNATURE: sign(secret, now, body),
        DELIVERY: delivery,
    }
    context = ssl.create_default_context()
    raw = (guard or Guard()).connect(host, parts.port or 443, timeout=timeout)
    connection = http.client.HTTPSConnection(host, parts.port or 443, timeout=timeout)
    deadline = Deadline(raw, seconds)
    try:
        connection.sock = context.wrap_socket(raw, server_hostname=host)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        said = answer.read(ANSWER_BYTES).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        why = f"no answer within {seconds:g} s" if deadline.over else error
        raise Temporary(f"{host} did not take it: {why}.") from error
    finally:
        deadline.cancel()
        raw.close()
        connection.close()
    return Answer(answer.status, " ".join(said.split())[:200])
