"""JSON documents whose rows lie somewhere inside: one document, an array of them, or one a line.

A path says where the rows are: `results.indicators`. On its way every list is gone through; `*` goes through the
values of an object and gives each its `key`; `IP4|IP6` takes the first that is there; `address?` may be missing. What
is no object becomes the column `value`. A row also has what stands beside it and above it: values of the outermost
object under their own name, of inner ones with the path before it (`results.name`). A list of one is its element.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from io import BufferedIOBase
from typing import Any

from atalaya.core import limits
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.formats import jsonlines, reasons
from atalaya.core.formats.batch import Batch
from atalaya.core.formats.jsonlines import Again, Item
from atalaya.core.formats.opening import Truncated

CARRIED_CHARS = 400
"""How long a value from above a row may be, unless the feed asks for it: it is repeated in every row."""
VALUE, KEY = "value", "key"


def read(
    stream: BufferedIOBase, *, records: str, columns: Collection[str], first_row: int = 1
) -> Iterator[Batch]:
    """Yield the rows that `records` leads to, as `jsonlines.read` does. Where it leads nowhere is one reject.

    Raises BadInput for what is no JSON, TooLarge for a document over `limits.DOCUMENT_BYTES`.
    """
    walk = _Walk(frozenset(columns))
    items = (item for one in _documents(stream) for item in walk.rows(one, records))
    return jsonlines.batches(items, columns=columns, first_row=first_row)


def _documents(stream: BufferedIOBase) -> Iterator[tuple[Any, str, str]]:
    """The one document of a stream, or the ones of its lines."""
    data = _whole(stream).removeprefix(jsonlines.BOM)
    try:
        value = json.loads(data.decode(), parse_constant=jsonlines.refuse)
        if not jsonlines.encodes(value):
            raise BadInput("The document has half a character in a text.", advice="Send it again.")
        yield value, "", ""
    except UnicodeDecodeError as error:
        raise BadInput("The file is not UTF-8 text.", advice="Save it as UTF-8.") from error
    except RecursionError as error:
        raise BadInput("The JSON document is nested too deeply.") from error
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            place = f"line {error.lineno}, column {error.colno}"
            raise BadInput(f"The file is not JSON: {place}.", advice="Is it whole?") from error
        yield from jsonlines.lines(Again(data, stream))
    except ValueError as error:
        raise BadInput(f"The file is not JSON: {error}.") from error


def _whole(stream: BufferedIOBase) -> bytes:
    parts, size = [], 0
    try:
        while part := stream.read1(limits.MIB):
            parts.append(part)
            size += len(part)
            if size > limits.DOCUMENT_BYTES:
                raise TooLarge(
                    f"The document is larger than {limits.DOCUMENT_BYTES} bytes.", advice="Split it."
                )
    except Truncated as error:
        raise BadInput("The document is damaged or ends too early.", advice="Send it again.") from error
    return b"".join(parts)


class _Walk:
    """Rows of documents, with what stands above them."""

    def __init__(self, columns: frozenset[str]) -> None:
        self._columns = columns
        self._parents = frozenset(name.partition(".")[0] for name in columns if "." in name)

    def rows(self, item: tuple[Any, str, str], path: str) -> Iterator[Item]:
        """The rows of one document."""
        document, reason, raw = item
        if reason:
            yield None, reason, raw
            return
        yield from self._down(document, path.split(".") if path else [], "", {})

    def _down(self, value: Any, path: list[str], name: str, above: dict[str, Any]) -> Iterator[Item]:
        if isinstance(value, list):
            for one in value:
                yield from self._down(one, path, name, above)
        elif not path:
            yield self._row(value, above)
        elif not isinstance(value, dict):
            yield None, reasons.JSON, _shown(value)
        elif path[0] == "*":
            for key, inner in value.items():
                yield from self._down(inner, path[1:], f"{name}*.", {**above, KEY: key})
        else:
            yield from self._step(value, path, name, above)

    def _step(
        self, value: dict[str, Any], path: list[str], name: str, above: dict[str, Any]
    ) -> Iterator[Item]:
        wanted = path[0].removesuffix("?").split("|")
        key = next((one for one in wanted if value.get(one) not in (None, [], {})), None)
        if key is not None:
            beside = {f"{name}{k}": self._carried(f"{name}{k}", v) for k, v in value.items() if k != key}
            beside = {k: v for k, v in beside.items() if v is not None}
            yield from self._down(value[key], path[1:], f"{name}{key}.", {**above, **beside})
        elif path[0].endswith("?"):
            yield self._row(value, above)
        else:
            yield None, reasons.MISSING, _shown(value)

    def _row(self, value: Any, above: dict[str, Any]) -> Item:
        own = value if isinstance(value, dict) else {VALUE: value}
        row = {**above, **{key: _single(inner) for key, inner in own.items()}}
        for name in [key for key in row if isinstance(row[key], list) and key in self._columns]:
            if row[name] and not isinstance(row[name][0], (dict, list)):
                # A field holds one value: the first, and all of them in `extra`.
                row[f"{name}.all"], row[name] = row[name], row[name][0]
        return row, "", _shown(own)

    def _carried(self, name: str, value: Any) -> Any:
        single = _single(value)
        if name in self._columns or name in self._parents:
            return single
        return single if len(json.dumps(single, ensure_ascii=False)) <= CARRIED_CHARS else None


def _single(value: Any) -> Any:
    """The element of a list of one, in objects too."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return {key: _single(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[: limits.REJECT_RAW_CHARS]
