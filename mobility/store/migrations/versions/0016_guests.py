"""Tokens of guests, each for one meeting.

Revision ID: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tokens", sa.Column("meeting_uri", sa.Text(), nullable=False, server_default=""))
