"""What is loaded, for whom it is shown to, and for the pipeline that uses it."""

from __future__ import annotations

import logging

from django.db.models import QuerySet

from atalaya.apps.people.models import User
from atalaya.apps.people.roles import Right, has
from atalaya.apps.reference import raw
from atalaya.apps.reference.models import ReferenceFile
from atalaya.core.enrich import kev as catalogue
from atalaya.core.enrich.filling import NONE, References
from atalaya.core.enrich.kev import Kev
from atalaya.core.enrich.table import Table, merged
from atalaya.core.errors import BadInput

LOG = logging.getLogger(__name__)
Loaded = tuple[str, str, str]
"""Kind, part and SHA-256."""


def visible_to(user: User | None) -> QuerySet[ReferenceFile]:
    """Reference files, for those who manage the node: they belong to no state."""
    if not has(user, Right.MANAGE_NODE):
        return ReferenceFile.objects.none()
    return ReferenceFile.objects.select_related("loaded_by")


def in_use() -> tuple[Loaded, ...]:
    """What is in use now: one small query, by which a process notices a new file."""
    ready = ReferenceFile.objects.filter(status=ReferenceFile.Status.READY).order_by("kind", "part")
    return tuple(ready.values_list("kind", "part", "sha256"))


def references() -> References:
    """The files that events are filled from, kept by the process until others are loaded.

    A file that is gone from the disk is left out, with a line in the log: events go on without it.
    """
    loaded = tuple(one for one in in_use() if one[0] != ReferenceFile.Kind.KEV)
    if not loaded:
        return NONE
    kept = _references.get("newest")
    if kept is None or kept[0] != loaded:
        kept = _references["newest"] = (loaded, References(_tables(loaded)))
    return kept[1]


_references: dict[str, tuple[tuple[Loaded, ...], References]] = {}
"""The newest, with what was in use then."""


def _tables(loaded: tuple[Loaded, ...]) -> dict[str, Table]:
    found: dict[str, list[Table]] = {}
    for kind, _part, sha256 in loaded:
        try:
            table = raw.table(sha256, kind)
        except BadInput as error:
            LOG.warning("a reference file is left out: %s", error)
        else:
            found.setdefault(kind, []).append(table)
    return {kind: tables[0] if len(tables) == 1 else merged(tables) for kind, tables in found.items()}


def kev() -> Kev:
    """The catalogue of known exploited vulnerabilities that is loaded; `kev.NONE` without one."""
    loaded = next((sha256 for kind, _, sha256 in in_use() if kind == ReferenceFile.Kind.KEV), "")
    if not loaded:
        return catalogue.NONE
    kept = _catalogues.get("newest")
    if kept is None or kept[0] != loaded:
        try:
            kept = _catalogues["newest"] = (loaded, raw.catalogue(loaded))
        except BadInput as error:
            LOG.warning("the catalogue of known exploited vulnerabilities is left out: %s", error)
            return catalogue.NONE
    return kept[1]


_catalogues: dict[str, tuple[str, Kev]] = {}
"""The newest, with the SHA-256 of its file."""
