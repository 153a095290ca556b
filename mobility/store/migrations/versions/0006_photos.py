"""Photos in a table of their own; private phone numbers; custom content of invitations.

Revision ID: 0006
"""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("photo_version", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "users", sa.Column("private_phones", sa.Text(), nullable=False, server_default="")
    )
    photos = op.create_table(
        "photos",
        sa.Column("user_uri", sa.Text(), primary_key=True, nullable=False, autoincrement=False),
        sa.Column("image", sa.LargeBinary(), nullable=False),
    )
    users = sa.table(
        "users",
        sa.column("uri", sa.Text),
        sa.column("photo", sa.LargeBinary),
        sa.column("photo_version", sa.Text),
    )
    connection = op.get_bind()
    kept = sa.select(users.c.uri, users.c.photo).where(users.c.photo.is_not(None))
    for uri, photo in connection.execute(kept).all():
        version = hashlib.sha256(photo).hexdigest()[:16]
        connection.execute(photos.insert().values(user_uri=uri, image=photo))
        connection.execute(users.update().where(users.c.uri == uri).values(photo_version=version))
    op.drop_column("users", "photo")
    content = sa.Column("custom_content", sa.Text(), nullable=False, server_default="")
    op.add_column("invitations", content)
