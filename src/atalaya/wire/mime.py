"""PGP/MIME (RFC 3156): the bytes of a message, signed or encrypted.

What is signed must reach the other side byte for byte, so it is ASCII only, has CRLF line ends, no line that ends in a
blank, and none that begins with "From ". Header fields that matter are repeated inside ("protected headers"), where
they are signed; when the message is encrypted the outer subject says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP

POLICY = SMTP.clone(cte_type="7bit", max_line_length=76)
CRLF = b"\r\n"


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a message. `kind` is its media type, "text/csv"."""

    name: str
    kind: str
    data: bytes


@dataclass(frozen=True)
class Letter:
    """A message before it is protected. `headers` are in order; `outer_subject` stands outside an encrypted one."""

    headers: Sequence[tuple[str, str]]
    text: str
    attachments: Sequence[Attachment] = field(default=())
    outer_subject: str = ""
    boundary: str = "atalaya"
    """Unique for each message; the same letter gives the same bytes."""


PROTECTED = ("Subject", "From", "To", "Reply-To", "Date", "Message-ID")


def signed(letter: Letter, *, sign: Callable[[bytes], str], micalg: Callable[[str], str]) -> bytes:
    """The message as multipart/signed. `sign` gives the armored detached signature over the bytes that it gets,
    `micalg` the name of the hash in it."""
    part = _content(letter, protect=True)
    signature = sign(part)
    boundary = f"{letter.boundary}-signed"
    kind = f'multipart/signed; boundary="{boundary}";\r\n protocol="application/pgp-signature"; micalg={micalg(signature)}'
    seal = (
        b'Content-Type: application/pgp-signature; name="signature.asc"\r\n'
        b"Content-Description: OpenPGP digital signature\r\n\r\n" + _lines(signature)
    )
    return _headers(letter.headers) + _multipart(kind, boundary, [part, seal])


def encrypted(letter: Letter, *, encrypt: Callable[[bytes], bytes]) -> bytes:
    """The message as multipart/encrypted. `encrypt` signs and encrypts the bytes that it gets, armored."""
    secret = encrypt(_content(letter, protect=True)).decode("ascii")
    boundary = f"{letter.boundary}-encrypted"
    kind = f'multipart/encrypted; boundary="{boundary}";\r\n protocol="application/pgp-encrypted"'
    version = b"Content-Type: application/pgp-encrypted\r\nContent-Description: PGP/MIME version\r\n\r\nVersion: 1\r\n"
    body = (
        b'Content-Type: application/octet-stream; name="encrypted.asc"\r\n'
        b'Content-Disposition: inline; filename="encrypted.asc"\r\n\r\n' + _lines(secret)
    )
    outer = [(name, letter.outer_subject if name == "Subject" else value) for name, value in letter.headers]
    return _headers(outer) + _multipart(kind, boundary, [version, body])


def _content(letter: Letter, *, protect: bool) -> bytes:
    """Text and attachments as one MIME part, ready to be signed: without a line end after its last line."""
    part = EmailMessage(policy=POLICY)
    part.set_content(letter.text, cte="quoted-printable")
    for attachment in letter.attachments:
        main, _, sub = attachment.kind.partition("/")
        part.add_attachment(attachment.data, maintype=main, subtype=sub, filename=attachment.name)
    if part.is_multipart():
        part.set_boundary(f"{letter.boundary}-parts")
    if protect:
        part.set_param("protected-headers", "v1")
        for name, value in letter.headers:
            if name in PROTECTED:
                part[name] = value
    del part["MIME-Version"]
    return _safe(part.as_bytes())


def _safe(data: bytes) -> bytes:
    lines = data.replace(CRLF, b"\n").rstrip(b"\n").split(b"\n")
    # "=46" is "F" in quoted-printable, the only encoding here in which a line can begin with "From ".
    return CRLF.join(b"=46" + line[1:] if line.startswith(b"From ") else line for line in lines)


def _headers(headers: Sequence[tuple[str, str]]) -> bytes:
    outer = EmailMessage(policy=POLICY)
    for name, value in headers:
        outer[name] = value
    outer["MIME-Version"] = "1.0"
    return outer.as_bytes().rstrip(CRLF) + CRLF


def _multipart(kind: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    line = b"--" + boundary.encode("ascii")
    whole = b"".join(line + CRLF + part + CRLF for part in parts)
    return b"Content-Type: " + kind.encode("ascii") + CRLF + CRLF + whole + line + b"--" + CRLF


def _lines(text: str) -> bytes:
    return CRLF.join(line.rstrip().encode("ascii") for line in text.strip().splitlines()) + CRLF
