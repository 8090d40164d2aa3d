"""Every write of this app: a reference file is loaded, compiled, replaced and removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from atalaya.apps.jobs.actions import announce
from atalaya.apps.people.models import User
from atalaya.apps.people.roles import Right
from atalaya.apps.records.actions import record
from atalaya.apps.reference import raw
from atalaya.apps.reference.models import ReferenceFile
from atalaya.core.errors import BadInput, NotAllowed

Status = ReferenceFile.Status


def load(source: BinaryIO, *, by: User | None, kind: str, name: str) -> ReferenceFile:
    """Keep a file and ask for its compilation; it is in use when that is done. `by` None is the operator at the command line.

    Raises NotAllowed, BadInput for an unknown kind, TooLarge.
    """
    _may(by)
    if kind not in ReferenceFile.Kind.values:
        raise BadInput(f"There is no kind {kind}.", advice=f"One of: {', '.join(ReferenceFile.Kind.values)}.")
    sha256, size = raw.keep(source)
    with transaction.atomic():
        row = ReferenceFile.objects.create(
            kind=kind, name=_last(name), sha256=sha256, size=size, loaded_by=by
        )
        announce("reference.received", file=str(row.pk))
        record(
            "reference.file.loaded",
            by=by,
            target=row,
            detail={"kind": kind, "name": row.name, "sha256": sha256},
        )
    return row


def _may(by: User | None) -> None:
    if by is not None and Right.MANAGE_NODE not in by.rights:
        raise NotAllowed("Only who manages the node may change its reference files.")


def _last(name: str) -> str:
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(char for char in last if char.isprintable())[-255:] or "file"


def compile_file(pk: UUID | str, *, by: User | None = None) -> ReferenceFile | None:
    """Compile a file that waits and put it in the place of the one before it. None when it was removed meanwhile.

    A broken file is marked as failed, with what is wrong; the one before it stays in use. May be called again.
    """
    row = ReferenceFile.objects.filter(pk=pk).first()
    if row is None or row.status != Status.WAITING:
        return row
    try:
        told = _told(row)
    except BadInput as error:
        _failed(row, error, by=by)
    else:
        _put_in_use(row, told, by=by)
    return ReferenceFile.objects.filter(pk=pk).first()


def _told(row: ReferenceFile) -> dict[str, Any]:
    """What a file says of itself, once it is compiled."""
    if row.kind == ReferenceFile.Kind.KEV:
        found = raw.catalogue(row.sha256)
        return {
            "title": f"KEV {found.version}".strip(),
            "rows": len(found.entries),
            "released": found.released,
        }
    table = raw.table(row.sha256, row.kind)
    return {"title": table.name, "rows": table.rows, "released": table.released, "part": table.part[:12]}


def _failed(row: ReferenceFile, error: BadInput, *, by: User | None) -> None:
    with transaction.atomic():
        if _waiting(row).update(status=Status.FAILED, message=str(error)):
            record("reference.file.failed", by=by, target=row, detail={"message": str(error)})


def _waiting(row: ReferenceFile) -> QuerySet[ReferenceFile]:
    """The file as long as it waits: the command line and a worker may both be compiling it, and one is first."""
    return ReferenceFile.objects.filter(pk=row.pk, status=Status.WAITING)


def _put_in_use(row: ReferenceFile, told: dict[str, Any], *, by: User | None) -> None:
    with transaction.atomic():
        if not _waiting(row).select_for_update().exists():
            return
        before = ReferenceFile.objects.filter(kind=row.kind, part=told.get("part", ""), status=Status.READY)
        old = list(before.select_for_update())
        before.delete()
        _waiting(row).update(status=Status.READY, **told)
        detail = {"kind": row.kind, "replaced": [one.sha256 for one in old]}
        record("reference.file.used", by=by, target=row, detail={**detail, "rows": told["rows"]})
    for one in old:
        _forget(one)


def remove(row: ReferenceFile, *, by: User | None) -> None:
    """Take a file out of use and off the disk. Events that were filled from it keep what they have. Raises NotAllowed."""
    _may(by)
    with transaction.atomic():
        record(
            "reference.file.removed",
            by=by,
            target=row,
            detail={"kind": row.kind, "name": row.name, "sha256": row.sha256},
        )
        row.delete()
    _forget(row)


def _forget(row: ReferenceFile) -> None:
    """Remove from the disk what no row names any more."""
    others = ReferenceFile.objects.filter(sha256=row.sha256)
    if not others.filter(kind=row.kind).exists():
        raw.forget(row.sha256, row.kind, file=not others.exists())


def load_now(path: Path, *, by: User | None, kind: str) -> ReferenceFile:
    """Load a file and compile it at once, as the command line does. Raises BadInput when it is broken; it is not kept then."""
    with path.open("rb") as source:
        row = load(source, by=by, kind=kind, name=path.name)
    done = compile_file(row.pk, by=by)
    if done is None or done.status == Status.FAILED:
        message = done.message if done else "It was removed meanwhile."
        if done:
            remove(done, by=by)
        raise BadInput(f"{path.name}: {message}")
    return done
