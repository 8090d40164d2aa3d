"""Wire formats: bytes from outside become tables of text, row by row checked, in bounded memory."""

from __future__ import annotations

from atalaya.core.formats.batch import REJECT_SCHEMA, Batch, Reject, rejects_table
from atalaya.core.formats.opening import open_feed

__all__ = ["REJECT_SCHEMA", "Batch", "Reject", "open_feed", "rejects_table"]
