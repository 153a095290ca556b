"""From which number somebody in a conference has dialled in.

Revision ID: 0031
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("participants", sa.Column("phone", sa.Text(), nullable=False, server_default=""))
