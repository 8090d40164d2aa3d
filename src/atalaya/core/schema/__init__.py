"""The event schema: IntelMQ's field names, typed, one `Column` each. See `columns`."""

from atalaya.core.schema.columns import (
    BY_FIELD,
    BY_NAME,
    COLUMNS,
    Column,
    empty,
    field_of,
    name_of,
    polars_schema,
)

__all__ = ["BY_FIELD", "BY_NAME", "COLUMNS", "Column", "empty", "field_of", "name_of", "polars_schema"]
