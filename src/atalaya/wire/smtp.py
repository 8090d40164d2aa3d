"""SMTP: hand one message to the mail server, and know for certain what it answered.

`smtplib` talks; this module decides what an answer means. The point of no return is the end of DATA: before it
nothing was delivered, after the server's 250 everything was. When the line breaks in between, nobody can know,
and that is an error of its own.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from atalaya.core.errors import AtalayaError, ConfigError, Temporary
from atalaya.core.limits import MIB
from atalaya.wire.deadline import Deadline

MESSAGE_BYTES = 20 * MIB
"""A message larger than this is refused before a connection is made."""
STEPS = 8
"""Answers of the server that a conversation waits for at most, each for `Relay.timeout`."""
SLOWEST = 4096
"""Bytes a second of the slowest line that a message gets time for."""


@dataclass(frozen=True)
class Relay:
    """The mail server and how to talk to it. `security` is starttls, tls or none; `timeout` is in seconds."""

    host: str
    port: int = 587
    security: str = "starttls"
    user: str = ""
    password_file: str = ""
    ca_file: str = ""
    timeout: float = 30

    def longest(self, size: int) -> float:
        """Seconds after which nobody talks about a message of `size` bytes any more: `send` gives up a timeout earlier."""
        return STEPS * self.timeout + size / SLOWEST


@dataclass(frozen=True)
class Message:
    """One message: envelope and bytes, complete with header and CRLF line ends."""

    sender: str
    recipient: str
    data: bytes


class Refused(AtalayaError):
    """The server will not take this message, now or later: trying again cannot help."""


class NotNow(Temporary):
    """The server did not take this message now; it was certainly not delivered. Try again later."""


class OutcomeUnknown(Temporary):
    """The line broke after the message was handed over and before the answer: it may have been delivered."""


def send(message: Message, relay: Relay) -> str:
    """Hand over one message; return the server's answer, which often names its queue entry.

    Raises Refused (5xx, too large, bad address), NotNow (4xx, no connection, no valid certificate, wrong password)
    or OutcomeUnknown. Neither errors nor logs carry the password.
    """
    if len(message.data) > MESSAGE_BYTES:
        raise Refused(f"The message has {len(message.data)} bytes; at most {MESSAGE_BYTES} are sent.")
    sender, recipient = envelope_address(message.sender), envelope_address(message.recipient)
    until = time.monotonic() + relay.longest(len(message.data)) - relay.timeout
    with _connected(relay, sender.rpartition("@")[2], until) as server:
        _check_size(server, len(message.data))
        _envelope(server, sender, recipient)
        return _data(server, message.data)


def envelope_address(text: str) -> str:
    """The address as it goes into the envelope, its domain as A-labels. Raises Refused."""
    local, at, domain = text.strip().rpartition("@")
    bad = not local or not at or any(ord(c) < 33 or c in "<>" or ord(c) == 127 for c in text.strip())
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        bad, ascii_domain = True, ""
    if bad or not ascii_domain:
        raise Refused(f"{text!r} is not an e-mail address.", advice="Mend the contact's address.")
    return f"{local}@{ascii_domain}"


@contextmanager
def _connected(relay: Relay, name: str, until: float) -> Iterator[smtplib.SMTP]:
    """A session that is greeted by `name`, encrypted and signed in; closed in the end whatever happens."""
    where = f"{relay.host}:{relay.port}"
    password = _password(relay)
    try:
        server = _open(relay, name, until)
    except ssl.SSLError as error:
        raise _no_trust(where, error) from error
    except (OSError, smtplib.SMTPException) as error:
        raise NotNow(f"No connection to the mail server {where}: {_reason(error)}.") from error
    try:
        _greet(server, relay, where)
        _sign_in(server, relay.user, password)
        yield server
    finally:
        _close(server)


class _Timed(smtplib.SMTP):
    """A conversation that ends at a moment of the monotonic clock, however slowly the server speaks."""

    until: float
    deadline: Deadline | None = None

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        self.deadline = Deadline(plain, self.until - time.monotonic())
        return plain

    def close(self) -> None:
        super().close()
        if self.deadline:
            self.deadline.cancel()


class _TimedTls(smtplib.SMTP_SSL, _Timed):
    """The same, with TLS from the first byte."""


def _open(relay: Relay, name: str, until: float) -> smtplib.SMTP:
    # Without a name smtplib asks the DNS for its own, which can take a minute on a machine without one.
    if relay.security == "tls":
        server: _Timed = _TimedTls(local_hostname=name, timeout=relay.timeout, context=_tls(relay))
    else:
        server = _Timed(local_hostname=name, timeout=relay.timeout)
    server.until = until
    # Whose certificate it must be: `connect` does not note it.
    server._host = relay.host  # type: ignore[attr-defined]
    try:
        code, said = server.connect(relay.host, relay.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
    except (OSError, smtplib.SMTPException):
        server.close()
        raise
    return server


def _tls(relay: Relay) -> ssl.SSLContext:
    """Certificates are always verified; `ca_file` adds a private authority instead of switching that off."""
    try:
        context = ssl.create_default_context()
        if relay.ca_file:
            context.load_verify_locations(relay.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"The file {relay.ca_file} named by [mail] ca_file cannot be read: {_reason(error)}.",
            advice="Give a PEM file that the node's user can read.",
            permanent=False,
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _greet(server: smtplib.SMTP, relay: Relay, where: str) -> None:
    try:
        server.ehlo_or_helo_if_needed()
        if relay.security == "starttls":
            server.starttls(context=_tls(relay))
            server.ehlo()
    except ssl.SSLError as error:
        raise _no_trust(where, error) from error
    except smtplib.SMTPNotSupportedError as error:
        raise NotNow(
            f"The mail server {where} does not offer STARTTLS.",
            advice="Set [mail] security to tls, or to none on a trusted line only.",
        ) from error
    except (OSError, smtplib.SMTPException) as error:
        raise NotNow(f"The mail server {where} did not greet us: {_reason(error)}.") from error


def _no_trust(where: str, error: ssl.SSLError) -> NotNow:
    return NotNow(
        f"No safe line to the mail server {where}: {_reason(error)}.",
        advice="Check its certificate, or name its authority in [mail] ca_file.",
    )


def _password(relay: Relay) -> str:
    """The password, from its file. A wrong setting concerns every message, so none is given up for it."""
    if not relay.user:
        return ""
    try:
        return Path(relay.password_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The file {relay.password_file!r} named by [mail] password_file cannot be read.",
            advice="Give the file that holds the password of the mail server.",
            permanent=False,
        ) from error


def _sign_in(server: smtplib.SMTP, user: str, password: str) -> None:
    if not user:
        return
    try:
        server.login(user, password)
    except smtplib.SMTPException as error:
        # The answer may quote what was sent: only its code is repeated. `from None` keeps it out of tracebacks.
        code = getattr(error, "smtp_code", "")
        raise NotNow(
            f"The mail server did not accept our name and password {code}".rstrip() + ".",
            advice="Check [mail] user and password_file.",
        ) from None
    except OSError as error:
        raise NotNow(f"The line to the mail server broke: {_reason(error)}.") from None


def _check_size(server: smtplib.SMTP, size: int) -> None:
    stated = server.esmtp_features.get("size", "")
    if stated.isdigit() and 0 < int(stated) < size:
        raise Refused(
            f"The message has {size} bytes; the mail server takes {stated}.", advice="Lower [notices] rows."
        )


def _envelope(server: smtplib.SMTP, sender: str, recipient: str) -> None:
    options = [] if (sender + recipient).isascii() else ["SMTPUTF8"]
    if options and not server.has_extn("smtputf8"):
        raise Refused(f"The mail server cannot write to the address {recipient!r}.")
    try:
        server.command_encoding = "utf-8" if options else "ascii"
        _judge(*server.mail(sender, options), what=f"the sender {sender}")
        _judge(*server.rcpt(recipient), what=f"the recipient {recipient}")
    except (OSError, smtplib.SMTPException) as error:
        raise NotNow(f"The line to the mail server broke: {_reason(error)}.") from error


def _data(server: smtplib.SMTP, data: bytes) -> str:
    try:
        code, answer = server.data(data)
    except smtplib.SMTPDataError as error:
        # The server said something other than 354: it did not take a byte of the message.
        _judge(int(error.smtp_code), _bytes(error.smtp_error), what="the message")
        raise NotNow(f"The mail server did not take the message: {_reason(error)}.") from error
    except (OSError, smtplib.SMTPException) as error:
        raise OutcomeUnknown(
            f"The line broke while the message was handed over: {_reason(error)}."
        ) from error
    _judge(code, answer, what="the message")
    return f"{code} {_text(answer)}"


def _judge(code: int, answer: bytes, *, what: str) -> None:
    if 200 <= code < 300:
        return
    said = f"The mail server refused {what}: {code} {_text(answer)}"
    if 500 <= code < 600:
        raise Refused(said, advice="Check the address with the contact.")
    raise NotNow(said)


def _text(answer: bytes) -> str:
    return " ".join(answer.decode("utf-8", "replace").split())[:300]


def _bytes(answer: bytes | str) -> bytes:
    return answer if isinstance(answer, bytes) else answer.encode("utf-8", "replace")


def _reason(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:300]


def _close(server: smtplib.SMTP) -> None:
    """Say goodbye. What the server answers to that changes nothing about the message."""
    try:
        server.quit()
    except (OSError, smtplib.SMTPException):
        server.close()
