"""policies of attribution, members bound to guides, shares of credits, and appeals"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

STANDING = "superseded_at IS NULL"
EARNED = "dispute_id IS NULL"
MOVED = "dispute_id IS NOT NULL"


def upgrade() -> None:
    op.create_table(
        "attribution_policy",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("settings", JSONB(), nullable=False),
        sa.Column("by_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brand.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("brand_id", "version"),
    )
    op.create_table(
        "guide_binding",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("guide_id", sa.Uuid(), nullable=True),
        sa.Column("store_id", sa.Uuid(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("touch_id", sa.Uuid(), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("by_id", sa.Uuid(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"]),
        sa.ForeignKeyConstraint(["guide_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("member_id", "number"),
    )
    op.add_column("touch", sa.Column("until", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE touch SET until = at + interval '7 days'")
    op.alter_column("touch", "until", nullable=False)

    op.add_column("credit", sa.Column("policy_version", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("credit", sa.Column("dispute_id", sa.Uuid(), nullable=True))
    op.add_column("credit", sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint(op.f("uq_credit_order_id"), "credit")
    op.create_index(
        "uq_credit_standing", "credit", ["order_id"], unique=True, postgresql_where=sa.text(STANDING)
    )
    op.create_index("uq_credit_earned", "credit", ["order_id"], unique=True, postgresql_where=sa.text(EARNED))
    op.create_index(
        "uq_credit_dispute", "credit", ["dispute_id"], unique=True, postgresql_where=sa.text(MOVED)
    )
    op.create_index(
        "ix_credit_moved", "credit", ["order_id"], postgresql_where=sa.text(f"{MOVED} AND {STANDING}")
    )
    op.create_index("ix_credit_member", "credit", ["member_id"])

    op.alter_column("credit_reversal", "refund_id", nullable=True)
    op.add_column("credit_reversal", sa.Column("dispute_id", sa.Uuid(), nullable=True))
    op.create_check_constraint(
        op.f("ck_credit_reversal_cause"), "credit_reversal", "(refund_id IS NULL) <> (dispute_id IS NULL)"
    )
    op.create_index(
        "uq_credit_reversal_dispute",
        "credit_reversal",
        ["credit_id"],
        unique=True,
        postgresql_where=sa.text("refund_id IS NULL"),
    )
    op.create_table(
        "credit_share",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("credit_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("whose", sa.String(), nullable=False),
        sa.Column("beneficiary_id", sa.Uuid(), nullable=False),
        sa.Column("bp", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reversed_minor", sa.BigInteger(), nullable=False, server_default="0"),
        sa.CheckConstraint(
            "reversed_minor >= 0 AND reversed_minor <= amount_minor", name=op.f("ck_credit_share_reversal")
        ),
        sa.ForeignKeyConstraint(["credit_id"], ["credit.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("credit_id", "kind"),
    )
    op.create_index("ix_credit_share_beneficiary", "credit_share", ["beneficiary_id", "id"])
    op.create_table(
        "credit_share_reversal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("share_id", sa.Uuid(), nullable=False),
        sa.Column("reversal_id", sa.Uuid(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["share_id"], ["credit_share.id"]),
        sa.ForeignKeyConstraint(["reversal_id"], ["credit_reversal.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("share_id", "reversal_id"),
    )
    op.create_table(
        "new_customer_bonus",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("brand_id", "member_id"),
        sa.UniqueConstraint("order_id"),
    )
    op.create_table(
        "credit_dispute",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("by_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=True),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for name, columns in (
        ("brand", ["brand_id", "id"]),
        ("order", ["order_id"]),
        ("by", ["by_id", "id"]),
        ("store", ["store_id", "id"]),
    ):
        op.create_index(f"ix_credit_dispute_{name}", "credit_dispute", columns)
    op.create_table(
        "dispute_decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dispute_id", sa.Uuid(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=True),
        sa.Column("guide_id", sa.Uuid(), nullable=True),
        sa.Column("by_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["dispute_id"], ["credit_dispute.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("dispute_id"),
    )


def downgrade() -> None:
    for table in (
        "dispute_decision",
        "credit_dispute",
        "new_customer_bonus",
        "credit_share_reversal",
        "credit_share",
    ):
        op.drop_table(table)
    op.execute(
        "DELETE FROM credit_reversal WHERE refund_id IS NULL OR credit_id IN "
        "(SELECT id FROM credit WHERE superseded_at IS NOT NULL)"
    )
    op.execute("DELETE FROM credit WHERE superseded_at IS NOT NULL")
    op.drop_index("uq_credit_reversal_dispute", "credit_reversal")
    op.drop_constraint(op.f("ck_credit_reversal_cause"), "credit_reversal")
    op.drop_column("credit_reversal", "dispute_id")
    op.alter_column("credit_reversal", "refund_id", nullable=False)
    for index in (
        "uq_credit_standing",
        "uq_credit_earned",
        "uq_credit_dispute",
        "ix_credit_moved",
        "ix_credit_member",
    ):
        op.drop_index(index, "credit")
    op.create_unique_constraint("uq_credit_order_id", "credit", ["order_id"])
    for column in ("policy_version", "dispute_id", "superseded_at"):
        op.drop_column("credit", column)
    op.drop_column("touch", "until")
    op.drop_table("guide_binding")
    op.drop_table("attribution_policy")
