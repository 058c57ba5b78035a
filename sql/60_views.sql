-- Analytics. security_invoker: a view shows a reader no more than the tables would.

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
    COALESCE(s.orders_without_quantity, 0) AS orders_without_quantity
FROM boxoffice.ticket_events e
LEFT JOIN (
    SELECT
        event_id,
        currency,
        pg_catalog.count(*) FILTER (WHERE stands) AS total_orders,
        COALESCE(pg_catalog.sum(COALESCE(valid_quantity, ticket_quantity)) FILTER (WHERE stands), 0) AS total_tickets_sold,
        COALESCE(pg_catalog.sum(kept), 0) AS gross_revenue,
        COALESCE(pg_catalog.round(pg_catalog.avg(kept) FILTER (WHERE stands), 2), 0) AS average_order_value,
        pg_catalog.count(*) FILTER (WHERE stands AND platform = 'humanitix') AS humanitix_orders,
        pg_catalog.count(*) FILTER (WHERE stands AND platform = 'eventbrite') AS eventbrite_orders,
        pg_catalog.count(*) FILTER (WHERE stands AND platform NOT IN ('humanitix', 'eventbrite')) AS manual_orders,
        pg_catalog.count(*) FILTER (WHERE refund_status IN ('partial', 'refunded')) AS refunded_orders,
        COALESCE(pg_catalog.sum(refund_amount), 0) AS total_refunds,
        pg_catalog.min(purchase_date) AS first_sale_date,
        pg_catalog.max(purchase_date) AS last_sale_date,
        pg_catalog.count(*) FILTER (WHERE stands AND purchase_date >= pg_catalog.now() - interval '7 days') AS sales_last_7_days,
        COALESCE(pg_catalog.sum(net_amount) FILTER (WHERE refund_status <> 'cancelled'), 0) AS net_revenue,
        COALESCE(pg_catalog.sum(fee_amount) FILTER (WHERE refund_status <> 'cancelled'), 0) AS total_fees,
        COALESCE(pg_catalog.sum(tax_amount) FILTER (WHERE refund_status <> 'cancelled'), 0) AS total_tax,
        COALESCE(pg_catalog.sum(discount_amount) FILTER (WHERE refund_status <> 'cancelled'), 0) AS total_discounts,
        pg_catalog.count(*) FILTER (WHERE refund_status = 'cancelled') AS cancelled_orders,
        pg_catalog.count(*) FILTER (WHERE stands AND COALESCE(valid_quantity, ticket_quantity) IS NULL) AS orders_without_quantity
    FROM (
        SELECT t.*,
               t.refund_status NOT IN ('refunded', 'cancelled') AS stands,
               CASE WHEN t.refund_status <> 'cancelled' THEN t.total_amount - COALESCE(t.refund_amount, 0) END AS kept
        FROM boxoffice.ticket_sales t
    ) t
    GROUP BY event_id, currency
) s ON s.event_id = e.event_id;

COMMENT ON VIEW boxoffice.ticket_sales_analytics IS 'Sales of each event, one row for each currency. Cancelled orders and refunded money are not counted as sold; 0 where nothing was sold.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.event_id IS 'Our event.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.event_title IS 'Title.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.event_date IS 'Start.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.venue IS 'Venue.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_orders IS 'Orders that stand: neither cancelled nor wholly refunded.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_tickets_sold IS 'Admissions that are still valid.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.gross_revenue IS 'What buyers were charged, less refunds, before fees.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.average_order_value IS 'gross_revenue of an order that stands, on average.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.humanitix_orders IS 'Orders that stand, on Humanitix.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.eventbrite_orders IS 'Orders that stand, on Eventbrite.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.manual_orders IS 'Orders that stand, on other platforms.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.refunded_orders IS 'Orders with a partial or whole refund.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_refunds IS 'Money refunded.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.first_sale_date IS 'First purchase.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.last_sale_date IS 'Last purchase.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.sales_last_7_days IS 'Orders that stand, bought in the last seven days.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.capacity IS 'Places.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.capacity_utilization_percent IS 'Share of the places that are sold, over all currencies; NULL without a capacity.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.currency IS 'ISO 4217 code of the amounts; NULL where nothing was sold or the platform gave none.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.net_revenue IS 'What is left of each order after refunds and fees, never less than nothing; tax that has to be remitted is still in it.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_fees IS 'Fees of the platforms.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_tax IS 'Tax as the platforms state it.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.total_discounts IS 'Discounts.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.cancelled_orders IS 'Orders that are void without a refund.';
COMMENT ON COLUMN boxoffice.ticket_sales_analytics.orders_without_quantity IS 'Orders that stand whose number of tickets is not known yet; they are not in total_tickets_sold.';

CREATE VIEW boxoffice.attendee_checkin_status WITH (security_invoker = true) AS
SELECT
    e.event_id,
    e.title AS event_title,
    e.starts_at AS event_date,
    COALESCE(a.total_attendees, 0) AS total_attendees,
    COALESCE(a.checked_in, 0) AS checked_in,
    CASE WHEN o.is_over THEN 0 ELSE COALESCE(a.not_in, 0) END AS not_checked_in,
    CASE WHEN o.is_over THEN COALESCE(a.not_in, 0) ELSE 0 END AS no_shows,
    COALESCE(a.cancelled, 0) AS cancelled,
    CASE WHEN a.checked_in + a.not_in > 0
         THEN pg_catalog.round(a.checked_in::numeric / (a.checked_in + a.not_in) * 100, 2) ELSE 0 END AS checkin_percentage,
    COALESCE(a.humanitix_attendees, 0) AS humanitix_attendees,
    COALESCE(a.eventbrite_attendees, 0) AS eventbrite_attendees,
    COALESCE(a.manual_attendees, 0) AS manual_attendees
FROM boxoffice.ticket_events e
CROSS JOIN LATERAL (
    SELECT COALESCE(COALESCE(e.ends_at, e.starts_at + interval '6 hours') < pg_catalog.now(), false) AS is_over
) o
LEFT JOIN (
    SELECT
        event_id,
        pg_catalog.count(*) AS total_attendees,
        pg_catalog.count(*) FILTER (WHERE status = 'checked_in') AS checked_in,
        pg_catalog.count(*) FILTER (WHERE status IN ('registered', 'no_show')) AS not_in,
        pg_catalog.count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
        pg_catalog.count(*) FILTER (WHERE platform = 'humanitix') AS humanitix_attendees,
        pg_catalog.count(*) FILTER (WHERE platform = 'eventbrite') AS eventbrite_attendees,
        pg_catalog.count(*) FILTER (WHERE platform NOT IN ('humanitix', 'eventbrite')) AS manual_attendees
    FROM boxoffice.attendees
    GROUP BY event_id
) a ON a.event_id = e.event_id;

COMMENT ON VIEW boxoffice.attendee_checkin_status IS 'The door: how many of each event''s attendees have come.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.event_id IS 'Our event.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.event_title IS 'Title.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.event_date IS 'Start.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.total_attendees IS 'All attendees, cancelled ones included.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.checked_in IS 'Checked in.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.not_checked_in IS 'Still to come: registered, and the event is not over.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.no_shows IS 'Did not come: registered, and the event is over.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.cancelled IS 'Cancelled.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.checkin_percentage IS 'Share of the attendees who may come that are checked in; cancelled ones do not count.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.humanitix_attendees IS 'Attendees with a ticket of Humanitix.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.eventbrite_attendees IS 'Attendees with a ticket of Eventbrite.';
COMMENT ON COLUMN boxoffice.attendee_checkin_status.manual_attendees IS 'Attendees with a ticket of another platform.';
