"""Where applications are.

Revision ID: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("lis_location", "lis_result", "publishes_location"):
        op.add_column("applications", sa.Column(name, sa.Text(), nullable=False, server_default=""))
