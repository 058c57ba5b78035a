-- The two views of the first version, as they were, over the same rows.
DROP SCHEMA IF EXISTS first CASCADE;
CREATE SCHEMA first;
CREATE VIEW first.ticket_sales_analytics AS
SELECT e.event_id, e.title AS event_title, e.starts_at AS event_date, e.venue, count(DISTINCT (s.platform, s.platform_order_id)) AS total_orders,
       sum(s.ticket_quantity) AS total_tickets_sold, sum(s.total_amount) AS gross_revenue, avg(s.total_amount) AS average_order_value,
       count(DISTINCT (s.platform, s.platform_order_id)) FILTER (WHERE s.platform = 'humanitix') AS humanitix_orders,
       count(DISTINCT (s.platform, s.platform_order_id)) FILTER (WHERE s.platform = 'eventbrite') AS eventbrite_orders,
       count(DISTINCT (s.platform, s.platform_order_id)) FILTER (WHERE s.platform NOT IN ('eventbrite', 'humanitix')) AS manual_orders,
       count(DISTINCT (s.platform, s.platform_order_id)) FILTER (WHERE s.refund_status <> 'none') AS refunded_orders, COALESCE(sum(s.refund_amount), 0) AS total_refunds,
       min(s.purchase_date) AS first_sale_date, max(s.purchase_date) AS last_sale_date,
       count(DISTINCT (s.platform, s.platform_order_id)) FILTER (WHERE s.purchase_date >= now() - interval '7 days') AS sales_last_7_days, e.capacity,
       CASE WHEN e.capacity > 0 THEN round(sum(s.ticket_quantity)::numeric / e.capacity * 100, 2) END AS capacity_utilization_percent
FROM boxoffice.ticket_events e LEFT JOIN boxoffice.ticket_sales s ON s.event_id = e.event_id GROUP BY e.event_id;
CREATE VIEW first.attendee_checkin_status AS
SELECT a.event_id, e.title, e.starts_at, count(DISTINCT (a.platform, a.platform_order_id, a.platform_attendee_id)) AS total_attendees,
       count(*) FILTER (WHERE a.status = 'checked_in') AS checked_in, count(*) FILTER (WHERE a.status = 'registered') AS not_checked_in,
       count(*) FILTER (WHERE a.status = 'no_show') AS no_shows, count(*) FILTER (WHERE a.status = 'cancelled') AS cancelled
FROM boxoffice.attendees a JOIN boxoffice.ticket_events e ON e.event_id = a.event_id GROUP BY a.event_id, e.title, e.starts_at;
