"""Alembic's migrations of the store; `mobility.store.schema` runs them."""
