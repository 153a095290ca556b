"""The name of a directory's group there, by which policies know one without a mail address.

Revision ID: 0032
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("source_name", sa.Text(), nullable=False, server_default="")
    op.add_column("distribution_groups", column)
