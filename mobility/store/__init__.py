"""The embedded store: tables, migrations, one writer with group commit, and readers.

Only this room knows SQL.  The schema is written with SQLAlchemy Core for SQLite and PostgreSQL;
what runs often is compiled to SQL once and executed on the driver (DESIGN decision 3).
"""
