"""The parts of a mail that a feed may be: attached files, and reports in the forms of ARF and X-ARF."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message

from atalaya.core import limits
from atalaya.core.errors import BadInput, TooLarge

LOOKED_AT = 8192
"""Bytes at the start of a file by which a mail is known."""
USUAL = frozenset(
    {"from", "to", "subject", "date", "mime-version", "message-id", "received", "return-path", "delivered-to"}
)
HEADER = re.compile(rb"([A-Za-z][A-Za-z0-9-]{1,60}):[^\n]*\r?\n(?:[ \t][^\n]*\r?\n)*")
NO_DATA = re.compile(r"image/|audio/|video/|text/html|text/calendar|application/(?:pgp|pkcs7|x-pkcs7)")
XARF = ("x-xarf", "x-arf")
DAMAGED = (
    MessageError, LookupError, ValueError, TypeError, AttributeError, AssertionError, RecursionError,
)  # fmt: skip
"""What Python's reader of mails raises for headers that no honest program writes."""


def looks_like_mail(start: bytes) -> bool:
    """Whether a file begins with header lines of which two are usual in mails."""
    at, found = 0, set()
    while match := HEADER.match(start, at):
        found.add(match[1].decode().lower())
        at = match.end()
    return len(found & USUAL) > 1


def members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each part of a mail that a feed may be.

    Raises BadInput where the mail cannot be taken apart or there is none, TooLarge for too many.
    """
    try:
        mail = message_from_bytes(data, policy=policy.compat32)
        parts = list(_parts(mail, xarf=any(mail.get(name) for name in XARF)))
    except RecursionError as error:
        raise BadInput("The mail has too many parts within parts.", advice="Send the file itself.") from error
    except DAMAGED as error:
        raise BadInput("The mail cannot be taken apart.", advice="Send the file itself.") from error
    if len(parts) > limits.ZIP_MEMBERS:
        raise TooLarge(f"The mail has more than {limits.ZIP_MEMBERS} files.", advice="Split it.")
    if not parts:
        raise BadInput(
            "The mail has no file that could be a feed.", advice="Attach it, or send it by itself."
        )
    yield from parts


def _parts(mail: Message, *, xarf: bool, report: bool = False) -> Iterator[tuple[str, bytes]]:
    kind = mail.get_content_type()
    if kind == "message/feedback-report":
        yield "feedback-report.arf", _bytes(mail)
    elif mail.is_multipart():
        inside = report or kind == "multipart/report"
        for number, part in enumerate(mail.get_payload()):
            # The mail that a report is about is evidence, not a feed.
            if isinstance(part, Message) and not (inside and part.get_content_type() == "message/rfc822"):
                if xarf and number == 1 and part.get_content_type() == "text/plain":
                    yield "report.xarf", _bytes(part)
                else:
                    yield from _parts(part, xarf=xarf, report=inside)
    elif name := _name(mail, kind):
        yield name, _bytes(mail)


def _name(part: Message, kind: str) -> str:
    """The name of an attached file; "" for what is none."""
    if NO_DATA.match(kind):
        return ""
    told = _decoded(part.get_filename() or "")
    name = re.sub(r"[\x00-\x1f]", "", told).replace("\\", "/").rpartition("/")[2]
    return name or {
        "application/json": "report.json",
        "text/csv": "report.csv",
        "application/xml": "report.xml",
    }.get(kind, "")


def _decoded(name: str) -> str:
    """A name in encoded words (RFC 2047) as text; as it is where they are wrong."""
    try:
        return str(make_header(decode_header(name)))
    except (MessageError, LookupError, ValueError):
        return name


def _bytes(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        return payload
    # The body of a report of type message/... is itself taken for a message: its headers are the report.
    inner = part.get_payload()
    first = inner[0] if isinstance(inner, list) and inner else part
    return first.as_bytes() if isinstance(first, Message) else str(first).encode()
