"""The query language of the event history: one line of text <-> a typed tree -> one condition.

    class:c2-server org:"Port Authority" since:7d
    ip:203.0.113.0/24 -feed:x port:22,23 malware:mirai* (telnet or ssh)

    question = either
    either   = every { "or" every }
    every    = one { ["and"] one }
    one      = ("-" | "not") one | "(" either ")" | field ":" value { "," value } | word
    value    = plain text with * for anything | "exactly this" | none | >5 | 1-1024

Values beside each other in one term are alternatives, terms beside each other must all hold. A backslash takes the
meaning from the sign after it; so do quotation marks, around a value. Fields are listed in `fields`.
"""

from atalaya.core.store.ask.parser import parse
from atalaya.core.store.ask.problem import Problem
from atalaya.core.store.ask.tree import (
    EVERYTHING,
    Either,
    Every,
    Is,
    Node,
    Not,
    Value,
    Word,
    either,
    every,
    terms,
    written,
)

__all__ = [
    "EVERYTHING", "Either", "Every", "Is", "Node", "Not", "Problem", "Value", "Word", "either", "every", "parse",
    "terms", "written",
]  # fmt: skip
