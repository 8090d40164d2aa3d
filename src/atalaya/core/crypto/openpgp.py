"""OpenPGP for mail: read certificates, sign, encrypt. v4 keys on Curve25519, messages that gpg 2.2 can read.

The engine below encrypts to expired and revoked certificates when it is told to; nothing here ever does. It has no
clock: every question about validity says for which moment it asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import pysequoia
from pysequoia.packet import HashAlgorithm, Packet, PacketPile, SignatureType, Tag

from atalaya.core import limits
from atalaya.core.errors import AtalayaError, BadInput, TooLarge

_CERTIFICATIONS = (
    SignatureType.GenericCertification,
    SignatureType.PersonaCertification,
    SignatureType.CasualCertification,
    SignatureType.PositiveCertification,
    SignatureType.DirectKey,
)
_SUBKEY_SIGNATURES = (SignatureType.SubkeyBinding, SignatureType.SubkeyRevocation)


class Status(StrEnum):
    """Whether a certificate may be used at a moment."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNUSABLE = "unusable"


class CannotEncrypt(AtalayaError):
    """A recipient's certificate is expired, revoked or unusable: nothing was encrypted for anybody."""

    def __init__(self, fingerprint: str, status: Status) -> None:
        super().__init__(
            f"The certificate {fingerprint} is {status.value}; nothing was encrypted to it.",
            advice="Ask the contact for a new certificate.",
        )
        self.fingerprint = fingerprint
        self.status = status


@dataclass(frozen=True)
class CertificateInfo:
    """What a certificate says at one moment.

    `fingerprint` is upper-case hex. `expires_at` is when it can no longer be encrypted to (the certificate or its last
    encryption key expires), or None. A revoked certificate is revoked at every moment.
    """

    fingerprint: str
    user_ids: tuple[str, ...]
    emails: tuple[str, ...]
    status: Status
    expires_at: datetime | None
    created_at: datetime
    can_encrypt: bool


@dataclass(frozen=True)
class Opened:
    """A decrypted or verified message: its bytes and the fingerprints of the certificates that signed it."""

    data: bytes
    signed_by: tuple[str, ...]


@dataclass(frozen=True)
class _Component:
    """A primary key or subkey with the packets that belong to it, as they stand in the certificate."""

    key: Packet
    packets: tuple[Packet, ...]


def inspect(armored: str, *, at: datetime) -> CertificateInfo:
    """Read one certificate as it stands at the moment `at` (with time zone).

    Raises BadInput when the text holds no certificate, several, or a private key.
    """
    cert = _parse(armored)
    components = _components(cert)
    usable = _usable(cert, components, at)
    status = _status(cert, components, usable, at)
    return CertificateInfo(
        fingerprint=cert.fingerprint.upper(),
        user_ids=tuple(str(user_id) for user_id in cert.user_ids),
        emails=_emails(cert),
        status=status,
        expires_at=_expires_at(cert, components),
        created_at=_created(components[0]),
        can_encrypt=status is Status.VALID,
    )


def split(data: str) -> list[str]:
    """The certificates in a text that holds one or many (a keyring, or files put one behind the other), each armored.

    Raises BadInput when one of them cannot be read, or when there is a private key among them.
    """
    _refuse_secrets_and_size(data)
    blocks = data.split("-----BEGIN PGP PUBLIC KEY BLOCK-----")[1:]
    armored = [f"-----BEGIN PGP PUBLIC KEY BLOCK-----{block}" for block in blocks]
    with _readable("No certificate could be read."):
        return [str(cert) for block in armored for cert in pysequoia.Cert.split_bytes(block.encode())]


def merge(kept: str, received: str) -> str:
    """Both copies of one certificate as one: a revocation that either knows stays. Raises BadInput for two different ones."""
    with _readable("These are two different certificates."):
        return str(_parse(kept).merge(_parse(received)))


def generate(user_id: str, *, validity_seconds: int | None = None) -> str:
    """A new armored private key (v4, Curve25519) for `user_id`, such as "CSIRT <csirt@example.org>".

    It does not expire unless `validity_seconds` says so.
    """
    key = pysequoia.Tsk.generate(
        user_id,
        profile=pysequoia.Profile.RFC4880,
        cipher_suite=pysequoia.CipherSuite.Cv25519,
        validity_seconds=validity_seconds,
    )
    return str(key)


def certificate_of(secret: str) -> str:
    """The armored certificate (public part) of an armored private key. Raises BadInput when it is none."""
    return str(_secret(secret).extract_certificate())


def sign_detached(data: bytes, secret: str, *, password: str | None = None) -> str:
    """An armored detached signature over exactly these bytes. Raises BadInput when the key cannot sign."""
    with _readable("The private key could not sign.", "Check the key and its password."):
        signer = _secret(secret).signer(password)
        return pysequoia.sign(signer, data, mode=pysequoia.SignatureMode.DETACHED).decode("ascii")


