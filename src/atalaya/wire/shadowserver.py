"""Shadowserver's reports API: which reports there are for us, and the files themselves.

Every call is a POST of a JSON object with our key; the field HMAC2 holds the HMAC-SHA256 of exactly that body under our
secret. https://github.com/The-Shadowserver-Foundation/api_utils/wiki
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from atalaya.core import limits
from atalaya.core.errors import BadInput
from atalaya.wire.http import Download, Line, Request, fetch

API = "https://transform.shadowserver.org/api2/"
FILES = "https://dl.shadowserver.org/"
LIST_BYTES = 16 * limits.MIB


@dataclass(frozen=True)
class Account:
    """Where the API and the files are, and who asks."""

    key: str
    secret: str
    api: str = API
    files: str = FILES


@dataclass(frozen=True)
class Report:
    """One report that can be fetched: its identifier, its file's name and the day that it is about."""

    id: str
    file: str
    day: str


def request(account: Account, method: str, **question: Any) -> Request:
    """A call of the API, signed."""
    body = json.dumps({**question, "apikey": account.key}).encode()
    signature = hmac.new(account.secret.encode(), body, hashlib.sha256).hexdigest()
    url = urljoin(account.api.rstrip("/") + "/", method)
    return Request(url, {"Content-Type": "application/json"}, {"HMAC2": signature}, body)


def available(
    account: Account, line: Line, folder: Path, *, first: date, last: date, lists: Sequence[str] = ()
) -> list[Report]:
    """The reports from day `first` to day `last`, of these lists or of all, the oldest first. Raises as `fetch`."""
    question: dict[str, Any] = {"date": f"{first.isoformat()}:{last.isoformat()}"}
    if lists:
        question["reports"] = list(lists)
    came = fetch(request(account, "reports/list", **question), line, folder / "list", most=LIST_BYTES)
    assert came is not None, "a POST has no version"
    told = _parsed(came.path.read_bytes())
    came.path.unlink()
    return sorted((_report(one) for one in told), key=lambda one: (one.day, one.file))


def reports(
    account: Account, line: Line, folder: Path, wanted: Sequence[Report], *, known: Collection[str]
) -> Iterator[tuple[Report, Download]]:
    """Each wanted report that is not known yet, as a file. Raises as `fetch`."""
    for one in wanted:
        if one.id in known:
            continue
        came = fetch(Request(urljoin(account.files.rstrip("/") + "/", one.id)), line, folder / "report")
        assert came is not None, "no version was told"
        yield one, replace(came, name=one.file)


def _parsed(data: bytes) -> list[Any]:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInput("Shadowserver's answer is not JSON.", advice="Check the address.") from error
    if not isinstance(told, list):
        said = str(told.get("error", ""))[:200] if isinstance(told, dict) else ""
        raise BadInput(
            f"Shadowserver gives no list of reports. {said}".strip(), advice="Check key and secret."
        )
    return told


def _report(told: Any) -> Report:
    found = told if isinstance(told, dict) else {}
    identifier, file = str(found.get("id", "")), str(found.get("file", ""))
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", identifier) or not file:
        raise BadInput("Shadowserver names a report without an identifier or a file.")
    return Report(identifier, file, str(found.get("timestamp", ""))[:10])
