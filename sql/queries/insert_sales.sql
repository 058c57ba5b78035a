-- New rows of ticket_sales, in key order; a row for each element of the arrays.
INSERT INTO boxoffice.ticket_sales AS t (
    platform, platform_order_id, event_id, external_event_id, external_session_id, customer_name, customer_email,
    customer_phone, ticket_quantity, valid_quantity, ticket_type, currency, total_amount, fee_amount, tax_amount,
    discount_amount, refund_amount, net_amount, refund_status, refund_method, refund_date, purchase_date,
    platform_status, marketing_opt_in, source_version, raw_data)
SELECT
    $1[i], $2[i], $3[i], $4[i], $5[i], $6[i], $7[i], $8[i], $9[i], $10[i], $11[i], $12[i], $13[i]::numeric,
    $14[i]::numeric, $15[i]::numeric, $16[i]::numeric, $17[i]::numeric, $18[i]::numeric, $19[i], $20[i], $21[i],
    $22[i], $23[i], $24[i], $25[i], $26[i]::jsonb
FROM generate_series(1, array_length($1, 1)) AS i
