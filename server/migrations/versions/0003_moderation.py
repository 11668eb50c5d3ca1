"""what a room's talk is moderated by"""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
TEXT = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    op.add_column("chat_message", sa.Column("state", TEXT(), server_default="shown", nullable=False))
    op.add_column("chat_message", sa.Column("reply_to", sa.Uuid(), nullable=True))
    op.create_check_constraint(
        op.f("ck_chat_message_state"), "chat_message", "state IN ('shown', 'waiting', 'refused')"
    )
    op.create_index(
        "ix_chat_message_waiting",
        "chat_message",
        ["room_id", "id"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "chat_setting",
        sa.Column("room_id", sa.Uuid(), nullable=False),
        sa.Column("pre_review", sa.Boolean(), nullable=False),
        sa.Column("links", sa.Boolean(), nullable=False),
        sa.Column("slow_s", sa.Integer(), nullable=False),
        sa.Column("pinned_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_chat_setting_room_id")),
        sa.ForeignKeyConstraint(["pinned_id"], ["chat_message.id"], name=op.f("fk_chat_setting_pinned_id")),
        sa.PrimaryKeyConstraint("room_id", name=op.f("pk_chat_setting")),
    )
    op.create_table(
        "word",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("room_id", sa.Uuid(), nullable=True),
        sa.Column("pattern", TEXT(), nullable=False),
        sa.Column("effect", TEXT(), nullable=False),
        sa.Column("by_sound", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("effect IN ('refuse', 'review', 'allow')", name=op.f("ck_word_effect")),
        sa.ForeignKeyConstraint(["brand_id"], ["brand.id"], name=op.f("fk_word_brand_id")),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_word_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_word")),
    )
    op.create_index(
        "uq_word_pattern",
        "word",
        ["brand_id", "room_id", "pattern"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "word_version",
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brand.id"], name=op.f("fk_word_version_brand_id")),
        sa.PrimaryKeyConstraint("brand_id", name=op.f("pk_word_version")),
    )
    op.create_table(
        "ban",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("room_id", sa.Uuid(), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("until", TIME, nullable=True),
        sa.Column("reason", TEXT(), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("lifted_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_ban_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ban")),
    )
    op.create_index("ix_ban_member", "ban", ["member_id"], postgresql_where=sa.text("lifted_at IS NULL"))
    op.create_index("ix_ban_brand", "ban", ["brand_id", "id"])
    op.create_table(
        "banned_device",
        sa.Column("device", sa.LargeBinary(), nullable=False),
        sa.Column("ban_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["ban_id"], ["ban.id"], name=op.f("fk_banned_device_ban_id")),
        sa.PrimaryKeyConstraint("device", "ban_id", name=op.f("pk_banned_device")),
    )
    op.create_index(op.f("ix_banned_device_ban_id"), "banned_device", ["ban_id"])
    op.create_table(
        "member_device",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("device", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_member_device_member_id")),
        sa.PrimaryKeyConstraint("member_id", "device", name=op.f("pk_member_device")),
    )
    op.create_index(op.f("ix_member_device_device"), "member_device", ["device"])
    op.create_table(
        "room_moderator",
        sa.Column("room_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_room_moderator_room_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_room_moderator_member_id")),
        sa.PrimaryKeyConstraint("room_id", "member_id", name=op.f("pk_room_moderator")),
    )
    op.add_column(
        "moderation_act",
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
    )
    op.add_column("moderation_act", sa.Column("undone_by", sa.Uuid(), nullable=True))
    op.add_column("moderation_act", sa.Column("brand_id", sa.Uuid(), nullable=True))
    op.execute("UPDATE moderation_act a SET brand_id = r.brand_id FROM room r WHERE r.id = a.room_id")
    op.alter_column("moderation_act", "brand_id", nullable=False)
    op.alter_column("moderation_act", "room_id", nullable=True)
    op.create_index("ix_moderation_act_brand", "moderation_act", ["brand_id", "id"])
    op.create_foreign_key(
        op.f("fk_moderation_act_undone_by"), "moderation_act", "moderation_act", ["undone_by"], ["id"]
    )
    op.create_table(
        "question",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("room_id", sa.Uuid(), nullable=False),
        sa.Column("kind", TEXT(), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("settled_at", TIME, nullable=True),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("answer_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["chat_message.id"], name=op.f("fk_question_message_id")),
        sa.ForeignKeyConstraint(["answer_id"], ["chat_message.id"], name=op.f("fk_question_answer_id")),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_question_room_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_question")),
    )
    op.create_index(
        "ix_question_open",
        "question",
        ["room_id", "message_id"],
        postgresql_where=sa.text("settled_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("question")
    op.drop_constraint(op.f("fk_moderation_act_undone_by"), "moderation_act")
    op.execute("DELETE FROM moderation_act WHERE room_id IS NULL")
    op.alter_column("moderation_act", "room_id", nullable=False)
    op.drop_column("moderation_act", "brand_id")
    op.drop_column("moderation_act", "undone_by")
    op.drop_column("moderation_act", "detail")
    for table in ("room_moderator", "member_device", "banned_device", "ban", "word_version", "word", "chat_setting"):
        op.drop_table(table)
    op.drop_index("ix_chat_message_waiting", table_name="chat_message")
    op.drop_constraint(op.f("ck_chat_message_state"), "chat_message")
    op.drop_column("chat_message", "reply_to")
    op.drop_column("chat_message", "state")
