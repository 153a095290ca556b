"""Delegates, and the members of team-call groups.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, member in (("delegations", "delegate_uri"), ("team_members", "member_uri")):
        op.create_table(
            table,
            sa.Column("owner_uri", sa.Text(), nullable=False),
            sa.Column(member, sa.Text(), nullable=False),
            sa.PrimaryKeyConstraint("owner_uri", member),
            sqlite_with_rowid=False,
        )
