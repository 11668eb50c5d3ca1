"""payments begin at a provider, are looked after, sent back by a sender of their own, and reconciled"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = postgresql.JSONB(astext_type=sa.Text())
PENDING = ["payable", "payable_id", "provider"]


def upgrade() -> None:
    for column in (
        sa.Column("scene", sa.String(), server_default="desktop", nullable=False),
        sa.Column("payer", JSON, server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("begun", JSON, nullable=True),
        sa.Column("provider_ref", sa.String(), nullable=True),
        sa.Column("trade_no", sa.String(), nullable=True),
        sa.Column("check_at", TIME, nullable=True),
        sa.Column("checks", sa.Integer(), server_default="0", nullable=False),
    ):
        op.add_column("payment", column)
    op.drop_index("uq_payment_pending", table_name="payment")
    op.create_index(
        "uq_payment_pending",
        "payment",
        [*PENDING, "scene"],
        unique=True,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "uq_payment_trade",
        "payment",
        ["provider", "trade_no"],
        unique=True,
        postgresql_where=sa.text("trade_no IS NOT NULL"),
    )
    op.create_index(
        "ix_payment_due",
        "payment",
        ["provider", "check_at"],
        postgresql_where=sa.text("check_at IS NOT NULL"),
    )
    op.create_index(
        "ix_payment_succeeded",
        "payment",
        ["brand_id", "provider", "succeeded_at"],
        postgresql_where=sa.text("succeeded_at IS NOT NULL"),
    )
    for column in (
        sa.Column("provider_ref", sa.String(), nullable=True),
        sa.Column("check_at", TIME, nullable=True),
        sa.Column("checks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("round", sa.Integer(), server_default="0", nullable=False),
    ):
        op.add_column("refund", column)
    op.create_index(
        "ix_refund_due", "refund", ["check_at"], postgresql_where=sa.text("check_at IS NOT NULL")
    )
    op.create_index(
        "ix_refund_open", "refund", ["brand_id", "id"], postgresql_where=sa.text("status <> 'succeeded'")
    )
    op.create_table(
        "sandbox_trade",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("trade_no", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("decided_at", TIME, nullable=True),
        sa.Column("refund_mood", sa.String(), nullable=False),
        sa.Column("refunds", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "sandbox_notice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_sandbox_notice_due_at", "sandbox_notice", ["due_at"])
    op.create_table(
        "reconciliation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("file_hash", sa.LargeBinary(), nullable=False),
        sa.Column("fetched", sa.Boolean(), nullable=False),
        sa.Column("differences", sa.Integer(), nullable=False),
        sa.Column("report", JSON, nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("made_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brand.id"], name=op.f("fk_reconciliation_brand_id")),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("brand_id", "provider", "day", "file_hash"),
    )
    # What waits is the sender's from here on, and no longer the relay's.
    op.execute(
        "UPDATE payment SET check_at = now() + interval '1 min', expires_at = created_at + interval '1 h' "
        "WHERE status = 'pending'"
    )
    op.execute("UPDATE refund SET check_at = now() WHERE status = 'requested'")
    op.execute(
        "UPDATE outbox SET reacted_at = now(), relayed_at = now() "
        "WHERE relayed_at IS NULL AND kind IN ('refund.requested', 'sandbox.decided')"
    )


def downgrade() -> None:
    op.drop_table("reconciliation")
    op.drop_table("sandbox_notice")
    op.drop_table("sandbox_trade")
    op.drop_index("ix_refund_open", table_name="refund")
    op.drop_index("ix_refund_due", table_name="refund")
    for column in ("round", "checks", "check_at", "provider_ref"):
        op.drop_column("refund", column)
    for index in ("ix_payment_succeeded", "ix_payment_due", "uq_payment_trade", "uq_payment_pending"):
        op.drop_index(index, table_name="payment")
    op.execute("UPDATE payment SET status = 'failed' WHERE status IN ('closing', 'closed')")
    op.execute(
        "UPDATE payment p SET status = 'failed' WHERE status = 'pending' AND EXISTS (SELECT 1 FROM payment n WHERE "
        "n.status = 'pending' AND n.id > p.id AND "
        "(n.payable, n.payable_id, n.provider) = (p.payable, p.payable_id, p.provider))"
    )
    op.create_index(
        "uq_payment_pending", "payment", PENDING, unique=True, postgresql_where=sa.text("status = 'pending'")
    )
    for column in ("checks", "check_at", "trade_no", "provider_ref", "begun", "expires_at", "payer", "scene"):
        op.drop_column("payment", column)
