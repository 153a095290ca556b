"""What is shared in conversations, and who views it.

Revision ID: 0034
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, primary_key=key)


def upgrade() -> None:
    op.create_table(
        "shared_contents",
        _text("conversation_id", key=True),
        _text("modality", key=True),
        _text("id"),
        _text("device_id"),
        _text("user_uri"),
        sa.Column("started_at", sa.Double(), nullable=False),
        _text("state"),
        _text("operation_id"),
        _text("source_id"),
        _text("offer"),
        _text("streams"),
        _text("content"),
    )
    op.create_table(
        "content_views",
        _text("id", key=True),
        _text("content_id"),
        _text("conversation_id"),
        _text("modality"),
        _text("device_id"),
        _text("user_uri"),
        _text("state"),
        _text("answer"),
        _text("reason"),
    )
