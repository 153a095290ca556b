"""Conferences: conversations of meetings, and who takes part in them.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, value in (
        ("meeting_uri", ""),
        ("audience_messaging", "Enabled"),
        ("audience_mute", "Disabled"),
    ):
        column = sa.Column(name, sa.Text(), nullable=False, server_default=value)
        op.add_column("conversations", column)
    kind = sa.Column("kind", sa.Text(), nullable=False, server_default="messaging")
    op.add_column("invitations", kind)
    op.add_column(
        "meetings",
        sa.Column("improvised", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "participants",
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("in_lobby", sa.Boolean(), nullable=False),
        sa.Column("anonymous", sa.Boolean(), nullable=False),
        sa.Column("organizer", sa.Boolean(), nullable=False),
        sa.Column("joined_at", sa.Double(), nullable=False),
        sa.Column("after_message", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "uri"),
        sqlite_with_rowid=False,
    )
