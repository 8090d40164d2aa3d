"""Background work of this app: telling webhooks."""

from __future__ import annotations

from django.utils import timezone

from atalaya.apps.jobs.actions import hears, job, periodic
from atalaya.apps.jobs.lanes import HOOK
from atalaya.apps.portal import actions
from atalaya.apps.portal.models import Webhook


@hears("events.added")
@hears("findings.gone")
@hears("findings.marked")
@hears("findings.reopened")
@job("portal.changed")
def changed(
    *, ingest: str = "", new_findings: int = 0, state: str = "", feed: str = "", count: int = 0,
    organisations: list[str] | None = None, findings: list[str] | None = None,
) -> None:  # fmt: skip
    """Findings changed: ask each webhook whether there is something that it does not know."""
    for hook in Webhook.objects.filter(active=True).values_list("pk", flat=True):
        tell.enqueue(webhook=str(hook), unique_key=f"webhook:{hook}")


@job("portal.tell", max_attempts=10)
def tell(*, webhook: str) -> None:
    """Write what one webhook is to be told."""
    actions.tell(webhook)


@hears("portal.delivery.made")
@job("portal.deliver", max_attempts=10, lane=HOOK)
def deliver(*, delivery: str) -> None:
    """Send one message. What the other side says is on the delivery; the next attempt is work of its own."""
    if pause := actions.deliver(delivery):
        deliver.enqueue(delivery=delivery, run_after=timezone.now() + pause)


@periodic(days=1)
@job("portal.forget")
def forget() -> None:
    """Remove old deliveries."""
    actions.forget_deliveries()
