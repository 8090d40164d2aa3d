"""Every write of this app: findings are gathered into notices, a notice is written, handed over, held or released.

Sending once rests on three commits: the bytes stand before the first attempt (`prepare`), an attempt is in the ledger
before a connection is made, and the server's answer is recorded together with the notice's new status. See
docs/decisions/021-sending-exactly-once.md.
"""

from __future__ import annotations

import secrets
import zoneinfo
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from atalaya.apps.events.models import Finding, Ingest, Rule
from atalaya.apps.events.tables import event_table
from atalaya.apps.notices import gathering, keys, letter, outbox, routing, timing
from atalaya.apps.notices.models import Attempt, Notice, NoticeFinding, Trouble
from atalaya.apps.people.models import User
from atalaya.apps.people.rights import Right, has
from atalaya.apps.records.actions import record
from atalaya.apps.registry import actions as registry
from atalaya.apps.registry.models import Contact, Organisation, Team
from atalaya.apps.registry.queries import scope_of
from atalaya.core.crypto import openpgp
from atalaya.core.errors import AtalayaError, NotAllowed, Temporary
from atalaya.wire import smtp

Status = Notice.Status
Outcome = Attempt.Outcome

OPEN = Q(status__in=gathering.UNFINISHED, message_sha256="")
"""Notices to which findings can still be added."""
PART = letter.PART


def ensure_team_key(state: str, *, by: User | None = None) -> str:
    """Make the OpenPGP key of this state's team if there is none, and put its public part on the team's page.

    Returns the fingerprint. Does nothing the second time.
    """
    certificate = registry.save_certificate(keys.public_key(state), by=by)
    team = keys.own_team(state)
    if team is not None and team.certificate_id is None:
        team.certificate = certificate
        registry.save_team(team, by=by)
    return certificate.fingerprint


def ensure_team_keys(*, by: User | None = None) -> None:
    """Make a key for every team of this node that shows none."""
    for state in Team.objects.filter(own=True, certificate=None).values_list("state", flat=True).distinct():
        ensure_team_key(state, by=by)


def collect(ingest_id: UUID | str, *, by: User | None = None) -> int:
    """Gather what one processed feed file showed into notices; return how many findings were added to one.

    Told again of the same file it adds nothing: a finding that a notice speaks of already is left alone.
    """
    ingest = Ingest.objects.get(pk=ingest_id)
    found = event_table().finding_keys_of(ingest.state_id, ingest.sha256).tolist()
    return sum(gather(found[at : at + PART], by=by) for at in range(0, len(found), PART))


def gather(findings: Sequence[int], *, by: User | None = None) -> int:
    """Add those of these findings (keys, at most PART) that are to be told to a notice for each contact to tell.

    Findings of one organisation and class, and of one rule that sends them its own way, go into its open notice, or begin one. An organisation that has nobody with an
    e-mail address gets a notice that is held, so that people see it. Returns how many findings were added.
    """
    now = timezone.now()
    groups: dict[tuple[UUID, str, str], list[gathering.Fresh]] = {}
    with transaction.atomic():
        fresh = gathering.fresh(findings, now=now)
        routes = routing.routes_of(one.finding for one in fresh)
        for one in fresh:
            rule = one.finding.rule if (one.finding.state, one.finding.rule) in routes else ""
            groups.setdefault((one.owner, one.finding.type, rule), []).append(one)
        added = sum(
            _tell(group, routes.get((group[0].finding.state, rule)), now)
            for (_owner, _type, rule), group in groups.items()
        )
        if added:
            record("notices.findings.gathered", by=by, detail={"findings": added, "groups": len(groups)})
    return added


def _tell(group: Sequence[gathering.Fresh], rule: Rule | None, now: datetime) -> int:
    finding = group[0].finding
    owner = finding.organisation
    assert owner is not None
    contacts = routing.recipients(owner, rule)
    if contacts:
        alike = _orphans().filter(organisation=owner, type=finding.type, rule=rule.code if rule else "")
        _hand_on(alike, contacts, now)
    nobody: list[Contact | None] = [None]
    for contact in contacts or nobody:
        _add(_open(owner, contact, finding.type, rule, now), group)
    return len(group)


