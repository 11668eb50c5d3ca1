-- One batch of claims on one sale: lock the sale, then decide and write everything in one statement.
-- Claims come as parallel arrays (one element a claim), their lines as parallel arrays that name a claim by ordinal.
-- Returned: a row for each claim that is accepted now or was accepted before (`fresh` tells which). A claim that comes
-- back with no row was refused by a limit or for lack of units; `same_request` is false when the key was used for
-- something else. The locks come first because the snapshot of a single statement would predate them; in the order
-- sale, balances, buyers, which whoever gives units back keeps too. A guest who was merged claims as the member.
CREATE OR REPLACE FUNCTION claim_batch(
    p_sale uuid, p_claim int[], p_member uuid[], p_key text[], p_hash bytea[], p_number text[],
    p_line_claim int[], p_line_sku uuid[], p_line_quantity int[])
RETURNS TABLE (claim int, fresh boolean, same_request boolean, hold_id uuid, order_id uuid,
               pay_by timestamptz, amount_minor bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    s flash_sale;
BEGIN
    SELECT * INTO s FROM flash_sale WHERE id = p_sale FOR UPDATE;
    PERFORM 1 FROM stock_balance WHERE id IN (SELECT balance_id FROM flash_sale_line WHERE sale_id = p_sale)
        ORDER BY id FOR NO KEY UPDATE;
    RETURN QUERY
    WITH
    person AS MATERIALIZED (
        SELECT id, coalesce(merged_into, id) AS member_id FROM member WHERE id = ANY(p_member)
        ORDER BY id FOR KEY SHARE),
    asked AS MATERIALIZED (
        SELECT a.claim, p.member_id, a.key, a.hash, a.number
        FROM unnest(p_claim, p_member, p_key, p_hash, p_number) AS a(claim, member_id, key, hash, number)
        JOIN person p ON p.id = a.member_id),
    line AS MATERIALIZED (
        SELECT l.claim, l.sku_id, l.quantity
        FROM unnest(p_line_claim, p_line_sku, p_line_quantity) AS l(claim, sku_id, quantity)),
    before AS MATERIALIZED (
        SELECT a.claim, o.id, o.hold_id, o.pay_by, o.amount_minor, o.request_hash = a.hash AS same
        FROM asked a JOIN orders o ON o.member_id = a.member_id AND o.key = a.key),
    fresh AS MATERIALIZED (
        SELECT a.*, w.quantity, w.quantity + coalesce(b.quantity, 0) AS would_have
        FROM asked a
        JOIN (SELECT l.claim, sum(l.quantity) AS quantity FROM line l GROUP BY l.claim) w ON w.claim = a.claim
        LEFT JOIN flash_sale_buyer b ON b.sale_id = s.id AND b.member_id = a.member_id
        WHERE NOT EXISTS (SELECT 1 FROM before o WHERE o.claim = a.claim)),
    within_limit AS MATERIALIZED (
        SELECT f.* FROM (
            SELECT f.*, sum(f.quantity) OVER (PARTITION BY f.member_id ORDER BY f.claim) - f.quantity AS earlier
            FROM fresh f) f
        WHERE f.would_have + f.earlier <= s.limit_per_buyer
          AND s.state = 'open' AND s.ends_at > now()),
    priced AS MATERIALIZED (
        SELECT l.claim, l.sku_id, l.quantity, sl.balance_id, sl.price_minor, sl.title, sl.image,
               b.free - sum(l.quantity) OVER (PARTITION BY sl.balance_id ORDER BY l.claim) AS left_after
        FROM line l
        JOIN within_limit w ON w.claim = l.claim
        LEFT JOIN flash_sale_line sl ON sl.sale_id = s.id AND sl.sku_id = l.sku_id
        LEFT JOIN stock_balance b ON b.id = sl.balance_id),
    granted AS MATERIALIZED (
        SELECT p.claim, sum(p.quantity * p.price_minor) AS amount_minor
        FROM priced p GROUP BY p.claim HAVING bool_and(coalesce(p.left_after, -1) >= 0)),
    ordered AS (
        INSERT INTO orders (id, brand_id, room_id, sale_id, store_id, guide_id, link_id, member_id, hold_id, key,
                            request_hash, number, status, fulfilment, amount_minor, pay_by)
        SELECT uuidv7(), s.brand_id, s.room_id, s.id, coalesce(v.store_id, r.store_id), v.guide_id, v.link_id, w.member_id, uuidv7(), w.key,
               w.hash, w.number, 'awaiting_payment', 'none', g.amount_minor,
               date_trunc('milliseconds', now() + make_interval(secs => s.hold_seconds))
        FROM granted g
        JOIN within_limit w ON w.claim = g.claim
        JOIN room r ON r.id = s.room_id
        LEFT JOIN visit v ON v.room_id = s.room_id AND v.member_id = w.member_id
        ON CONFLICT (member_id, key) DO NOTHING
        RETURNING id, hold_id, member_id, key, pay_by, amount_minor, number, store_id, guide_id),
    taken AS MATERIALIZED (
        SELECT o.*, w.claim, w.quantity
        FROM ordered o JOIN within_limit w ON w.member_id = o.member_id AND w.key = o.key),
    lines AS (
        INSERT INTO order_line (id, order_id, sku_id, title, image, quantity, price_minor)
        SELECT uuidv7(), t.id, p.sku_id, p.title, p.image, p.quantity, p.price_minor
        FROM taken t JOIN priced p ON p.claim = t.claim),
    holds AS (
        INSERT INTO stock_hold (hold_id, balance_id, quantity, state)
        SELECT t.hold_id, p.balance_id, p.quantity, 'held'
        FROM taken t JOIN priced p ON p.claim = t.claim),
    entries AS (
        INSERT INTO stock_entry (balance_id, act, key, total, free, held, sold)
        SELECT p.balance_id, 'hold', t.hold_id, 0, -p.quantity, p.quantity, 0
        FROM taken t JOIN priced p ON p.claim = t.claim),
    moved AS (
        UPDATE stock_balance b SET free = b.free - d.quantity, held = b.held + d.quantity
        FROM (SELECT p.balance_id, sum(p.quantity) AS quantity
              FROM taken t JOIN priced p ON p.claim = t.claim GROUP BY p.balance_id) d
        WHERE b.id = d.balance_id),
    buyers AS (
        INSERT INTO flash_sale_buyer (sale_id, member_id, quantity)
        SELECT s.id, t.member_id, sum(t.quantity) FROM taken t GROUP BY t.member_id
        ON CONFLICT (sale_id, member_id) DO UPDATE SET quantity = flash_sale_buyer.quantity + excluded.quantity),
    history AS (
        INSERT INTO order_event (id, order_id, kind, at, note)
        SELECT uuidv7(), t.id, 'held', now(), '' FROM taken t),
    told AS (
        INSERT INTO outbox (fact_id, kind, at, body)
        SELECT f.id, 'orders.held', now(), jsonb_build_object(
            'kind', 'orders.held', 'brand_id', s.brand_id, 'fact_id', f.id, 'at', now(),
            'room_id', s.room_id, 'sale_id', s.id, 'orders', f.orders)
        FROM (SELECT uuidv7() AS id, jsonb_agg(jsonb_build_object(
                'order_id', t.id, 'hold_id', t.hold_id, 'member_id', t.member_id, 'name', m.name, 'number', t.number,
                'title', (SELECT min(p.title) FROM priced p WHERE p.claim = t.claim),
                'quantity', t.quantity, 'amount_minor', t.amount_minor, 'pay_by', t.pay_by,
                'store_id', t.store_id, 'guide_id', t.guide_id)) AS orders
              FROM taken t JOIN member m ON m.id = t.member_id HAVING count(*) > 0) f)
    SELECT t.claim, true, true, t.hold_id, t.id, t.pay_by, t.amount_minor FROM taken t
    UNION ALL
    SELECT b.claim, false, b.same, b.hold_id, b.id, b.pay_by, b.amount_minor FROM before b;
END $$;
