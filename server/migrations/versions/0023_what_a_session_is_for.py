"""kinds of session and their templates, and the room that a tap prepares"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

SELLING = (
    '{"shelf": true, "figures": ["watching", "amount", "orders"], '
    '"panels": ["show", "stage", "chat", "sale", "viewers", "curve", "stores"], "asks": false}'
)


def upgrade() -> None:
    op.create_table(
        "session_template",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("audience", sa.String(), nullable=False),
        sa.Column("product_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("figures", sa.ARRAY(sa.String()), nullable=False),
        sa.Column("panels", sa.ARRAY(sa.String()), nullable=False),
        sa.Column("by_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brand.id"]),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"]),
        sa.ForeignKeyConstraint(["by_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_session_template", "session_template", ["brand_id", "store_id"])
    op.add_column("room", sa.Column("kind", sa.String(), nullable=False, server_default="selling"))
    op.add_column("room", sa.Column("shows", JSONB(), nullable=False, server_default=sa.text(f"'{SELLING}'")))
    op.add_column("room", sa.Column("session_template_id", sa.Uuid(), nullable=True))
    op.add_column("room", sa.Column("draft_of", sa.Uuid(), nullable=True))
    op.create_foreign_key(None, "room", "session_template", ["session_template_id"], ["id"])
    op.create_foreign_key(None, "room", "account", ["draft_of"], ["id"])
    op.create_unique_constraint(None, "room", ["draft_of"])
    op.create_index("ix_room_session_template_id", "room", ["session_template_id"])
    op.alter_column("room", "kind", server_default=None)
    op.alter_column("room", "shows", server_default=None)


def downgrade() -> None:
    for column in ("draft_of", "session_template_id", "shows", "kind"):
        op.drop_column("room", column)
    op.drop_table("session_template")