def _add(notice: Notice, group: Sequence[gathering.Fresh]) -> None:
    NoticeFinding.objects.bulk_create(
        (
            NoticeFinding(
                notice=notice,
                finding_key=one.finding.key,
                change=one.change,
                severity=one.finding.severity,
                changed_at=one.finding.changed_at,
                told_before=one.told_before,
            )
            for one in group
        ),
        ignore_conflicts=True,
        batch_size=100,
    )
    notice.severity = max(notice.severity, *(one.finding.severity for one in group))
    if notice.status == Status.READY:  # written, but mail is not set up: its text is out of date now
        notice.status = Status.WAITING
    notice.save(update_fields=["severity", "status"])


def _open(
    organisation: Organisation, contact: Contact | None, type: str, rule: Rule | None, now: datetime
) -> Notice:
    """The notice to this contact that still takes findings, begun if there is none."""
    code = rule.code if rule else ""
    standing = Notice.objects.filter(OPEN, organisation=organisation, contact=contact, type=type, rule=code)
    if found := standing.select_for_update(of=("self",)).first():
        return found
    try:
        with transaction.atomic():
            return _begun(organisation, contact, type, rule, now)
    except IntegrityError:  # another process began one in between
        return standing.get()


def _begun(
    organisation: Organisation, contact: Contact | None, type: str, rule: Rule | None, now: datetime
) -> Notice:
    code = rule.code if rule else ""
    before = Notice.objects.filter(organisation=organisation, contact=contact, type=type, rule=code)
    node, notices = settings.CONFIG.node, settings.CONFIG.notices
    leaves = timing.departure(
        now,
        at_once=organisation.critical or bool(rule and rule.at_once),
        last=before.order_by("-window_end").values_list("window_end", flat=True).first(),
        digest_hour=notices.digest_hour,
        window=timedelta(hours=notices.window_hours),
        zone=zoneinfo.ZoneInfo(node.timezone),
    )
    notice = Notice(
        state=organisation.state,
        organisation=organisation,
        contact=contact,
        recipient=contact.email if contact else "",
        language=contact.language if contact else node.language,
        type=type,
        rule=code,
        window_start=now,
        window_end=leaves,
        send_after=leaves,
        why=letter.why(contact, rule) if contact else "",
        reply_token=new_token(),
    )
    notice.message_id = letter.message_id(notice.pk)
    if contact is None:
        notice.status, notice.trouble = Status.HELD, Trouble.NO_CONTACT
    elif rule and rule.hold:
        notice.status, notice.trouble, notice.problem = Status.HELD, Trouble.BY_RULE, rule.reason
    notice.save(force_insert=True)
    return notice


