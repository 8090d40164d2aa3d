"""Secrets of sources at rest: AES-256-GCM under a key derived from the node's own, bound to the source they are for."""

from __future__ import annotations

import base64
import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from atalaya.core.errors import AtalayaError

NONCE = 12
PURPOSE = b"atalaya collection credentials 1"


def seal(secret: str, source: UUID) -> str:
    """The secret, encrypted for this source alone. "" stays ""."""
    if not secret:
        return ""
    nonce = os.urandom(NONCE)
    return base64.b64encode(nonce + _cipher().encrypt(nonce, secret.encode(), source.bytes)).decode()


def unseal(sealed: str, source: UUID) -> str:
    """The secret. Raises AtalayaError when it was sealed by another node's key or for another source."""
    if not sealed:
        return ""
    data = base64.b64decode(sealed)
    try:
        return _cipher().decrypt(data[:NONCE], data[NONCE:], source.bytes).decode()
    except InvalidTag as error:
        raise AtalayaError(
            "The credentials cannot be read with this node's key.", advice="Type them in again."
        ) from error


def _cipher() -> AESGCM:
    derived = HKDF(SHA256(), 32, salt=None, info=PURPOSE).derive(settings.SECRET_KEY.encode())
    return AESGCM(derived)
