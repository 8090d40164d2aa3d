"""Every write of this app: the rules, what is held back, and the runs that carry the rules out.

A run: new files are written beside the table; the statement is in the database before one commit puts them in place; then what
was copied elsewhere goes, in one transaction; an hour later the old files leave the disk, the key of last month is thrown away
and the statement is closed with an audit record. Killed anywhere and called again, it goes on.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, date, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from atalaya.apps.events import raw
from atalaya.apps.events.models import Finding, Ingest, Reject
from atalaya.apps.events.tables import event_table
from atalaya.apps.jobs.actions import announce
from atalaya.apps.notices import outbox
from atalaya.apps.notices.models import Notice, NoticeFinding
from atalaya.apps.people.models import User
from atalaya.apps.people.roles import Right
from atalaya.apps.portal.models import Delivery, Told
from atalaya.apps.records.actions import record
from atalaya.apps.retention import copies, keys, policies, statement
from atalaya.apps.retention.models import Hold, Policy, Rule, Run
from atalaya.apps.warning.models import Alarm, Dimension
from atalaya.core.errors import BadInput, NotAllowed, Temporary
from atalaya.core.store import retention

ROUNDS = 10
"""Times that a plan is made anew when others merge its files meanwhile."""
SLICE = 500
UNFINISHED = (Ingest.Status.WAITING, Ingest.Status.RUNNING, Ingest.Status.STORED)

Status = Run.Status


def save_rule(rule: Rule, *, by: User) -> Rule:
    """Write a new or changed rule. The policy pauses until somebody applies it. Raises NotAllowed."""
    _may(by)
    with transaction.atomic():
        rule.save()
        _pause(rule.state_id)
        detail = {"position": rule.position, **policies.written([rule])[0]}
        record("retention.rule.saved", by=by, target=rule, detail=detail)
    return rule


def remove_rule(rule: Rule, *, by: User) -> None:
    """Remove a rule. The policy pauses until somebody applies it. Raises NotAllowed."""
    _may(by)
    with transaction.atomic():
        _pause(rule.state_id)
        record("retention.rule.removed", by=by, target=rule, detail={"position": rule.position})
        rule.delete()


def suggest(state: str, *, by: User) -> None:
    """Write down the suggested rules, to be changed. Raises BadInput when there are rules already."""
    _may(by)
    with transaction.atomic():
        if Rule.objects.filter(state=state).exists():
            raise BadInput(_("There are rules already."))
        Rule.objects.bulk_create(Rule(state_id=state, **rule) for rule in policies.SUGGESTED)
        _pause(state)
        record("retention.rules.suggested", by=by, target=("state", state), state=state)


def _may(by: User) -> None:
    if Right.MANAGE_NODE not in by.rights:
        raise NotAllowed(_("You may not change this."), advice=_("Ask the team that looks after it."))


def _pause(state: str) -> None:
    """The rules changed: they were applied by nobody yet."""
    now = timezone.now()
    Policy.objects.update_or_create(state_id=state, defaults={"active": False, "changed_at": now})


def apply(state: str, *, by: User) -> None:
    """Carry the rules out every day from now on. Raises BadInput unless they were looked at since they changed."""
    _may(by)
    with transaction.atomic():
        policy = Policy.objects.filter(state=state).first()
        looked = Run.objects.filter(state=state, dry=True, status=Status.DONE)
        if policy is None or not looked.filter(started_at__gte=policy.changed_at).exists():
            raise BadInput(_("Look first what these rules would do."))
        Policy.objects.filter(pk=state).update(active=True, decided_at=timezone.now(), decided_by=by)
        rules = policies.written(Rule.objects.filter(state=state))
        record(
            "retention.policy.applied", by=by, target=("state", state), state=state, detail={"rules": rules}
        )


def pause(state: str, *, by: User) -> None:
    """Carry the rules out no more until somebody applies them again."""
    _may(by)
    with transaction.atomic():
        if Policy.objects.filter(pk=state, active=True).update(
            active=False, decided_at=timezone.now(), decided_by=by
        ):
            record("retention.policy.paused", by=by, target=("state", state), state=state)


def hold(held: Hold, *, by: User) -> Hold:
    """Hold something back from now on. Raises BadInput when nothing is named."""
    _may(by)
    if not (held.organisation_id or held.sha256 or held.first_day or held.last_day):
        raise BadInput(_("Name an organisation, a file or days."))
    with transaction.atomic():
        held.made_by = by
        held.save()
        record("retention.hold.made", by=by, target=held, detail=_hold_detail(held))
    return held


def _hold_detail(held: Hold) -> dict[str, Any]:
    return {
        "organisation": str(held.organisation_id or ""), "sha256": held.sha256, "from": str(held.first_day or ""),
        "to": str(held.last_day or ""), "reason": held.reason,
    }  # fmt: skip


def end_hold(held: Hold, *, by: User) -> None:
    """Hold it back no more: what is past its time goes with the next run."""
    _may(by)
    with transaction.atomic():
        if Hold.objects.filter(pk=held.pk, ended_at=None).update(ended_at=timezone.now(), ended_by=by):
            record("retention.hold.ended", by=by, target=held, detail=_hold_detail(held))


def ask(state: str, *, by: User) -> Run:
    """Ask what the rules would do; the answer is there when the run is done."""
    _may(by)
    with transaction.atomic():
        run = _begun(state, dry=True)
        announce("retention.asked", run=str(run.pk))
        record("retention.run.asked", by=by, target=run)
    return run


def look(run_id: str, *, by: User | None = None) -> Run:
    """Work out what a dry run would do. Changes nothing but the run's own row."""
    run = Run.objects.get(pk=run_id)
    policy = policies.compiled(run.state_id, run.today, run.rules)
    table = event_table()
    plan = retention.plan(table.path, table.manifest(), policy)
    past = copies.past(policy)
    run.told = {**statement.of_plan(plan), "files": plan.files.height, "copies": past.counts()}
    _sum_up(run, len(past.originals))
    run.status, run.finished_at = Status.DONE, timezone.now()
    with transaction.atomic():
        run.save()
        record("retention.run.looked", by=by, target=run, detail=_summary(run))
    return run


