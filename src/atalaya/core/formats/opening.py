"""Open a feed file, plain or packed, without trusting what it says about its own size."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

from atalaya.core import limits as default_limits
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.formats import mail

GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"
OTHER_ARCHIVES: dict[bytes, str] = {
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!": "RAR",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
FILE = "The file"
"""What messages call it: whoever shows them knows its name, and we only know where it is kept."""
RATIO_FROM = 64 * default_limits.MIB
"""Unpacked bytes below which no ratio is judged: small files of one repeated row pack very well."""


class Truncated(BadInput):
    """A packed file ends in the middle or is damaged: what was read until then is good."""


class Budget:
    """How many bytes one packed file may still unpack to, over all its members."""

    def __init__(self, packed: int, limits: ModuleType) -> None:
        self._most = limits.FEED_UNPACKED_BYTES
        self._ratio_most = max(RATIO_FROM, packed * limits.UNPACK_RATIO)
        self._total = 0

    def spend(self, count: int) -> None:
        """Note `count` unpacked bytes. Raises TooLarge when they become too many."""
        self._total += count
        if self._total > self._most:
            raise TooLarge(f"The file unpacks to more than {self._most} bytes.", advice="Split the file.")
        if self._total > self._ratio_most:
            raise TooLarge("The file unpacks to far more than a feed file would: it is refused as a bomb.")


class Packed(Protocol):
    """A stream that unpacks. `read1`, as `read` loses what it had where the data break off."""

    def read1(self, size: int, /) -> bytes: ...


class BoundedStream(io.RawIOBase):
    """The unpacked bytes of one packed stream. `read` raises TooLarge over the budget, Truncated at damage."""

    def __init__(self, stream: Packed, name: str, budget: Budget) -> None:
        self._stream = stream
        self._name = name
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        try:
            data = self._stream.read1(len(view))
        except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
            raise Truncated(f"{self._name} is damaged or ends too early.") from error
        self._budget.spend(len(data))
        view[: len(data)] = data
        return len(data)


def open_feed(path: Path, *, limits: ModuleType = default_limits) -> Iterator[tuple[str, BufferedIOBase]]:
    """Yield (member name, stream of plain bytes) for each file in `path`, which is plain, gzip, zip or a mail.

    What it is is told by its first bytes, not by its name. A stream is open until the next one is asked for. Raises TooLarge over a limit of `limits`
    (also later, from the stream's `read`), BadInput for another kind of archive or an archive within an
    archive, `Truncated` from `read` where packed data break off.
    """
    if path.stat().st_size > limits.FEED_FILE_BYTES:
        raise TooLarge(f"The file is larger than {limits.FEED_FILE_BYTES} bytes.", advice="Split the file.")
    with path.open("rb") as file:
        if mail.looks_like_mail(file.peek(mail.LOOKED_AT)):
            yield from _open_mail(file, path.stat().st_size, limits)
        else:
            yield from _open(file, path.name, path.stat().st_size, limits)


def _open(
    file: BufferedReader, name: str, size: int, limits: ModuleType
) -> Iterator[tuple[str, BufferedIOBase]]:
    """The files in one file of `size` bytes that is no mail."""
    start = file.peek(8)[:8]
    if start.startswith(GZIP):
        budget = Budget(size, limits)
        yield name.removesuffix(".gz"), _buffered(gzip.GzipFile(fileobj=file), FILE, budget)
    elif start.startswith(ZIP):
        yield from _open_zip(file, Budget(size, limits), limits)
    else:
        _refuse_archive(start, FILE)
        yield name, file


def _open_mail(file: BufferedReader, size: int, limits: ModuleType) -> Iterator[tuple[str, BufferedIOBase]]:
    """The files attached to a mail, which may be packed themselves, and its reports."""
    if size > limits.DOCUMENT_BYTES:
        raise TooLarge(f"The mail is larger than {limits.DOCUMENT_BYTES} bytes.", advice="Split it.")
    for name, data in mail.members(file.read()):
        yield from _open(io.BufferedReader(io.BytesIO(data)), name, len(data), limits)


def _refuse_archive(start: bytes, name: str) -> None:
    for magic, kind in OTHER_ARCHIVES.items():
        if start.startswith(magic):
            raise BadInput(f"{name} is a {kind} archive.", advice="Send the file plain, as gzip or as zip.")


def _buffered(stream: Packed, name: str, budget: Budget) -> BufferedIOBase:
    reader = io.BufferedReader(BoundedStream(stream, name, budget), 1 << 17)
    try:
        start = reader.peek(8)[:8]
    except Truncated:
        return reader
    if start.startswith((GZIP, ZIP)):
        raise BadInput(f"{name} holds an archive within an archive.", advice="Send the inner file.")
    _refuse_archive(start, name)
    return reader


def _open_zip(
    file: BufferedIOBase, budget: Budget, limits: ModuleType
) -> Iterator[tuple[str, BufferedIOBase]]:
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise BadInput("The file is not a whole zip archive.", advice="Send it again.") from error
    with archive:
        members = [one for one in archive.infolist() if not one.is_dir()]
        if len(members) > limits.ZIP_MEMBERS:
            raise TooLarge(f"The file holds more than {limits.ZIP_MEMBERS} files.", advice="Split it.")
        for member in members:
            yield member.filename, _open_member(archive, member, budget)


def _open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, budget: Budget) -> BufferedIOBase:
    name = f"{member.filename} in the archive"
    if member.flag_bits & 1:
        raise BadInput(f"{name} is encrypted.", advice="Send it without a password.")
    try:
        stream = cast(zipfile.ZipExtFile, archive.open(member))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise BadInput(f"{name} cannot be unpacked.", advice="Send it plain or as gzip.") from error
    return _buffered(stream, name, budget)
