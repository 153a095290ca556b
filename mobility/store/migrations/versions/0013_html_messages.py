"""HTML messages: their plain text, and the formats that each leg has negotiated.

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, name in (("legs", "formats"), ("messages", "plain")):
        column = sa.Column(name, sa.Text(), nullable=False, server_default="")
        op.add_column(table, column)
