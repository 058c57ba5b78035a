-- The sheets against the rows, by another way of counting.

CREATE FUNCTION boxoffice.check_analytics(event_id text DEFAULT NULL, OUT platform text, OUT external_event_id text, OUT external_session_id text, OUT currency text, OUT day date,
        OUT measure text, OUT rolled_up numeric, OUT recomputed numeric) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    IF check_analytics.event_id IS NOT NULL THEN
        PERFORM boxoffice._require_event(check_analytics.event_id);
    END IF;
    RETURN QUERY
        WITH zones AS MATERIALIZED (
            SELECT p.platform, p.external_event_id::text AS external_event_id, boxoffice._zone(e.time_zone, p.external_time_zone) AS zone
            FROM boxoffice.ticket_platforms p LEFT JOIN boxoffice.ticket_events e ON e.event_id = p.event_id
        ), orders AS (
            -- Where an order stands today, in plain words; nothing of sale_facts is used.
            SELECT s.platform::text AS platform, COALESCE(s.external_event_id, '') AS event, COALESCE(s.external_session_id, '') AS session, COALESCE(s.currency::text, '') AS currency,
                   COALESCE((s.purchase_date AT TIME ZONE COALESCE(z.zone, 'UTC'))::date, '-infinity') AS bought, COALESCE((s.void_date AT TIME ZONE COALESCE(z.zone, 'UTC'))::date, '-infinity') AS undone,
                   s.payment_status IS NOT DISTINCT FROM 'unpaid' AS unpaid, s.refund_status IN ('refunded', 'cancelled') AS gone, s.refund_status,
                   COALESCE(s.ticket_quantity, s.valid_quantity, 0) AS many,
                   CASE WHEN s.valid_quantity IS NOT NULL THEN s.valid_quantity WHEN s.refund_status IN ('refunded', 'cancelled') THEN 0 ELSE COALESCE(s.ticket_quantity, 0) END AS left_over,
                   s.ticket_quantity IS NULL AND s.valid_quantity IS NULL AS no_quantity, s.total_amount IS NULL AS no_amount, COALESCE(s.total_amount = 0, false) AS free,
                   COALESCE(s.total_amount, s.refund_amount, 0)::numeric AS charged, COALESCE(s.refund_amount, 0)::numeric AS refunded, COALESCE(s.kept_amount, 0)::numeric AS held,
                   COALESCE(s.net_amount, 0)::numeric AS net, CASE WHEN s.total_amount IS NULL THEN 0 ELSE COALESCE(s.fee_amount, 0) END::numeric AS fee, COALESCE(s.tax_amount, 0)::numeric AS tax, COALESCE(s.discount_amount, 0)::numeric AS discount,
                   COALESCE(s.kept_amount = 0 AND s.refund_amount = 0 AND (s.total_amount > 0 OR s.refund_status = 'cancelled'), false) AS void
            FROM boxoffice.ticket_sales s LEFT JOIN zones z ON z.platform = s.platform AND z.external_event_id = s.external_event_id
            WHERE check_analytics.event_id IS NULL OR s.event_id = check_analytics.event_id
        ), counted AS (
            SELECT o.platform, o.event, o.session, o.currency, m.day, m.measure, sum(m.value)::numeric AS value
            FROM orders o
            CROSS JOIN LATERAL (VALUES
                ('orders', o.bought, CASE WHEN o.unpaid THEN 0 ELSE 1 END), ('orders', o.undone, CASE WHEN o.gone AND NOT o.unpaid THEN -1 ELSE 0 END),
                ('sold_orders', o.bought, CASE WHEN o.unpaid THEN 0 ELSE 1 END),
                ('tickets', o.bought, CASE WHEN o.unpaid THEN 0 ELSE o.many END), ('tickets', o.undone, CASE WHEN o.unpaid THEN 0 ELSE o.left_over - o.many END),
                ('sold_tickets', o.bought, CASE WHEN o.unpaid THEN 0 ELSE o.many END),
                ('gross', o.bought, CASE WHEN o.unpaid THEN 0 ELSE o.charged END),
                ('refunds', o.undone, CASE WHEN o.unpaid THEN 0 ELSE o.refunded END),
                ('void', o.undone, CASE WHEN o.unpaid THEN 0 ELSE o.charged - o.refunded - o.held END),
                ('kept', o.bought, CASE WHEN o.unpaid THEN 0 ELSE o.charged END), ('kept', o.undone, CASE WHEN o.unpaid THEN 0 ELSE o.held - o.charged END),
                ('fees', o.bought, CASE WHEN o.unpaid THEN 0 ELSE o.fee END), ('fees', o.undone, CASE WHEN o.unpaid THEN 0 ELSE o.held - o.net - o.fee END),
                ('fees_back', o.undone, CASE WHEN o.unpaid THEN 0 ELSE o.fee - (o.held - o.net) END),
                ('net', o.bought, CASE WHEN o.unpaid THEN 0 ELSE o.charged - o.fee END), ('net', o.undone, CASE WHEN o.unpaid THEN 0 ELSE o.net - (o.charged - o.fee) END),
                ('tax', o.bought, CASE WHEN o.unpaid THEN 0 ELSE o.tax END), ('tax', o.undone, CASE WHEN o.void AND NOT o.unpaid THEN -o.tax ELSE 0 END),
                ('discounts', o.bought, CASE WHEN o.unpaid THEN 0 ELSE o.discount END), ('discounts', o.undone, CASE WHEN o.void AND NOT o.unpaid THEN -o.discount ELSE 0 END),
                ('free_orders', o.bought, CASE WHEN o.free AND NOT o.unpaid THEN 1 ELSE 0 END), ('free_orders', o.undone, CASE WHEN o.free AND o.gone AND NOT o.unpaid THEN -1 ELSE 0 END),
                ('orders_without_quantity', o.bought, CASE WHEN o.no_quantity AND NOT o.unpaid THEN 1 ELSE 0 END), ('orders_without_quantity', o.undone, CASE WHEN o.no_quantity AND o.gone AND NOT o.unpaid THEN -1 ELSE 0 END),
                ('orders_without_amount', o.bought, CASE WHEN o.no_amount AND NOT o.unpaid THEN 1 ELSE 0 END), ('orders_without_amount', o.undone, CASE WHEN o.no_amount AND o.gone AND NOT o.unpaid THEN -1 ELSE 0 END),
                ('refunded_orders', o.undone, CASE WHEN o.refund_status IN ('partial', 'refunded') AND NOT o.unpaid THEN 1 ELSE 0 END),
                ('partly_refunded_orders', o.undone, CASE WHEN o.refund_status = 'partial' AND NOT o.unpaid THEN 1 ELSE 0 END),
                ('cancelled_orders', o.undone, CASE WHEN o.refund_status = 'cancelled' AND NOT o.unpaid THEN 1 ELSE 0 END),
                ('kept_of_gone', o.undone, CASE WHEN o.gone AND NOT o.unpaid THEN o.held ELSE 0 END),
                ('pending_orders', o.bought, CASE WHEN o.unpaid AND NOT o.gone THEN 1 ELSE 0 END),
                ('pending_tickets', o.bought, CASE WHEN o.unpaid AND NOT o.gone THEN o.left_over ELSE 0 END)
            ) m (measure, day, value)
            WHERE m.value <> 0 GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(m.value) <> 0
        ), sheets AS (
            SELECT d.platform::text AS platform, d.external_event_id::text AS event, d.external_session_id::text AS session, d.currency::text AS currency, d.day, m.measure, sum(m.value) AS value
            FROM boxoffice._sale_days d
            CROSS JOIN LATERAL (VALUES
                ('orders', d.orders), ('sold_orders', d.sold_orders), ('tickets', d.tickets), ('sold_tickets', d.sold_tickets), ('gross', d.gross),
                ('refunds', d.refunds), ('void', d.void), ('kept', d.kept), ('fees', d.fees), ('fees_back', d.fees_back),
                ('net', d.net), ('tax', d.tax), ('discounts', d.discounts), ('free_orders', d.free_orders), ('orders_without_quantity', d.orders_without_quantity),
                ('orders_without_amount', d.orders_without_amount), ('refunded_orders', d.refunded_orders), ('partly_refunded_orders', d.partly_refunded_orders), ('cancelled_orders', d.cancelled_orders), ('kept_of_gone', d.kept_of_gone),
                ('pending_orders', d.pending_orders), ('pending_tickets', d.pending_tickets)
            ) m (measure, value)
            WHERE m.value <> 0 AND (check_analytics.event_id IS NULL OR d.event_id = check_analytics.event_id)
            GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(m.value) <> 0
        )
        SELECT COALESCE(s.platform, c.platform), COALESCE(s.event, c.event), COALESCE(s.session, c.session), COALESCE(s.currency, c.currency), COALESCE(s.day, c.day), COALESCE(s.measure, c.measure),
               COALESCE(s.value, 0), COALESCE(c.value, 0)
        FROM sheets s FULL JOIN counted c ON c.platform = s.platform AND c.event = s.event AND c.session = s.session AND c.currency = s.currency AND c.day = s.day AND c.measure = s.measure
        WHERE s.value IS DISTINCT FROM c.value
        ORDER BY 1, 2, 3, 4, 5, 6;
