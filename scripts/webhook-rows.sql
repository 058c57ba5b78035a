-- For `make webhook`: the rows about what the delivery names that have changed since it was sent, and how to remove them.
\getenv log_id LOG_ID
\getenv since SINCE
CREATE TEMPORARY TABLE l AS
    SELECT id, platform, platform_order_id, convert_from(body, 'UTF8') AS text, :'since'::timestamptz AS since FROM boxoffice.webhook_logs WHERE id = :log_id;
CREATE TEMPORARY TABLE r (n int, relation text, what text, key text);
INSERT INTO r
SELECT 1, 'ticket_sales', concat_ws(', ', concat(CASE WHEN s.created_at >= l.since THEN 'new: ' ELSE 'changed: ' END, s.platform_order_id),
        s.customer_name, s.ticket_quantity || ' tickets', concat_ws(' ', s.currency, s.total_amount), 'refund_status ' || s.refund_status,
        COALESCE('event ' || s.event_id, 'of no event of yours')), format('platform_order_id = %L', s.platform_order_id)
    FROM l JOIN boxoffice.ticket_sales s USING (platform, platform_order_id) WHERE s.updated_at >= l.since
UNION ALL
SELECT 2, 'attendees', concat_ws(', ', NULLIF(count(*) FILTER (WHERE a.created_at >= l.since), 0) || ' new', NULLIF(count(*) FILTER (WHERE a.created_at < l.since), 0) || ' changed'),
        format('platform_order_id = %L', a.platform_order_id)
    FROM l JOIN boxoffice.attendees a USING (platform, platform_order_id) WHERE a.updated_at >= l.since GROUP BY a.platform_order_id
UNION ALL
SELECT 3, 'order_states', concat('of ', s.platform_order_id), format('platform_order_id = %L', s.platform_order_id)
    FROM l JOIN boxoffice.order_states s USING (platform, platform_order_id) WHERE s.updated_at >= l.since
UNION ALL
SELECT 4, 'ticket_platforms', concat_ws(', ', 'new: ' || p.external_event_id, p.external_title, COALESCE('event ' || p.event_id, 'not linked')),
        format('external_event_id = %L', p.external_event_id)
    FROM l JOIN boxoffice.ticket_platforms p USING (platform) WHERE p.created_at >= l.since AND strpos(l.text, p.external_event_id) > 0
UNION ALL
SELECT 5, 'fetch_jobs', concat_ws(', ', concat(CASE WHEN j.created_at >= l.since THEN 'new: ' ELSE 'changed: ' END, j.kind, ' ', j.resource_id), j.status,
        CASE WHEN EXISTS (SELECT FROM boxoffice.platform_accounts a WHERE a.platform = j.platform AND a.announced_at IS NOT NULL)
             THEN 'the worker asks the platform for it' ELSE 'the worker has no credential to ask for it with' END), format('id = %s', j.id)
    FROM l JOIN boxoffice.fetch_jobs j USING (platform) WHERE j.due_at >= l.since AND j.purpose = 'hint' AND strpos(l.text, j.resource_id) > 0;
SELECT CASE row_number() OVER (ORDER BY n) WHEN 1 THEN 'rows     ' ELSE '         ' END || rpad(relation, 18) || what FROM r ORDER BY n;
SELECT 'rows     none' WHERE NOT EXISTS (SELECT FROM r);
SELECT E'\nIt is made up. To remove it, in make psql:\n  ' || string_agg(
        format('DELETE FROM %s WHERE %s;', relation, CASE WHEN key LIKE '%\_id = %' THEN format('platform = %L AND ', l.platform) ELSE '' END || key), E'\n  ' ORDER BY n)
FROM (TABLE r UNION ALL SELECT 6, 'webhook_logs', NULL, 'id = ' || id FROM l) d, l;
