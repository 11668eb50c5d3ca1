"""orders from parcel to after-sale: refunds by line, addresses, cases, links of products on a store's shelf, and what
the staff's list looks up"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None

# Nothing can be paid for what is free. NOT VALID: rows from before are left as they are.
ABOVE_ZERO = {
    "orders": ("ck_orders_amount", "amount_minor"),
    "order_line": ("ck_order_line_price", "price_minor"),
    "sku": ("ck_sku_price", "price_minor"),
    "flash_sale_line": ("ck_flash_sale_line_price", "price_minor"),
}

# Of orders that have come to something: placing one writes none of them.
PARTIAL = {
    "ix_orders_handed_over": (["brand_id", "fulfilment", "id"], "fulfilment IN ('shipped', 'picked_up')"),
    "ix_orders_ended": (["brand_id", "status", "id"], "status IN ('expired', 'cancelled', 'closed')"),
    "ix_orders_refund_due": (["brand_id", "id"], "refund_due_minor > 0"),
    "ix_orders_guide": (["guide_id", "id"], "guide_id IS NOT NULL"),
}


def upgrade() -> None:
    for table, (name, column) in ABOVE_ZERO.items():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} > 0) NOT VALID")
    for name, (columns, where) in PARTIAL.items():
        op.create_index(name, "orders", columns, postgresql_where=sa.text(where))
    op.add_column("order_event", sa.Column("amount_minor", sa.BigInteger(), nullable=True))
    op.add_column("orders", sa.Column("note", sa.String(), server_default="", nullable=False))
    _lines()
    _addresses()
    _after_sale()
    op.add_column("invitation_link", sa.Column("product_id", sa.Uuid(), nullable=True))
    _one_link_each("product_id")


def _one_link_each(*more: str) -> None:
    columns = ["room_id", "member_id", "guide_id", "store_id", "parent_id", "channel", *more]
    op.drop_index("uq_invitation_link_inviter", "invitation_link")
    op.create_index(
        "uq_invitation_link_inviter",
        "invitation_link",
        columns,
        unique=True,
        postgresql_nulls_not_distinct=True,
    )


def _lines() -> None:
    for name in ("refunded", "returned"):
        op.add_column("order_line", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.create_check_constraint(
        op.f("ck_order_line_units"), "order_line", "returned <= quantity AND refunded <= quantity"
    )
    op.create_table(
        "order_refund_line",
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_order_refund_line_quantity")),
        sa.ForeignKeyConstraint(["line_id"], ["order_line.id"]),
        sa.PrimaryKeyConstraint("refund_id", "line_id"),
    )
    op.create_index("ix_order_refund_line_line_id", "order_refund_line", ["line_id"])
    # What came back before came back whole.
    op.execute(
        """
        UPDATE order_line l SET returned = h.returned
        FROM orders o JOIN stock_hold h ON h.hold_id = o.hold_id JOIN stock_balance b ON b.id = h.balance_id
        WHERE o.id = l.order_id AND b.sku_id = l.sku_id AND h.returned > 0
        """
    )


def _addresses() -> None:
    op.create_table(
        "member_address",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("province", sa.String(), nullable=False),
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_member_address_member_id", "member_address", ["member_id"])
    op.create_index(
        "uq_member_address_default",
        "member_address",
        ["member_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )


def _after_sale() -> None:
    document = postgresql.JSONB()
    op.create_table(
        "after_sale",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=True),
        sa.Column("room_id", sa.Uuid(), nullable=True),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("pictures", document, nullable=False),
        sa.Column("lines", document, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("return_to", document, nullable=True),
        sa.Column("parcel", document, nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_after_sale_amount")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"]),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("order_id", "key"),
    )
    op.create_index(
        "uq_after_sale_open",
        "after_sale",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('asked', 'agreed', 'sent_back')"),
    )
    op.create_index("ix_after_sale_state", "after_sale", ["brand_id", "state", "id"])
    op.create_index("ix_after_sale_store", "after_sale", ["store_id", "state", "id"])
    op.create_index("ix_after_sale_member_id", "after_sale", ["member_id"])
    op.create_table(
        "after_sale_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["after_sale.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_after_sale_event_case_id", "after_sale_event", ["case_id"])


def downgrade() -> None:
    op.execute("DELETE FROM touch USING invitation_link l WHERE l.id = link_id AND l.product_id IS NOT NULL")
    op.execute("DELETE FROM invitation_link WHERE product_id IS NOT NULL")
    _one_link_each()
    op.drop_column("invitation_link", "product_id")
    for table in ("after_sale_event", "after_sale", "member_address", "order_refund_line"):
        op.drop_table(table)
    op.drop_constraint(op.f("ck_order_line_units"), "order_line")
    op.drop_column("order_line", "returned")
    op.drop_column("order_line", "refunded")
    op.drop_column("orders", "note")
    op.drop_column("order_event", "amount_minor")
    for name in PARTIAL:
        op.drop_index(name, "orders")
    for table, (name, column) in ABOVE_ZERO.items():
        op.drop_constraint(op.f(name), table)
        if table != "order_line":
            op.create_check_constraint(op.f(name), table, f"{column} >= 0")
