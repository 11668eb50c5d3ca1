-- Adds what a transaction noted to the boards, when it commits: all of it in one statement, its lines in one order, so
-- that nobody holds a line for longer than a commit takes and no two wait for each other in a circle. It is called for
-- each note; the first call folds them all.
CREATE OR REPLACE FUNCTION board_fold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM board_change WHERE xact = NEW.xact AND seq = NEW.seq) THEN
        RETURN NULL;
    END IF;
    WITH noted AS (DELETE FROM board_change WHERE xact = NEW.xact RETURNING *)
    INSERT INTO board_line AS l
        (brand_id, room_id, store_id, guide_id, visits, new_members, orders, amount_minor, reversed_minor)
    SELECT brand_id, room_id, store_id, guide_id,
           sum(visits), sum(new_members), sum(orders), sum(amount_minor), sum(reversed_minor)
    FROM noted GROUP BY brand_id, room_id, store_id, guide_id
    HAVING (sum(visits), sum(new_members), sum(orders), sum(amount_minor), sum(reversed_minor)) <> (0, 0, 0, 0, 0)
    ORDER BY brand_id, room_id, store_id, guide_id
    ON CONFLICT (brand_id, room_id, store_id, guide_id) DO UPDATE SET
        visits = l.visits + excluded.visits,
        new_members = l.new_members + excluded.new_members,
        orders = l.orders + excluded.orders,
        amount_minor = l.amount_minor + excluded.amount_minor,
        reversed_minor = l.reversed_minor + excluded.reversed_minor;
    RETURN NULL;
END $$;
