-- The same figures, taken apart: by platform, ticket type, refund and group.

CREATE FUNCTION boxoffice.platform_breakdown(event_id text DEFAULT NULL, from_time timestamptz DEFAULT NULL, until_time timestamptz DEFAULT NULL, OUT platform text, OUT
        currency text, OUT orders bigint, OUT sold_orders bigint, OUT tickets bigint, OUT kept numeric, OUT share_percent numeric, OUT
        fees numeric, OUT fee_percent numeric, OUT net numeric, OUT refunded_orders bigint, OUT refund_rate_percent numeric) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 4
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    IF platform_breakdown.event_id IS NOT NULL THEN
        PERFORM boxoffice._require_event(platform_breakdown.event_id);
    END IF;
    PERFORM boxoffice._require_span(from_time, until_time);
    RETURN QUERY SELECT d.platform::text, NULLIF(d.currency, ''), sum(d.orders)::bigint, sum(d.sold_orders)::bigint, sum(d.tickets)::bigint, sum(d.kept),
            round(100 * sum(d.kept) / NULLIF(sum(sum(d.kept)) OVER (PARTITION BY d.currency), 0), 1), sum(d.fees), round(100 * sum(d.fees) / NULLIF(sum(d.kept), 0), 1), sum(d.net),
            sum(d.refunded_orders)::bigint, round(100.0 * sum(d.refunded_orders) / NULLIF(sum(d.sold_orders), 0), 1)
        FROM boxoffice._days_of_span(from_time, until_time, NULL, platform_breakdown.event_id, false) d
        GROUP BY d.platform, d.currency ORDER BY d.currency, sum(d.kept) DESC;
END
$$;
COMMENT ON FUNCTION boxoffice.platform_breakdown(text, timestamptz, timestamptz) IS 'Sales by platform, of an event or with NULL of all linked ones: one row for each platform and currency. Shares are of the money kept in the currency; refund_rate_percent is refunded_orders, wholly or partly, of a hundred sold_orders.';

CREATE FUNCTION boxoffice.ticket_type_breakdown(event_id text, show timestamptz DEFAULT NULL, OUT platform text, OUT ticket_type text, OUT currency text, OUT tickets bigint,
        OUT tickets_void bigint, OUT free_tickets bigint, OUT price_sum numeric, OUT average_price numeric, OUT checked_in bigint, OUT
        share_percent numeric) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 8
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    PERFORM boxoffice._require_show(ticket_type_breakdown.event_id, show);
    RETURN QUERY SELECT a.platform::text, a.ticket_type, a.currency::text, count(*) FILTER (WHERE a.status <> 'cancelled'), count(*) FILTER (WHERE a.status = 'cancelled'),
            count(*) FILTER (WHERE a.status <> 'cancelled' AND a.ticket_price = 0),
            COALESCE(sum(a.ticket_price) FILTER (WHERE a.status <> 'cancelled'), 0), round(avg(a.ticket_price) FILTER (WHERE a.status <> 'cancelled'), 2),
            count(*) FILTER (WHERE a.status = 'checked_in'),
            round(100.0 * count(*) FILTER (WHERE a.status <> 'cancelled') / NULLIF(sum(count(*) FILTER (WHERE a.status <> 'cancelled')) OVER (), 0), 1)
        FROM boxoffice.attendees a WHERE a.event_id = ticket_type_breakdown.event_id AND (show IS NULL OR EXISTS (SELECT FROM boxoffice._show_members m WHERE m.event_id = ticket_type_breakdown.event_id AND m.starts_at = show
              AND m.platform = a.platform AND m.external_event_id = a.external_event_id
              AND (m.external_session_id IS NULL OR m.external_session_id = a.external_session_id)))
        GROUP BY a.platform, a.ticket_type, a.currency ORDER BY 4 DESC, 1, 2;
END
$$;
COMMENT ON FUNCTION boxoffice.ticket_type_breakdown(text, timestamptz) IS 'Tickets by type, from the attendees: of orders whose tickets are not known yet there are none. tickets are those that admit, free_tickets those of them without a price to pay; prices as bought, before fees that come on top.';

