"""The files on the disk: DATA/reference/SHA256 as they came, DATA/compiled/SHA256-KIND as they are used.

What is compiled can be made again from the file at any time, and is in no backup.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from atalaya.core import limits
from atalaya.core.enrich import kev
from atalaya.core.enrich.compiling import compiled as read_table
from atalaya.core.enrich.kev import Kev
from atalaya.core.enrich.table import Table
from atalaya.core.errors import BadInput
from atalaya.core.incoming import clear_away, incoming


def folder() -> Path:
    """Where the files are kept."""
    return Path(settings.CONFIG.data) / "reference"


def path_of(sha256: str) -> Path:
    """Where the file is kept, or would be."""
    return folder() / sha256


def keep(source: BinaryIO) -> tuple[str, int]:
    """Copy a stream into the data folder; its hash and its size in bytes. Raises TooLarge, and nothing is kept then."""
    with incoming(source, folder(), most=limits.REFERENCE_FILE_BYTES) as came:
        os.replace(came.path, path_of(came.sha256))
    return came.sha256, came.size


def kept(sha256: str) -> Path:
    """The file. Raises BadInput when it is not there any more."""
    path = path_of(sha256)
    if not path.is_file():
        raise BadInput(
            f"The reference file {sha256[:12]} is not in the data folder.", advice="Load it again."
        )
    return path


def _compiled(sha256: str, kind: str) -> Path:
    return _made() / f"{sha256}-{kind}"


def _made() -> Path:
    return Path(settings.CONFIG.data) / "compiled"


def table(sha256: str, kind: str) -> Table:
    """The file compiled: from the disk, or made there first. Raises BadInput for a file that is gone or broken."""
    place = _compiled(sha256, kind)
    with suppress(BadInput):
        return Table.load(place)
    made = read_table(kept(sha256), kind)
    shutil.rmtree(place, ignore_errors=True)
    made.write(place)
    return made


def catalogue(sha256: str) -> Kev:
    """The catalogue of known exploited vulnerabilities in a file. Raises BadInput."""
    return kev.read(kept(sha256))


def forget(sha256: str, kind: str, *, file: bool) -> None:
    """Remove what was compiled, and with `file` the file itself. Processes that have it open go on with it."""
    shutil.rmtree(_compiled(sha256, kind), ignore_errors=True)
    if file:
        path_of(sha256).unlink(missing_ok=True)


def sweep(*, older_than: float) -> None:
    """Remove what a killed process left half-written, untouched since `older_than` (epoch seconds)."""
    clear_away(folder(), older_than=older_than)
    clear_away(_made(), older_than=older_than, pattern=".compiling-*")
