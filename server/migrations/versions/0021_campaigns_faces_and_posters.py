"""campaigns of invitations, faces of staff, and how a brand's posters look"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

OF_CAMPAIGN = sa.text("campaign_id IS NOT NULL")
ONE_LINK_EACH = ["room_id", "member_id", "guide_id", "store_id", "parent_id", "channel", "product_id"]


def upgrade() -> None:
    op.add_column("account", sa.Column("face", sa.String(), nullable=True))
    op.create_foreign_key(op.f("fk_account_face"), "account", "picture", ["face"], ["sha256"])
    op.create_table(
        "poster_template",
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("colour", sa.String(), nullable=True),
        sa.Column("logo", sa.String(), nullable=True),
        sa.Column("background", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brand.id"]),
        sa.ForeignKeyConstraint(["logo"], ["picture.sha256"]),
        sa.ForeignKeyConstraint(["background"], ["picture.sha256"]),
        sa.PrimaryKeyConstraint("brand_id"),
    )
    op.create_table(
        "campaign",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("room_id", sa.Uuid(), nullable=True),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column("colour", sa.String(), nullable=True),
        sa.Column("background", sa.String(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brand.id"]),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"]),
        sa.ForeignKeyConstraint(["background"], ["picture.sha256"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_campaign_brand", "campaign", ["brand_id", "id"])
    for table in ("invitation_link", "touch", "credit"):
        op.add_column(table, sa.Column("campaign_id", sa.Uuid(), nullable=True))
        op.create_index(f"ix_{table}_campaign", table, ["campaign_id"], postgresql_where=OF_CAMPAIGN)
    op.create_foreign_key(
        op.f("fk_invitation_link_campaign_id"), "invitation_link", "campaign", ["campaign_id"], ["id"]
    )
    op.create_index("ix_touch_link", "touch", ["link_id", "member_id"])
    _one_link_each([*ONE_LINK_EACH, "campaign_id"])


def downgrade() -> None:
    op.execute("UPDATE invitation_link SET campaign_id = NULL, channel = channel || campaign_id::text "
               "WHERE campaign_id IS NOT NULL")
    _one_link_each(ONE_LINK_EACH)
    op.drop_index("ix_touch_link", "touch")
    for table in ("invitation_link", "touch", "credit"):
        op.drop_column(table, "campaign_id")
    op.drop_table("campaign")
    op.drop_table("poster_template")
    op.drop_column("account", "face")


def _one_link_each(columns: list[str]) -> None:
    op.drop_index("uq_invitation_link_inviter", "invitation_link")
    op.create_index(
        "uq_invitation_link_inviter",
        "invitation_link",
        columns,
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
