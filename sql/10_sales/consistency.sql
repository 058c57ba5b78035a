-- Rows that contradict each other.

CREATE FUNCTION boxoffice.check_consistency(OUT problem text, OUT platform text, OUT item text) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
    SELECT 'sale without a merge state', s.platform, s.platform_order_id FROM boxoffice.ticket_sales s
        WHERE NOT EXISTS (SELECT FROM boxoffice.order_states o
                          WHERE o.platform = s.platform AND o.platform_order_id = s.platform_order_id)
    UNION ALL
    SELECT 'attendee without a sale', a.platform, a.platform_order_id || ' ' || a.platform_attendee_id FROM boxoffice.attendees a
        WHERE NOT EXISTS (SELECT FROM boxoffice.ticket_sales s
                          WHERE s.platform = a.platform AND s.platform_order_id = a.platform_order_id)
    UNION ALL
    SELECT 'more valid tickets than bought', s.platform, s.platform_order_id FROM boxoffice.ticket_sales s
        WHERE s.valid_quantity > s.ticket_quantity
    UNION ALL
    SELECT 'refunded more than charged', s.platform, s.platform_order_id FROM boxoffice.ticket_sales s
        WHERE s.refund_amount > s.total_amount
    UNION ALL
    SELECT 'cancelled without a refund, but with a refund amount', s.platform, s.platform_order_id FROM boxoffice.ticket_sales s
        WHERE s.refund_status = 'cancelled' AND s.refund_amount > 0
    UNION ALL
    SELECT 'amounts that contradict each other', s.platform, s.platform_order_id FROM boxoffice.ticket_sales s
        WHERE s.net_amount > s.kept_amount OR (s.kept_amount > s.total_amount - COALESCE(s.refund_amount, 0) AND s.kept_amount > 0 AND s.refund_amount <= s.total_amount)
           OR s.kept_amount - s.net_amount > COALESCE(s.fee_amount, 0) OR (s.payment_status = 'unpaid' AND s.kept_amount > 0)
           OR (s.kept_amount IS NULL) <> (s.total_amount IS NULL) OR (s.net_amount IS NULL) <> (s.total_amount IS NULL)
    UNION ALL
    SELECT 'taken back without a date', s.platform, s.platform_order_id FROM boxoffice.ticket_sales s
        WHERE s.void_date IS NULL AND s.source_version IS NOT NULL
          AND (s.refund_status IN ('partial', 'refunded', 'cancelled') OR s.valid_quantity < s.ticket_quantity)
    UNION ALL
    SELECT 'refunded attendee that may still come in', a.platform, a.platform_order_id || ' ' || a.platform_attendee_id
        FROM boxoffice.attendees a WHERE a.refunded AND a.status <> 'cancelled'
    UNION ALL
    SELECT 'sale of another event than its platform event is linked to', s.platform, s.platform_order_id
        FROM boxoffice.ticket_sales s
        LEFT JOIN boxoffice.ticket_platforms p ON p.platform = s.platform AND p.external_event_id = s.external_event_id
        WHERE s.event_id IS DISTINCT FROM p.event_id
    UNION ALL
    SELECT 'link to an event that does not exist', p.platform, p.external_event_id FROM boxoffice.ticket_platforms p
        WHERE p.event_id IS NOT NULL AND NOT EXISTS (SELECT FROM boxoffice.ticket_events e WHERE e.event_id = p.event_id)
    UNION ALL
    SELECT 'right to read of a role that does not exist', NULL, g.grantee || ' ' || g.event_id FROM boxoffice.access_grants g
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = g.grantee)
    UNION ALL
    SELECT 'failed delivery that nobody will try again', l.platform, l.id::text FROM boxoffice.webhook_logs l
        WHERE (l.status = 'failed') <> (l.next_attempt_at IS NOT NULL)
$$;
COMMENT ON FUNCTION boxoffice.check_consistency() IS 'Rows that contradict each other: orphans, impossible quantities and amounts, wrong links. Empty when all is well; reads everything.';
