"""regions as rows, staff who are known by a phone, and who asks to join a store"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "region",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brand.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("brand_id", "name"),
    )
    op.add_column("store", sa.Column("region_id", sa.Uuid(), nullable=True))
    op.execute(
        """
        INSERT INTO region (id, brand_id, name, created_at)
        SELECT uuidv7(), brand_id, region, min(created_at) FROM store WHERE region <> '' GROUP BY brand_id, region
        """
    )
    op.execute(
        """
        UPDATE store s SET region_id = r.id FROM region r WHERE r.brand_id = s.brand_id AND r.name = s.region
        """
    )
    op.create_foreign_key("fk_store_region_id", "store", "region", ["region_id"], ["id"])
    op.create_index("ix_store_region_id", "store", ["region_id"])
    op.drop_column("store", "region")

    op.add_column("account", sa.Column("phone", sa.String(), nullable=True))
    op.add_column("account", sa.Column("joined_at", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("account", "login", nullable=True)
    op.alter_column("account", "password_hash", nullable=True)
    op.create_index(
        "uq_account_phone",
        "account",
        ["brand_id", "phone"],
        unique=True,
        postgresql_where=sa.text("phone IS NOT NULL"),
    )
    op.create_index("ix_account_phone", "account", ["phone"], postgresql_where=sa.text("phone IS NOT NULL"))

    op.create_table(
        "join_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("admitted", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brand.id"]),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_join_request_open",
        "join_request",
        ["store_id", "phone"],
        unique=True,
        postgresql_where=sa.text("decided_at IS NULL"),
    )
    op.create_index(
        "ix_join_request_open",
        "join_request",
        ["brand_id", "id"],
        postgresql_where=sa.text("decided_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("join_request")
    op.drop_index("ix_account_phone", "account")
    op.drop_index("uq_account_phone", "account")
    # Without a phone, nobody without a password gets in: a hash that nothing matches, and a login of the row's own.
    op.execute("UPDATE account SET password_hash = '-' WHERE password_hash IS NULL")
    op.execute("UPDATE account SET login = id::text WHERE login IS NULL")
    op.alter_column("account", "password_hash", nullable=False)
    op.alter_column("account", "login", nullable=False)
    op.drop_column("account", "joined_at")
    op.drop_column("account", "phone")

    op.add_column("store", sa.Column("region", sa.String(), nullable=False, server_default=""))
    op.execute("UPDATE store s SET region = r.name FROM region r WHERE r.id = s.region_id")
    op.alter_column("store", "region", server_default=None)
    op.drop_index("ix_store_region_id", "store")
    op.drop_constraint("fk_store_region_id", "store")
    op.drop_column("store", "region_id")
    op.drop_table("region")
