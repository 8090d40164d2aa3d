"""What the API of retention takes and gives: codes instead of words."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from atalaya.apps.retention.models import Hold, Policy, Rule, Run

RULE: dict[str, Any] = {
    "id": "4f6c2d10-7a0e-4f0b-8b5c-4a9f0f3f2d77", "state": "TT", "position": 10, "taxonomy": "", "type": "", "tlp": "red", "owner": "",
    "pseudonymise_after": 90, "delete_after": 365,
}  # fmt: skip
HOLD: dict[str, Any] = {
    "id": "a1f0c442-98fc-4c14-9afb-f4c8996fb924", "state": "TT", "organisation": "0c2f4a52-6f0e-4b6e-9a53-0d3b6f6c8a11",
    "organisation_name": "Port Authority", "sha256": "", "first_day": "2026-10-01", "last_day": None,
    "reason": "Court order 17/2026", "made_at": "2026-11-20T11:00:00Z", "made_by": "Administrator",
}  # fmt: skip
RUN: dict[str, Any] = {
    "id": "0f6b1f3e-98a5-4a3b-9d62-6f3a7c6d1e55", "state": "TT", "dry": False, "status": "done", "as_of": "2026-11-20",
    "started_at": "2026-11-20T03:00:00Z", "committed_at": "2026-11-20T03:00:09Z", "finished_at": "2026-11-20T04:00:10Z",
    "deleted": 120, "pseudonymised": 30, "originals": 4,
    "sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
}  # fmt: skip
EVENTS: dict[str, Any] = {
    "day": "2025-11-20", "taxonomy": "vulnerable", "type": "vulnerable-system", "tlp": "red", "fate": "delete", "count": 120,
}  # fmt: skip
TERMS = ("taxonomy", "type", "tlp", "owner", "pseudonymise_after", "delete_after")
WRITTEN = {name: value for name, value in RULE.items() if name not in ("id", "state")}
DAYS = "Full days after the event's own; null is never."


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": value})


class PolicyOut(Schema):
    """Whether a state's rules are carried out every day. `look` is the last dry run since the rules changed: they can be
    applied when it is done."""

    model_config = _example(
        {
            "state": "TT", "active": True, "changed_at": "2026-11-01T09:00:00Z", "decided_at": "2026-11-01T09:10:00Z",
            "decided_by": "Administrator", "look": RUN["id"], "looked": True,
        }
    )  # fmt: skip
    state: str
    active: bool
    changed_at: datetime | None
    decided_at: datetime | None
    decided_by: str
    look: UUID | None
    looked: bool


class RetentionRuleIn(Schema):
    """A rule of retention: which events, and for how long. Of several that fit the one with the least `position` decides;
    what is left empty fits everything."""

    model_config = _example(WRITTEN)
    position: int = Field(10, ge=0, le=32767)
    taxonomy: str = ""
    type: str = ""
    tlp: Literal["", "clear", "green", "amber", "amber+strict", "red", "none"] = ""
    owner: Literal["", "critical", "other", "nobody"] = ""
    pseudonymise_after: int | None = Field(None, description=DAYS)
    delete_after: int | None = Field(None, description=DAYS)


class RetentionRuleOut(Schema):
    """A rule of retention, as it stands."""

    model_config = _example(RULE)
    id: UUID
    state: str
    position: int
    taxonomy: str
    type: str
    tlp: str
    owner: str
    pseudonymise_after: int | None
    delete_after: int | None


class RetentionRules(Schema):
    """The rules of a state, in their order."""

    model_config = _example({"results": [RULE]})
    results: list[RetentionRuleOut]


class HoldIn(Schema):
    """Something to hold back, whatever the rules say: all that is given must fit. `sha256` is that of an original file."""

    model_config = _example({name: HOLD[name] for name in ("organisation", "first_day", "reason")})
    organisation: UUID | None = None
    sha256: str = ""
    first_day: date | None = None
    last_day: date | None = None
    reason: str


class HoldOut(Schema):
    """Something that is held back."""

    model_config = _example(HOLD)
    id: UUID
    state: str
    organisation: UUID | None
    organisation_name: str
    sha256: str
    first_day: date | None
    last_day: date | None
    reason: str
    made_at: datetime
    made_by: str


class RunQuery(Schema):
    """Filters of the list of runs."""

    status: Literal["", "running", "leaving", "done"] = Field("", description="How it stands.")
    dry: Literal["", "yes", "no"] = Field("", description="Whether it only looked.")


class RunOut(Schema):
    """One time that the rules were carried out, or only looked at (`dry`). `sha256` is that of the statement, as the audit
    log has it; empty until the run is done."""

    model_config = _example(RUN)
    id: UUID
    state: str
    dry: bool
    status: str
    as_of: date
    started_at: datetime
    committed_at: datetime | None
    finished_at: datetime | None
    deleted: int
    pseudonymised: int
    originals: int
    sha256: str


class EventsOut(Schema):
    """Events of one day, class and marking that were past their time; `fate` is delete or pseudonymise."""

    model_config = _example(EVENTS)
    day: date
    taxonomy: str
    type: str
    tlp: str
    fate: str
    count: int


class RunDetail(RunOut):
    """A run with its rules, how many original `files` it touches, what goes elsewhere (`copies`) and its events."""

    model_config = _example(
        {**RUN, "rules": [{name: RULE[name] for name in TERMS}], "files": 4, "copies": {"findings": 7}, "events": [EVENTS]}
    )  # fmt: skip
    rules: list[dict[str, Any]]
    files: int
    copies: dict[str, int]
    events: list[EventsOut]


class Statement(Schema):
    """The statement of a run. It holds more than is named here."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "format": "atalaya-retention-1", "state": "TT", "run": RUN["id"], "as_of": "2026-11-20", "deleted": 120,
                "pseudonymised": 30, "previous": "",
            }
        },
    )  # fmt: skip
    format: str
    state: str
    run: str
    as_of: str
    deleted: int
    pseudonymised: int
    previous: str


