-- What `make demo` answers in the end: what an organiser asks, each with the question in SQL.
\pset footer off
\pset null ''
\pset linestyle unicode
\pset border 1
\set ECHO queries

\echo
\echo '═══ What is coming, and how does it sell? ═══'
SELECT to_char(next.night AT TIME ZONE e.time_zone, 'Dy DD Mon HH24:MI') AS "when", e.title AS show, s.sold, next.places,
       round(100.0 * s.sold / next.places) AS "%", s.orders AS "orders in 7 days", s.currency, s.taken
FROM ticket_events e
JOIN LATERAL (SELECT p.platform, d.id AS date, d.starts_at AS night, e.capacity / jsonb_array_length(p.external_sessions) AS places
              FROM ticket_platforms p, jsonb_to_recordset(p.external_sessions) d (id text, starts_at timestamptz)
              WHERE p.event_id = e.event_id AND d.starts_at > now()
              UNION ALL SELECT NULL, NULL, e.starts_at, e.capacity WHERE e.starts_at > now()
              ORDER BY night LIMIT 1) next ON true  -- where an event has several dates the next one
CROSS JOIN LATERAL (SELECT t.currency, sum(t.valid_quantity) AS sold, sum(t.kept_amount) AS taken,
                           count(*) FILTER (WHERE t.purchase_date > now() - interval '7 days') AS orders
                    FROM ticket_sales t WHERE t.event_id = e.event_id AND t.payment_status <> 'unpaid'
                      AND (next.date IS NULL OR t.external_session_id = next.date)
                    GROUP BY t.currency) s
ORDER BY next.night;

\echo '═══ Is this Friday ahead of the others? Tickets sold by so many days before the show ═══'
SELECT to_char(e.starts_at AT TIME ZONE e.time_zone, 'DD Mon') AS friday,
       d[1] AS "28 days", d[2] AS "21", d[3] AS "14", d[4] AS "7", d[5] AS "3", d[6] AS "1", d[7] AS "the end"
FROM ticket_events e,
     LATERAL (SELECT array_agg(CASE WHEN e.starts_at - days * interval '1 day' < now() THEN (
                  SELECT COALESCE(sum(valid_quantity), 0) FROM ticket_sales s
                  WHERE s.event_id = e.event_id AND s.purchase_date < e.starts_at - days * interval '1 day') END ORDER BY days DESC)
              FROM unnest('{28,21,14,7,3,1,0}'::int[]) days) curve (d)
WHERE e.title = 'Friday Night Laughs'
ORDER BY e.starts_at;

\echo '═══ What has the season brought so far? ═══'
SELECT COALESCE(event_title, 'together') AS show, sum(total_tickets_sold) AS tickets, currency, sum(gross_revenue) AS "you hold",
       sum(total_fees) AS "of it fees", sum(net_revenue) AS "for you", sum(total_refunds) AS "gone back"
FROM ticket_sales_analytics
WHERE sold_orders > 0
GROUP BY GROUPING SETS ((event_title, currency), (currency))
ORDER BY currency, grouping(event_title), "you hold" DESC;

\echo '═══ What came back, and what stayed? ═══'
SELECT e.title AS show, count(*) FILTER (WHERE s.refund_status = 'refunded') AS whole,
       count(*) FILTER (WHERE s.refund_status = 'partial') AS part, count(*) FILTER (WHERE s.refund_status = 'requested') AS asked,
       round(100.0 * count(*) FILTER (WHERE s.refund_status IN ('refunded', 'partial')) / count(*), 1) AS "% of orders",
       s.currency, sum(s.refund_amount) AS "gone back", sum(s.kept_amount) FILTER (WHERE s.refund_status = 'refunded') AS "fees kept"
FROM ticket_sales s JOIN ticket_events e USING (event_id)
WHERE s.payment_status <> 'unpaid'
GROUP BY e.title, s.currency
ORDER BY "% of orders" DESC;

\echo '═══ Who came, and who did not? ═══'
SELECT e.title AS show, CASE WHEN a.ticket_price = 0 THEN 'comp' ELSE 'paid' END AS ticket, count(*) AS tickets,
       count(*) FILTER (WHERE a.status = 'checked_in') AS came, count(*) FILTER (WHERE a.status = 'registered') AS "no-shows",
       round(100.0 * count(*) FILTER (WHERE a.status = 'registered') / count(*)) AS "no-show %"
