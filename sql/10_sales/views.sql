-- The door. ticket_sales_analytics, the other documented view, is made of day sheets: see sql/80_analytics.

CREATE VIEW boxoffice.attendee_checkin_status WITH (security_invoker = true) AS
SELECT
    e.event_id,
    e.title AS event_title,
    e.starts_at AS event_date,
    COALESCE(a.total_attendees, 0) AS total_attendees,
    COALESCE(a.checked_in, 0) AS checked_in,
    COALESCE(a.to_come, 0) AS not_checked_in,
    COALESCE(a.no_shows, 0) AS no_shows,
    COALESCE(a.cancelled, 0) AS cancelled,
    CASE WHEN a.checked_in + a.to_come + a.no_shows > 0
         THEN pg_catalog.round(a.checked_in::numeric / (a.checked_in + a.to_come + a.no_shows) * 100, 2) ELSE 0 END AS checkin_percentage,
    COALESCE(a.humanitix_attendees, 0) AS humanitix_attendees,
    COALESCE(a.eventbrite_attendees, 0) AS eventbrite_attendees,
    COALESCE(a.manual_attendees, 0) AS manual_attendees
FROM boxoffice.ticket_events e
LEFT JOIN (
    SELECT
        t.event_id,
        pg_catalog.count(*) AS total_attendees,
        pg_catalog.count(*) FILTER (WHERE t.status = 'checked_in') AS checked_in,
        pg_catalog.count(*) FILTER (WHERE t.status IN ('registered', 'no_show') AND NOT t.is_over) AS to_come,
        pg_catalog.count(*) FILTER (WHERE t.status IN ('registered', 'no_show') AND t.is_over) AS no_shows,
        pg_catalog.count(*) FILTER (WHERE t.status = 'cancelled') AS cancelled,
        pg_catalog.count(*) FILTER (WHERE t.platform = 'humanitix') AS humanitix_attendees,
        pg_catalog.count(*) FILTER (WHERE t.platform = 'eventbrite') AS eventbrite_attendees,
        pg_catalog.count(*) FILTER (WHERE t.platform NOT IN ('humanitix', 'eventbrite')) AS manual_attendees
    FROM (
        SELECT h.event_id, h.platform, h.status,
               -- A ticket of one of several dates is over with that date, else with the event.
               COALESCE(COALESCE(d.ends_at, d.starts_at + interval '6 hours', o.ends_at, o.starts_at + interval '6 hours')
                        < pg_catalog.now(), false) AS is_over
        FROM boxoffice.attendees h
        JOIN boxoffice.ticket_events o ON o.event_id = h.event_id
        LEFT JOIN LATERAL (
            SELECT x.starts_at, x.ends_at
            FROM boxoffice.ticket_platforms p
            CROSS JOIN LATERAL pg_catalog.jsonb_to_recordset(p.external_sessions) AS x (id text, starts_at timestamptz, ends_at timestamptz)
            WHERE p.platform = h.platform AND p.external_event_id = h.external_event_id AND x.id = h.external_session_id
            LIMIT 1
        ) d ON h.external_session_id IS NOT NULL
    ) t
    GROUP BY t.event_id
) a ON a.event_id = e.event_id;
COMMENT ON VIEW boxoffice.attendee_checkin_status IS 'The door: how many of each event''s attendees have come.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.event_id IS 'Our event.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.event_title IS 'Title.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.event_date IS 'Start.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.total_attendees IS 'All attendees, cancelled ones included.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.checked_in IS 'Checked in.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.not_checked_in IS 'Still to come: registered, and their date is not over.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.no_shows IS 'Did not come: registered, and their date is over. An event may have several dates; without an end a date is over six hours after its start.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.cancelled IS 'Cancelled.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.checkin_percentage IS 'Share of the attendees who may come that are checked in; cancelled ones do not count.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.humanitix_attendees IS 'Attendees with a ticket of Humanitix.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.eventbrite_attendees IS 'Attendees with a ticket of Eventbrite.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.manual_attendees IS 'Attendees with a ticket of another platform.';

CREATE VIEW boxoffice.ticket_sales_by_platform WITH (security_invoker = true) AS
SELECT s.event_id, s.platform, s.currency,
       pg_catalog.count(*) FILTER (WHERE k.sold AND k.open) AS orders,
       COALESCE(pg_catalog.sum(COALESCE(s.valid_quantity, CASE WHEN k.open THEN s.ticket_quantity ELSE 0 END)) FILTER (WHERE k.sold), 0) AS tickets,
       COALESCE(pg_catalog.sum(s.kept_amount) FILTER (WHERE k.sold), 0) AS gross_revenue,
       COALESCE(pg_catalog.sum(s.refund_amount) FILTER (WHERE k.sold), 0) AS total_refunds,
       COALESCE(pg_catalog.sum(s.net_amount) FILTER (WHERE k.sold), 0) AS net_revenue,
       pg_catalog.count(*) FILTER (WHERE NOT k.sold AND k.open) AS pending_orders
FROM boxoffice.ticket_sales s
CROSS JOIN LATERAL (
    SELECT s.payment_status IS DISTINCT FROM 'unpaid' AS sold, s.refund_status NOT IN ('refunded', 'cancelled') AS open
) k
GROUP BY s.event_id, s.platform, s.currency;
COMMENT ON VIEW boxoffice.ticket_sales_by_platform IS 'What each platform has sold of each event, one row for each currency; with the meanings of ticket_sales_analytics.';
COMMENT ON COLUMN boxoffice.ticket_sales_by_platform.event_id IS 'Our event; NULL for sales of events that are not linked.';
COMMENT ON COLUMN boxoffice.ticket_sales_by_platform.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.ticket_sales_by_platform.currency IS 'ISO 4217.';
COMMENT ON COLUMN boxoffice.ticket_sales_by_platform.orders IS 'Sold orders that stand.';
COMMENT ON COLUMN boxoffice.ticket_sales_by_platform.tickets IS 'Admissions that are still valid.';
COMMENT ON COLUMN boxoffice.ticket_sales_by_platform.gross_revenue IS 'Money that the organiser holds, before fees.';
COMMENT ON COLUMN boxoffice.ticket_sales_by_platform.total_refunds IS 'Refunded to buyers.';
COMMENT ON COLUMN boxoffice.ticket_sales_by_platform.net_revenue IS 'gross_revenue less the fees that the platform keeps.';
COMMENT ON COLUMN boxoffice.ticket_sales_by_platform.pending_orders IS 'Unpaid orders that are not cancelled.';
