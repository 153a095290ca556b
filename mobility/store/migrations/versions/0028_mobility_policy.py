"""Mobility policies, what is granted to users, and the bearers of applications.

Revision ID: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mobility_settings",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name"),
    )
    op.create_table(
        "mobility_grants",
        sa.Column("user_uri", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("mobility_policy", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("user_uri"),
    )
    column = sa.Column("bearer", sa.Text(), nullable=False, server_default="")
    op.add_column("applications", column)
