"""Who has transferred the caller of a call.

Revision ID: 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "calls", sa.Column("transferred_by", sa.Text(), nullable=False, server_default="")
    )
