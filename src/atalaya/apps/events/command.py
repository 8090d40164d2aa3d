"""`./atalaya ingest FILE...` without its command line: files are taken in here and now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Sum

from atalaya.apps.events import actions, reading
from atalaya.apps.events.models import Ingest
from atalaya.core.errors import AtalayaError, BadInput


@dataclass(frozen=True)
class FileReport:
    """What became of one file: `read == kept + doubled + rejected`.

    `status` is done, failed (nothing was kept: see `message`) or refused (not taken in at all). `new` is False for a file
    that had come before; its counts are those of then. `reasons` maps "field: reason" to rows.
    """

    file: str
    status: str
    new: bool = False
    feed: str = ""
    read: int = 0
    kept: int = 0
    doubled: int = 0
    rejected: int = 0
    new_findings: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    message: str = ""
    id: str = ""

    @property
    def whole(self) -> bool:
        """Whether every row was taken in and nothing was wrong."""
        return self.status == "done" and not self.rejected and not self.message

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def ingest(paths: Iterable[Path], *, feed: str = "", state: str = "") -> Iterator[FileReport]:
    """Receive and process each file, one report per file; it does not matter whether the node runs.

    Raises BadInput for an unknown feed, or when neither `state` nor the configuration says for which state.
    """
    state = state or settings.CONFIG.node.state
    if not state:
        raise BadInput("This node has no state yet.", advice="Set [node] state, for example BB.")
    if feed:
        reading.feed_of(feed, "", Path())
    for path in paths:
        yield _one(path, feed, state)


def _one(path: Path, feed: str, state: str) -> FileReport:
    try:
        if not path.is_file():
            raise BadInput(f"{path} is not a file.", advice="Give the name of a feed file.")
        row, created = actions.receive(
            path, by=None, state=state, name=path.name, channel=Ingest.Channel.COMMAND, feed=feed
        )
        return report(actions.process(row.pk, wait=True), new=created, file=str(path))
    except (AtalayaError, OSError) as error:
        return FileReport(str(path), "refused", message=str(error))


def report(row: Ingest, *, new: bool, file: str = "") -> FileReport:
    """The report of a file that is in the database."""
    return FileReport(
        file=file or row.name,
        status=row.status,
        new=new,
        feed=row.feed,
        read=row.rows_read,
        kept=row.rows_kept,
        doubled=row.rows_doubled,
        rejected=row.rows_rejected,
        new_findings=row.new_findings,
        reasons=reasons(row),
        message=row.message,
        id=str(row.pk),
    )


def reasons(row: Ingest) -> dict[str, int]:
    """Why rows were rejected: "field: reason" -> rows, most frequent first."""
    grouped = row.rejects.order_by().values("field", "reason").annotate(rows=Sum("count")).order_by("-rows", "field")
    return {f"{one['field']}: {one['reason']}" if one["field"] else one["reason"]: one["rows"] for one in grouped}
