"""Wire formats: bytes from outside become tables of text, row by row checked, in bounded memory."""

from __future__ import annotations

from atalaya.core.formats.batch import REJECT_SCHEMA, Batch, no_rejects

__all__ = ["REJECT_SCHEMA", "Batch", "no_rejects"]
