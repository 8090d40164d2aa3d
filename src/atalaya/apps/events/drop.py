"""The drop folder: a file put there is taken in by itself.

DROP/report.csv is recognised by its name or columns; DROP/shadowserver-scan-rdp/report.csv is of that feed. A file is
taken when it was not written to for `QUIET` seconds, and is then moved to `done` or `refused` beside it. Whoever writes
slowly writes under a name that starts with a dot or ends in .part and renames at the end.
"""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from atalaya.apps.events import actions
from atalaya.apps.events.models import Ingest
from atalaya.core.errors import BadInput

QUIET = 10.0
"""Seconds without a write after which a file counts as whole."""
UNFINISHED = (".part", ".tmp", ".partial", ".crdownload", ".filepart", "~")
DONE, REFUSED = "done", "refused"

log = logging.getLogger(__name__)


def take_all(*, now: float | None = None) -> int:
    """Receive every file that is ready, for the node's own state; returns how many were received.

    Without a state in the configuration nothing is taken, and that is logged.
    """
    folder: Path = settings.CONFIG.drop_folder
    folder.mkdir(parents=True, exist_ok=True)
    state = settings.CONFIG.node.state
    taken = 0
    for path, feed in list(_ready(folder, time.time() if now is None else now)):
        if not state:
            log.warning("Files wait in the drop folder %s: set [node] state first.", folder)
            return 0
        taken += _take(path, feed, state)
    return taken


def _ready(folder: Path, now: float) -> Iterator[tuple[Path, str]]:
    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        if entry.is_dir(follow_symlinks=False) and entry.name not in (DONE, REFUSED) and entry.name[0] != ".":
            for inner in sorted(os.scandir(entry.path), key=lambda one: one.name):
                if _is_ready(inner, now):
                    yield Path(inner.path), entry.name
        elif _is_ready(entry, now):
            yield Path(entry.path), ""


def _is_ready(entry: os.DirEntry[str], now: float) -> bool:
    if entry.name.startswith(".") or entry.name.endswith(UNFINISHED):
        return False
    try:
        info = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(info.st_mode) and now - info.st_mtime >= QUIET


def _take(path: Path, feed: str, state: str) -> int:
    try:
        actions.receive(path, by=None, state=state, name=path.name, channel=Ingest.Channel.DROP, feed=feed)
    except FileNotFoundError:
        return 0  # somebody took it away between the look and now
    except (BadInput, PermissionError) as error:
        _move(path, REFUSED)
        reason = path.parent / REFUSED / f"{path.name}.reason.txt"
        reason.write_text(f"{error}\n", encoding="utf-8")
        log.warning("Refused %s: %s", path.name, error)
        return 0
    _move(path, DONE)
    return 1


def _move(path: Path, where: str) -> None:
    """Move beside, never over a file of the same name that came earlier."""
    target = path.parent / where / path.name
    target.parent.mkdir(exist_ok=True)
    if target.exists():
        target = target.with_name(f"{time.time_ns()}-{path.name}")
    os.replace(path, target)
