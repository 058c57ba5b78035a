-- What `make demo` prints at the end.
\pset footer off
\pset null '-'
\pset linestyle unicode
\pset border 2

\pset title 'Sales by event'
SELECT event_title AS event, currency, total_orders AS orders, total_tickets_sold AS tickets, gross_revenue AS gross,
       total_refunds AS refunds, total_fees AS fees, net_revenue AS net, cancelled_orders AS cancelled,
       capacity_utilization_percent AS "full %"
FROM ticket_sales_analytics ORDER BY event_date, event_title, currency;

\pset title 'Sales by platform'
SELECT platform, currency, refund_status, count(*) AS orders, sum(ticket_quantity) AS tickets,
       sum(total_amount) AS charged, sum(refund_amount) AS refunded
FROM ticket_sales GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

\pset title 'Deliveries'
SELECT platform, event_type, source, status, count(*) AS deliveries, min(error_message) AS "for example"
FROM webhook_logs GROUP BY 1, 2, 3, 4 ORDER BY 1, 3 DESC, 2, 4;

\pset title 'Synchronisations'
SELECT platform, event_title AS event, mode, status, pages, items, rows_changed AS "rows", items_per_second AS "items/s"
FROM sync_runs WHERE external_event_id IS NOT NULL ORDER BY id DESC LIMIT 20;

\pset title 'Refused'
SELECT platform, reason, sum(count) AS deliveries, max(last_at) AS last
FROM webhook_rejections GROUP BY 1, 2 ORDER BY 1, 2;
