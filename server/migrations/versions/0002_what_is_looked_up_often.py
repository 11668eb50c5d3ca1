"""what is looked up often, and what there is only one of at a time"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_orders_sale", "orders", ["sale_id"], postgresql_where=sa.text("sale_id IS NOT NULL"))
    op.create_index(
        "ix_orders_to_fulfil",
        "orders",
        ["brand_id", "id"],
        postgresql_where=sa.text("fulfilment IN ('to_ship', 'to_pick_up')"),
    )
    op.create_index(
        "uq_orders_pick_up_code",
        "orders",
        ["brand_id", "pick_up_code"],
        unique=True,
        postgresql_where=sa.text(
            "pick_up_code IS NOT NULL AND fulfilment <> 'picked_up' AND status IN ('awaiting_payment', 'paid')"
        ),
    )
    op.create_index("ix_flash_sale_state", "flash_sale", ["state", "ends_at"])
    op.add_column("flash_sale", sa.Column("request_hash", sa.LargeBinary(), nullable=True))
    op.execute("ALTER TABLE flash_sale RESET (fillfactor)")  # claims lock it and change nothing in it
    # Of several cashiers for one thing the last stays open; one that is paid all the same still counts.
    op.execute(
        "UPDATE payment p SET status = 'failed' WHERE status = 'pending' AND EXISTS (SELECT 1 FROM payment n WHERE "
        "n.status = 'pending' AND n.id > p.id AND "
        "(n.payable, n.payable_id, n.provider) = (p.payable, p.payable_id, p.provider))"
    )
    op.create_index(
        "uq_payment_pending",
        "payment",
        ["payable", "payable_id", "provider"],
        unique=True,
        postgresql_where=sa.text("status = 'pending'"),
    )


def downgrade() -> None:
    op.drop_index("uq_payment_pending", table_name="payment")
    op.execute("ALTER TABLE flash_sale SET (fillfactor = 20)")
    op.drop_column("flash_sale", "request_hash")
    op.drop_index("ix_flash_sale_state", table_name="flash_sale")
    op.drop_index("uq_orders_pick_up_code", table_name="orders")
    op.drop_index("ix_orders_to_fulfil", table_name="orders")
    op.drop_index("ix_orders_sale", table_name="orders")
