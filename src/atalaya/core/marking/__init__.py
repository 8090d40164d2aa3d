"""TLP 2.0 and PAP: may this leave, and to whom? The one gate out.

The rules are data, in `markings.toml`. A marking that is missing or not understood is red: the gate never
guesses a lower one. What the rules do not allow is refused.
"""

from atalaya.core.marking.gate import Audience, Decision, Kind, may_act, may_leave
from atalaya.core.marking.scale import PAP, TLP, combine, label, parse, parse_pap, stix_id

__all__ = [
    "PAP",
    "TLP",
    "Audience",
    "Decision",
    "Kind",
    "combine",
    "label",
    "may_act",
    "may_leave",
    "parse",
    "parse_pap",
    "stix_id",
]
