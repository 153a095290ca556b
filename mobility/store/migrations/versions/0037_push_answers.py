"""What providers said of notifications, and how often these were tried in vain.

Revision ID: 0037
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, kind, default in (
        ("attempts", sa.BigInteger(), "0"),
        ("answered_at", sa.Double(), "0"),
        ("answer", sa.Text(), ""),
        ("taken", sa.Boolean(), "0"),
    ):
        column = sa.Column(name, kind, nullable=False, server_default=default)
        op.add_column("push_notices", column)
