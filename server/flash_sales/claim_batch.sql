-- One batch of claims on one sale: lock the sale, then decide and write everything in one statement.
-- Claims come as parallel arrays (one element a claim), their lines as parallel arrays that name a claim by ordinal;
-- p_most is the most that the buyer would pay (NULL: whatever it costs). Returned: a row for each claim that is accepted
-- now or was accepted before (`fresh` tells which). A claim that comes back with no row was refused by a limit, for lack
-- of units or for its price; `same_request` is false when the key was used for something else. The locks come first
-- because the snapshot of a single statement would predate them; in the order sale, balances, buyers, which whoever gives
-- units back keeps too. A guest who was merged claims as the member.
CREATE OR REPLACE FUNCTION claim_batch(
    p_sale uuid, p_claim int[], p_member uuid[], p_device bytea[], p_key text[], p_hash bytea[], p_number text[],
    p_most bigint[], p_line_claim int[], p_line_sku uuid[], p_line_quantity int[])
RETURNS TABLE (claim int, fresh boolean, same_request boolean, hold_id uuid, order_id uuid,
               pay_by timestamptz, amount_minor bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    s flash_sale;
    r room;
BEGIN
    SELECT * INTO s FROM flash_sale WHERE id = p_sale FOR UPDATE;
    SELECT * INTO r FROM room WHERE id = s.room_id;
    PERFORM 1 FROM stock_balance WHERE id IN (SELECT balance_id FROM flash_sale_pool WHERE sale_id = p_sale)
        ORDER BY id FOR NO KEY UPDATE;
    RETURN QUERY
    WITH
    person AS MATERIALIZED (
        SELECT id, coalesce(merged_into, id) AS member_id FROM member WHERE id = ANY(p_member)
        ORDER BY id FOR KEY SHARE),
    asked AS MATERIALIZED (
        SELECT a.claim, p.member_id, a.device, a.key, a.hash, a.number, a.most
        FROM unnest(p_claim, p_member, p_device, p_key, p_hash, p_number, p_most)
             AS a(claim, member_id, device, key, hash, number, most)
        JOIN person p ON p.id = a.member_id),
    line AS MATERIALIZED (
        SELECT l.claim, l.sku_id, l.quantity, sl.balance_id, sl.title, sl.image, coalesce(sl.gift, false) AS gift,
               sl.price_minor, sl.first_units, sl.then_minor
        FROM unnest(p_line_claim, p_line_sku, p_line_quantity) AS l(claim, sku_id, quantity)
        LEFT JOIN flash_sale_line sl ON sl.sale_id = s.id AND sl.sku_id = l.sku_id),
    before AS MATERIALIZED (
        SELECT a.claim, o.id, o.hold_id, o.pay_by, o.amount_minor, o.request_hash = a.hash AS same
        FROM asked a JOIN orders o ON o.member_id = a.member_id AND o.key = a.key),
    fresh AS MATERIALIZED (
        SELECT a.*, w.units, w.units + coalesce(b.quantity, 0) AS would_have,
               w.units + coalesce(d.quantity, 0) AS device_would_have, coalesce(b.lapsed, 0) AS lapsed
        FROM asked a
        JOIN (SELECT l.claim, sum(l.quantity) FILTER (WHERE NOT l.gift) AS units FROM line l GROUP BY l.claim) w
            ON w.claim = a.claim
        LEFT JOIN flash_sale_buyer b ON b.sale_id = s.id AND b.member_id = a.member_id
        LEFT JOIN flash_sale_device d ON d.sale_id = s.id AND d.device = a.device
        WHERE NOT EXISTS (SELECT 1 FROM before o WHERE o.claim = a.claim)),
    within_limit AS MATERIALIZED (
        SELECT f.*, coalesce(v.store_id, r.store_id) AS store_id, v.guide_id, v.link_id FROM (
            SELECT f.*, sum(f.units) OVER (PARTITION BY f.member_id ORDER BY f.claim) - f.units AS earlier,
                   sum(f.units) OVER (PARTITION BY f.device ORDER BY f.claim) - f.units AS device_earlier
            FROM fresh f) f
        LEFT JOIN visit v ON v.room_id = s.room_id AND v.member_id = f.member_id
        WHERE f.would_have + f.earlier <= s.limit_per_buyer
          AND (f.device IS NULL OR f.device_would_have + f.device_earlier <= s.limit_per_buyer)
          AND s.state = 'open' AND s.ends_at > now()),
    gone AS MATERIALIZED (  -- of each SKU, whatever pool it went from
        SELECT b.sku_id, sum(b.held + b.sold) AS units FROM stock_balance b
        WHERE b.id IN (SELECT balance_id FROM flash_sale_pool WHERE sale_id = s.id) GROUP BY b.sku_id),
    pooled AS MATERIALIZED (  -- the quota of the buyer's store as far as it goes, else what is there for all
        SELECT l.*,
               CASE WHEN q.balance_id IS NULL THEN l.balance_id
                    WHEN qb.free >= sum(l.quantity) OVER (PARTITION BY q.balance_id ORDER BY l.claim) THEN q.balance_id
                    WHEN NOT s.own_quota_only THEN l.balance_id END AS pool_id,
               sum(l.quantity) OVER (PARTITION BY l.sku_id ORDER BY l.claim) + g.units AS gone_after
        FROM line l
        JOIN within_limit w ON w.claim = l.claim
        LEFT JOIN gone g ON g.sku_id = l.sku_id
        LEFT JOIN flash_sale_quota q ON q.sale_id = s.id AND q.sku_id = l.sku_id AND q.store_id = w.store_id
        LEFT JOIN stock_balance qb ON qb.id = q.balance_id),
    priced AS MATERIALIZED (
        SELECT p.claim, p.sku_id, p.quantity, p.pool_id, p.title, p.image, p.gift,
               CASE WHEN p.gone_after > p.first_units THEN p.then_minor ELSE p.price_minor END AS price_minor,
               b.free - sum(p.quantity) OVER (PARTITION BY p.pool_id ORDER BY p.claim) AS left_after
        FROM pooled p LEFT JOIN stock_balance b ON b.id = p.pool_id),
    granted AS MATERIALIZED (
        SELECT p.claim, sum(p.quantity * p.price_minor)::bigint AS amount_minor, min(p.title) FILTER (WHERE NOT p.gift) AS title
        FROM priced p GROUP BY p.claim HAVING bool_and(coalesce(p.left_after, -1) >= 0)),
    ordered AS (
        INSERT INTO orders (id, brand_id, room_id, sale_id, store_id, guide_id, link_id, device, member_id, hold_id, key,
                            request_hash, number, status, fulfilment, amount_minor, pay_by)
        SELECT uuidv7(), s.brand_id, s.room_id, s.id, w.store_id, w.guide_id, w.link_id, w.device, w.member_id, uuidv7(),
               w.key, w.hash, w.number, 'awaiting_payment', 'none', g.amount_minor,
               date_trunc('milliseconds', now() + make_interval(secs => seconds_to_pay(s.hold_seconds, w.lapsed)))
        FROM granted g
        JOIN within_limit w ON w.claim = g.claim
        WHERE w.most IS NULL OR g.amount_minor <= w.most
        ON CONFLICT (member_id, key) DO NOTHING
        RETURNING id, hold_id, member_id, key, pay_by, amount_minor, number, store_id, guide_id, device),
    taken AS MATERIALIZED (
        SELECT o.*, w.claim, w.units
        FROM ordered o JOIN within_limit w ON w.member_id = o.member_id AND w.key = o.key),
    part AS MATERIALIZED (
        SELECT t.id AS order_id, t.hold_id, p.* FROM taken t JOIN priced p ON p.claim = t.claim),
    lines AS (
        INSERT INTO order_line (id, order_id, sku_id, title, image, quantity, price_minor, gift)
        SELECT uuidv7(), order_id, sku_id, title, image, quantity, price_minor, gift FROM part),
    holds AS (
        INSERT INTO stock_hold (hold_id, balance_id, quantity, state)
        SELECT hold_id, pool_id, quantity, 'held' FROM part),
    entries AS (
        INSERT INTO stock_entry (balance_id, act, key, total, free, held, sold)
        SELECT pool_id, 'hold', hold_id, 0, -quantity, quantity, 0 FROM part),
    moved AS (
        UPDATE stock_balance b SET free = b.free - d.quantity, held = b.held + d.quantity
        FROM (SELECT pool_id, sum(quantity) AS quantity FROM part GROUP BY pool_id) d
        WHERE b.id = d.pool_id),
    buyers AS (
        INSERT INTO flash_sale_buyer (sale_id, member_id, quantity)
        SELECT s.id, t.member_id, sum(t.units) FROM taken t GROUP BY t.member_id
        ON CONFLICT (sale_id, member_id) DO UPDATE SET quantity = flash_sale_buyer.quantity + excluded.quantity),
    devices AS (
        INSERT INTO flash_sale_device (sale_id, device, quantity)
        SELECT s.id, t.device, sum(t.units) FROM taken t WHERE t.device IS NOT NULL GROUP BY t.device
        ON CONFLICT (sale_id, device) DO UPDATE SET quantity = flash_sale_device.quantity + excluded.quantity),
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
                'title', g.title, 'quantity', t.units, 'amount_minor', t.amount_minor, 'pay_by', t.pay_by,
                'store_id', t.store_id, 'guide_id', t.guide_id)) AS orders
              FROM taken t JOIN granted g ON g.claim = t.claim JOIN member m ON m.id = t.member_id
              HAVING count(*) > 0) f)
    SELECT t.claim, true, true, t.hold_id, t.id, t.pay_by, t.amount_minor FROM taken t
    UNION ALL
    SELECT b.claim, false, b.same, b.hold_id, b.id, b.pay_by, b.amount_minor FROM before b;
END $$;
