"""From a file to a plan: every record is compared with the registry, nothing is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.utils.translation import gettext as _

from atalaya.apps.people.models import User
from atalaya.apps.people.roles import Right
from atalaya.apps.registry import values
from atalaya.apps.registry.cleaning import Problem, clean
from atalaya.apps.registry.exchange import rir, table
from atalaya.apps.registry.exchange.columns import (
    COLUMNS,
    CONTACT,
    HEADER,
    NETWORK,
    ORGANISATION,
    OWN,
    RECORDS,
    SHARED,
    TELLS,
)
from atalaya.apps.registry.exchange.plan import Change, Line, Plan, Verdict
from atalaya.apps.registry.exchange.snapshot import Snapshot, copied
from atalaya.apps.registry.models import Certificate, Contact, Network, Organisation
from atalaya.apps.registry.values import BadValue
from atalaya.apps.registry.visibility import certificates_visible_to, scope_of
from atalaya.core.errors import NotAllowed


@dataclass
class Item:
    """One record of one row: the cells that it gives. What is not among `cells` stays as it is."""

    row: int
    record: str
    cells: dict[str, str]
    instance: Any = None
    problems: list[Problem] = field(default_factory=list)
    repeats: bool = False

    @property
    def label(self) -> str:
        """What the record is about, as a person recognises it."""
        parts = [self.cells.get("organisation", "")]
        if self.record == CONTACT:
            parts.append(self.cells.get("contact", "") or self.cells.get("email", ""))
        if self.record == NETWORK:
            parts.append(self.cells.get("network", ""))
        return " · ".join(part for part in parts if part)[:200]


def plan(
    data: bytes,
    *,
    by: User | None,
    state: str = "",
    organisation: Organisation | None = None,
    format: str = "csv",
) -> Plan:
    """What importing `data` would do. `state` stands for rows that name none.

    With `format` "rir" the data is a country's address list, for `organisation`. Raises BadInput for a file that cannot
    be read at all, NotAllowed when `by` may not write for a whole state.
    """
    if format == "rir":
        if organisation is None:
            raise NotAllowed(_("Choose the organisation that the addresses belong to."))
        read = rir.read(data, organisation)
    else:
        read = table.read(data, HEADER)
    items, refused = _items(read, state)
    planner = _Planner(by)
    planner.run(items)
    lines = [*refused, *(planner.line(item) for item in items)]
    lines.sort(key=lambda line: (line.row, RECORDS.index(line.record) if line.record else 0))
    return Plan(tuple(lines), hashlib.sha256(data).hexdigest(), tuple(read.notes))


def _items(read: table.Table, state: str) -> tuple[list[Item], list[Line]]:
    """The records of all rows, and lines for the rows that hold none that can be read."""
    items: list[Item] = []
    refused = [
        _broken(row, "", Problem("", what, _("Give every row as many cells as the header.")))
        for row, what in read.broken
    ]
    for row, cells in read.rows:
        cells = {**cells, "state": (cells.get("state", "").strip() or state).upper()}
        problem = _misplaced(cells)
        if problem is not None:
            refused.append(_broken(row, cells.get("organisation", ""), problem))
        else:
            items += _records(row, cells)
    return items, refused


def _broken(row: int, label: str, problem: Problem) -> Line:
    return Line(row, "", label[:200], Verdict.REFUSED, problems=(problem,))


def _misplaced(cells: dict[str, str]) -> Problem | None:
    """A word in "record" that is none, or a cell that this record cannot keep: nothing is dropped silently."""
    record = cells.get("record", "").strip().casefold()
    if not record:
        return None
    if record not in RECORDS:
        shown = {"value": record[:40]}
        return Problem(
            "record",
            _("%(value)s is not known.") % shown,
            _("Allowed: %(allowed)s.") % {"allowed": ", ".join(RECORDS)},
        )
    for name, cell in cells.items():
        if cell.strip() and name not in OWN[record] | SHARED:
            what = _("The column %(column)s does not belong to a row of this kind.") % {"column": name}
            return Problem(name, what, _("Empty the cell, or empty the cell in the column record."))
    return None


def _records(row: int, cells: dict[str, str]) -> Iterator[Item]:
    record = cells.get("record", "").strip().casefold()
    if record:
        yield Item(row, record, {name: cell for name, cell in cells.items() if name in OWN[record] | SHARED})
        return
    filled = {name: cell for name, cell in cells.items() if cell.strip()}
    found = [record for record in RECORDS if TELLS[record] & filled.keys()] or [ORGANISATION]
    for record in found:
        own = OWN[record] | (SHARED if len(found) == 1 else SHARED - {"id"})
        # In a row of several records "active" speaks of the organisation when it is one of them.
        own = own - {"active"} if record == CONTACT and ORGANISATION in found else own
        yield Item(row, record, {name: cell for name, cell in filled.items() if name in own})


class _Planner:
    """Applies items to a snapshot, organisations first, so that rows may stand in any order."""

    def __init__(self, by: User | None) -> None:
        states = None
        held = Certificate.objects.all()
        if by is not None:
            scope = scope_of(by)
            if scope.organisations is not None or Right.WRITE_REGISTRY not in by.rights:
                raise NotAllowed(_("You may not change this."), advice=_("Ask the team that looks after it."))
            states, held = scope.states, certificates_visible_to(by)
        self.now = Snapshot(states, held)
        self.touched: dict[UUID, int] = {}
        self.refused_names: dict[tuple[str, str], int] = {}

    def run(self, items: list[Item]) -> None:
        organisations = [item for item in items if item.record == ORGANISATION]
        for item in organisations:
            self._guarded(item, self._organisation)
        self._parents([item for item in organisations if "parent" in item.cells])
        for item in items:
            if item.record != ORGANISATION:
                self._guarded(item, self._contact if item.record == CONTACT else self._network)

    def line(self, item: Item) -> Line:
        """What became of an item, once all are planned."""
        if item.problems:
            return Line(item.row, item.record, item.label, Verdict.REFUSED, problems=tuple(item.problems))
        old = self.now.before.get(item.instance.pk)
        changes = () if item.repeats else tuple(_changes(item.record, old, item.instance))
        verdict = Verdict.UNCHANGED if not changes else Verdict.CHANGED if old is not None else Verdict.ADDED
        return Line(item.row, item.record, item.label, verdict, changes, instance=item.instance)

    def _guarded(self, item: Item, step: Any) -> None:
        try:
            step(item)
        except BadValue as error:
            item.problems.append(Problem("", error.what, error.advice))
        if item.problems and item.record == ORGANISATION:
            self.refused_names.setdefault(
                (item.cells["state"], item.cells.get("organisation", "").strip()), item.row
            )

    def _organisation(self, item: Item) -> None:
        name = values.text(item.cells.get("organisation", ""))
        state = self.now.states.get(item.cells["state"])
        if state is None:
            item.problems.append(_no_state(item.cells["state"]))
            return
        row = self._known(item, self.now.organisations) or self.now.names.get((state.code, name))
        if item.problems:
            return
        row = row or Organisation(pk=_new_pk(item))
        self._apply(item, row, {"name": name, "state": state})

    def _contact(self, item: Item) -> None:
        organisation = self._owner(item)
        row: Contact | None = self._known(item, self.now.contacts)
        if item.problems or organisation is None:
            return
        if row is None:
            row = Contact(pk=_new_pk(item), organisation=organisation)
            row.name, row.email = (
                values.text(item.cells.get("contact", "")),
                values.email(item.cells.get("email", "")),
            )
            row.role = self._read(item, "role") or row.role
            row = self.now.contact_like(row) or row
            row.name = row.name or row.email
        fixed: dict[str, Any] = {"organisation": organisation}
        if "certificate" in item.cells:
            fixed["certificate"] = self._certificate(item)
        self._apply(item, row, fixed)

    def _network(self, item: Item) -> None:
        organisation = self._owner(item)
        row: Network | None = self._known(item, self.now.networks)
        if item.problems or organisation is None:
            return
        kind, value = values.network(item.cells.get("network", ""))
        if row is None:
            row = Network(pk=_new_pk(item), organisation=organisation, kind=kind, value=value)
            row.valid_from = self._read(item, "valid_from")
            row = self.now.network_like(row) or row
        self._apply(item, row, {"organisation": organisation, "kind": kind})

    def _known(self, item: Item, held: dict[UUID, Any]) -> Any:
        """The row that the identifier names. A problem when it names something out of reach."""
        pk = values.identity(item.cells.get("id", ""))
        if pk is None or pk in held:
            return held.get(pk) if pk else None
        model = {ORGANISATION: Organisation, CONTACT: Contact, NETWORK: Network}[item.record]
        if model._default_manager.filter(pk=pk).exists():
            item.problems.append(
                Problem(
                    "id",
                    _("This identifier cannot be used."),
                    _("Leave the cell empty: the node makes a new one."),
                )
            )
        return None

    def _owner(self, item: Item) -> Organisation | None:
        """The organisation that a contact or network row belongs to."""
        name = values.text(item.cells.get("organisation", ""))
        if item.cells["state"] not in self.now.states:
            item.problems.append(_no_state(item.cells["state"]))
            return None
        found = self.now.names.get((item.cells["state"], name))
        if found is None:
            row = self.refused_names.get((item.cells["state"], name))
            what = _("There is no organisation %(name)s.") % {"name": name or "?"}
            advice = (
                _("Mend row %(row)s first.") % {"row": row}
                if row
                else _("Add a row for it, or correct the name.")
            )
            item.problems.append(Problem("organisation", what, advice))
        return found

    def _certificate(self, item: Item) -> Certificate | None:
        fingerprint = values.fingerprint(item.cells["certificate"])
        found = self.now.certificates.get(fingerprint)
        if fingerprint and found is None:
            what = _("The certificate %(fingerprint)s is not here.") % {"fingerprint": fingerprint}
            item.problems.append(Problem("certificate", what, _("Import the certificates first.")))
        return found

    def _read(self, item: Item, name: str) -> Any:
        """One cell, read as its column says; None when the row does not give it. Problems are found again later."""
        column = next(column for column in COLUMNS[item.record] if column.name == name)
        return column.read(item.cells[name]) if name in item.cells else None

    def _apply(self, item: Item, row: Any, fixed: dict[str, Any]) -> None:
        """Bring the cells into the row; on any problem the row is as it was."""
        kept = row.pk in self.now.before or row.pk in self.touched
        was = copied(row) if kept else row
        if kept:
            self.now.drop(row)
        for name, value in fixed.items():
            setattr(row, name, value)
        for column in COLUMNS[item.record]:
            if column.name in item.cells:
                try:
                    setattr(row, column.field, column.read(item.cells[column.name]))
                except BadValue as error:
                    item.problems.append(Problem(column.name, error.what, error.advice))
        item.problems += [_in_file(item.record, problem) for problem in clean(row)]
        self._stand(item, row, was)
        if item.problems and kept:
            row.__dict__.update(was.__dict__)
        if kept or not item.problems:
            self.now.keep(row)
        item.instance = row

    def _stand(self, item: Item, row: Any, was: Any) -> None:
        """Problems that come from other rows, of the registry or of the file."""
        if not item.problems and self.now.taken(row) is not None:
            advice = _("Change the other one, or give this one another name.")
            item.problems.append(Problem(_first(item.record), _("There is one like this already."), advice))
        earlier = self.touched.get(row.pk)
        if earlier is None:
            if not item.problems:
                self.touched[row.pk] = item.row
            return
        item.repeats = True
        if not item.problems and any(_changes(item.record, was, row)):
            what = _("Row %(row)s says something else about the same.") % {"row": earlier}
            item.problems.append(Problem(_first(item.record), what, _("Keep one of the two rows.")))

    def _parents(self, items: list[Item]) -> None:
        """Set who is part of whom. A refusal can take the ground from another row, so until nothing changes any more."""
        items = [item for item in items if not item.problems and not item.repeats]
        before = {item.row: item.instance.parent for item in items}
        for item in items:
            name = values.text(item.cells["parent"])
            found = self.now.names.get((item.instance.state_id, name))
            if name and found is None:
                what = _("There is no organisation %(name)s.") % {"name": name}
                self._refuse_parent(item, before[item.row], what)
            else:
                item.instance.parent = found
        for item in items:
            if not item.problems and self._circles(item.instance):
                what = _("An organisation cannot be part of itself, not even through others.")
                self._refuse_parent(item, before[item.row], what)
        self._orphans(items, before)

    def _refuse_parent(self, item: Item, before: Organisation | None, what: str) -> None:
        item.problems.append(Problem("parent", what, _("Choose another one.")))
        row = item.instance
        self.refused_names.setdefault((row.state_id, row.name), item.row)
        self.now.drop(row)
        old = self.now.before.get(row.pk)
        if old is not None:
            row.__dict__.update(copied(old).__dict__)
            self.now.keep(row)

    def _orphans(self, items: list[Item], before: dict[int, Organisation | None]) -> None:
        """Refuse rows whose parent was a new organisation that is refused itself."""
        found = True
        while found:
            found = False
            for item in items:
                parent = item.instance.parent
                if not item.problems and parent is not None and parent.pk not in self.now.organisations:
                    what = _("There is no organisation %(name)s.") % {"name": parent.name}
                    self._refuse_parent(item, before[item.row], what)
                    found = True

    def _circles(self, row: Organisation) -> bool:
        passed, above = {row.pk}, row.parent
        while above is not None:
            if above.pk in passed:
                return True
            passed.add(above.pk)
            held = self.now.organisations.get(above.pk)
            above = held.parent if held is not None else None
        return False


def _new_pk(item: Item) -> UUID:
    return values.identity(item.cells.get("id", "")) or uuid4()


def _no_state(code: str) -> Problem:
    what = _("The state %(code)s is not yours to change.") % {"code": code[:10] or "?"}
    return Problem("state", what, _("Write the two letters of your state, such as BB."))


def _first(record: str) -> str:
    return {ORGANISATION: "organisation", CONTACT: "email", NETWORK: "network"}[record]


def _in_file(record: str, problem: Problem) -> Problem:
    """The problem under the name of the file's column instead of the model's field."""
    names = {column.field: column.name for column in COLUMNS[record]} | (
        {"name": "organisation"} if record == ORGANISATION else {}
    )
    return Problem(names.get(problem.field, problem.field), problem.what, problem.advice)


def _changes(record: str, old: Any, new: Any) -> Iterator[Change]:
    """What differs, in the file's own words. For a new row: what is not empty."""
    for column in COLUMNS[record]:
        before = column.write(getattr(old, column.field)) if old is not None else ""
        after = column.write(getattr(new, column.field))
        if before != after:
            yield Change(column.name, before, after)
    pointers = {
        ORGANISATION: ("name", "state", "parent"),
        CONTACT: ("organisation", "certificate"),
        NETWORK: ("organisation",),
    }
    for name in pointers[record]:
        before = _pointed(getattr(old, name)) if old is not None else ""
        after = _pointed(getattr(new, name))
        if before != after:
            yield Change("organisation" if name == "name" else name, before, after)


def _pointed(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return str(getattr(value, "fingerprint", "") or getattr(value, "code", "") or value.name)
