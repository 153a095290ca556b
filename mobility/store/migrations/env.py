"""What Alembic runs: all missing migrations on the connection that `migrate` has opened."""

from alembic import context

from mobility.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
