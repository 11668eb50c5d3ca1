"""What must hold between orders, credits and their shares, recomputed from the truth."""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows

# Whose an order is: by the claim, or by the decision that the credit which stands was booked for.
_WHOSE = """
    SELECT o.id, o.brand_id, o.status, o.amount_minor, o.goods_refunded_minor, o.link_id,
           CASE WHEN x.id IS NULL THEN o.store_id ELSE x.store_id END AS store_id,
           CASE WHEN x.id IS NULL THEN o.guide_id ELSE x.guide_id END AS guide_id
    FROM orders o
    LEFT JOIN credit k ON k.order_id = o.id AND k.superseded_at IS NULL AND k.dispute_id IS NOT NULL
    LEFT JOIN dispute_decision x ON x.dispute_id = k.dispute_id AND x.granted
    WHERE o.paid_at IS NOT NULL"""

_REFUNDED = """CASE WHEN c.superseded_at IS NOT NULL THEN c.amount_minor
                    WHEN o.amount_minor > 0 THEN c.amount_minor * o.goods_refunded_minor / o.amount_minor ELSE 0 END"""

_LEFT = """CASE WHEN s.bp > 0 THEN n.net_minor * s.bp / 10000
                WHEN n.amount_minor > 0 THEN s.amount_minor * n.net_minor / n.amount_minor ELSE 0 END"""

# What the boards' lines count, counted anew.
_COUNTED = """
    SELECT brand_id, room_id, store_id, guide_id, sum(visits) AS visits, sum(new_members) AS new_members,
           sum(orders) AS orders, sum(amount_minor) AS amount_minor, sum(reversed_minor) AS reversed_minor
    FROM (SELECT brand_id, room_id, store_id, guide_id, 1 AS visits, is_new::int AS new_members, 0 AS orders,
                 0 AS amount_minor, 0 AS reversed_minor FROM visit
          UNION ALL
          SELECT brand_id, room_id, store_id, guide_id, 0, 0, 1, amount_minor, reversed_minor FROM credit
          WHERE superseded_at IS NULL) f
    GROUP BY brand_id, room_id, store_id, guide_id"""

_LINE = (
    "({0}.brand_id, coalesce({0}.room_id, zero), coalesce({0}.store_id, zero), coalesce({0}.guide_id, zero))"
)
_LINE = _LINE.replace("zero", "'00000000-0000-0000-0000-000000000000'::uuid")

