-- Sales and attendees of the next 100 events that have none; how many are left. One transaction.
BEGIN;
CREATE TEMPORARY TABLE next_events ON COMMIT DROP AS
SELECT e.event_id, substr(e.event_id, 7)::int AS n, e.starts_at, p.platform, p.external_event_id,
       count(*) OVER (PARTITION BY e.event_id) AS platforms,
       CASE WHEN e.event_id = 'event-' || (:events * 95 / 100) THEN least(50000, :sales / 20) ELSE (:sales - least(50000, :sales / 20)) / (:events - 1) END AS orders
FROM (SELECT * FROM boxoffice.ticket_events e WHERE NOT EXISTS (SELECT FROM boxoffice.ticket_sales s WHERE s.event_id = e.event_id)
      ORDER BY substr(e.event_id, 7)::int LIMIT 100) e
JOIN boxoffice.ticket_platforms p ON p.event_id = e.event_id;
INSERT INTO boxoffice.ticket_sales (platform, platform_order_id, event_id, external_event_id, customer_name, customer_email, ticket_quantity, valid_quantity, ticket_type, currency,
    total_amount, fee_amount, tax_amount, discount_amount, refund_amount, kept_amount, net_amount, payment_status, refund_status, refund_method, refund_date, void_date, purchase_date, source_version, created_at)
SELECT x.platform, x.external_event_id || '-' || x.platform || '-' || i, x.event_id, x.external_event_id, 'Guest', 'guest-' || (x.n * 7919 + i * 31) % (:sales / 3) || '@example.org',
       q, CASE WHEN back THEN 0 ELSE q END, 'General', 'AUD', 30 * q, 2.5 * q, 2 * q, 0, CASE WHEN back THEN 30 * q ELSE 0 END, CASE WHEN back THEN 0 ELSE 30 * q END,
       CASE WHEN back THEN 0 ELSE 27.5 * q END, 'paid', CASE WHEN back THEN 'refunded' ELSE 'none' END, CASE WHEN back THEN 'platform' END,
       CASE WHEN back THEN at + interval '1 day' END, CASE WHEN back THEN at + interval '1 day' END, at, at, at
FROM next_events x CROSS JOIN LATERAL generate_series(1, x.orders / x.platforms) i
CROSS JOIN LATERAL (SELECT 1 + i % 4 AS q, i % 33 = 0 AS back,
    least(x.starts_at, now()) - power((i * 2654435761 % 1000) / 1000.0, 2) * interval '60 days' AS at) c;
INSERT INTO boxoffice.attendees (platform, platform_order_id, platform_attendee_id, event_id, external_event_id, name, ticket_type, ticket_price, currency, barcode, status, checked_in_at, source_version)
SELECT s.platform, s.platform_order_id, g::text, s.event_id, s.external_event_id, 'Guest ' || g, 'General', 30, 'AUD', s.platform_order_id || g,
       CASE WHEN s.refund_status = 'refunded' THEN 'cancelled' WHEN x.starts_at < now() AND g % 10 > 0 THEN 'checked_in' ELSE 'registered' END,
       CASE WHEN s.refund_status <> 'refunded' AND x.starts_at < now() AND g % 10 > 0 THEN x.starts_at END, s.source_version
FROM (SELECT DISTINCT n.event_id, n.starts_at FROM next_events n) x JOIN boxoffice.ticket_sales s ON s.event_id = x.event_id
CROSS JOIN LATERAL generate_series(1, s.ticket_quantity) g;
COMMIT;
SELECT count(*) FROM boxoffice.ticket_events e WHERE NOT EXISTS (SELECT FROM boxoffice.ticket_sales s WHERE s.event_id = e.event_id);
