"""What users want done with their incoming calls.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_forwardings",
        sa.Column("user_uri", sa.Text(), nullable=False),
        sa.Column("active_setting", sa.Text(), nullable=False),
        sa.Column("active_period", sa.Text(), nullable=False),
        sa.Column("forward_target", sa.Text(), nullable=False),
        sa.Column("forward_contact", sa.Text(), nullable=False),
        sa.Column("ring_target", sa.Text(), nullable=False),
        sa.Column("ring_contact", sa.Text(), nullable=False),
        sa.Column("ring_delay_s", sa.Integer(), nullable=False),
        sa.Column("unanswered", sa.Text(), nullable=False),
        sa.Column("unanswered_target", sa.Text(), nullable=False),
        sa.Column("unanswered_contact", sa.Text(), nullable=False),
        sa.Column("unanswered_delay_s", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_uri"),
    )