END
$$;
COMMENT ON FUNCTION boxoffice.check_analytics(text) IS 'Where the figures are not what the rows say, counted a second time and in another way; of an event, or with NULL of all. Empty when all is well, also while sales are being written. Rows changed by hand leave no mark: rebuild_analytics() puts that right.';

CREATE FUNCTION boxoffice._check_some(max_events integer) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    e record;
    wrong integer;
    checked integer := 0;
BEGIN
    -- Each about once an hour, some every minute.
    IF (SELECT max(c.checked_at) > now() - interval '1 minute' FROM boxoffice.sheet_coverage c) THEN
        RETURN 0;
    ELSIF NOT boxoffice._lock_fold() THEN
        RETURN 0;
    END IF;
    FOR e IN SELECT p.event_id, min(c.checked_at) AS checked_at FROM boxoffice.sheet_coverage c
             JOIN boxoffice.ticket_platforms p ON p.platform = c.platform AND p.external_event_id = c.external_event_id AND p.event_id IS NOT NULL
             GROUP BY p.event_id HAVING min(COALESCE(c.checked_at, '-infinity')) < now() - interval '1 hour'
             ORDER BY min(COALESCE(c.checked_at, '-infinity')), p.event_id LIMIT max_events LOOP
        SELECT count(*) INTO wrong FROM boxoffice.check_analytics(e.event_id);
        UPDATE boxoffice.sheet_coverage c SET checked_at = now(), differences = wrong
            FROM boxoffice.ticket_platforms p
            WHERE p.platform = c.platform AND p.external_event_id = c.external_event_id AND p.event_id = e.event_id;
        checked := checked + 1;
    END LOOP;
    RETURN checked;
END
$$;
COMMENT ON FUNCTION boxoffice._check_some(integer) IS 'check_analytics() for the events whose last check is the oldest, and an hour ago at least; needs_attention() tells what it has found. Says how many it has checked.';
