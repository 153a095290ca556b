"""History: past conversations of users, read marks, and what waits to be purged.

Conversations that are over already get into nobody's history: who took part in them is not known
any more.  They become leftovers.

Revision ID: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conversation_logs",
        sa.Column("user_uri", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("began_at", sa.Double(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("modalities", sa.Text(), nullable=False),
        sa.Column("thread_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("importance", sa.Text(), nullable=False),
        sa.Column("meeting_uri", sa.Text(), nullable=False),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("recipient_count", sa.Integer(), nullable=False),
        sa.Column("after_message", sa.BigInteger(), nullable=False),
        sa.Column("last_message", sa.BigInteger(), nullable=False),
        sa.Column("read_message", sa.BigInteger(), nullable=False),
        sa.Column("read", sa.Boolean(), nullable=False),
        sa.Column("call_status", sa.Text(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("user_uri", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("conversation_logs_conversation_id", "conversation_logs", ["conversation_id"])
    op.create_index("conversation_logs_created_at", "conversation_logs", ["created_at"])
    op.create_table(
        "read_marks",
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("user_uri", sa.Text(), nullable=False),
        sa.Column("message_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "user_uri"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "voicemail_counts",
        sa.Column("user_uri", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("user_uri"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "leftovers",
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("invitations_expires_at", "invitations", ["expires_at"])
    op.execute(
        "INSERT INTO leftovers (conversation_id) SELECT id FROM conversations WHERE state = 'Ended'"
    )
