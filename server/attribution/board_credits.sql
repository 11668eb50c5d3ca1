-- Notes what a statement changed of the credits that stand, for `board_fold`.
CREATE OR REPLACE FUNCTION board_credits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO board_change (brand_id, room_id, store_id, guide_id, orders, amount_minor, reversed_minor)
        SELECT brand_id, room_id, store_id, guide_id, -count(*), -sum(amount_minor), -sum(reversed_minor)
        FROM gone WHERE superseded_at IS NULL GROUP BY brand_id, room_id, store_id, guide_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO board_change (brand_id, room_id, store_id, guide_id, orders, amount_minor, reversed_minor)
        SELECT brand_id, room_id, store_id, guide_id, count(*), sum(amount_minor), sum(reversed_minor)
        FROM came WHERE superseded_at IS NULL GROUP BY brand_id, room_id, store_id, guide_id;
    END IF;
    RETURN NULL;
END $$;