VERIFY = {
    "credit_one_for_each_paid_order": f"""
        SELECT coalesce(o.id, c.order_id)::text AS order_id, o.status, o.amount_minor, c.id::text AS credit_id,
               c.amount_minor AS credit_minor
        FROM ({_WHOSE}) o
        FULL JOIN (SELECT * FROM credit WHERE superseded_at IS NULL) c ON c.order_id = o.id
        WHERE o.id IS NULL OR c.id IS NULL OR c.amount_minor <> o.amount_minor
           OR (c.store_id, c.guide_id, c.link_id) IS DISTINCT FROM (o.store_id, o.guide_id, o.link_id)""",  # noqa: S608
    "credit_reversals_equal_refunds": f"""
        SELECT c.id::text, c.order_id::text, c.reversed_minor, coalesce(sum(r.amount_minor), 0)::bigint AS booked_minor,
               {_REFUNDED} AS share_minor
        FROM credit c JOIN orders o ON o.id = c.order_id LEFT JOIN credit_reversal r ON r.credit_id = c.id
        GROUP BY c.id, o.id
        HAVING c.reversed_minor <> coalesce(sum(r.amount_minor), 0) OR c.reversed_minor <> {_REFUNDED}""",  # noqa: S608
    "credit_moved_once_for_each_granted_dispute": """
        SELECT coalesce(x.dispute_id, c.dispute_id)::text AS dispute_id, c.id::text AS credit_id
        FROM (SELECT * FROM dispute_decision WHERE granted) x
        FULL JOIN (SELECT * FROM credit WHERE dispute_id IS NOT NULL) c ON c.dispute_id = x.dispute_id
        WHERE x.id IS NULL OR c.id IS NULL
           OR (c.store_id, c.guide_id) IS DISTINCT FROM (x.store_id, x.guide_id)
           OR NOT EXISTS (SELECT 1 FROM credit_reversal r JOIN credit old ON old.id = r.credit_id
                          WHERE r.dispute_id = x.dispute_id AND old.order_id = c.order_id
                            AND old.superseded_at IS NOT NULL)""",
    "credit_shares_equal_their_rule": f"""
        SELECT s.id::text, s.credit_id::text, s.kind, s.amount_minor, s.reversed_minor, r.booked_minor,
               {_LEFT} AS left_minor
        FROM credit_share s
        JOIN (SELECT *, amount_minor - reversed_minor AS net_minor FROM credit) n ON n.id = s.credit_id
        CROSS JOIN LATERAL (SELECT coalesce(sum(amount_minor), 0)::bigint AS booked_minor
                            FROM credit_share_reversal WHERE share_id = s.id) r
        WHERE s.reversed_minor <> r.booked_minor OR s.amount_minor - s.reversed_minor <> {_LEFT}
           OR (s.bp > 0 AND s.amount_minor <> n.amount_minor * s.bp / 10000)
           OR (s.whose = 'guide' AND s.beneficiary_id IS DISTINCT FROM n.guide_id)
           OR (s.whose = 'store' AND s.beneficiary_id IS DISTINCT FROM n.store_id)""",  # noqa: S608
    "credit_shares_within_the_credit": """
        SELECT c.id::text, c.amount_minor - c.reversed_minor AS net_minor,
               sum(s.amount_minor - s.reversed_minor)::bigint AS shared_minor
        FROM credit c JOIN credit_share s ON s.credit_id = c.id GROUP BY c.id
        HAVING sum(s.amount_minor) > c.amount_minor
            OR sum(s.amount_minor - s.reversed_minor) > c.amount_minor - c.reversed_minor
            OR count(*) FILTER (WHERE s.whose = 'member' AND s.bp > 0) > 2""",
    "new_customer_bonus_for_its_order_alone": """
        SELECT s.id::text, c.order_id::text FROM credit_share s JOIN credit c ON c.id = s.credit_id
        WHERE s.kind = 'bonus' AND NOT EXISTS (SELECT 1 FROM new_customer_bonus b WHERE b.order_id = c.order_id)""",
    "campaign_of_credits_and_touches_is_their_links": """
        SELECT x.what, x.id::text, x.campaign_id::text, l.campaign_id::text AS links_campaign_id
        FROM (SELECT 'touch' AS what, id, link_id, campaign_id FROM touch WHERE campaign_id IS NOT NULL
              UNION ALL SELECT 'credit', id, link_id, campaign_id FROM credit WHERE campaign_id IS NOT NULL) x
        LEFT JOIN invitation_link l ON l.id = x.link_id WHERE l.campaign_id IS DISTINCT FROM x.campaign_id
        UNION ALL
        SELECT 'credit', c.id::text, c.campaign_id::text, NULL FROM credit c
        WHERE c.campaign_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM touch t
            WHERE t.link_id = c.link_id AND t.campaign_id = c.campaign_id AND t.refused IS NULL)""",
    "board_totals_equal_orders": f"""
        SELECT coalesce(b.brand_id, l.brand_id)::text AS brand_id, coalesce(b.store_id, l.store_id)::text AS store_id,
               coalesce(b.guide_id, l.guide_id)::text AS guide_id, b.orders, l.orders AS ledger_orders,
               b.amount_minor, l.amount_minor AS ledger_amount_minor, b.net_minor, l.net_minor AS ledger_net_minor
        FROM (SELECT brand_id, store_id, guide_id, count(*) AS orders, sum(amount_minor) AS amount_minor,
                     sum(amount_minor - reversed_minor) AS net_minor
              FROM credit WHERE superseded_at IS NULL GROUP BY brand_id, store_id, guide_id) b
        FULL JOIN (SELECT brand_id, store_id, guide_id, count(*) AS orders, sum(o.amount_minor) AS amount_minor,
                          sum(o.amount_minor - o.goods_refunded_minor) AS net_minor
                   FROM ({_WHOSE}) o GROUP BY brand_id, store_id, guide_id) l
        ON (coalesce(b.brand_id::text, ''), coalesce(b.store_id::text, ''), coalesce(b.guide_id::text, ''))
         = (coalesce(l.brand_id::text, ''), coalesce(l.store_id::text, ''), coalesce(l.guide_id::text, ''))
        WHERE (b.orders, b.amount_minor, b.net_minor) IS DISTINCT FROM (l.orders, l.amount_minor, l.net_minor)""",  # noqa: S608
    "board_lines_equal_visits_and_credits": f"""
        SELECT coalesce(l.room_id, c.room_id)::text AS room_id, coalesce(l.store_id, c.store_id)::text AS store_id,
               coalesce(l.guide_id, c.guide_id)::text AS guide_id, l.visits, c.visits AS counted_visits,
               l.new_members, c.new_members AS counted_new_members, l.orders, c.orders AS counted_orders,
               l.amount_minor, c.amount_minor AS counted_minor, l.reversed_minor,
               c.reversed_minor AS counted_reversed_minor
        FROM board_line l FULL JOIN ({_COUNTED}) c ON {_LINE.format("l")} = {_LINE.format("c")}
        WHERE (coalesce(l.visits, 0), coalesce(l.new_members, 0), coalesce(l.orders, 0), coalesce(l.amount_minor, 0),
               coalesce(l.reversed_minor, 0))
           <> (coalesce(c.visits, 0), coalesce(c.new_members, 0), coalesce(c.orders, 0), coalesce(c.amount_minor, 0),
               coalesce(c.reversed_minor, 0))""",  # noqa: S608
    "boards_equal_ledger": """
        SELECT coalesce(b.room_id, o.room_id)::text AS room_id, b.orders, o.orders AS ledger_orders, b.amount_minor,
               o.amount_minor AS ledger_minor, b.net_minor, o.net_minor AS ledger_net_minor
        FROM (SELECT brand_id, room_id, sum(orders) AS orders, sum(amount_minor) AS amount_minor,
                     sum(amount_minor - reversed_minor) AS net_minor
              FROM board_line GROUP BY brand_id, room_id HAVING sum(orders) > 0) b
        FULL JOIN (SELECT brand_id, room_id, count(*) AS orders, sum(amount_minor) AS amount_minor,
                          sum(amount_minor - goods_refunded_minor) AS net_minor
                   FROM orders WHERE paid_at IS NOT NULL GROUP BY brand_id, room_id) o
        ON (b.brand_id, coalesce(b.room_id::text, '')) = (o.brand_id, coalesce(o.room_id::text, ''))
        WHERE (b.orders, b.amount_minor, b.net_minor) IS DISTINCT FROM (o.orders, o.amount_minor, o.net_minor)""",
    "members_new_once": """
        SELECT member_id::text, count(*) FILTER (WHERE is_new) AS times_new, count(*) AS visits
        FROM visit GROUP BY member_id HAVING count(*) FILTER (WHERE is_new) <> 1""",
}
"""Queries that list broken rows; an empty answer is the proof."""


async def verify(session: AsyncSession) -> Broken:
    """Every attribution invariant from the truth: check name → broken rows."""
    return await broken_rows(session, VERIFY)
