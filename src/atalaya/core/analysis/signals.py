"""What early warning says: one signal for each thing that is not as usual."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

Kind = Literal["campaign", "new", "burst", "above"]
KINDS: tuple[Kind, ...] = ("campaign", "new", "burst", "above")
"""The more it says, the earlier: a campaign explains that its malware is new and that its class is above the usual."""
STILL = 3
"""Days without a new sign after which the same thing is another signal."""


@dataclass(frozen=True)
class Signal:
    """One thing that is not as usual, from day `first` to `last` (UTC).

    `dimension` and `value` say what of: class c2-server, malware qakbot. `chance`: how often so much is seen in one day
    of usual days (0.001: once in a thousand). `facts` hold what the reason needs, ready for JSON.
    """

    kind: Kind
    dimension: str
    value: str
    first: date
    last: date
    observed: float
    expected: float
    chance: float
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def subject(self) -> tuple[str, str]:
        return self.dimension, self.value

    def continues(self, earlier: Signal) -> bool:
        """Whether this is the same thing as another signal, in the same days or going on."""
        same = (self.kind, self.subject) == (earlier.kind, earlier.subject)
        near = (self.first - earlier.last).days <= STILL and (earlier.first - self.last).days <= STILL
        return same and near

    def after(self, earlier: Signal) -> Signal:
        """The two as one: begun when the earlier began, with the numbers of the stronger day."""
        stronger = self if self.chance <= earlier.chance else earlier
        return replace(stronger, first=min(earlier.first, self.first), last=max(earlier.last, self.last))
