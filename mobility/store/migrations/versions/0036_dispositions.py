"""What the writers of messages wish to hear of them, and what has reached whom.

Revision ID: 0036
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, primary_key=key)


def upgrade() -> None:
    op.create_table(
        "disposition_requests",
        _text("conversation_id", key=True),
        sa.Column("number", sa.BigInteger(), nullable=False, primary_key=True),
        _text("from_uri"),
        _text("to_uri"),
        _text("message_id"),
        _text("sent_at"),
        _text("original_to"),
        sa.Column("delivery", sa.Boolean(), nullable=False),
        sa.Column("display", sa.Boolean(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "delivery_marks",
        _text("conversation_id", key=True),
        _text("user_uri", key=True),
        sa.Column("delivered", sa.BigInteger(), nullable=False),
        sa.Column("displayed", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
