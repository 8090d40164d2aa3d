"""Bytes of a feed as text. A row whose accents are wrong still says which machine is ill: no byte costs a row."""

from __future__ import annotations

import codecs

_WINDOWS = "atalaya.windows"


def text_of(data: bytes, encoding: str = "utf-8") -> str:
    """The bytes as UTF-8; what is not UTF-8 among them as Windows-1252, in which spreadsheets of the region are saved.

    `encoding` is "utf-8-sig" where a byte order mark may come first. The five bytes that Windows-1252 leaves open become
    U+FFFD.
    """
    return data.decode(encoding, _WINDOWS)


def _windows(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", errors="replace"), error.end


codecs.register_error(_WINDOWS, _windows)
