-- Every event is linked; every tenth is on both platforms. Starts from two years ago to two months ahead.
INSERT INTO boxoffice.ticket_events (event_id, title, venue, starts_at, ends_at, time_zone, capacity)
SELECT 'event-' || n, (ARRAY['Friday Laughs', 'New Faces', 'Late Show', 'Gala', 'Open Mic'])[1 + n % 5] || ' ' || n % 40, 'Room ' || n % 25, s.at, s.at + interval '2 hours',
       (ARRAY['Australia/Sydney', 'Australia/Adelaide', 'Pacific/Auckland', 'UTC'])[1 + n % 4], 400 + n % 300
FROM generate_series(1, :events) n
CROSS JOIN LATERAL (SELECT date_trunc('day', now()) + (n * 790 / :events - 730) * interval '1 day' + interval '9 hours' AS at) s
ON CONFLICT DO NOTHING;
INSERT INTO boxoffice.ticket_platforms (platform, external_event_id, event_id, external_title, external_starts_at, currency, source_version)
SELECT CASE n % 2 WHEN 0 THEN 'humanitix' ELSE 'eventbrite' END, 'ext-' || n, 'event-' || n, 'Event ' || n, e.starts_at, 'AUD', now()
FROM generate_series(1, :events) n JOIN boxoffice.ticket_events e ON e.event_id = 'event-' || n
UNION ALL
SELECT CASE n % 2 WHEN 1 THEN 'humanitix' ELSE 'eventbrite' END, 'ext-' || n, 'event-' || n, 'Event ' || n, e.starts_at, 'AUD', now()
FROM generate_series(10, :events, 10) n JOIN boxoffice.ticket_events e ON e.event_id = 'event-' || n
ON CONFLICT DO NOTHING;
ANALYZE boxoffice.ticket_events, boxoffice.ticket_platforms;