REPLY_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without letters that look like digits: people read tokens to each other by telephone."""


def new_token() -> str:
    """A reply token such as AT-7K3M-9QX2-4WTC: 12 letters of 30 are 58 bits, too many to guess by mail."""
    letters = [secrets.choice(REPLY_LETTERS) for _n in range(12)]
    return "AT-" + "-".join("".join(letters[at : at + 4]) for at in (0, 4, 8))


def _orphans() -> QuerySet[Notice]:
    return Notice.objects.filter(OPEN, status=Status.HELD, trouble=Trouble.NO_CONTACT)


def _hand_on(orphans: Iterable[Notice], contacts: Sequence[Contact], now: datetime) -> None:
    """Give what was held for want of a contact to those who are to be told now."""
    for orphan in orphans:
        items = list(orphan.items.all())
        orphan.delete()
        for contact in contacts:
            notice = _open(orphan.organisation, contact, orphan.type, routing.rule_of(orphan), now)
            for item in items:
                item.pk, item.notice = None, notice
            NoticeFinding.objects.bulk_create(items, ignore_conflicts=True, batch_size=100)
            notice.severity = max(notice.severity, orphan.severity)
            notice.save(update_fields=["severity"])
        told = [str(contact.pk) for contact in contacts]
        record(
            "notices.notice.handed_on",
            by=None,
            target=orphan,
            detail={"contacts": told, "findings": len(items)},
        )


def recheck(*, by: User | None = None) -> int:
    """Look again at notices held for want of a contact or of a usable certificate; return how many can go on now."""
    freed = 0
    for orphan in _orphans().select_related("organisation"):
        if contacts := routing.recipients(orphan.organisation, routing.rule_of(orphan)):
            with transaction.atomic():
                _hand_on([orphan], contacts, timezone.now())
            freed += 1
    locked_out = (Trouble.EXPIRED, Trouble.REVOKED, Trouble.UNUSABLE)
    held = Notice.objects.filter(OPEN, status=Status.HELD, trouble__in=locked_out).select_related(
        "contact__certificate"
    )
    for notice in held:
        certificate = notice.contact.certificate if notice.contact else None
        if certificate is None or certificate.status == certificate.Status.VALID:
            _free(notice, by=by)
            freed += 1
    return freed


def _free(notice: Notice, *, by: User | None, **detail: object) -> None:
    with transaction.atomic():
        fresh = _locked(notice.pk)
        if fresh.status != Status.HELD:
            raise AtalayaError(_("This notice is not held back any more."), advice=_("Load the page again."))
        fresh.source_agrees = fresh.source_agrees or bool(detail.get("source_agrees"))
        fresh.plain_agreed = fresh.plain_agreed or bool(detail.get("plain"))
        fresh.status, fresh.trouble, fresh.problem = Status.WAITING, Trouble.NONE, ""
        fresh.send_after = timezone.now()
        fresh.save()
        record("notices.notice.released", by=by, target=fresh, detail=detail)


def prepare(notice_id: UUID | str, *, by: User | None = None) -> Notice:
    """Write a notice whose time has come: its text, rows and marking; and, when mail can leave, its message.

    Killed in the middle and called again, it starts anew; once the message stands it changes nothing. A notice that may
    not leave, or that nobody can be told, is held with the reason.
    """
    with transaction.atomic():
        notice = _locked(notice_id)
        if notice.message_sha256 or notice.status not in (Status.WAITING, Status.READY):
            return notice
        if notice.status == Status.READY and not is_set_up():
            return notice
        contact = notice.contact if notice.contact and notice.contact.active else None
        if notice.contact and not contact:
            return _hold(notice, Trouble.NO_CONTACT, "", by=by)
        written = letter.write(notice, contact)
        if written is None:
            return _drop(notice, by=by)
        _take_down(notice, written)
        if not written.gate.allowed:
            return _hold(notice, Trouble.MARKING, written.gate.reason, by=by)
        if contact is None or not contact.email:
            return _hold(notice, Trouble.NO_CONTACT, "", by=by)
        return _seal(notice, contact, written, by=by)


def _take_down(notice: Notice, written: letter.Written) -> None:
    """Note on the notice and its findings what the text says of them."""
    notice.subject, notice.body, notice.tlp = written.subject, written.body, written.tlp
    notice.rows_total, notice.rows_attached = written.rows.total, written.rows.table.height
    notice.severity = max(finding.severity for _item, finding in written.findings)
    outbox.keep(notice.pk, "csv", written.rows.csv())
    for item, finding in written.findings:
        item.severity, item.changed_at = finding.severity, finding.changed_at
    items = [item for item, _finding in written.findings]
    NoticeFinding.objects.bulk_update(items, ["severity", "changed_at"], batch_size=200)
    solved = set(notice.items.values_list("finding_key", flat=True)) - {item.finding_key for item in items}
    for part in letter.parts(sorted(solved)):
        notice.items.filter(finding_key__in=part).delete()


def _seal(notice: Notice, contact: Contact, written: letter.Written, *, by: User | None) -> Notice:
    ensure_team_key(notice.state_id)
    notice.recipient, notice.language, notice.why = (
        contact.email,
        contact.language,
        letter.why(contact, routing.rule_of(notice)),
    )
    notice.message_id = letter.message_id(notice.pk)
    notice.status, notice.trouble, notice.problem = Status.READY, Trouble.NONE, ""
    if not is_set_up():
        notice.trouble = Trouble.NOT_SET_UP
        notice.save()
        return notice
    try:
        data, notice.protection = letter.seal(notice, contact, written, at=timezone.now())
    except openpgp.CannotEncrypt as error:
        return _hold(notice, Trouble(error.status.value), str(error), by=by)
    except smtp.Refused as error:
        return _hold(notice, Trouble.NO_CONTACT, str(error), by=by)
    notice.message_sha256 = outbox.keep(notice.pk, "eml", data)
    notice.save()
    detail = {
        "tlp": notice.tlp,
        "gate": written.gate.reason,
        "protection": notice.protection,
        "to": notice.recipient,
    }
    record("notices.notice.written", by=by, target=notice, detail=detail | {"sha256": notice.message_sha256})
    return notice


def _drop(notice: Notice, *, by: User | None) -> Notice:
    """Nobody needs to be told: what it spoke of was solved, is gone, or belongs to somebody else now."""
    notice.status, notice.trouble, notice.problem = Status.DROPPED, Trouble.EMPTY, ""
    notice.save()
    record("notices.notice.dropped", by=by, target=notice)
    return notice


def _hold(notice: Notice, trouble: Trouble, problem: str, *, by: User | None) -> Notice:
    notice.status, notice.trouble, notice.problem = Status.HELD, trouble, problem
    notice.save()
    record("notices.notice.held", by=by, target=notice, detail={"why": trouble.value, "said": problem})
    return notice


def _locked(notice_id: UUID | str) -> Notice:
    """The notice, its row held until the end of the transaction."""
    return Notice.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=notice_id)


def is_set_up() -> bool:
    """Whether this node can send mail."""
    return bool(settings.CONFIG.mail.host and settings.CONFIG.mail.sender)


def relay() -> smtp.Relay:
    """The mail server of the configuration."""
    mail = settings.CONFIG.mail
    return smtp.Relay(
        host=mail.host, port=mail.port, security=mail.security, user=mail.user,
        password_file=mail.password_file, ca_file=mail.ca_file, timeout=mail.timeout,
    )  # fmt: skip


def deliver(notice_id: UUID | str, *, by: User | None = None) -> Notice:
    """Write the notice if it is not yet written and hand it to the mail server, once.

    A notice recorded as sent is never sent again. Raises Temporary while another process is handing it over. What
    the server said is on the notice and in its ledger; a delay sets `send_after` to the next attempt.
    """
    notice = prepare(notice_id, by=by)
    if notice.status != Status.READY or not notice.message_sha256 or not is_set_up():
        return notice
    if (attempt := _begin(notice)) is None:
        return Notice.objects.get(pk=notice_id)
    try:
        data = outbox.message(notice.pk, notice.message_sha256)
        answer = smtp.send(smtp.Message(settings.CONFIG.mail.sender, notice.recipient, data), relay())
    except smtp.OutcomeUnknown as error:
        return _put_off(attempt, Outcome.UNKNOWN, error, by=by)
    except AtalayaError as error:
        if error.permanent:
            return _fail(attempt, Outcome.REFUSED, Trouble.REFUSED, str(error), by=by)
        return _put_off(attempt, Outcome.LATER, error, by=by)
    return _sent(attempt, answer, by=by)


def _begin(notice: Notice) -> Attempt | None:
    """Put a new attempt into the ledger, or None when the notice is no longer to be sent.

    An attempt that a dead process left open is closed as unknown when it is older than any living one can be.
    """
    with transaction.atomic():
        fresh = _locked(notice.pk)
        if fresh.status != Status.READY or fresh.message_sha256 != notice.message_sha256:
            return None
        _close_dead(fresh)
        fresh.attempts += 1
        fresh.save(update_fields=["attempts"])
        return Attempt.objects.create(notice=fresh, number=fresh.attempts)


def _close_dead(notice: Notice) -> None:
    still = notice.ledger.filter(outcome=Outcome.STARTED).first()
    if still is None:
        return
    if still.started_at > timezone.now() - longest_attempt(notice):
        raise Temporary("Another process is handing this notice to the mail server.")
    still.outcome, still.finished_at = Outcome.UNKNOWN, timezone.now()
    still.save(update_fields=["outcome", "finished_at"])


def longest_attempt(notice: Notice) -> timedelta:
    """After this long no living process still talks to the mail server about the notice: it was cut off before."""
    return timedelta(seconds=relay().longest(outbox.size(notice.pk)))


def _sent(attempt: Attempt, answer: str, *, by: User | None) -> Notice:
    now = timezone.now()
    with transaction.atomic():
        notice = _close(attempt, Outcome.ACCEPTED, answer)
        notice.status, notice.sent_at = Status.SENT, now
        notice.trouble, notice.problem = Trouble.NONE, ""
        notice.save()
        told = notice.items.values("finding_key")
        Finding.objects.filter(key__in=told, organisation=notice.organisation_id).update(notified_at=now)
        detail = {
            "to": notice.recipient,
            "protection": notice.protection,
            "attempt": attempt.number,
            "answer": answer,
        }
        record("notices.notice.sent", by=by, target=notice, detail=detail)
    return notice


def _put_off(attempt: Attempt, outcome: str, error: AtalayaError, *, by: User | None) -> Notice:
    pause = timing.pause_after(attempt.number)
    if pause is None:
        return _fail(attempt, outcome, Trouble.GAVE_UP, str(error), by=by)
    with transaction.atomic():
        notice = _close(attempt, outcome, str(error))
        if notice.status != Status.READY:
            return notice
        notice.trouble, notice.problem = Trouble.LATER, str(error)
        notice.send_after = timezone.now() + pause
        notice.save()
    return notice


def _fail(attempt: Attempt, outcome: str, trouble: Trouble, said: str, *, by: User | None) -> Notice:
    with transaction.atomic():
        notice = _close(attempt, outcome, said)
        if notice.status != Status.READY:
            return notice
        notice.status, notice.trouble, notice.problem = Status.FAILED, trouble, said
        notice.save()
        record("notices.notice.failed", by=by, target=notice, detail={"why": trouble.value, "said": said})
    return notice


def _close(attempt: Attempt, outcome: str, answer: str) -> Notice:
    """Close the attempt and give back its notice, locked. An attempt that somebody else closed as dead stays in the
    ledger as what it really was."""
    notice = _locked(attempt.notice_id)
    attempt.outcome, attempt.answer, attempt.finished_at = outcome, answer[:2000], timezone.now()
    attempt.save(update_fields=["outcome", "answer", "finished_at"])
    return notice


def hold(notice: Notice, *, by: User, reason: str = "") -> Notice:
    """Keep a notice back until somebody releases it. Raises NotAllowed, or AtalayaError when it has left or is leaving."""
    _allow(by, notice)
    with transaction.atomic():
        fresh = _locked(notice.pk)
        if fresh.message_sha256 or fresh.status not in gathering.UNFINISHED:
            raise AtalayaError(_("This notice is on its way already or has arrived."))
        return _hold(fresh, Trouble.BY_HAND, reason[:400], by=by)


def release(
    notice: Notice, *, by: User, reason: str = "", source_agrees: bool = False, plain: bool = False
) -> Notice:
    """Let a held notice go on at once. `source_agrees`: the person has the word of the information's source that this
    recipient may have it, and says so in `reason`. `plain`: it may go signed without encryption.

    Raises NotAllowed, or AtalayaError when it is not held any more or a reason is missing.
    """
    _allow(by, notice)
    if (source_agrees or plain) and not reason.strip():
        raise AtalayaError(_("Write the reason: it goes into the audit log."))
    if notice.trouble == Trouble.NO_CONTACT:
        return _with_contact(notice)
    _free(notice, by=by, reason=reason[:400], source_agrees=source_agrees, plain=plain)
    return Notice.objects.get(pk=notice.pk)


def _with_contact(notice: Notice) -> Notice:
    """The notice handed on to those who are to be told now. Raises AtalayaError when there is still nobody."""
    contacts = routing.recipients(notice.organisation, routing.rule_of(notice))
    with transaction.atomic():
        orphan = _orphans().filter(pk=notice.pk).first()
        if not contacts or orphan is None:
            raise AtalayaError(
                _("There is still nobody to tell."), advice=_("Add a contact with an e-mail address first.")
            )
        _hand_on([orphan], contacts, timezone.now())
    return Notice.objects.get(
        OPEN, organisation=notice.organisation, type=notice.type, contact=contacts[0], rule=notice.rule
    )


def send_now(notice: Notice, *, by: User) -> Notice:
    """Do not wait for the notice's time. Raises NotAllowed, or AtalayaError when it does not wait."""
    _allow(by, notice)
    with transaction.atomic():
        fresh = _locked(notice.pk)
        if fresh.status not in (Status.WAITING, Status.READY):
            raise AtalayaError(_("This notice does not wait to be sent."), advice=_("Load the page again."))
        fresh.send_after = timezone.now()
        fresh.save(update_fields=["send_after"])
        record("notices.notice.hastened", by=by, target=fresh)
    return fresh


