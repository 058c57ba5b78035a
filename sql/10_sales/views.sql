-- The two documented views.

CREATE VIEW boxoffice.ticket_sales_analytics WITH (security_invoker = true) AS
SELECT
    e.event_id,
    e.title AS event_title,
    e.starts_at AS event_date,
    e.venue,
    COALESCE(s.total_orders, 0) AS total_orders,
    COALESCE(s.total_tickets_sold, 0) AS total_tickets_sold,
    COALESCE(s.gross_revenue, 0) AS gross_revenue,
    COALESCE(s.average_order_value, 0) AS average_order_value,
    COALESCE(s.humanitix_orders, 0) AS humanitix_orders,
    COALESCE(s.eventbrite_orders, 0) AS eventbrite_orders,
    COALESCE(s.manual_orders, 0) AS manual_orders,
    COALESCE(s.refunded_orders, 0) AS refunded_orders,
    COALESCE(s.total_refunds, 0) AS total_refunds,
    s.first_sale_date,
    s.last_sale_date,
    COALESCE(s.sales_last_7_days, 0) AS sales_last_7_days,
    e.capacity,
    CASE WHEN e.capacity > 0
         THEN pg_catalog.round(COALESCE(pg_catalog.sum(s.total_tickets_sold) OVER (PARTITION BY e.event_id), 0) / e.capacity * 100, 2)
    END AS capacity_utilization_percent,
    s.currency,
    COALESCE(s.net_revenue, 0) AS net_revenue,
    COALESCE(s.total_fees, 0) AS total_fees,
    COALESCE(s.total_tax, 0) AS total_tax,
    COALESCE(s.total_discounts, 0) AS total_discounts,
    COALESCE(s.cancelled_orders, 0) AS cancelled_orders,
    COALESCE(s.orders_without_quantity, 0) AS orders_without_quantity,
    COALESCE(s.sold_orders, 0) AS sold_orders,
    CASE WHEN s.sold_orders > 0 THEN pg_catalog.round(s.refunded_orders::numeric / s.sold_orders * 100, 2) END AS refund_rate_percent,
    COALESCE(s.pending_orders, 0) AS pending_orders,
    COALESCE(s.pending_tickets, 0) AS pending_tickets
