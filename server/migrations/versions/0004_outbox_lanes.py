"""facts are reacted to and published in two steps"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("reacted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_outbox_unreacted",
        "outbox",
        ["seq"],
        postgresql_where=sa.text("reacted_at IS NULL AND relayed_at IS NULL"),
    )
    op.create_index(
        "ix_outbox_relayed", "outbox", ["relayed_at"], postgresql_where=sa.text("relayed_at IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("ix_outbox_relayed", table_name="outbox")
    op.drop_index("ix_outbox_unreacted", table_name="outbox")
    op.drop_column("outbox", "reacted_at")
