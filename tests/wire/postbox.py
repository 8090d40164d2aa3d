"""A real SMTP server for tests: it listens on a free port, keeps what it accepts, and can misbehave."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "csirt", "correct horse battery"


class Postbox:
    """What was accepted, in order; `answers` gives other replies to DATA, by recipient or for all ("*")."""

    def __init__(self) -> None:
        self.port = 0
        self.accepted: list[bytes] = []
        self.recipients: list[str] = []
        self.senders: list[str] = []
        self.answers: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self.delay = 0.0
        self.hang_up_after_data = False

    @property
    def messages(self) -> list[EmailMessage]:
        return [email.message_from_bytes(data, policy=email.policy.default) for data in self.accepted]  # type: ignore[misc]

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.answers.get(envelope.rcpt_tos[0], self.answers.get("*", "250 queued as 4711"))
        if answer.startswith("250"):
            self.accepted.append(bytes(envelope.original_content or b""))
            self.recipients.extend(envelope.rcpt_tos)
            self.senders.append(envelope.mail_from or "")
        if self.delay:
            time.sleep(self.delay)
        if self.hang_up_after_data:
            server.transport.abort()
        return answer


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=right, handled=False)


def authority(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key, as PEM files in `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "postbox")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    cert_file, key_file = folder / "ca.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return cert_file, key_file


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postbox(
    *,
    starttls: tuple[Path, Path] | None = None,
    tls: tuple[Path, Path] | None = None,
    auth: bool = False,
    size: int = 0,
) -> Iterator[Postbox]:
    """A running server. `starttls` is (certificate, key); `auth` demands USER and PASSWORD."""
    box = Postbox()
    box.port = free_port()
    options: dict[str, Any] = {"data_size_limit": size or None}
    if starttls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*starttls)
        options |= {"tls_context": context, "require_starttls": True}
    if tls:
        options["ssl_context"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        options["ssl_context"].load_cert_chain(*tls)
    if auth:
        options |= {"authenticator": _authenticate, "auth_required": True, "auth_require_tls": bool(starttls)}
    controller = Controller(box, hostname="127.0.0.1", port=box.port, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
