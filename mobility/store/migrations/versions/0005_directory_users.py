"""Users that a directory keeps.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("source", "source_id", "source_name", "source_password"):
        op.add_column("users", sa.Column(name, sa.Text(), nullable=False, server_default=""))