FROM attendees a JOIN ticket_events e USING (event_id)
WHERE a.status <> 'cancelled' AND e.ends_at < now()
GROUP BY 1, 2
ORDER BY 1, 2 DESC;

\echo '═══ New Faces is one event with six nights on Humanitix. Night by night? ═══'
SELECT to_char(d.starts_at AT TIME ZONE p.external_time_zone, 'Dy DD Mon') AS night, count(*) AS tickets,
       count(*) FILTER (WHERE a.status = 'checked_in') AS came,
       count(*) FILTER (WHERE a.status = 'registered' AND d.ends_at < now()) AS "no-shows",
       count(*) FILTER (WHERE a.status = 'registered' AND d.ends_at > now()) AS "to come"
FROM attendees a JOIN ticket_platforms p USING (platform, external_event_id),
     jsonb_to_recordset(p.external_sessions) d (id text, starts_at timestamptz, ends_at timestamptz)
WHERE a.event_id = 'new-faces' AND a.external_session_id = d.id AND a.status <> 'cancelled'
GROUP BY d.starts_at, p.external_time_zone
ORDER BY d.starts_at;

\echo '═══ Who comes again and again? ═══'
SELECT customer_name AS fan, customer_email AS email, count(DISTINCT event_id) AS shows, sum(valid_quantity) AS tickets,
       sum(kept_amount) AS spent, string_agg(DISTINCT platform, ' and ') AS "buys at"
FROM ticket_sales
WHERE currency = 'AUD' AND payment_status = 'paid' AND refund_status IN ('none', 'partial')
GROUP BY 1, 2
ORDER BY shows DESC, spent DESC
LIMIT 5;

\echo '═══ What needs you? ═══'
SELECT 'sales of an event that is not linked' AS what, p.external_title AS show, count(*) AS orders, s.currency, sum(s.total_amount) AS money
FROM ticket_sales s JOIN ticket_platforms p USING (platform, external_event_id) WHERE s.event_id IS NULL GROUP BY 2, 4
UNION ALL
SELECT 'somebody asks for a refund', e.title, count(*), s.currency, sum(s.total_amount)
FROM ticket_sales s JOIN ticket_events e USING (event_id) WHERE s.refund_status = 'requested' GROUP BY 2, 4
UNION ALL
SELECT 'reserved, and not paid', e.title, count(*), s.currency, sum(s.total_amount)
FROM ticket_sales s JOIN ticket_events e USING (event_id) WHERE s.payment_status = 'unpaid' GROUP BY 2, 4
ORDER BY 1, 2;

\echo '═══ Can you trust it? ═══'
SELECT h.platform, h.received AS webhooks, h.invalid AS "of no use", h.rejected AS "turned away", r.events AS "events compared",
       r.wrong AS "orders put right", (SELECT count(*) FROM check_consistency() c WHERE c.platform = h.platform) AS contradictions
FROM webhook_health h
JOIN (SELECT platform, count(*) AS events, sum(orders_different) AS wrong FROM reconciliation_reports GROUP BY platform) r USING (platform);

\echo '═══ The same in one call each: how does the next night do? ═══'
SELECT local_start, title, state, sold, capacity AS places, last_24_hours AS "in 24 h", pace_percent AS "pace %", forecast,
       forecast_low AS low, forecast_high AS high, sell_out AS "sells out"
FROM tonight();

\echo '═══ Does anything need you? ═══'
SELECT what, how_much, what_to_do FROM needs_attention();

\echo '═══ Net after fees, by month ═══'
SELECT group_key AS month, currency, tickets, gross, refunds, cancelled, fees, net FROM net_revenue('month');

\echo '═══ Who sells better, and who gives more back? ═══'
SELECT platform, currency, orders, tickets, kept, share_percent AS "share %", fee_percent AS "fees %", refund_rate_percent AS "refunds %" FROM platform_breakdown();

\echo '═══ Do they come again? ═══'
SELECT buyers, new_buyers AS new, returning_buyers AS returning, returning_percent AS "returning %", orders_per_buyer AS "orders each" FROM customer_summary();

\echo '═══ How far off are forecasts, so many days before a night? ═══'
SELECT days_before, shows_compared AS shows, median_error_percent AS "error %", bias_percent AS "bias %" FROM forecast_accuracy();

\echo '═══ Is every figure what the rows say, counted in another way? ═══'
SELECT (SELECT count(*) FROM sale_facts) AS facts, count(*) AS "figures that differ" FROM check_analytics();
