-- Whether a room is for a store: headquarters' rooms are for all stores, for those of one region, or for chosen ones. No
-- store (a guide from outside has none) is in none of the narrower two.
CREATE OR REPLACE FUNCTION room_reaches(of_room uuid, of_store uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT CASE r.reach
        WHEN 'all' THEN true
        WHEN 'region' THEN EXISTS (SELECT 1 FROM store s WHERE s.id = of_store AND s.region_id = r.region_id)
        ELSE EXISTS (SELECT 1 FROM room_reach x WHERE x.room_id = r.id AND x.store_id = of_store) END
    FROM room r WHERE r.id = of_room
$$;
