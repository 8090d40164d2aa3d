"""The event schema's page is current."""

from __future__ import annotations

from pathlib import Path

from atalaya.core.schema.columns import COLUMNS
from atalaya.core.schema.document import markdown

PAGE = Path(__file__).parents[3] / "docs" / "event-schema.md"


def test_it_has_the_page_that_the_columns_give() -> None:
    assert PAGE.read_text() == markdown()


def test_it_describes_every_column_in_a_sentence() -> None:
    for column in COLUMNS:
        assert f"| `{column.field}` | `{column.name}` |" in markdown()
        assert column.meaning.endswith(".")
