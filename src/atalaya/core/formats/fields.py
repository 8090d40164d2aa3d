"""One record of `Name: value` lines: the reports of ARF (RFC 5965) and of X-ARF before version 4.

A line that begins with a blank belongs to the one before it. A name that comes again becomes `Name_2`. Lines of three
hyphens, and comments, are left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from io import BufferedIOBase

from atalaya.core import limits
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.formats import jsonlines
from atalaya.core.formats.batch import Batch
from atalaya.core.formats.opening import Truncated
from atalaya.core.formats.text import text_of

LINE = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,79})[ \t]*:(?:[ \t]+(.*)|[ \t]*)")


def read(stream: BufferedIOBase, *, columns: Collection[str], first_row: int = 1) -> Iterator[Batch]:
    """Yield the one row of a stream. Raises BadInput where there is none, TooLarge over `limits.LINE_BYTES`."""
    try:
        data = stream.read(limits.LINE_BYTES + 1)
    except Truncated as error:
        raise BadInput("The report is damaged or ends too early.", advice="Send it again.") from error
    if len(data) > limits.LINE_BYTES:
        raise TooLarge(f"The report is longer than {limits.LINE_BYTES} bytes.")
    text = text_of(data, "utf-8-sig")
    row = names(text)
    if not row:
        raise BadInput("The report has no line of a name and a value.", advice="Choose another feed.")
    return jsonlines.batches(
        iter([(dict(row), "", text[: limits.REJECT_RAW_CHARS])]), columns=columns, first_row=first_row
    )


def names(text: str) -> dict[str, str]:
    """Name -> value of the lines of a report."""
    found: dict[str, str] = {}
    seen: Counter[str] = Counter()
    last = ""
    for line in text.splitlines():
        if line[:1] in (" ", "\t") and last:
            found[last] = f"{found[last]} {line.strip()}".strip()
        elif match := LINE.fullmatch(line.rstrip()):
            seen[match[1]] += 1
            last = match[1] if seen[match[1]] == 1 else f"{match[1]}_{seen[match[1]]}"
            found[last] = _unquoted((match[2] or "").strip())
    return {name: value for name, value in found.items() if value}


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
