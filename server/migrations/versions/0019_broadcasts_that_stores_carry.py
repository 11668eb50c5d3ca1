"""which stores a room of headquarters is for, and how each of them carries it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("room", sa.Column("reach", sa.String(), nullable=False, server_default="all"))
    op.add_column("room", sa.Column("region_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("fk_room_region_id", "room", "region", ["region_id"], ["id"])
    op.create_check_constraint(
        op.f("ck_room_reach"), "room", "(reach = 'region') = (region_id IS NOT NULL)"
    )
    op.create_check_constraint(op.f("ck_room_own"), "room", "reach = 'all' OR store_id IS NULL")
    op.create_table(
        "room_reach",
        sa.Column("room_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"]),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"]),
        sa.PrimaryKeyConstraint("room_id", "store_id"),
    )
    op.create_table(
        "carrying",
        sa.Column("room_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("greeting", sa.String(), nullable=False),
        sa.Column("pick_up", sa.Boolean(), nullable=False),
        sa.Column("pick_up_note", sa.String(), nullable=False),
        sa.Column("shelf_order", ARRAY(sa.Uuid()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"]),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"]),
        sa.ForeignKeyConstraint(["by_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("room_id", "store_id"),
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS room_reaches(uuid, uuid)")
    op.drop_table("carrying")
    op.drop_table("room_reach")
    op.drop_constraint(op.f("ck_room_own"), "room")
    op.drop_constraint(op.f("ck_room_reach"), "room")
    op.drop_constraint("fk_room_region_id", "room")
    op.drop_column("room", "region_id")
    op.drop_column("room", "reach")
