"""How open invitations get on.

Revision ID: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("progress", sa.Text(), nullable=False, server_default="")
    op.add_column("invitations", column)
