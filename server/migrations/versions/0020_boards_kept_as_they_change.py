"""boards kept as they change, and visits that are a member's first"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

LINE = ("brand_id", "room_id", "store_id", "guide_id")


def _figures() -> list[sa.Column[int]]:
    whole = [
        sa.Column(name, sa.Integer(), nullable=False, server_default="0")
        for name in ("visits", "new_members", "orders")
    ]
    money = [
        sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
        for name in ("amount_minor", "reversed_minor")
    ]
    return whole + money


def _of_line() -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Uuid(), nullable=name != "brand_id") for name in LINE]


def upgrade() -> None:
    op.add_column("visit", sa.Column("is_new", sa.Boolean(), nullable=False, server_default="false"))
    op.execute(
        """
        UPDATE visit v SET is_new = true FROM (
            SELECT DISTINCT ON (member_id) room_id, member_id FROM visit ORDER BY member_id, entered_at, id) f
        WHERE f.room_id = v.room_id AND f.member_id = v.member_id
        """
    )
    op.create_index("ix_visit_room", "visit", ["room_id", "id"])
    op.create_table(
        "board_line",
        sa.Column("id", sa.Uuid(), nullable=False, server_default=sa.text("uuidv7()")),
        *_of_line(),
        *_figures(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("ALTER TABLE board_line SET (fillfactor = 60)")  # its rows change often, in their own page
    op.create_index("uq_board_line", "board_line", list(LINE), unique=True, postgresql_nulls_not_distinct=True)
    op.create_index("ix_board_line_room", "board_line", ["room_id"])
    op.create_index("ix_board_line_store", "board_line", ["store_id"])
    op.create_index("ix_board_line_guide", "board_line", ["guide_id"])
    op.create_table(
        "board_change",
        sa.Column(
            "xact",
            sa.BigInteger(),
            nullable=False,
            server_default=sa.text("((pg_current_xact_id())::text)::bigint"),
        ),
        sa.Column("seq", sa.BigInteger(), sa.Identity(), nullable=False),
        *_of_line(),
        *_figures(),
        sa.PrimaryKeyConstraint("xact", "seq"),
        prefixes=["UNLOGGED"],  # a row lives no longer than its transaction
    )
    op.execute(
        """
        INSERT INTO board_line (brand_id, room_id, store_id, guide_id, visits, new_members, orders, amount_minor,
                                reversed_minor)
        SELECT brand_id, room_id, store_id, guide_id, sum(visits), sum(new_members), sum(orders), sum(amount_minor),
               sum(reversed_minor)
        FROM (
            SELECT brand_id, room_id, store_id, guide_id, 1 AS visits, is_new::int AS new_members, 0 AS orders,
                   0 AS amount_minor, 0 AS reversed_minor FROM visit
            UNION ALL
            SELECT brand_id, room_id, store_id, guide_id, 0, 0, 1, amount_minor, reversed_minor FROM credit
            WHERE superseded_at IS NULL) counted
        GROUP BY brand_id, room_id, store_id, guide_id
        """
    )
    for function in ("board_visits", "board_credits", "board_fold"):  # their bodies are laid after the revisions
        op.execute(f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    for table, function in (("visit", "board_visits"), ("credit", "board_credits")):
        for act, transition in (
            ("INSERT", "NEW TABLE AS came"),
            ("UPDATE", "OLD TABLE AS gone NEW TABLE AS came"),
            ("DELETE", "OLD TABLE AS gone"),
        ):
            op.execute(
                f"CREATE TRIGGER {function}_{act.lower()} AFTER {act} ON {table} REFERENCING {transition} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
            )
    op.execute(
        "CREATE CONSTRAINT TRIGGER board_fold AFTER INSERT ON board_change DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION board_fold()"
    )


def downgrade() -> None:
    for table, function in (("visit", "board_visits"), ("credit", "board_credits")):
        for act in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER {function}_{act} ON {table}")
    op.drop_table("board_change")
    op.drop_table("board_line")
    for function in ("board_visits", "board_credits", "board_fold"):
        op.execute(f"DROP FUNCTION {function}()")
    op.drop_index("ix_visit_room", "visit")
    op.drop_column("visit", "is_new")
