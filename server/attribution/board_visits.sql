-- Notes what a statement changed of visits, for `board_fold`. Statement by statement, so that a batch is noted at once.
CREATE OR REPLACE FUNCTION board_visits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO board_change (brand_id, room_id, store_id, guide_id, visits, new_members)
        SELECT brand_id, room_id, store_id, guide_id, -count(*), -count(*) FILTER (WHERE is_new)
        FROM gone GROUP BY brand_id, room_id, store_id, guide_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO board_change (brand_id, room_id, store_id, guide_id, visits, new_members)
        SELECT brand_id, room_id, store_id, guide_id, count(*), count(*) FILTER (WHERE is_new)
        FROM came GROUP BY brand_id, room_id, store_id, guide_id;
    END IF;
    RETURN NULL;
END $$;
