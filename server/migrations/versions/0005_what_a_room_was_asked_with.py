"""a room's Idempotency-Key stands for one request"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("room", sa.Column("request_hash", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("room", "request_hash")