CREATE FUNCTION boxoffice.refund_summary(event_id text DEFAULT NULL, from_time timestamptz DEFAULT NULL, until_time timestamptz DEFAULT NULL, OUT currency text, OUT
        refunded_orders bigint, OUT partly_refunded_orders bigint, OUT cancelled_orders bigint, OUT requested_orders bigint, OUT amount
        numeric, OUT rate_percent numeric, OUT by_method jsonb, OUT median_days_before_show numeric) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 2
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    IF refund_summary.event_id IS NOT NULL THEN
        PERFORM boxoffice._require_event(refund_summary.event_id);
    END IF;
    PERFORM boxoffice._require_span(from_time, until_time);
    RETURN QUERY
        WITH sums AS MATERIALIZED (
            SELECT NULLIF(d.currency, '') AS currency, sum(d.refunded_orders)::bigint AS refunded, sum(d.partly_refunded_orders)::bigint AS partly, sum(d.cancelled_orders)::bigint AS cancelled,
                   sum(d.refunds) AS amount, sum(d.sold_orders) AS sold
            FROM boxoffice._days_of_span(from_time, until_time, NULL, refund_summary.event_id, false) d GROUP BY d.currency
        ), events AS MATERIALIZED (
            SELECT e.event_id, e.starts_at FROM boxoffice.ticket_events e WHERE refund_summary.event_id IS NULL OR e.event_id = refund_summary.event_id
        ), back AS MATERIALIZED (
            SELECT s.currency::text AS currency, s.refund_method, s.refund_amount, EXTRACT(epoch FROM e.starts_at - s.refund_date) / 86400 AS days
            FROM events e CROSS JOIN LATERAL (SELECT t.currency, t.refund_method, t.refund_amount, t.refund_date, t.refund_status, t.payment_status FROM boxoffice.ticket_sales t WHERE t.event_id = e.event_id AND t.void_date IS NOT NULL
                AND (from_time IS NULL OR t.void_date >= from_time) AND (until_time IS NULL OR t.void_date < until_time)) s
            WHERE s.refund_status IN ('partial', 'refunded') AND s.payment_status IS DISTINCT FROM 'unpaid'
        ), asked AS MATERIALIZED (
            SELECT s.currency::text AS currency, count(*) AS orders FROM boxoffice.ticket_sales s JOIN events e ON e.event_id = s.event_id
            WHERE s.refund_status = 'requested' AND (from_time IS NULL OR s.purchase_date >= from_time) AND (until_time IS NULL OR s.purchase_date < until_time) GROUP BY 1
        )
        SELECT s.currency, s.refunded, s.partly, s.cancelled, COALESCE(a.orders, 0), s.amount, round(100.0 * s.refunded / NULLIF(s.sold, 0), 1),
            (SELECT jsonb_object_agg(m.method, m.amount) FROM (SELECT COALESCE(b.refund_method, 'unknown') AS method, sum(b.refund_amount) AS amount FROM back b
                WHERE b.currency IS NOT DISTINCT FROM s.currency GROUP BY 1) m),
            (SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY b.days)::numeric, 1) FROM back b WHERE b.currency IS NOT DISTINCT FROM s.currency)
        FROM sums s LEFT JOIN asked a ON a.currency IS NOT DISTINCT FROM s.currency ORDER BY s.amount DESC, s.currency;
END
$$;
COMMENT ON FUNCTION boxoffice.refund_summary(text, timestamptz, timestamptz) IS 'What came back, of an event or with NULL of all linked ones: one row for each currency in which anything was sold or taken back in the span. refunded_orders are wholly or partly refunded, rate_percent is of the orders sold in the span; requested_orders, by the time of the purchase, still wait; by_method says how the amounts are known.';

CREATE FUNCTION boxoffice.net_revenue(group_by text DEFAULT 'event', from_time timestamptz DEFAULT NULL, until_time timestamptz DEFAULT NULL, event_id text DEFAULT
        NULL, OUT group_key text, OUT title text, OUT currency text, OUT tickets bigint, OUT gross numeric, OUT discounts numeric, OUT
        refunds numeric, OUT cancelled numeric, OUT kept numeric, OUT fees numeric, OUT tax numeric, OUT net numeric) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 50
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    IF net_revenue.event_id IS NOT NULL THEN
        PERFORM boxoffice._require_event(net_revenue.event_id);
    END IF;
    PERFORM boxoffice._require_span(from_time, until_time);
    IF group_by IS NULL THEN
        RAISE EXCEPTION 'group_by must not be null' USING ERRCODE = 'null_value_not_allowed', DETAIL = 'It is event, show, platform, month, week, day or venue.', HINT = 'event is the default.';
    ELSIF group_by NOT IN ('event', 'show', 'platform', 'month', 'week', 'day', 'venue') THEN
        RAISE EXCEPTION 'there is no group "%"', group_by USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It is event, show, platform, month, week, day or venue.', HINT = 'event is the default.';
    END IF;
    RETURN QUERY
        WITH days AS MATERIALIZED (
            SELECT d.*, p.event_id FROM boxoffice._days_of_span(from_time, until_time, NULL, net_revenue.event_id, false) d
            JOIN boxoffice.ticket_platforms p ON p.platform = d.platform AND p.external_event_id = d.external_event_id
        ), keyed AS (
            SELECT CASE group_by WHEN 'event' THEN d.event_id WHEN 'platform' THEN d.platform::text WHEN 'venue' THEN COALESCE(e.venue, 'unknown')
                       WHEN 'show' THEN d.event_id || ' ' || COALESCE(to_char(m.starts_at AT TIME ZONE boxoffice._event_zone(d.event_id), 'YYYY-MM-DD HH24:MI'), 'date unknown')
                       ELSE CASE WHEN d.day = '-infinity' THEN 'date unknown' ELSE to_char(date_trunc(group_by, d.day::timestamp), CASE group_by WHEN 'month' THEN 'YYYY-MM' ELSE 'YYYY-MM-DD' END) END END AS group_key,
                   CASE WHEN group_by IN ('event', 'show') THEN e.title END AS title, d.*
            FROM days d JOIN boxoffice.ticket_events e ON e.event_id = d.event_id
            LEFT JOIN LATERAL (SELECT m.starts_at FROM boxoffice._show_members m WHERE group_by = 'show' AND m.event_id = d.event_id AND m.platform = d.platform
                AND m.external_event_id = d.external_event_id AND (m.external_session_id IS NULL OR m.external_session_id = d.external_session_id) LIMIT 1) m ON true
        )
        SELECT k.group_key, k.title, NULLIF(k.currency, ''), sum(k.tickets)::bigint, sum(k.gross), sum(k.discounts), sum(k.refunds), sum(k.void), sum(k.kept), sum(k.fees), sum(k.tax), sum(k.net)
        FROM keyed k GROUP BY k.group_key, k.title, k.currency ORDER BY k.currency, k.group_key;
END
$$;
COMMENT ON FUNCTION boxoffice.net_revenue(text, timestamptz, timestamptz, text) IS 'What is left after fees, by event, show, platform, month, week, day or venue, of all linked events or of one: one row for each group and currency. gross - refunds - cancelled - fees = net; tax that has to be remitted is still in it. Weeks begin on Monday; days are local to each event.';