def micalg(signature: str) -> str:
    """The `micalg` parameter of a PGP/MIME part for this signature, such as "pgp-sha512" (RFC 3156)."""
    with _readable("The signature could not be read."):
        used = pysequoia.Sig.from_bytes(signature.encode()).hash_algorithm
    names = ("SHA512", "SHA256", "SHA384", "SHA224", "SHA1")
    name = next((name for name in names if used == getattr(HashAlgorithm, name)), "SHA512")
    return f"pgp-{name.lower()}"


def encrypt(
    data: bytes,
    recipients: Sequence[str],
    signer: str | None = None,
    *,
    at: datetime,
    password: str | None = None,
) -> bytes:
    """Encrypt to every armored certificate in `recipients`, signed inside by the armored private key `signer`.

    Returns an armored message (SEIPDv1 for v4 keys: gpg 2.2 reads it). Only encryption keys that are alive at the moment `at` are used. Raises
    CannotEncrypt when any certificate is expired, revoked or unusable then, BadInput when one cannot be read.
    """
    if not recipients:
        raise BadInput("There is nobody to encrypt to.", advice="Name at least one certificate.")
    certs = [_encryptable(armored, at) for armored in recipients]
    with _readable(
        "The message could not be encrypted and signed.", "Check the team's key and its password."
    ):
        handle = _secret(signer).signer(password) if signer is not None else None
        return pysequoia.encrypt(data, recipients=certs, signer=handle)


def decrypt(data: bytes, secret: str, *, signers: Sequence[str] = (), password: str | None = None) -> Opened:
    """Open a message. With `signers` (armored certificates) it must carry a valid signature of one of them.

    Raises BadInput when it cannot be opened, or the signature is missing, wrong or by somebody else.
    """
    known = [_parse(armored) for armored in signers]
    advice = "Compressed messages cannot be read: ask the sender to send without compression."
    with _readable("The message could not be opened.", advice):
        decryptor = _secret(secret).decryptor(password)
        opened = pysequoia.decrypt(data, decryptor=decryptor, store=(lambda _ids: known) if known else None)
    signed_by = _signed_by(opened)
    if known and not signed_by:
        raise BadInput("The message carries no valid signature.", advice="Do not trust its contents.")
    return Opened(opened.bytes or b"", signed_by)


def verify(data: bytes, signature: str, signers: Sequence[str]) -> tuple[str, ...]:
    """Fingerprints (upper-case hex) of the armored certificates in `signers` that made the detached signature.

    Raises BadInput when none of them made a valid one over exactly these bytes.
    """
    known = [_parse(armored) for armored in signers]
    with _readable("The signature is not valid for these bytes."):
        sig = pysequoia.Sig.from_bytes(signature.encode())
        return _signed_by(pysequoia.verify(bytes=data, store=lambda _ids: known, signature=sig))


@contextmanager
def _readable(what: str, advice: str = "") -> Iterator[None]:
    """The engine's errors as BadInput. Its own text can carry a backtrace of many lines: only the first is kept."""
    try:
        yield
    except AtalayaError:
        raise
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        reason = (str(error).splitlines() or [""])[0].strip().rstrip(".")
        raise BadInput(f"{what} ({reason}.)" if reason else what, advice=advice) from None


def _refuse_secrets_and_size(text: str) -> None:
    if len(text) > limits.CERTIFICATE_CHARS:
        raise TooLarge(
            f"The text is longer than {limits.CERTIFICATE_CHARS} characters.",
            advice="Export it minimal: gpg --armor --export-options export-minimal --export ADDRESS.",
        )
    if "PRIVATE KEY BLOCK" in text:
        raise BadInput(
            "This is a private key.",
            advice="Never give it away; send the public one: gpg --armor --export ADDRESS.",
        )


def _parse(armored: str) -> pysequoia.Cert:
    """One certificate. Raises BadInput; a private key is refused before anything is read from it."""
    _refuse_secrets_and_size(armored)
    advice = "Paste one whole block, from -----BEGIN PGP PUBLIC KEY BLOCK----- to the END line."
    with _readable("This is not an OpenPGP certificate.", advice):
        certs = pysequoia.Cert.split_bytes(armored.encode())
        tags = [packet.tag for packet in PacketPile.from_bytes(armored.encode())]
    if Tag.SecretKey in tags or Tag.SecretSubkey in tags:
        raise BadInput("This is a private key.", advice="Never give it away; send the public one.")
    if len(certs) != 1:
        raise BadInput(f"There are {len(certs)} certificates, not one.", advice=advice)
    return certs[0]


def _secret(armored: str) -> pysequoia.Tsk:
    if "PRIVATE KEY BLOCK" not in armored:
        raise BadInput("This is not a private key.", advice="Give the armored private key of the team.")
    with _readable("The private key could not be read."):
        return pysequoia.Tsk.from_bytes(armored.encode())