def send_again(notice: Notice, *, by: User) -> Notice:
    """Write and send anew what failed, to the contact as it is now; or send what arrived once more, as a new notice.

    Returns the notice that will leave. Raises NotAllowed, or AtalayaError when the notice has not left yet or
    another one to the same contact is open.
    """
    _allow(by, notice)
    try:
        with transaction.atomic():
            fresh = _locked(notice.pk)
            if fresh.status not in (Status.FAILED, Status.SENT):
                raise AtalayaError(_("This notice has not left yet."))
            again = _reopened(fresh) if fresh.status == Status.FAILED else _copied(fresh)
            record("notices.notice.sent_again", by=by, target=again, detail={"of": str(notice.pk)})
            return again
    except IntegrityError as error:
        raise AtalayaError(
            _("Another notice to this contact about the same class is being gathered."),
            advice=_("Send that one now."),
        ) from error


def _reopened(notice: Notice) -> Notice:
    notice.status, notice.trouble, notice.problem = Status.WAITING, Trouble.NONE, ""
    notice.message_sha256, notice.send_after = "", timezone.now()
    notice.save()
    return notice


def _copied(notice: Notice) -> Notice:
    contact, organisation = notice.contact, notice.organisation
    again = _begun(organisation, contact, notice.type, routing.rule_of(notice), timezone.now())
    again.send_after, again.severity, again.source_agrees = (
        timezone.now(),
        notice.severity,
        notice.source_agrees,
    )
    if again.trouble == Trouble.BY_RULE:  # somebody looks at it right now
        again.status, again.trouble, again.problem = Status.WAITING, Trouble.NONE, ""
    again.save()
    items = list(notice.items.all())
    for item in items:
        item.pk, item.notice = None, again
    NoticeFinding.objects.bulk_create(items, batch_size=100)
    return again


def _allow(by: User, notice: Notice) -> None:
    """Only the team of the notice's state acts on it, and only who may send."""
    scope = scope_of(by)
    staff = scope.organisations is None and notice.state_id in scope.states
    if not staff or not has(by, Right.SEND_NOTICES):
        raise NotAllowed(_("You may not do this with this notice."))
