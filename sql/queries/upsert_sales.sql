-- One row for each changed order, in key order. A NULL document means: the one that is there stays.
INSERT INTO boxoffice.ticket_sales AS t (
    platform, platform_order_id, event_id, external_event_id, external_session_id, customer_name, customer_email,
    customer_phone, ticket_quantity, valid_quantity, ticket_type, currency, total_amount, fee_amount, tax_amount,
    discount_amount, refund_amount, refund_status, refund_method, refund_date, purchase_date, platform_status,
    marketing_opt_in, source_version, raw_data)
SELECT
    r.platform, r.platform_order_id, r.event_id, r.external_event_id, r.external_session_id, r.customer_name,
    r.customer_email, r.customer_phone, r.ticket_quantity, r.valid_quantity, r.ticket_type, r.currency,
    r.total_amount::numeric, r.fee_amount::numeric, r.tax_amount::numeric, r.discount_amount::numeric,
    r.refund_amount::numeric, r.refund_status, r.refund_method, r.refund_date, r.purchase_date, r.platform_status,
    r.marketing_opt_in, r.source_version, r.raw_data::jsonb
FROM unnest(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
    $25
) AS r (
    platform, platform_order_id, event_id, external_event_id, external_session_id, customer_name, customer_email,
    customer_phone, ticket_quantity, valid_quantity, ticket_type, currency, total_amount, fee_amount, tax_amount,
    discount_amount, refund_amount, refund_status, refund_method, refund_date, purchase_date, platform_status,
    marketing_opt_in, source_version, raw_data)
ON CONFLICT (platform, platform_order_id) DO UPDATE SET
    event_id = excluded.event_id,
    external_event_id = excluded.external_event_id,
    external_session_id = excluded.external_session_id,
    customer_name = excluded.customer_name,
    customer_email = excluded.customer_email,
    customer_phone = excluded.customer_phone,
    ticket_quantity = excluded.ticket_quantity,
    valid_quantity = excluded.valid_quantity,
    ticket_type = excluded.ticket_type,
    currency = excluded.currency,
    total_amount = excluded.total_amount,
    fee_amount = excluded.fee_amount,
    tax_amount = excluded.tax_amount,
    discount_amount = excluded.discount_amount,
    refund_amount = excluded.refund_amount,
    refund_status = excluded.refund_status,
    refund_method = excluded.refund_method,
    refund_date = excluded.refund_date,
    purchase_date = excluded.purchase_date,
    platform_status = excluded.platform_status,
    marketing_opt_in = excluded.marketing_opt_in,
    source_version = excluded.source_version,
    raw_data = COALESCE(excluded.raw_data, t.raw_data),
    updated_at = now()