FROM boxoffice.ticket_events e
LEFT JOIN (
    SELECT
        event_id,
        currency,
        pg_catalog.count(*) FILTER (WHERE stands) AS total_orders,
        COALESCE(pg_catalog.sum(tickets), 0) AS total_tickets_sold,
        COALESCE(pg_catalog.sum(kept_amount) FILTER (WHERE sold), 0) AS gross_revenue,
        COALESCE(pg_catalog.round(pg_catalog.avg(kept_amount) FILTER (WHERE stands), 2), 0) AS average_order_value,
        pg_catalog.count(*) FILTER (WHERE stands AND platform = 'humanitix') AS humanitix_orders,
        pg_catalog.count(*) FILTER (WHERE stands AND platform = 'eventbrite') AS eventbrite_orders,
        pg_catalog.count(*) FILTER (WHERE stands AND platform NOT IN ('humanitix', 'eventbrite')) AS manual_orders,
        pg_catalog.count(*) FILTER (WHERE sold AND refund_status IN ('partial', 'refunded')) AS refunded_orders,
        COALESCE(pg_catalog.sum(refund_amount) FILTER (WHERE sold), 0) AS total_refunds,
        pg_catalog.min(purchase_date) FILTER (WHERE sold) AS first_sale_date,
        pg_catalog.max(purchase_date) FILTER (WHERE sold) AS last_sale_date,
        pg_catalog.count(*) FILTER (WHERE stands AND purchase_date >= pg_catalog.now() - interval '7 days') AS sales_last_7_days,
        COALESCE(pg_catalog.sum(net_amount) FILTER (WHERE sold), 0) AS net_revenue,
        COALESCE(pg_catalog.sum(kept_amount - net_amount) FILTER (WHERE sold), 0) AS total_fees,
        COALESCE(pg_catalog.sum(tax_amount) FILTER (WHERE sold AND NOT void), 0) AS total_tax,
        COALESCE(pg_catalog.sum(discount_amount) FILTER (WHERE sold AND NOT void), 0) AS total_discounts,
        pg_catalog.count(*) FILTER (WHERE sold AND refund_status = 'cancelled') AS cancelled_orders,
        pg_catalog.count(*) FILTER (WHERE stands AND tickets IS NULL) AS orders_without_quantity,
        pg_catalog.count(*) FILTER (WHERE sold) AS sold_orders,
        pg_catalog.count(*) FILTER (WHERE pending) AS pending_orders,
        COALESCE(pg_catalog.sum(COALESCE(valid_quantity, ticket_quantity)) FILTER (WHERE pending), 0) AS pending_tickets
    FROM (
        SELECT t.*, k.sold, k.sold AND k.open AS stands, NOT k.sold AND k.open AS pending,
               COALESCE(k.sold AND t.kept_amount = 0 AND t.refund_amount = 0 AND (t.total_amount > 0 OR t.refund_status = 'cancelled'), false) AS void,
               CASE WHEN k.sold THEN COALESCE(t.valid_quantity, CASE WHEN k.open THEN t.ticket_quantity ELSE 0 END) END AS tickets
        FROM boxoffice.ticket_sales t
        CROSS JOIN LATERAL (
            SELECT t.payment_status IS DISTINCT FROM 'unpaid' AS sold, t.refund_status NOT IN ('refunded', 'cancelled') AS open
        ) k
    ) t
    GROUP BY event_id, currency
) s ON s.event_id = e.event_id;
COMMENT ON VIEW boxoffice.ticket_sales_analytics IS 'Sales of each event, one row for each currency; 0 where nothing was sold. Unpaid orders are not sold: only the pending columns count them.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.event_id IS 'Our event.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.event_title IS 'Title.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.event_date IS 'Start.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.venue IS 'Venue.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_orders IS 'Sold orders that stand: neither cancelled nor wholly refunded.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_tickets_sold IS 'Admissions that are still valid, of all sold orders: also those of refunded orders whose tickets still admit.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.gross_revenue IS 'Money that the organiser holds, before fees: the sum of kept_amount over all sold orders. Kept money of cancelled orders is in it.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.average_order_value IS 'kept_amount of an order that stands, on average.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.humanitix_orders IS 'Orders that stand, on Humanitix.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.eventbrite_orders IS 'Orders that stand, on Eventbrite.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.manual_orders IS 'Orders that stand, on other platforms.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.refunded_orders IS 'Sold orders with a partial or whole refund.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_refunds IS 'Money refunded, over all sold orders.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.first_sale_date IS 'First purchase of all sold orders.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.last_sale_date IS 'Last purchase of all sold orders.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.sales_last_7_days IS 'Orders that stand, bought in the last seven days.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.capacity IS 'Places.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.capacity_utilization_percent IS 'Share of the places that are sold, over all currencies; NULL without a capacity.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.currency IS 'ISO 4217 code of the amounts; NULL where nothing was sold or the platform gave none.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.net_revenue IS 'The sum of net_amount over all sold orders: gross_revenue less total_fees. Tax that has to be remitted is still in it.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_fees IS 'Fees that the platforms keep, over all sold orders; those given back with a refund are not in it.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_tax IS 'Tax as the platforms state it, over all sold orders whose charge is not void.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_discounts IS 'Discounts, over all sold orders whose charge is not void; free orders that are cancelled count as void.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.cancelled_orders IS 'Sold orders that are cancelled without a refund.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.orders_without_quantity IS 'Orders that stand whose number of tickets is not known yet; they are not in total_tickets_sold.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.sold_orders IS 'All orders that were ever sold: those that stand, the refunded and the cancelled.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.refund_rate_percent IS 'refunded_orders of a hundred sold_orders; NULL where nothing was sold.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.pending_orders IS 'Unpaid orders that are not cancelled.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.pending_tickets IS 'Admissions that they hold.';

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
