"""why lines were held, who said them as staff, and which questions ask the same"""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    op.add_column("chat_message", sa.Column("why", TEXT(), nullable=True))
    op.add_column("chat_message", sa.Column("pattern", TEXT(), nullable=True))
    op.add_column(
        "chat_message", sa.Column("by_staff", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.execute(
        "UPDATE chat_message SET by_staff = true "
        "WHERE role <> 'member' AND EXISTS (SELECT 1 FROM account a WHERE a.id = writer_id)"
    )
    # Questions of before stand each for itself.
    op.add_column("question", sa.Column("alike", sa.LargeBinary(), nullable=True))
    op.add_column("question", sa.Column("group_id", sa.Uuid(), nullable=True))
    op.execute("UPDATE question SET alike = uuid_send(message_id), group_id = message_id")
    op.alter_column("question", "alike", nullable=False)
    op.alter_column("question", "group_id", nullable=False)
    op.create_index(
        "ix_question_alike", "question", ["room_id", "alike"], postgresql_where=sa.text("settled_at IS NULL")
    )
    op.create_index("ix_question_group", "question", ["group_id"])


def downgrade() -> None:
    op.drop_index("ix_question_group", table_name="question")
    op.drop_index("ix_question_alike", table_name="question")
    op.drop_column("question", "group_id")
    op.drop_column("question", "alike")
    op.drop_column("chat_message", "by_staff")
    op.drop_column("chat_message", "pattern")
    op.drop_column("chat_message", "why")
