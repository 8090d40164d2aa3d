"""The gate: may information with this marking reach this audience, be used for this action?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from atalaya.core.marking import scale


class Kind(StrEnum):
    """Who would receive the information, seen from the team that holds it."""

    PUBLIC = "public"
    """Anybody: a public page, a feed without sign-in."""
    COMMUNITY = "community"
    """Peers and partner organisations of a closed community."""
    CLIENT = "client"
    """An organisation that the team looks after, other than the owner of what is affected."""
    OWNER = "owner"
    """The organisation that owns what is affected: it needs to know, because only it can mend it."""
    TEAM = "team"
    """The team itself."""
    NAMED = "named"
    """A recipient whom the source of the information named."""


@dataclass(frozen=True)
class Audience:
    """Who would receive it. `needs_to_know` matters for a client under amber: TLP asks for it."""

    kind: Kind
    needs_to_know: bool = False


@dataclass(frozen=True)
class Decision:
    """The answer of the gate, and why, as a sentence for people and for the audit log."""

    allowed: bool
    reason: str


def may_leave(tlp: str | None, audience: Audience) -> Decision:
    """Whether information marked `tlp` may reach `audience`. Refuses what no rule allows."""
    marking = scale.parse(tlp)
    shown = scale.label(marking)
    if not (tlp or "").strip():
        shown = f"{shown} (it carries no marking)"
    elif scale.label(marking) != (tlp or "").strip() and marking == scale.STRICTEST:
        shown = f"{shown} (read from {tlp!r})"
    kind = str(audience.kind)
    if kind not in scale.audiences(marking):
        return Decision(False, f"{shown} may not reach the audience {kind!r}.")
    if marking == "amber" and kind == Kind.CLIENT and not audience.needs_to_know:
        return Decision(False, f"{shown} may reach a client only when it needs to know.")
    return Decision(True, f"{shown} may reach the audience {kind!r}.")


def may_act(pap: str | None, action: str) -> Decision:
    """Whether information marked `pap` may be used for `action`: passive, lookup, active or any."""
    marking = scale.parse_pap(pap)
    allowed = action in scale.actions(marking)
    word = "allows" if allowed else "does not allow"
    return Decision(allowed, f"PAP:{marking.upper()} {word} the action {action!r}.")
