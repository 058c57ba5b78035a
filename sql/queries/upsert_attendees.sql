-- One row for each changed attendee, in key order. A NULL document means: the one that is there stays.
INSERT INTO boxoffice.attendees AS t (
    platform, platform_order_id, platform_attendee_id, event_id, external_event_id, external_session_id, name,
    first_name, last_name, email, phone, ticket_type, ticket_price, currency, barcode, status, checked_in_at,
    refunded, source_version, platform_data)
SELECT
    r.platform, r.platform_order_id, r.platform_attendee_id, r.event_id, r.external_event_id,
    r.external_session_id, r.name, r.first_name, r.last_name, r.email, r.phone, r.ticket_type,
    r.ticket_price::numeric, r.currency, r.barcode, r.status, r.checked_in_at, r.refunded, r.source_version,
    r.platform_data::jsonb
FROM unnest(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20
) AS r (
    platform, platform_order_id, platform_attendee_id, event_id, external_event_id, external_session_id, name,
    first_name, last_name, email, phone, ticket_type, ticket_price, currency, barcode, status, checked_in_at,
    refunded, source_version, platform_data)
ON CONFLICT (platform, platform_order_id, platform_attendee_id) DO UPDATE SET
    event_id = excluded.event_id,
    external_event_id = excluded.external_event_id,
    external_session_id = excluded.external_session_id,
    name = excluded.name,
    first_name = excluded.first_name,
    last_name = excluded.last_name,
    email = excluded.email,
    phone = excluded.phone,
    ticket_type = excluded.ticket_type,
    ticket_price = excluded.ticket_price,
    currency = excluded.currency,
    barcode = excluded.barcode,
    status = excluded.status,
    checked_in_at = excluded.checked_in_at,
    refunded = excluded.refunded,
    source_version = excluded.source_version,
    platform_data = COALESCE(excluded.platform_data, t.platform_data),
    updated_at = now()
