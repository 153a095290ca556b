"""The tables and the records of the domain are the same thing."""

import attrs
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain import records
from mobility.store.statements import FORMS
from mobility.store.tables import TABLE_OF, metadata


class TableTests(SynchronousTestCase):
    def test_every_record_has_a_table(self) -> None:
        """Each record class of the domain has one table, and no two share it."""
        self.assertEqual(set(TABLE_OF), set(records.Record.__args__))
        self.assertEqual(len({table.name for table in TABLE_OF.values()}), len(TABLE_OF))

    def test_fields_are_columns(self) -> None:
        """A table's columns are the record's fields in their order, the primary key its KEY."""
        for record_class, table in TABLE_OF.items():
            fields = [field.name for field in attrs.fields(record_class)]
            self.assertEqual([column.name for column in table.columns], fields, table.name)
            key = tuple(column.name for column in table.primary_key.columns)
            self.assertEqual(key, record_class.KEY, table.name)

    def test_column_types_fit_fields(self) -> None:
        """A column holds the Python type its field is annotated with, and None only where the
        field may be None."""
        for record_class, table in TABLE_OF.items():
            for field in attrs.fields(record_class):
                column = table.columns[field.name]
                annotated = field.type
                self.assertEqual(column.nullable, annotated == (bytes | None), column)
                expected = bytes if annotated == (bytes | None) else annotated
                self.assertIs(column.type.python_type, expected, column)

    def test_postgresql_takes_the_schema(self) -> None:
        """Every table and index compiles for PostgreSQL, without what only SQLite knows."""
        for table in metadata.tables.values():
            text = str(CreateTable(table).compile(dialect=postgresql.dialect()))
            self.assertNotIn("ROWID", text)
            for index in table.indexes:
                self.assertIn(
                    table.name, str(CreateIndex(index).compile(dialect=postgresql.dialect()))
                )

    def test_what_is_versioned(self) -> None:
        """A record class with a field `version` is stored under its guard."""
        guarded = {kind for kind, form in FORMS.items() if form.versioned}
        versioned = {
            records.CallForwarding,
            records.Conversation,
            records.Meeting,
            records.MeetingExtension,
            records.MobilityGrant,
            records.MobilitySetting,
            records.ServiceAccount,
            records.VoiceGrant,
            records.VoiceSetting,
        }
        self.assertEqual(guarded, versioned)
