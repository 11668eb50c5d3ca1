"""more than one pinned product"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("room", sa.Column("pinned_ids", sa.ARRAY(sa.Uuid()), nullable=False, server_default="{}"))
    op.execute("UPDATE room SET pinned_ids = ARRAY[pinned_id] WHERE pinned_id IS NOT NULL")
    op.drop_column("room", "pinned_id")


def downgrade() -> None:
    op.add_column("room", sa.Column("pinned_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_room_pinned_id"), "room", "product", ["pinned_id"], ["id"])
    op.execute("UPDATE room SET pinned_id = pinned_ids[1]")
    op.drop_column("room", "pinned_ids")
