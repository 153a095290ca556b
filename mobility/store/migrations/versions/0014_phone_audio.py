"""Who takes part in calls with a telephone.

Revision ID: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("legs", "call_sides"):
        op.add_column(
            table,
            sa.Column("by_phone", sa.Boolean(), nullable=False, server_default=sa.false()),
        )
