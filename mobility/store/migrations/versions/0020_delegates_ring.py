"""For whom the devices of delegates ring.

Revision ID: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    on_behalf_of = sa.Column("on_behalf_of", sa.Text(), nullable=False, server_default="")
    op.add_column("legs", on_behalf_of)
