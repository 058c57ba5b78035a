-- New rows of attendees, in key order; a row for each element of the arrays.
INSERT INTO boxoffice.attendees AS t (
    platform, platform_order_id, platform_attendee_id, event_id, external_event_id, external_session_id, name,
    first_name, last_name, email, phone, ticket_type, ticket_price, currency, barcode, status, checked_in_at,
    refunded, source_version, platform_data)
SELECT
    $1[i], $2[i], $3[i], $4[i], $5[i], $6[i], $7[i], $8[i], $9[i], $10[i], $11[i], $12[i], $13[i]::numeric,
    $14[i], $15[i], $16[i], $17[i], $18[i], $19[i], $20[i]::jsonb
FROM generate_series(1, array_length($1, 1)) AS i
