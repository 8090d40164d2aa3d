"""How the rows of a feed stand in its files, as far as the name of a format does not say it."""

from __future__ import annotations

from dataclasses import dataclass

FORMATS = ("csv", "jsonlines", "json", "list", "xml", "fields", "cef", "misp", "stix")
"""Every format that a declaration may name."""
OBJECTS = frozenset({"jsonlines", "json", "xml", "fields", "cef", "misp", "stix"})
"""Formats in which each row may have other columns than its neighbour."""


@dataclass(frozen=True)
class Shape:
    """A format and its options.

    delimiter: of cells. comment: characters that start a line to leave out. header: names of the columns where no line
    of the file has them; header_in_comment: the last comment before the first row has them. blanks: blanks around cells
    do not count. records: path to the rows in a JSON or XML document.
    """

    format: str = "csv"
    delimiter: str = ","
    comment: str = ""
    header: tuple[str, ...] = ()
    header_in_comment: bool = False
    blanks: bool = False
    records: str = ""

    @property
    def objects(self) -> bool:
        """Whether each row may have other columns than its neighbour."""
        return self.format in OBJECTS
