"""Every write to the registry.

`save_*` takes an instance, new or read and changed, brings it into canonical form, writes it and returns it. Saving
something unchanged writes nothing. All raise Refused (with every problem, by field) and NotAllowed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import IntegrityError, models, transaction
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext as _

from atalaya.apps.jobs.actions import announce
from atalaya.apps.people.models import Role, User
from atalaya.apps.people.roles import Right
from atalaya.apps.records.actions import record
from atalaya.apps.registry import exchange
from atalaya.apps.registry.cleaning import Problem, Refused, Row, against, clean
from atalaya.apps.registry.models import (
    Certificate,
    Contact,
    ImportPlan,
    Membership,
    Network,
    Organisation,
    Revision,
    State,
    Team,
)
from atalaya.apps.registry.visibility import scope_of
from atalaya.core.crypto import openpgp
from atalaya.core.errors import BadInput, NotAllowed

EXPIRES_SOON = timedelta(days=30)
"""How long before its end a certificate is announced as expiring."""

IMPORT_KEPT = timedelta(days=1)
"""How long a file waits between its dry run and its application."""
LINES_RECORDED = 500
"""How many lines of one import the audit log keeps word by word."""

AnyRow = TypeVar("AnyRow", Organisation, Team, Contact, Network)


@transaction.atomic
def save_organisation(organisation: Organisation, *, by: User | None) -> Organisation:
    """Add or change an organisation. What belongs to a part of it stays with the part."""
    changes = _save(organisation, "organisation", organisation.state_id, by=by)
    if any(isinstance(changes.get(field), list) for field in ("state", "active")):
        networks_changed(organisation.state_id)
    return organisation


@transaction.atomic
def remove_organisation(organisation: Organisation, *, by: User | None) -> None:
    """Remove an organisation with its contacts, networks and memberships.

    Raises Refused when it has parts, findings or notices: history needs its owner, so make it inactive instead.
    """
    _allow(by, organisation.state_id)
    for relation in Organisation._meta.related_objects:
        held = relation.related_model
        if held in (Contact, Network, Membership, ImportPlan) or not isinstance(
            relation, models.ManyToOneRel
        ):
            continue
        if held._base_manager.filter(**{relation.field.name: organisation}).exists():
            what = _("Other records hang on %(name)s.") % {"name": organisation.name}
            raise Refused(Problem("name", what, _("Make it inactive instead.")))
    _remove(organisation, "organisation", organisation.state_id, {"name": organisation.name}, by=by)
    networks_changed(organisation.state_id)


@transaction.atomic
def save_team(team: Team, *, by: User | None, armored: str = "") -> Team:
    """Add or change a team. `armored` is its new OpenPGP certificate."""
    _attach(team, armored, team.state_id, by=by)
    _save(team, "team", team.state_id, by=by)
    return team


@transaction.atomic
def ensure_own_team(*, by: User | None, state: str, name: str, timezone: str = "UTC") -> Team:
    """The team that works on this node for `state`, made when there is none yet."""
    kept = Team.objects.filter(state=state, own=True).first()
    if kept is not None:
        return kept
    if not State.objects.filter(code=state).exists():
        raise BadInput(
            _("%(code)s is not a member state.") % {"code": state[:10]},
            advice=_("Write its two letters, such as BB."),
        )
    return save_team(Team(state_id=state, name=name, own=True, timezone=timezone), by=by)


@transaction.atomic
def remove_team(team: Team, *, by: User | None) -> None:
    """Remove a team. Raises Refused while people work in it."""
    _allow(by, team.state_id)
    if team.memberships.exists():
        raise Refused(Problem("name", _("People work in this team."), _("Take them out of it first.")))
    _remove(team, "team", team.state_id, {"name": team.name}, by=by)


@transaction.atomic
def save_contact(contact: Contact, *, by: User | None, armored: str = "") -> Contact:
    """Add or change a contact. `armored` is their new OpenPGP certificate."""
    _attach(contact, armored, contact.organisation.state_id, by=by)
    _save(contact, "contact", contact.organisation.state_id, by=by)
    return contact


@transaction.atomic
def remove_contact(contact: Contact, *, by: User | None) -> None:
    """Remove a contact. Notices that went to them stay, with the address of then."""
    state = contact.organisation.state_id
    _allow(by, state)
    detail = {"name": contact.name, "email": contact.email, "organisation": contact.organisation.name}
    _remove(contact, "contact", state, detail, by=by)


@transaction.atomic
def save_network(network: Network, *, by: User | None) -> Network:
    """Add or change a network. Claims of other organisations on the same are no error: see `conflicts`."""
    state = network.organisation.state_id
    if _save(network, "network", state, by=by):
        networks_changed(state)
    return network


@transaction.atomic
def remove_network(network: Network, *, by: User | None) -> None:
    """Remove a network as if it had never been. To end it on a day, save it with `valid_to` instead."""
    state = network.organisation.state_id
    _allow(by, state)
    _remove(
        network, "network", state, {"value": network.value, "organisation": network.organisation.name}, by=by
    )
    networks_changed(state)


@transaction.atomic
def save_certificate(armored: str, *, by: User | None, at: datetime | None = None) -> Certificate:
    """Keep an OpenPGP certificate, or bring the kept copy up to date: a revocation that either knows stays.

    `at` is the moment for which its status is noted (default: now). Raises BadInput for what is no certificate.
    """
    if by is not None and (scope_of(by).organisations is not None or not _may_write(by)):
        raise _not_allowed()
    at = at or timezone.now()
    fingerprint = openpgp.inspect(armored, at=at).fingerprint
    kept = Certificate.objects.filter(fingerprint=fingerprint).first()
    if kept is not None:
        armored = openpgp.merge(kept.armored, armored)
    info = openpgp.inspect(armored, at=at)
    certificate = kept or Certificate(fingerprint=fingerprint)
    before = (kept.armored, kept.status) if kept else None
    _note(certificate, armored, info, at)
    certificate.save()
    if before != (certificate.armored, certificate.status):
        verb = "registry.certificate.changed" if kept else "registry.certificate.added"
        detail = {"fingerprint": fingerprint, "user_ids": list(info.user_ids), "status": info.status}
        record(verb, by=by, target=certificate, detail=detail)
    return certificate


def _attach(holder: Contact | Team, armored: str, state: str, *, by: User | None) -> None:
    """Give a contact or a team the certificate that came with it."""
    if not armored.strip():
        return
    _allow(by, state)
    try:
        holder.certificate = save_certificate(armored, by=by)
    except BadInput as error:
        raise Refused(Problem("armored", error.what, error.advice)) from error


def save_certificates(armored: str, *, by: User | None) -> list[Certificate]:
    """Keep every certificate of a keyring, all or none. Raises BadInput."""
    with transaction.atomic():
        return [save_certificate(one, by=by) for one in openpgp.split(armored)]


@transaction.atomic
def remove_certificate(certificate: Certificate, *, by: User | None) -> None:
    """Forget a certificate; contacts that had it have none. Raises NotAllowed when one lies beyond what `by` sees."""
    states = set(certificate.contacts.values_list("organisation__state", flat=True))
    states |= set(certificate.teams.values_list("state", flat=True))
    for state in states:
        _allow(by, state)
    if by is not None and (scope_of(by).organisations is not None or not _may_write(by)):
        raise _not_allowed()
    _remove(certificate, "certificate", "", {"fingerprint": certificate.fingerprint}, by=by)


def _note(certificate: Certificate, armored: str, info: openpgp.CertificateInfo, at: datetime) -> None:
    certificate.armored = armored
    certificate.user_ids = list(info.user_ids)
    certificate.status = info.status.value
    certificate.expires_at = info.expires_at
    certificate.checked_at = at


def check_certificates(*, by: User | None = None, at: datetime | None = None) -> int:
    """Look at every certificate again: time passes, and what was valid expires. Returns how many changed.

    Announces "registry.certificate.expiring" once for each end of validity, `EXPIRES_SOON` before it.
    """
    at = at or timezone.now()
    return sum(_check(certificate, by=by, at=at) for certificate in Certificate.objects.order_by("pk"))


@transaction.atomic
def _check(certificate: Certificate, *, by: User | None, at: datetime) -> bool:
    info = openpgp.inspect(certificate.armored, at=at)
    was = certificate.status
    _note(certificate, certificate.armored, info, at)
    soon = info.expires_at is not None and at < info.expires_at <= at + EXPIRES_SOON
    warn = (
        soon and certificate.status == Certificate.Status.VALID and certificate.warned_for != info.expires_at
    )
    if warn:
        certificate.warned_for = info.expires_at
        announce("registry.certificate.expiring", certificate=str(certificate.pk))
    certificate.save()
    if was != certificate.status:
        detail = {"fingerprint": certificate.fingerprint, "status": [was, certificate.status]}
        record("registry.certificate.changed", by=by, target=certificate, detail=detail)
    return was != certificate.status


@transaction.atomic
def add_member(
    user: User, *, by: User | None, team: Team | None = None, organisation: Organisation | None = None
) -> Membership:
    """Let `user` work in `team` (they see its whole state) or belong to `organisation` (they see it and its parts).

    People with the role "organisation member" belong to organisations, all others work in teams: raises Refused.
    """
    _allow_people(by, _state_of(team, organisation))
    if (team is None) == (organisation is None):
        raise Refused(Problem("user", _("Choose a team or an organisation.")))
    if team is not None and user.role == Role.MEMBER:
        advice = _("Choose an organisation, or change the person's role first.")
        raise Refused(Problem("user", _("An organisation's member cannot work in a team."), advice))
    if organisation is not None and user.role != Role.MEMBER:
        advice = _("Choose a team, or change the person's role first.")
        raise Refused(
            Problem("user", _("Only an organisation's member can belong to an organisation."), advice)
        )
    membership, added = Membership.objects.get_or_create(user=user, team=team, organisation=organisation)
    if added:
        _record_member("added", membership, by=by)
    return membership


@transaction.atomic
def remove_member(membership: Membership, *, by: User | None) -> None:
    """End a membership. Raises Refused for one's own: nobody locks themselves out."""
    _allow_people(by, _state_of(membership.team, membership.organisation))
    if by is not None and membership.user_id == by.pk:
        raise Refused(Problem("user", _("This is your own membership."), _("Ask another administrator.")))
    _record_member("removed", membership, by=by)
    membership.delete()