def policy_out(state: str, policy: Policy | None, look: Run | None) -> dict[str, Any]:
    """A state's policy as PolicyOut; of a state that never had one, too."""
    return {
        "state": state,
        "active": bool(policy and policy.active),
        "changed_at": policy and policy.changed_at,
        "decided_at": policy and policy.decided_at,
        "decided_by": str(policy.decided_by or "") if policy else "",
        "look": look and look.pk,
        "looked": bool(look and look.status == Run.Status.DONE),
    }


def rule_out(rule: Rule) -> dict[str, Any]:
    """A rule as RetentionRuleOut."""
    return {"id": rule.pk, "state": rule.state_id, **{name: getattr(rule, name) for name in WRITTEN}}


def hold_out(hold: Hold) -> dict[str, Any]:
    """A hold as HoldOut."""
    return {
        "id": hold.pk,
        "state": hold.state_id,
        "organisation": hold.organisation_id,
        "organisation_name": hold.organisation.name if hold.organisation else "",
        **{name: getattr(hold, name) for name in ("sha256", "first_day", "last_day", "reason", "made_at")},
        "made_by": str(hold.made_by or ""),
    }


def run_out(run: Run) -> dict[str, Any]:
    """A run as RunOut."""
    same = set(RUN) - {"id", "state", "as_of"}
    return {
        "id": run.pk,
        "state": run.state_id,
        "as_of": run.today,
        **{name: getattr(run, name) for name in same},
    }


def run_detail(run: Run) -> dict[str, Any]:
    """A run as RunDetail."""
    files = run.told.get("files", {})
    return {
        **run_out(run),
        "rules": run.rules,
        "files": files if isinstance(files, int) else len(files),
        "copies": run.told.get("copies", {}),
        "events": [dict(zip(EVENTS, row, strict=True)) for row in run.told.get("events", [])],
    }
