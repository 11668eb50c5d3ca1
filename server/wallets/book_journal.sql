-- One booking: lock the wallets, then decide and write. Wallets are locked members first, then houses, each by owner:
-- one order for everybody, so that bookings never wait in a ring, and the houses' busy rows are held the shortest.
-- Amounts sum to zero and name each wallet once. `outcome` is the same on every row:
--   booked         written now; a row for each wallet, `balance_minor` after it
--   booked_before  the key was used: what that journal wrote, with the member's balance as it was after it
--   short          nothing written; a row for each member wallet that has too little
CREATE OR REPLACE FUNCTION book_journal(
    p_brand uuid, p_kind text, p_key text, p_wallet_kind text[], p_owner uuid[], p_amount bigint[])
RETURNS TABLE (outcome text, journal_id uuid, wallet_kind text, owner_id uuid, amount_minor bigint,
               balance_minor bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_journal uuid;
BEGIN
    INSERT INTO wallet (id, brand_id, kind, owner_id, balance_minor)
    SELECT uuidv7(), p_brand, a.kind, a.owner_id, 0 FROM unnest(p_wallet_kind, p_owner) AS a(kind, owner_id)
    WHERE NOT EXISTS (
        SELECT 1 FROM wallet w WHERE w.brand_id = p_brand AND w.kind = a.kind AND w.owner_id = a.owner_id)
    ORDER BY a.kind <> 'member', a.kind, a.owner_id
    ON CONFLICT DO NOTHING;

    PERFORM 1 FROM wallet w
    JOIN unnest(p_wallet_kind, p_owner) AS a(kind, owner_id) ON w.kind = a.kind AND w.owner_id = a.owner_id
    WHERE w.brand_id = p_brand
    ORDER BY w.kind <> 'member', w.kind, w.owner_id
    FOR NO KEY UPDATE OF w;

    SELECT j.id INTO v_journal FROM journal j WHERE j.brand_id = p_brand AND j.key = p_key;
    IF FOUND THEN
        RETURN QUERY
        SELECT 'booked_before', v_journal, w.kind::text, w.owner_id, e.amount_minor,
               CASE WHEN w.kind = 'member' THEN (
                   SELECT sum(earlier.amount_minor)::bigint FROM wallet_entry earlier
                   WHERE earlier.wallet_id = w.id AND earlier.seq <= e.seq) END
        FROM wallet_entry e JOIN wallet w ON w.id = e.wallet_id WHERE e.journal_id = v_journal;
        RETURN;
    END IF;

    RETURN QUERY
    SELECT 'short', NULL::uuid, w.kind::text, w.owner_id, a.amount, w.balance_minor
    FROM unnest(p_wallet_kind, p_owner, p_amount) AS a(kind, owner_id, amount)
    JOIN wallet w ON w.brand_id = p_brand AND w.kind = a.kind AND w.owner_id = a.owner_id
    WHERE w.kind = 'member' AND a.amount < 0 AND w.balance_minor + a.amount < 0;
    IF FOUND THEN
        RETURN;
    END IF;

    INSERT INTO journal (id, brand_id, kind, key, note, at)
    VALUES (uuidv7(), p_brand, p_kind, p_key, '', now()) RETURNING id INTO v_journal;
    RETURN QUERY
    WITH moved AS (
        UPDATE wallet w SET balance_minor = w.balance_minor + a.amount
        FROM unnest(p_wallet_kind, p_owner, p_amount) AS a(kind, owner_id, amount)
        WHERE w.brand_id = p_brand AND w.kind = a.kind AND w.owner_id = a.owner_id
        RETURNING w.id, w.kind, w.owner_id, a.amount, w.balance_minor),
    written AS (
        INSERT INTO wallet_entry (journal_id, wallet_id, amount_minor)
        SELECT v_journal, m.id, m.amount FROM moved m)
    SELECT 'booked', v_journal, m.kind::text, m.owner_id, m.amount, m.balance_minor FROM moved m;
END $$;
