"""Secrets at rest: AES-256-GCM under a key derived from the node's own, bound to the row that they are for."""

from __future__ import annotations

import base64
import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from atalaya.core.errors import AtalayaError

NONCE = 12
PURPOSE = b"atalaya collection credentials 1"
"""Named after the first use. With other words nothing that is sealed already could be read."""


def seal(secret: str, row: UUID, *, key: str) -> str:
    """The secret, encrypted for this row alone under the node's key. "" stays ""."""
    if not secret:
        return ""
    nonce = os.urandom(NONCE)
    return base64.b64encode(nonce + _cipher(key).encrypt(nonce, secret.encode(), row.bytes)).decode()


def unseal(sealed: str, row: UUID, *, key: str) -> str:
    """The secret. Raises AtalayaError when it was sealed by another node's key or for another row."""
    if not sealed:
        return ""
    data = base64.b64decode(sealed)
    try:
        return _cipher(key).decrypt(data[:NONCE], data[NONCE:], row.bytes).decode()
    except InvalidTag as error:
        raise AtalayaError(
            "The secret cannot be read with this node's key.", advice="Type it in again, or make a new one."
        ) from error


def _cipher(key: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=PURPOSE).derive(key.encode()))