def _state_of(team: Team | None, organisation: Organisation | None) -> str:
    held = team or organisation
    return held.state_id if held is not None else ""


def _record_member(verb: str, membership: Membership, *, by: User | None) -> None:
    of = membership.team or membership.organisation
    detail = {
        "user": membership.user.email,
        "of": str(of),
        "kind": "team" if membership.team else "organisation",
    }
    state = _state_of(membership.team, membership.organisation)
    record(f"registry.membership.{verb}", by=by, target=membership, state=state, detail=detail)


@transaction.atomic
def keep_import(
    data: bytes,
    *,
    by: User,
    name: str,
    state: State,
    organisation: Organisation | None = None,
    format: str = "csv",
) -> tuple[ImportPlan, exchange.Plan]:
    """Keep a file after its dry run, so that exactly this can be applied. Writes nothing to the registry, records nothing."""
    plan = exchange.plan(data, by=by, state=state.code, organisation=organisation, format=format)
    forgotten = timezone.now() - IMPORT_KEPT
    ImportPlan.objects.filter(created_at__lt=forgotten).delete()
    kept = ImportPlan.objects.create(
        user=by,
        format=format,
        name=name[:255],
        content=data,
        state=state,
        organisation=organisation,
        digest=plan.digest,
    )
    return kept, plan


