"""Legs know the invitation by which they came.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("legs", sa.Column("invitation_id", sa.Text(), nullable=False, server_default=""))
    op.execute(
        "UPDATE legs SET invitation_id = COALESCE((SELECT max(id) FROM invitations"
        " WHERE invitations.conversation_id = legs.conversation_id), '')"
    )