def _begun(state: str, *, dry: bool) -> Run:
    rules = policies.written(Rule.objects.filter(state=state))
    return Run.objects.create(state_id=state, dry=dry, rules=rules, today=_today())


def _today() -> date:
    return timezone.now().astimezone(UTC).date()


def _sum_up(run: Run, originals: int) -> None:
    run.deleted, run.pseudonymised = run.told["deleted"], run.told["pseudonymised"]
    run.originals = originals


def _summary(run: Run) -> dict[str, Any]:
    return {"deleted": run.deleted, "pseudonymised": run.pseudonymised, "originals": run.originals}


def run_all(*, by: User | None = None, at_once: bool = False) -> list[Run]:
    """Carry out the rules of every state that has applied some, and throw away keys whose month is over."""
    keys.throw_away(_today())
    states = Policy.objects.filter(active=True).order_by("pk").values_list("pk", flat=True)
    unfinished = Run.objects.filter(dry=False).exclude(status=Status.DONE).values_list("state", flat=True)
    return [carry_out(state, by=by, at_once=at_once) for state in sorted({*states, *unfinished})]


def look_all(*, by: User | None = None) -> list[Run]:
    """What the rules of every state would do now, applied or not."""
    states = Rule.objects.order_by("state").values_list("state", flat=True).distinct()
    return [_looked(state, by=by) for state in states]


def _looked(state: str, *, by: User | None) -> Run:
    with transaction.atomic():
        run = _begun(state, dry=True)
        record("retention.run.asked", by=by, target=run)
    return look(str(run.pk), by=by)


def carry_out(state: str, *, by: User | None = None, at_once: bool = False) -> Run:
    """Carry out a state's rules, going on with a run that was begun. The old files leave the disk an hour later, when this
    is called again; `at_once`: now, which cuts off whoever is reading them. Raises Temporary when the files keep being merged."""
    open_runs = Run.objects.filter(state=state, dry=False).exclude(status=Status.DONE)
    run = open_runs.first()
    if run is None:
        with transaction.atomic():
            run = _begun(state, dry=False)
            record("retention.run.begun", by=by, target=run)
    if run.status == Status.RUNNING:
        with event_table().rewriting():
            run.refresh_from_db()
            if run.status == Status.RUNNING:
                _rewrite(run)
                _forget_copies(run, by=by)
    _remove_files(run)
    if run.status == Status.LEAVING and (at_once or _is_time(run)):
        _close(run, at_once=at_once, by=by)
    return run


def finish(run_id: str, *, by: User | None = None) -> None:
    """Go on with one run; nothing when it is done."""
    run = Run.objects.get(pk=run_id)
    if run.status != Status.DONE:
        carry_out(run.state_id, by=by)


def _is_time(run: Run) -> bool:
    return run.committed_at is not None and timezone.now() >= run.committed_at + retention.GRACE


