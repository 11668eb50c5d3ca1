"""kinds of sale, quotas of stores, limits by device, holds that lapse, and a waitlist"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None

CLAIM_BATCH = (
    "DROP FUNCTION IF EXISTS claim_batch(uuid, int[], uuid[], text[], bytea[], text[], int[], uuid[], int[])"
)
PRICED = ("order_line", "flash_sale_line")


def upgrade() -> None:
    op.execute(CLAIM_BATCH)  # its new signature is laid after the revisions
    op.add_column("flash_sale", sa.Column("kind", sa.String(), nullable=False, server_default="flash_price"))
    op.add_column("flash_sale", sa.Column("own_quota_only", sa.Boolean(), nullable=False, server_default="false"))
    op.add_column("flash_sale_line", sa.Column("gift", sa.Boolean(), nullable=False, server_default="false"))
    op.add_column("flash_sale_line", sa.Column("per_unit", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("flash_sale_line", sa.Column("first_units", sa.Integer(), nullable=True))
    op.add_column("flash_sale_line", sa.Column("then_minor", sa.BigInteger(), nullable=True))
    op.add_column("flash_sale_buyer", sa.Column("lapsed", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("order_line", sa.Column("gift", sa.Boolean(), nullable=False, server_default="false"))
    for table in PRICED:
        op.drop_constraint(op.f(f"ck_{table}_price"), table)
        op.create_check_constraint(op.f(f"ck_{table}_price"), table, "price_minor > 0 OR gift")
    op.add_column("orders", sa.Column("device", sa.LargeBinary(), nullable=True))
    op.create_table(
        "flash_sale_device",
        sa.Column("sale_id", sa.Uuid(), nullable=False),
        sa.Column("device", sa.LargeBinary(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["sale_id"], ["flash_sale.id"]),
        sa.PrimaryKeyConstraint("sale_id", "device"),
    )
    op.create_table(
        "flash_sale_quota",
        sa.Column("sale_id", sa.Uuid(), nullable=False),
        sa.Column("sku_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("balance_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["sale_id"], ["flash_sale.id"]),
        sa.ForeignKeyConstraint(["sku_id"], ["sku.id"]),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"]),
        sa.ForeignKeyConstraint(["balance_id"], ["stock_balance.id"]),
        sa.PrimaryKeyConstraint("sale_id", "sku_id", "store_id"),
    )
    op.create_table(
        "waiting",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sale_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("device", sa.LargeBinary(), nullable=True),
        sa.Column("lines", JSONB(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["sale_id"], ["flash_sale.id"]),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"]),
        sa.CheckConstraint("units > 0", name="units"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_member_merged", "member", ["merged_into"], postgresql_where=sa.text("merged_into IS NOT NULL")
    )
    op.create_index(
        "uq_waiting",
        "waiting",
        ["sale_id", "member_id"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_waiting_order", "waiting", ["sale_id", "id"], postgresql_where=sa.text("state = 'waiting'")
    )


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION IF EXISTS claim_batch(uuid, int[], uuid[], bytea[], text[], bytea[], text[], bigint[], "
        "int[], uuid[], int[])"
    )
    op.execute("DROP VIEW flash_sale_pool")
    op.drop_index("ix_member_merged", "member")
    for table in ("waiting", "flash_sale_quota", "flash_sale_device"):
        op.drop_table(table)
    for table in PRICED:
        op.drop_constraint(op.f(f"ck_{table}_price"), table)
        op.create_check_constraint(op.f(f"ck_{table}_price"), table, "price_minor > 0")
    op.drop_column("orders", "device")
    op.drop_column("order_line", "gift")
    op.drop_column("flash_sale_buyer", "lapsed")
    for column in ("gift", "per_unit", "first_units", "then_minor"):
        op.drop_column("flash_sale_line", column)
    op.drop_column("flash_sale", "kind")
    op.drop_column("flash_sale", "own_quota_only")
