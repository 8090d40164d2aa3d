"""Triggers that refuse to change, delete or skip an entry of the audit log, on both databases."""

from __future__ import annotations

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

SQLITE = (
    """CREATE TRIGGER records_no_update BEFORE UPDATE ON records_record
    BEGIN SELECT RAISE(ABORT, 'The audit log is append-only.'); END""",
    """CREATE TRIGGER records_no_delete BEFORE DELETE ON records_record
    BEGIN SELECT RAISE(ABORT, 'The audit log is append-only.'); END""",
    # INSERT OR REPLACE deletes without firing the trigger above, so it is refused before it gets there.
    """CREATE TRIGGER records_in_order BEFORE INSERT ON records_record
    WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM records_record)
      OR EXISTS (SELECT 1 FROM records_record WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'Entries of the audit log follow each other without a gap.'); END""",
)
SQLITE_UNDO = (
    "DROP TRIGGER records_no_update",
    "DROP TRIGGER records_no_delete",
    "DROP TRIGGER records_in_order",
)

POSTGRESQL = (
    """CREATE FUNCTION records_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'The audit log is append-only.' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    """CREATE FUNCTION records_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM records_record) THEN
        RAISE EXCEPTION 'Entries of the audit log follow each other without a gap.'
          USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      RETURN NEW;
    END $$""",
    """CREATE TRIGGER records_no_change BEFORE UPDATE OR DELETE ON records_record
    FOR EACH ROW EXECUTE FUNCTION records_append_only()""",
    """CREATE TRIGGER records_no_truncate BEFORE TRUNCATE ON records_record
    FOR EACH STATEMENT EXECUTE FUNCTION records_append_only()""",
    """CREATE TRIGGER records_in_order BEFORE INSERT ON records_record
    FOR EACH ROW EXECUTE FUNCTION records_in_order()""",
)
POSTGRESQL_UNDO = (
    "DROP TRIGGER records_no_change ON records_record",
    "DROP TRIGGER records_no_truncate ON records_record",
    "DROP TRIGGER records_in_order ON records_record",
    "DROP FUNCTION records_append_only()",
    "DROP FUNCTION records_in_order()",
)

TRIGGERS = {"sqlite": (SQLITE, SQLITE_UNDO), "postgresql": (POSTGRESQL, POSTGRESQL_UNDO)}


def add(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in TRIGGERS[schema_editor.connection.vendor][0]:
        schema_editor.execute(statement)


def remove(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in TRIGGERS[schema_editor.connection.vendor][1]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("records", "0001_initial")]
    operations = [migrations.RunPython(add, remove)]
