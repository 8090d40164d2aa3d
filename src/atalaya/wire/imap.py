"""IMAP: mails that nobody has seen yet, their attachments and the links in them that may be followed.

`imaplib` talks over TLS through a socket that the guard opened. A mail is looked at with PEEK, so that it stays unseen until
the caller has kept what is in it; only then it is marked or moved.
"""

from __future__ import annotations

import binascii
import email
import email.policy
import imaplib
import re
import socket
import ssl
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

from atalaya.core import limits
from atalaya.core.errors import AtalayaError
from atalaya.core.formats.mail import DAMAGED
from atalaya.wire.deadline import Deadline
from atalaya.wire.guard import Unreachable
from atalaya.wire.http import SECONDS, Line

MAIL_BYTES = 32 * limits.MIB
"""A larger mail is left alone and told about."""
MAILS = 200
"""Mails of one visit; the others wait for the next one."""
PARTS = 100
LINKS = 50
ENDINGS = (".csv", ".json", ".jsonl", ".ndjson", ".txt", ".tsv", ".xml", ".zip", ".gz", ".eml")
"""Names of attachments that can be feed files; pictures and signatures are not."""
LINK = re.compile(r"https?://[^\s<>\"'\]]{4,1000}")


class NotTaken(AtalayaError):
    """The mail server refuses what we ask: a wrong password, a folder that is not there."""


@dataclass(frozen=True)
class Mailbox:
    """Where the mails are, and how to sign in. `move_to` is the folder for mails that were read, "" to mark them."""

    host: str
    port: int
    user: str
    password: str
    folder: str = "INBOX"
    move_to: str = ""


@dataclass(frozen=True)
class Attachment:
    """A file in a mail."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Mail:
    """One mail: its files, and the links in its text to hosts that may be followed. `problem` where it was not read."""

    uid: str
    subject: str
    attachments: tuple[Attachment, ...] = ()
    links: tuple[str, ...] = ()
    problem: str = ""


class Session(imaplib.IMAP4_SSL):
    """An IMAP session over a socket that the guard opened, and that ends in time."""

    deadline: Deadline

    def __init__(self, mailbox: Mailbox, line: Line) -> None:
        self._line = line
        super().__init__(mailbox.host, mailbox.port, ssl_context=line.tls(), timeout=line.timeout)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = self._line.guard.connect(self.host, self.port, timeout=timeout or self._line.timeout)
        self.deadline = Deadline(plain, self._line.patience)
        try:
            safe: socket.socket = self.ssl_context.wrap_socket(plain, server_hostname=self.host)
        except OSError:
            self.deadline.cancel()
            raise
        return safe

    def read(self, size: int) -> bytes:
        """So many bytes of an answer. A server that announces more than a mail may have is not listened to."""
        if size > MAIL_BYTES:
            raise self.abort(f"an answer of {size} bytes is too long")
        return super().read(size)

    def shutdown(self) -> None:
        self.deadline.cancel()
        super().shutdown()


@contextmanager
def opened(mailbox: Mailbox, line: Line) -> Iterator[Session]:
    """A session with the folder selected. Raises Unreachable, NotTaken, Forbidden."""
    with _told(mailbox.host):
        server = Session(mailbox, line)
    try:
        with _told(mailbox.host):
            try:
                server.login(mailbox.user, mailbox.password)
            except imaplib.IMAP4.error:
                # The answer may quote what was sent.
                raise NotTaken(
                    f"{mailbox.host} does not accept user and password.", advice="Check the credentials."
                ) from None
            _good(server.select(_quoted(mailbox.folder)), f"open the folder {mailbox.folder}")
            yield server
    finally:
        with _quiet():
            server.logout()
        server.deadline.cancel()


def mails(server: Session, mailbox: Mailbox, line: Line, *, hosts: Collection[str] = ()) -> Iterator[Mail]:
    """Each mail that nobody has seen, the oldest first; it is marked or moved when the next one is asked for.

    Mails with a problem stay unseen; what there is no time for waits for the next visit. Raises Unreachable, NotTaken.
    """
    until = line.clock() + SECONDS
    with _told(mailbox.host):
        found = _good(server.uid("SEARCH", "UNSEEN"), "look for mails")
        for uid in (found[0] or b"").decode("ascii", "replace").split()[:MAILS]:
            if line.clock() > until:
                return
            server.deadline.extend(SECONDS)
            mail = _mail(server, uid, line, hosts)
            yield mail
            if not mail.problem:
                _put_away(server, uid, mailbox.move_to)


def _mail(server: Session, uid: str, line: Line, hosts: Collection[str]) -> Mail:
    told = _good(server.uid("FETCH", uid, "(RFC822.SIZE)"), "fetch a mail")
    size = re.search(rb"RFC822\.SIZE (\d+)", b" ".join(one for one in told if isinstance(one, bytes)))
    if size is None or int(size[1]) > MAIL_BYTES:
        return Mail(uid, "", problem=f"A mail is larger than {MAIL_BYTES} bytes: take it out of the folder.")
    told = _good(server.uid("FETCH", uid, "(BODY.PEEK[])"), "fetch a mail")
    data = next((one[1] for one in told if isinstance(one, tuple)), b"")
    line.progress(len(data))
    line.bucket.take(len(data))
    try:
        return read(uid, data, hosts)
    except DAMAGED:
        return Mail(uid, "", problem="A mail cannot be taken apart: look at it in the folder.")


def read(uid: str, data: bytes, hosts: Collection[str]) -> Mail:
    """The files and allowed links of a mail's bytes."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    files: list[Attachment] = []
    links: dict[str, None] = {}
    for part in list(message.walk())[:PARTS]:
        if part.is_multipart():
            continue
        name = str(part.get_filename() or "").replace("\\", "/").rsplit("/", 1)[-1]
        body = part.get_payload(decode=True)
        if not isinstance(body, bytes):
            continue
        if name.lower().endswith(ENDINGS):
            files.append(Attachment(name, body))
        elif part.get_content_maintype() == "text" and not name:
            links |= dict.fromkeys(allowed_links(_text(part, body), hosts))
    return Mail(uid, _subject(message), tuple(files), tuple(links)[:LINKS])


