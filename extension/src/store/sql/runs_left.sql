-- Orders of the event that the orders' pages did not show, and those whose tickets may have become complete: what was
-- complete by the sweep before is still.
-- $1 run, $2 platform, $3 event, $4 orders up to this one are finished with, $5 orders asked for from, $6 tickets asked for from,
-- $7 most, $8 how long a copy may lag behind, in microseconds
SELECT s.platform_order_id, (g.id IS NULL) AS missing, s.currency, s.kept_amount::text
FROM boxoffice.ticket_platforms p
JOIN boxoffice.ticket_sales s ON s.event_id = p.event_id AND s.platform = p.platform AND s.external_event_id = p.external_event_id
LEFT JOIN (SELECT DISTINCT unnest(order_ids) AS id FROM boxoffice.sync_pages WHERE run_id = $1) g ON g.id = s.platform_order_id
WHERE p.platform = $2 AND p.external_event_id = $3 AND s.platform_order_id > COALESCE($4, '')
  AND ((g.id IS NULL AND s.created_at < $5)
       OR ($6 IS NOT NULL AND (p.tickets_swept_at IS NULL OR s.created_at >= p.tickets_swept_at
           OR COALESCE(s.purchase_date, s.source_version, s.created_at) + $8 * interval '1 microsecond' > p.tickets_swept_at)))
ORDER BY s.platform_order_id LIMIT $7