def _components(cert: pysequoia.Cert) -> list[_Component]:
    """The primary key (with user IDs and all their signatures) first, then the subkeys, each with its signatures."""
    groups: list[list[Packet]] = []
    for packet in PacketPile.from_bytes(bytes(cert)):
        if packet.tag in (Tag.PublicKey, Tag.PublicSubkey):
            groups.append([])
        groups[-1].append(packet)
    return [_Component(group[0], tuple(group)) for group in groups]


def _status(
    cert: pysequoia.Cert, components: list[_Component], usable: pysequoia.Cert | None, at: datetime
) -> Status:
    if cert.is_revoked:
        return Status.REVOKED
    if cert.expiration is not None and cert.expiration <= at:
        return Status.EXPIRED
    if usable is not None:
        return Status.VALID
    encryption = [subkey for subkey in components[1:] if _encrypts(subkey) and not _revoked(subkey)]
    ends = [_subkey_end(subkey) for subkey in encryption]
    if ends and all(end is not None and end <= at for end in ends):
        return Status.EXPIRED
    return Status.UNUSABLE


def _usable(cert: pysequoia.Cert, components: list[_Component], at: datetime) -> pysequoia.Cert | None:
    """The certificate without the subkeys that are dead at `at`, when the engine can encrypt to what is left."""
    primary, *subkeys = components
    if _created(primary) > at:
        return None
    alive = [primary, *(subkey for subkey in subkeys if _alive(subkey, at))]
    try:
        left = pysequoia.Cert.from_packets([packet for component in alive for packet in component.packets])
        pysequoia.encrypt(b"", recipients=[left])
    except RuntimeError:
        return None
    return left


def _encryptable(armored: str, at: datetime) -> pysequoia.Cert:
    cert = _parse(armored)
    components = _components(cert)
    usable = _usable(cert, components, at)
    status = _status(cert, components, usable, at)
    if status is not Status.VALID or usable is None:
        raise CannotEncrypt(cert.fingerprint.upper(), status)
    return usable


def _binding(component: _Component) -> Packet | None:
    """The newest binding signature of a subkey; for a primary key the newest self-signature."""
    wanted = _CERTIFICATIONS if component.key.tag == Tag.PublicKey else (SignatureType.SubkeyBinding,)
    found = [
        packet for packet in component.packets if packet.signature_type in wanted and packet.signature_created
    ]
    return max(found, key=lambda packet: packet.signature_created or _created(component), default=None)


def _revoked(subkey: _Component) -> bool:
    return any(packet.signature_type == SignatureType.SubkeyRevocation for packet in subkey.packets)


def _encrypts(component: _Component) -> bool:
    binding = _binding(component)
    flags = binding.key_flags if binding is not None else None
    return flags is not None and (flags.transport_encryption or flags.storage_encryption)


def _alive(subkey: _Component, at: datetime) -> bool:
    if _binding(subkey) is None or _revoked(subkey) or _created(subkey) > at:
        return False
    end = _subkey_end(subkey)
    return end is None or end > at


def _subkey_end(subkey: _Component) -> datetime | None:
    """When the subkey or the signature that binds it expires, whichever is first; None for never."""
    binding = _binding(subkey)
    if binding is None:
        return None
    ends = [binding.signature_expiration_time] if binding.signature_expiration_time else []
    if binding.key_validity_period:
        ends.append(_created(subkey) + binding.key_validity_period)
    return min(ends, default=None)


def _expires_at(cert: pysequoia.Cert, components: list[_Component]) -> datetime | None:
    """The certificate's own end, or the end of its last encryption key when that is earlier."""
    encryption = [subkey for subkey in components[1:] if _encrypts(subkey) and not _revoked(subkey)]
    ends = [_subkey_end(subkey) for subkey in encryption]
    known = [end for end in ends if end is not None]
    last = max(known) if known and len(known) == len(ends) and not _encrypts(components[0]) else None
    return min((end for end in (cert.expiration, last) if end is not None), default=None)


def _created(component: _Component) -> datetime:
    created = component.key.key_created
    if created is None:
        raise BadInput(
            "A key in the certificate has no date of creation.", advice="Ask for a new certificate."
        )
    return created


def _emails(cert: pysequoia.Cert) -> tuple[str, ...]:
    """Addresses of the user IDs that are not revoked, in lower case, each once."""
    kept = {str(user_id) for user_id in cert.user_ids}
    packets: Iterable[Packet] = PacketPile.from_bytes(bytes(cert))
    found = (
        packet.user_id_email for packet in packets if packet.tag == Tag.UserID and packet.user_id in kept
    )
    return tuple(dict.fromkeys(email.lower() for email in found if email))


def _signed_by(opened: pysequoia.Decrypted) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(sig.certificate).upper() for sig in opened.valid_sigs))
