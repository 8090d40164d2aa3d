"""Every write of this app: what owners propose and what became of it, and the webhooks that tell them by machine.

A delivery's bytes stand, and what the webhook knows is noted, in one transaction; sending them is a job of its own.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from atalaya.apps.jobs.actions import announce
from atalaya.apps.people.models import User
from atalaya.apps.people.roles import Right
from atalaya.apps.portal import messages, outbound
from atalaya.apps.portal.models import Delivery, Proposal, Told, Webhook
from atalaya.apps.portal.rows import fresh_row, problems_of, values_of, with_values
from atalaya.apps.records.actions import record
from atalaya.apps.registry import actions as registry
from atalaya.apps.registry.models import Contact, Network, Organisation
from atalaya.apps.registry.queries import scope_of, visible_to
from atalaya.core.crypto import sealing
from atalaya.core.errors import AtalayaError, BadInput, NotAllowed, Temporary
from atalaya.wire import webhook
from atalaya.wire.guard import Guard

Status = Proposal.Status
MOST_WAITING = 200
"""Proposals of one organisation that may wait at a time."""
MOST_HOOKS = 5
"""Webhooks of one organisation."""
PER_DELIVERY = 100
"""Findings in one message to a webhook."""
ATTEMPTS = 8
PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240, 480, 720))
"""How long to wait after each attempt that failed; after the last one the delivery has failed."""
KEPT = timedelta(days=30)
"""For how long deliveries are kept."""
WORDS = 500


@transaction.atomic
def propose(
    organisation: Organisation, *, by: User, kind: str, row: Network | Contact | None, after: dict[str, str],
    why: str = "",
) -> Proposal:  # fmt: skip
    """Ask the team to add (`row` is None), change, or remove (`after` is empty) a network or contact.

    `after` are the fields as texts. Raises NotAllowed, Refused with every problem by field, BadInput when nothing would
    change or too much waits already.
    """
    if Right.PROPOSE_CHANGES not in by.rights or not visible_to(by).filter(pk=organisation.pk).exists():
        raise NotAllowed(_("You may not propose changes here."))
    waiting = Proposal.objects.filter(organisation=organisation, status=Status.WAITING)
    if waiting.count() >= MOST_WAITING:
        raise BadInput(_("Too many proposals wait already."), advice=_("Wait for the team's answer."))
    before = values_of(row) if row else {}
    if after:
        changed = with_values(row or fresh_row(kind, organisation), after)
        problems_of(changed)
        after = values_of(changed)
    if before == after or not (row or after):
        raise BadInput(_("Nothing would change."))
    proposal = Proposal.objects.create(
        organisation=organisation, kind=kind, target=row.pk if row else None, before=before, after=after,
        why=_clean(why), proposed_by=by, by_name=by.name[:120],
    )  # fmt: skip
    record(
        "portal.proposal.made", by=by, target=proposal, state=organisation.state_id, detail=_detail(proposal)
    )
    return proposal


def _clean(words: str) -> str:
    words = " ".join(words.replace("\0", "").split())
    if len(words) > WORDS:
        raise BadInput(_("Write at most %(most)s characters.") % {"most": WORDS})
    return words


def _detail(proposal: Proposal) -> dict[str, Any]:
    told = ("kind", "act", "before", "after", "why", "answer")
    return {name: getattr(proposal, name) for name in told}


@transaction.atomic
def accept(proposal: Proposal, *, by: User, words: str = "") -> Proposal:
    """Apply what was asked for, in the name of `by`. Raises NotAllowed, BadInput when it was answered already or the row
    is not as it was then, Refused when the registry does not take it."""
    fresh = _to_answer(proposal, by)
    row = _row_of(fresh)
    if row is not None and values_of(row) != fresh.before:
        raise BadInput(
            _("The row has changed since this was proposed."), advice=_("Refuse it, and say what it is now.")
        )
    if not fresh.after:
        assert row is not None
        _remove(row, by=by)
    else:
        _save(with_values(row or fresh_row(fresh.kind, fresh.organisation), fresh.after), by=by)
    _answer(fresh, "accepted", words, by=by)
    return fresh


def _row_of(proposal: Proposal) -> Network | Contact | None:
    if proposal.target is None:
        return None
    model = Network if proposal.kind == Proposal.Kind.NETWORK else Contact
    row = model.objects.filter(pk=proposal.target, organisation=proposal.organisation).first()
    if row is None:
        raise BadInput(
            _("The row is not there any more."), advice=_("Refuse the proposal, and say that it is done.")
        )
    return row


def _save(row: Network | Contact, *, by: User) -> None:
    if isinstance(row, Network):
        registry.save_network(row, by=by)
    else:
        registry.save_contact(row, by=by)


def _remove(row: Network | Contact, *, by: User) -> None:
    if isinstance(row, Network):
        registry.remove_network(row, by=by)
    else:
        registry.remove_contact(row, by=by)


@transaction.atomic
def refuse(proposal: Proposal, *, by: User, words: str) -> Proposal:
    """Do not apply it, and say why. Raises NotAllowed, BadInput without words or when it was answered already."""
    fresh = _to_answer(proposal, by)
    if not words.strip():
        raise BadInput(_("Say why, so that the owner understands."))
    _answer(fresh, "refused", words, by=by)
    return fresh


@transaction.atomic
def withdraw(proposal: Proposal, *, by: User) -> Proposal:
    """Take a proposal back that nobody has answered. Raises NotAllowed, BadInput."""
    mine = visible_to(by).filter(pk=proposal.organisation_id).exists()
    if Right.PROPOSE_CHANGES not in by.rights or not mine:
        raise NotAllowed(_("You may not take this back."))
    fresh = _waiting(proposal)
    _answer(fresh, "withdrawn", "", by=by)
    return fresh


def _to_answer(proposal: Proposal, by: User) -> Proposal:
    scope, state = scope_of(by), proposal.organisation.state_id
    if scope.organisations is not None or state not in scope.states or Right.WRITE_REGISTRY not in by.rights:
        raise NotAllowed(_("Only the team may answer this."))
    return _waiting(proposal)


def _waiting(proposal: Proposal) -> Proposal:
    fresh = (
        Proposal.objects.select_for_update(of=("self",))
        .select_related("organisation")
        .filter(pk=proposal.pk, status=Status.WAITING)
        .first()
    )
    if fresh is None:
        raise BadInput(_("This was answered already."), advice=_("Load the page again."))
    return fresh


def _answer(proposal: Proposal, status: str, words: str, *, by: User) -> None:
    proposal.status, proposal.answer = status, _clean(words)
    proposal.answered_at, proposal.answered_by = timezone.now(), by
    proposal.save()
    state = proposal.organisation.state_id
    record(f"portal.proposal.{status}", by=by, target=proposal, state=state, detail=_detail(proposal))


def secret_of(hook: Webhook) -> str:
    """The signing secret of a webhook. Raises AtalayaError."""
    return sealing.unseal(hook.sealed, hook.pk, key=settings.SECRET_KEY)


def _new_secret(hook: Webhook) -> str:
    secret = f"whs_{secrets.token_urlsafe(32)}"
    hook.sealed = sealing.seal(secret, hook.pk, key=settings.SECRET_KEY)
    return secret


@transaction.atomic
def add_webhook(organisation: Organisation, *, by: User, url: str) -> tuple[Webhook, str]:
    """Tell an address from now on; returns the webhook with its secret, to be shown once. What is open now is known as
    told. Raises NotAllowed, BadInput for an address that cannot be, or when there are too many."""
    if Right.KEEP_WEBHOOKS not in by.rights or not visible_to(by).filter(pk=organisation.pk).exists():
        raise NotAllowed(_("You may not keep webhooks here."))
    if Webhook.objects.filter(organisation=organisation).count() >= MOST_HOOKS:
        raise BadInput(_("An organisation has at most %(most)s webhooks.") % {"most": MOST_HOOKS})
    parts = webhook.checked(url)
    if len(url) > 500:
        raise BadInput(_("Write at most %(most)s characters.") % {"most": 500})
    hook = Webhook(organisation=organisation, url=url.strip(), created_by=by)
    secret = _new_secret(hook)
    hook.save(force_insert=True)
    while known := messages.differences(hook):
        _note(hook, known)
    record(
        "portal.webhook.added",
        by=by,
        target=hook,
        state=organisation.state_id,
        detail={"host": parts.hostname},
    )
    return hook, secret


@transaction.atomic
def renew_secret(hook: Webhook, *, by: User) -> str:
    """Make a new secret, which is returned; the old one ends at once. Raises NotAllowed."""
    _allow_hook(hook, by)
    secret = _new_secret(hook)
    hook.save(update_fields=["sealed"])
    record("portal.webhook.renewed", by=by, target=hook, state=hook.organisation.state_id)
    return secret


@transaction.atomic
def remove_webhook(hook: Webhook, *, by: User) -> None:
    """Tell this address nothing any more. Raises NotAllowed."""
    _allow_hook(hook, by)
    detail = {"host": webhook.checked(hook.url).hostname}
    record("portal.webhook.removed", by=by, target=hook, state=hook.organisation.state_id, detail=detail)
    hook.delete()


def _allow_hook(hook: Webhook, by: User) -> None:
    if Right.KEEP_WEBHOOKS not in by.rights or not visible_to(by).filter(pk=hook.organisation_id).exists():
        raise NotAllowed(_("You may not keep webhooks here."))


@transaction.atomic
def try_webhook(hook: Webhook, *, by: User) -> Delivery:
    """Make a message without findings, so that the owner sees whether it arrives. Raises NotAllowed."""
    _allow_hook(hook, by)
    made = _made(hook, messages.body(hook, "test", []), 0)
    record("portal.webhook.tried", by=by, target=hook, state=hook.organisation.state_id)
    return made


def tell(hook_id: UUID | str, *, by: User | None = None) -> list[Delivery]:
    """Make messages about everything that changed since the webhook was last told. Told again it makes none."""
    with transaction.atomic():
        hook = Webhook.objects.select_for_update(of=("self",)).filter(pk=hook_id, active=True).first()
        if hook is None:
            return []
        changes = messages.differences(hook)
        cleared = outbound.cleared([one.finding for one in changes])
        telling = [one for one in changes if one.finding.pk in cleared]
        made = [
            _made(hook, messages.body(hook, "findings", telling[at : at + PER_DELIVERY]), len(telling[at : at + PER_DELIVERY]))
            for at in range(0, len(telling), PER_DELIVERY)
        ]  # fmt: skip
        _note(hook, changes)
        if changes:
            detail = {"told": len(telling), "withheld": len(changes) - len(telling)}
            record("portal.webhook.told", by=by, target=hook, state=hook.organisation.state_id, detail=detail)
    return made


def _made(hook: Webhook, body: dict[str, Any], findings: int) -> Delivery:
    made = Delivery(webhook=hook, findings=findings)
    made.body = json.dumps({"delivery": str(made.pk), **body}, ensure_ascii=False, separators=(",", ":"))
    made.save(force_insert=True)
    announce("portal.delivery.made", delivery=str(made.pk))
    return made


def _note(hook: Webhook, changes: Sequence[messages.Change]) -> None:
    Told.objects.bulk_create(
        (Told(webhook=hook, finding_key=one.finding.pk, status=one.finding.status) for one in changes),
        update_conflicts=True,
        unique_fields=["webhook", "finding_key"],
        update_fields=["status"],
        batch_size=200,
    )


def deliver(delivery_id: UUID | str, *, by: User | None = None) -> timedelta | None:
    """Send one message; returns how long to wait before the next attempt, or None when there is none.

    `by` is for the record only. An address that may not be reached fails at once, anything else after ATTEMPTS.
    """
    sent = Delivery.objects.select_related("webhook__organisation").filter(pk=delivery_id).first()
    if sent is None or sent.status != Delivery.Status.WAITING:
        return None
    hook = sent.webhook
    reachable = Guard.allowing(settings.CONFIG.collection.private)
    try:
        answer = webhook.post(
            hook.url, sent.body.encode(), secret=secret_of(hook), delivery=str(sent.pk), guard=reachable
        )
        said, done, final = f"{answer.status} {answer.said}".strip(), answer.accepted, answer.status == 410
    except Temporary as error:
        said, done, final = str(error), False, False
    except AtalayaError as error:
        said, done, final = str(error), False, True
    return _attempted(sent, said, done=done, final=final)


def _attempted(sent: Delivery, said: str, *, done: bool, final: bool) -> timedelta | None:
    sent.attempts += 1
    sent.answer = said.replace("\0", "")[:300]
    last = final or sent.attempts >= ATTEMPTS
    if done or last:
        sent.status = Delivery.Status.DONE if done else Delivery.Status.FAILED
        sent.finished_at = timezone.now()
    sent.save(update_fields=["attempts", "answer", "status", "finished_at"])
    return None if done or last else PAUSES[sent.attempts - 1]


def forget_deliveries(*, by: User | None = None) -> int:
    """Remove deliveries that are older than KEPT; returns how many."""
    old = Delivery.objects.filter(created_at__lt=timezone.now() - KEPT).exclude(
        status=Delivery.Status.WAITING
    )
    count, _kinds = old.delete()
    return count
