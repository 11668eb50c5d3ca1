-- Where the units of a sale are: one pool for all, and the quotas of stores.
CREATE OR REPLACE VIEW flash_sale_pool AS
    SELECT sale_id, sku_id, NULL::uuid AS store_id, balance_id FROM flash_sale_line
    UNION ALL SELECT sale_id, sku_id, store_id, balance_id FROM flash_sale_quota;