def allowed_links(text: str, hosts: Collection[str]) -> Iterator[str]:
    """The https links of a text whose host is one of `hosts`, exactly or below a name that starts with a dot."""
    for link in LINK.findall(text):
        link = link.replace("&amp;", "&").rstrip(".,;:!?)")
        try:
            parts = urlsplit(link)
            host = (parts.hostname or "").lower()
        except ValueError:
            continue
        named = host in hosts or any(one.startswith(".") and host.endswith(one) for one in hosts)
        if named and parts.scheme == "https" and parts.username is None:
            yield link


def _text(part: EmailMessage, body: bytes) -> str:  # type: ignore[type-arg, unused-ignore]
    try:
        return body.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def _subject(message: EmailMessage) -> str:  # type: ignore[type-arg, unused-ignore]
    return " ".join(str(message.get("Subject", "")).split())[:200]


def _put_away(server: Session, uid: str, move_to: str) -> None:
    if not move_to:
        _good(server.uid("STORE", uid, "+FLAGS", r"(\Seen)"), "mark a mail")
    elif "MOVE" in server.capabilities:
        _good(server.uid("MOVE", uid, _quoted(move_to)), f"move a mail to {move_to}")
    else:
        # The copy first: killed in between, the mail is there twice, and what is in it is known by its hash.
        _good(server.uid("COPY", uid, _quoted(move_to)), f"move a mail to {move_to}")
        _good(server.uid("STORE", uid, "+FLAGS", r"(\Seen \Deleted)"), "mark a mail")
        _good(server.expunge(), "remove a mail that was copied")


@contextmanager
def _told(host: str) -> Iterator[None]:
    """Say in our own words what went wrong on the line."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(
            f"The certificate of {host} is not valid: {error.verify_message}.",
            advice="Name its authority in [collection] ca_file if it is a private one.",
        ) from error
    except (OSError, imaplib.IMAP4.abort) as error:
        raise Unreachable(f"The line to {host} broke: {str(error)[:200]}.") from error
    except imaplib.IMAP4.error as error:
        raise NotTaken(f"{host} refuses: {str(error)[:200]}.") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Saying goodbye may fail: nothing hangs on it."""
    try:
        yield
    except (OSError, imaplib.IMAP4.error):
        return


def _good(answer: tuple[str, list[Any]], what: str) -> list[Any]:
    kind, told = answer
    if kind != "OK":
        first = told[0] if told else b""
        said = first.decode("utf-8", "replace")[:200] if isinstance(first, bytes) else ""
        raise NotTaken(f"The mail server does not {what}: {said}")
    return told


def _quoted(folder: str) -> str:
    if any(ord(char) < 32 or ord(char) > 126 for char in folder):
        folder = _modified_utf7(folder)
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _modified_utf7(text: str) -> str:
    """A folder's name as IMAP writes it (RFC 3501, section 5.1.3)."""
    out, other = [], ""
    for char in [*text, ""]:
        plain = char == "" or 32 <= ord(char) <= 126
        if plain and other:
            packed = other.encode("utf-16-be")
            out.append(
                "&" + binascii.b2a_base64(packed, newline=False).decode().rstrip("=").replace("/", ",") + "-"
            )
            other = ""
        if plain:
            out.append("&-" if char == "&" else char)
        elif char:
            other += char
    return "".join(out)