@transaction.atomic
def apply_kept_import(kept: ImportPlan, *, by: User) -> exchange.Plan:
    """Apply a kept import once. Raises BadInput when it was applied before, and as `apply_import`."""
    if not ImportPlan.objects.filter(pk=kept.pk, user=by, applied_at=None).update(applied_at=timezone.now()):
        raise BadInput(
            _("This import was applied already."),
            advice=_("Upload the file again to see what is left to do."),
        )
    return apply_import(
        bytes(kept.content), by=by, digest=kept.digest, name=kept.name, state=kept.state_id,
        organisation=kept.organisation, format=kept.format,
    )  # fmt: skip


@transaction.atomic
def apply_import(
    data: bytes,
    *,
    by: User | None,
    digest: str,
    name: str = "",
    state: str = "",
    organisation: Organisation | None = None,
    format: str = "csv",
) -> exchange.Plan:
    """Write what the plan with this digest showed: good rows are written, refused ones are not. Returns the plan.

    Raises BadInput when the registry changed in between, so that the same file would now do something else.
    """
    list(Revision.objects.select_for_update())
    plan = exchange.plan(data, by=by, state=state, organisation=organisation, format=format)
    if plan.digest != digest:
        raise BadInput(
            _("The registry changed since the dry run. Nothing was imported."),
            advice=_("Look at what would change now, and apply that."),
        )
    for model in (Organisation, Contact, Network):
        _write_lines([line for line in plan.writes if isinstance(line.instance, model)])
    for code in sorted({_home(line.instance) for line in plan.writes if line.instance is not None}):
        detail = {"file": name, "sha256": plan.sha256, "lines": _recorded(plan, code)}
        record(
            "registry.import.applied",
            by=by,
            target=("registry.import", plan.digest),
            state=code,
            detail=detail,
        )
        networks_changed(code)
    return plan