def _rewrite(run: Run) -> None:
    """The event table without what is past its time, in one commit. What it says is in the database before."""
    table = event_table()
    if retention.committed(table, str(run.pk)):
        return
    policy = policies.compiled(run.state_id, run.today, run.rules)
    name, key = keys.current(run.state_id, _today())
    for _round in range(ROUNDS):
        version = table.own().version()
        plan = retention.plan(table.path, table.manifest(), policy, salt=secrets.token_hex(16))
        work = retention.Rewriting(table, policy, key, name)
        try:
            work.write(plan.paths)
            _note(run, plan, version)
            if not plan.paths or work.commit(plan.paths, str(run.pk)):
                return
        finally:
            work.discard()
    raise Temporary(_("The event table is being merged at the same time."))


def _note(run: Run, plan: retention.Plan, version: int) -> None:
    """What will be true as soon as the commit is there."""
    run.told = {**statement.of_plan(plan), "table_before": version}
    _sum_up(run, 0)
    with transaction.atomic():
        run.save()


def _forget_copies(run: Run, *, by: User | None) -> None:
    """What is past its time elsewhere, in one transaction; files on disk are named in it and go after it."""
    policy = policies.compiled(run.state_id, run.today, run.rules)
    past = copies.past(policy)
    run.told |= {
        "copies": past.counts(), "originals": past.originals, "notices": sorted(map(str, past.notices)),
        "holds": len(policy.holds), "table_after": event_table().own().version(),
    }  # fmt: skip
    _sum_up(run, len(past.originals))
    run.status, run.committed_at = Status.LEAVING, timezone.now()
    with transaction.atomic():
        _forget_rows(past)
        run.save()
        announce("retention.committed", run=str(run.pk))
        record("retention.run.committed", by=by, target=run, detail=_summary(run))


def _forget_rows(past: copies.Past) -> None:
    for some in _slices(past.ingests):
        Reject.objects.filter(ingest__in=some).delete()
        Ingest.objects.filter(pk__in=some).update(findings_upto=None)
    for keys_ in _slices(past.findings):
        NoticeFinding.objects.filter(finding_key__in=keys_).delete()
        Told.objects.filter(finding_key__in=keys_).delete()
        Finding.objects.filter(pk__in=keys_).delete()
    for some in _slices(past.notices):
        NoticeFinding.objects.filter(notice__in=some).delete()
        Notice.objects.filter(pk__in=some).update(body="")
    for some in _slices(past.deliveries):
        Delivery.objects.filter(pk__in=some).delete()
    for some in _slices(past.alarms):
        for alarm in Alarm.objects.filter(pk__in=some):
            _forget_machines(alarm)


def _forget_machines(alarm: Alarm) -> None:
    """An alarm about a machine at the other end goes; another one keeps its numbers without such machines."""
    if alarm.dimension == Dimension.DESTINATION:
        alarm.delete()
    else:
        alarm.facts["parts"].pop(Dimension.DESTINATION)
        alarm.save(update_fields=["facts"])


def _slices(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[start : start + SLICE] for start in range(0, len(values), SLICE))


def _remove_files(run: Run) -> None:
    """Files that the run's transaction named. Doing it twice does no harm: a file that came again since then is known again."""
    if run.status == Status.DONE:
        return
    fresh = Ingest.objects.filter(state=run.state_id, received_at__gte=run.committed_at or run.started_at)
    known = set(fresh.values_list("sha256", flat=True))
    for sha256 in run.told.get("originals", []):
        if sha256 not in known:
            raw.forget(sha256)
    for notice in run.told.get("notices", []):
        outbox.forget(notice)


def _close(run: Run, *, at_once: bool, by: User | None) -> None:
    """The old files leave the disk; then the statement is whole, and its hash in the audit log."""
    unfinished = list(Ingest.objects.filter(status__in=UNFINISHED).values_list("state", "sha256"))
    older_than = timedelta() if at_once else retention.GRACE
    removed = retention.purge(event_table(), unfinished, older_than=older_than)
    before = (
        Run.objects.filter(state=run.state_id, dry=False, status=Status.DONE).order_by("-finished_at").first()
    )
    now = timezone.now()
    told = {
        **run.told, "format": statement.FORMAT, "node": settings.CONFIG.node.name, "state": run.state_id, "run": str(run.pk),
        "as_of": str(run.today), "rules": run.rules, "started": _moment(run.started_at), "committed": _moment(run.committed_at),
        "closed": _moment(now), "table_closed": event_table().own().version(), "disk_files_removed": removed, "previous": before.sha256 if before else "",
    }  # fmt: skip
    with transaction.atomic():
        digest = statement.sha256(told)
        mine = Run.objects.filter(pk=run.pk, status=Status.LEAVING)
        if mine.update(status=Status.DONE, finished_at=now, told=told, sha256=digest):
            detail = {"statement": digest, **_summary(run), "as_of": str(run.today)}
            record("retention.run.done", by=by, target=run, detail=detail)
    run.refresh_from_db()


def _moment(at: Any) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else ""
