"""Privacy relationships: the levels that users give one another.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "privacy_relationships",
        sa.Column("owner_uri", sa.Text(), nullable=False),
        sa.Column("contact_uri", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner_uri", "contact_uri"),
        sqlite_with_rowid=False,
    )