def _write_lines(lines: list[exchange.Line]) -> None:
    """Changes first, in the file's order: a new row may take the name that a changed one gave up."""
    rows = [(line.verdict, line.instance) for line in lines if line.instance is not None]
    try:
        with transaction.atomic():
            for verdict, row in rows:
                if verdict is exchange.Verdict.CHANGED:
                    row.save(force_update=True)
            if new := [row for verdict, row in rows if verdict is exchange.Verdict.ADDED]:
                type(new[0])._default_manager.bulk_create(new, batch_size=500)  # type: ignore[arg-type]
    except IntegrityError as error:  # somebody wrote the same at the same moment
        raise BadInput(
            _("The registry changed since the dry run. Nothing was imported."), advice=_("Try again.")
        ) from error


def _recorded(plan: exchange.Plan, state: str) -> list[dict[str, object]]:
    """What the audit log of a state keeps of an import, beside the file's hash: its first changes."""
    lines = [line for line in plan.writes if line.instance is not None and _home(line.instance) == state]
    return [
        {"row": line.row, "record": line.record, "label": line.label, "verdict": line.verdict.value,
         "changes": {change.field: [change.old, change.new] for change in line.changes}}
        for line in lines[:LINES_RECORDED]
    ]  # fmt: skip


def networks_changed(state: str) -> None:
    """Make every process compile its networks anew, and tell upper apps, in the caller's transaction.

    Announces "registry.networks.changed" with the state.
    """
    # Microseconds, so that a number that was rolled back never comes again for something else.
    now = time.time_ns() // 1000
    number = Greatest(models.F("number") + 1, models.Value(now))
    if not Revision.objects.filter(pk=1).update(number=number):
        Revision.objects.create(pk=1, number=now)
    announce("registry.networks.changed", state=state)


def _may_write(by: User) -> bool:
    return Right.WRITE_REGISTRY in by.rights


def _not_allowed() -> NotAllowed:
    return NotAllowed(_("You may not change this."), advice=_("Ask the team that looks after it."))


def _allow(by: User | None, state: str) -> None:
    """Raises NotAllowed unless `by` is the node itself, or works with the right to write for the whole state."""
    if by is None:
        return
    scope = scope_of(by)
    if scope.organisations is not None or state not in scope.states or not _may_write(by):
        raise _not_allowed()


def _allow_people(by: User | None, state: str) -> None:
    if by is None:
        return
    scope = scope_of(by)
    if scope.organisations is not None or state not in scope.states or Right.MANAGE_PEOPLE not in by.rights:
        raise _not_allowed()


def _save(row: AnyRow, noun: str, state: str, *, by: User | None) -> dict[str, Any]:
    """Clean, check, write and record one row. Returns what changed: {} when nothing did."""
    _allow(by, state)
    old = type(row)._default_manager.filter(pk=row.pk).first()
    if old is not None:
        _allow(by, _home(old))
    if problems := clean(row) or against(row):
        raise Refused(*problems)
    changes = changes_of(old, row)
    if not changes:
        return {}
    try:
        with transaction.atomic():
            row.save(force_insert=old is None)
    except IntegrityError as error:  # somebody wrote the same between the check and now
        raise Refused(Problem("", _("There is one like this already."))) from error
    verb = "added" if old is None else "changed"
    record(f"registry.{noun}.{verb}", by=by, target=row, state=state, detail=changes)
    return changes


def _home(row: Row) -> str:
    return row.organisation.state_id if isinstance(row, (Contact, Network)) else row.state_id


def changes_of(old: Row | None, new: Row) -> dict[str, Any]:
    """Field -> [old, new] for what differs; for a new row field -> value for what is not empty. Values are JSON."""
    found: dict[str, Any] = {}
    for field in new._meta.concrete_fields:
        if field.primary_key or field.name == "created_at":
            continue
        after = _plain(getattr(new, field.attname))
        if old is None:
            if after not in (None, ""):
                found[field.name] = after
        elif (before := _plain(getattr(old, field.attname))) != after:
            found[field.name] = [before, after]
    return found


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int)) else str(value)


def _remove(row: models.Model, noun: str, state: str, detail: Mapping[str, Any], *, by: User | None) -> None:
    record(f"registry.{noun}.removed", by=by, target=row, state=state, detail=detail)
    row.delete()
