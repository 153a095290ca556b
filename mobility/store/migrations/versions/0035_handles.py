"""What stands for phones in their temporary GRUUs.

Revision ID: 0035
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bindings", sa.Column("handle", sa.Text(), nullable=False, server_default=""))
