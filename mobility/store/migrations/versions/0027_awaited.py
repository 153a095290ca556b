"""Invitations that somebody may yet wake to answer.

Revision ID: 0027
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "invitations",
        sa.Column("awaited", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
