"""Subscriptions to contacts and groups.

Those of before were not stored.  Who may have had one is told at the next start that it is over.

Revision ID: 0038
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contact_subscriptions",
        sa.Column("application_id", sa.Text(), primary_key=True),
        sa.Column("expires_at", sa.Double(), nullable=False),
    )
    op.execute("INSERT INTO contact_subscriptions SELECT id, 0 FROM applications")
