-- What was known at a time, and why it is different now.

CREATE FUNCTION boxoffice._versions_at(at timestamptz, event_id text, OUT platform text, OUT platform_order_id text, OUT valid_until timestamptz)
    RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 1000
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH events AS MATERIALIZED (
            SELECT p.platform, p.external_event_id FROM boxoffice.ticket_platforms p
            WHERE p.event_id = _versions_at.event_id OR _versions_at.event_id IS NULL AND p.event_id IS NOT NULL
        ), now_here AS MATERIALIZED (
            SELECT s.platform, s.platform_order_id, s.created_at FROM boxoffice.ticket_sales s
            WHERE s.event_id = _versions_at.event_id OR _versions_at.event_id IS NULL AND s.event_id IS NOT NULL
        ), then_here AS MATERIALIZED (
            SELECT DISTINCT h.platform, h.platform_order_id FROM events e
            CROSS JOIN LATERAL (SELECT v.platform, v.platform_order_id FROM boxoffice.sale_history v
                WHERE v.external_event_id = e.external_event_id AND v.platform = e.platform AND v.valid_until > at) h
        ), changed AS MATERIALIZED (
            -- The oldest of what was replaced since: an order may have been of another event then.
            SELECT DISTINCT ON (h.platform, h.platform_order_id) h.platform, h.platform_order_id, h.valid_until, h.external_event_id
            FROM boxoffice.sale_history h
            WHERE h.valid_until > at AND (h.platform, h.platform_order_id) IN (
                SELECT t.platform, t.platform_order_id FROM then_here t UNION SELECT n.platform, n.platform_order_id FROM now_here n)
            ORDER BY h.platform, h.platform_order_id, h.valid_until
        )
        SELECT n.platform, n.platform_order_id::text, 'infinity'::timestamptz FROM now_here n
        WHERE n.created_at <= at AND NOT EXISTS (SELECT FROM changed c WHERE c.platform = n.platform AND c.platform_order_id = n.platform_order_id)
        UNION ALL
        SELECT c.platform, c.platform_order_id::text, c.valid_until FROM changed c
        WHERE (c.platform, c.external_event_id) IN (SELECT e.platform, e.external_event_id::text FROM events e)
          AND NOT EXISTS (SELECT FROM boxoffice.ticket_sales s WHERE s.platform = c.platform AND s.platform_order_id = c.platform_order_id AND s.created_at > at);
END
$$;
COMMENT ON FUNCTION boxoffice._versions_at(timestamptz, text) IS 'Which numbers of each order of an event, or with NULL of all linked ones, were known at a time.';

CREATE FUNCTION boxoffice.sales_as_of(at timestamptz, event_id text DEFAULT NULL, basis text DEFAULT 'known', OUT currency text, OUT orders bigint, OUT tickets bigint,
        OUT gross numeric, OUT refunds numeric, OUT cancelled numeric, OUT kept numeric, OUT fees numeric, OUT net numeric) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 2
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    IF at IS NULL OR basis IS NULL THEN
        RAISE EXCEPTION 'at and basis must not be null' USING ERRCODE = 'null_value_not_allowed', DETAIL = 'They say for when, and by what.', HINT = 'For example sales_as_of(now() - interval ''7 days'').';
    ELSIF basis NOT IN ('known', 'happened') THEN
        RAISE EXCEPTION 'there is no basis "%"', basis USING ERRCODE = 'invalid_parameter_value', DETAIL = 'known: as our rows were at that moment; happened: by the times of sales and refunds, as they are known today.', HINT = 'known is the default.';
    ELSIF at > now() THEN
        RAISE EXCEPTION 'nothing is known of the future' USING ERRCODE = 'invalid_parameter_value', DETAIL = format('%s is after now.', at), HINT = 'sales_forecast() says what a show may come to.';
    END IF;
    IF sales_as_of.event_id IS NOT NULL THEN
        PERFORM boxoffice._require_event(sales_as_of.event_id);
    END IF;
    IF basis = 'known' THEN
        RETURN QUERY
            WITH sums AS (
                SELECT f.currency::text AS currency, sum(f.orders)::bigint, sum(f.tickets)::bigint, sum(f.gross), sum(f.refunds), sum(f.void), sum(f.kept), sum(f.fees), sum(f.net)
                FROM boxoffice._versions_at(at, sales_as_of.event_id) v
                -- By the key of each, however many the planner expects.
                CROSS JOIN LATERAL (SELECT w.* FROM boxoffice._version_facts w WHERE w.platform = v.platform AND w.platform_order_id = v.platform_order_id
                    AND w.valid_until = v.valid_until AND w.kind <> 'pending' OFFSET 0) f
                GROUP BY f.currency
            )
            SELECT * FROM sums UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL WHERE NOT EXISTS (SELECT FROM sums) ORDER BY 1;
    ELSE
        RETURN QUERY
            WITH sums AS (
                SELECT f.currency::text AS currency, sum(f.orders)::bigint, sum(f.tickets)::bigint, sum(f.gross), sum(f.refunds), sum(f.void), sum(f.kept), sum(f.fees), sum(f.net)
                FROM boxoffice.sale_facts f
                WHERE (f.event_id = sales_as_of.event_id OR sales_as_of.event_id IS NULL AND f.event_id IS NOT NULL) AND f.occurred_at <= at AND f.kind <> 'pending'
                GROUP BY f.currency
            )
            SELECT * FROM sums UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL WHERE NOT EXISTS (SELECT FROM sums) ORDER BY 1;
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice.sales_as_of(timestamptz, text, text) IS 'The figures of an event, or with NULL of all linked ones, as our rows had them at a moment; with basis happened by the times of sales and refunds as they are known today. One row for each currency; one of NULLs where nothing was known then, which need not mean that nothing was sold.';

CREATE FUNCTION boxoffice.sales_explained(event_id text, from_time timestamptz, until_time timestamptz DEFAULT NULL, OUT platform text, OUT platform_order_id text, OUT what text,
        OUT currency text, OUT orders bigint, OUT tickets bigint, OUT gross numeric, OUT refunds numeric, OUT kept numeric, OUT net numeric, OUT recorded_at timestamptz) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 50
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    until_at CONSTANT timestamptz := COALESCE(until_time, now());
BEGIN
    IF from_time IS NULL THEN
        RAISE EXCEPTION 'from_time must not be null' USING ERRCODE = 'null_value_not_allowed', DETAIL = 'It says with which figures those of until_time are compared.', HINT = 'For example now() - interval ''7 days''.';
    END IF;
    PERFORM boxoffice._require_span(from_time, until_at);
    IF sales_explained.event_id IS NOT NULL THEN
        PERFORM boxoffice._require_event(sales_explained.event_id);
    END IF;
    RETURN QUERY
        WITH versions AS MATERIALIZED (
            SELECT v.platform, v.platform_order_id, max(v.was) AS was, max(v.is) AS is
            FROM (SELECT a.platform, a.platform_order_id, a.valid_until AS was, NULL::timestamptz AS is FROM boxoffice._versions_at(from_time, sales_explained.event_id) a
                  UNION ALL SELECT b.platform, b.platform_order_id, NULL, b.valid_until FROM boxoffice._versions_at(until_at, sales_explained.event_id) b) v
            GROUP BY 1, 2 HAVING max(v.was) IS DISTINCT FROM max(v.is)
        ), facts AS MATERIALIZED (
            SELECT f.*, f.valid_until = v.is AND v.is IS NOT NULL AS after, v.was, v.is
            FROM versions v
            CROSS JOIN LATERAL (SELECT w.* FROM boxoffice._version_facts w WHERE w.platform = v.platform AND w.platform_order_id = v.platform_order_id
                AND w.valid_until IN (v.was, v.is) AND w.kind <> 'pending' OFFSET 0) f
        ), sums AS (
            SELECT f.platform, f.platform_order_id, f.currency, f.was, f.is,
                   sum(CASE WHEN f.after THEN f.orders ELSE -f.orders END)::bigint AS orders, sum(CASE WHEN f.after THEN f.tickets ELSE -f.tickets END)::bigint AS tickets,
                   sum(CASE WHEN f.after THEN f.gross ELSE -f.gross END) AS gross, sum(CASE WHEN f.after THEN f.refunds ELSE -f.refunds END) AS refunds,
                   sum(CASE WHEN f.after THEN f.kept ELSE -f.kept END) AS kept, sum(CASE WHEN f.after THEN f.net ELSE -f.net END) AS net,
                   sum(CASE WHEN f.after THEN f.cancelled_orders ELSE -f.cancelled_orders END) AS cancelled,
                   sum(CASE WHEN f.after THEN f.sold_orders ELSE -f.sold_orders END) AS sold,
                   bool_or(f.orders_without_quantity > 0 AND NOT f.after) AS had_no_quantity
            FROM facts f GROUP BY 1, 2, 3, 4, 5
        )
        SELECT s.platform::text, s.platform_order_id::text,
               CASE WHEN s.is IS NULL THEN 'moved away'
                    WHEN s.was IS NULL AND n.created_at <= from_time THEN 'moved here'
                    WHEN s.was IS NULL OR s.sold > 0 THEN 'sold'
                    WHEN s.refunds > 0 THEN 'refunded' WHEN s.cancelled > 0 THEN 'cancelled'
                    WHEN s.had_no_quantity AND s.tickets > 0 THEN 'quantity learned'
                    WHEN s.tickets < 0 AND s.gross = 0 THEN 'tickets cancelled' ELSE 'corrected' END,
               s.currency::text, s.orders, s.tickets, s.gross, s.refunds, s.kept, s.net,
               COALESCE((SELECT max(h.valid_until) FROM boxoffice.sale_history h WHERE h.platform = s.platform AND h.platform_order_id = s.platform_order_id
                   AND h.valid_until > from_time AND h.valid_until <= until_at), n.created_at)
        FROM sums s LEFT JOIN boxoffice.ticket_sales n ON n.platform = s.platform AND n.platform_order_id = s.platform_order_id
        WHERE (s.orders, s.tickets, s.gross, s.refunds, s.kept, s.net) <> (0, 0, 0, 0, 0, 0)
        ORDER BY 11, 1, 2;
END
$$;
COMMENT ON FUNCTION boxoffice.sales_explained(text, timestamptz, timestamptz) IS 'Why figures moved between two moments, order by order: sold, refunded, cancelled, tickets cancelled, quantity learned, moved here, moved away or corrected. Its sums are the differences of two sales_as_of(). recorded_at is when our rows last changed in that time.';

CREATE FUNCTION boxoffice.order_history(platform text, platform_order_id text, OUT recorded_at timestamptz, OUT what text, OUT log_id bigint, OUT source text, OUT event_type text,
        OUT payment_status text, OUT refund_status text, OUT ticket_quantity integer, OUT valid_quantity integer, OUT currency text, OUT total_amount numeric,
        OUT refund_amount numeric, OUT kept_amount numeric, OUT net_amount numeric) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 5
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    IF order_history.platform IS NULL OR order_history.platform_order_id IS NULL THEN
        RAISE EXCEPTION 'platform and platform_order_id must not be null' USING ERRCODE = 'null_value_not_allowed', DETAIL = 'They name the order.', HINT = 'SELECT platform, platform_order_id FROM boxoffice.ticket_sales lists orders.';
    END IF;
    PERFORM boxoffice._require_platform(order_history.platform);
    IF NOT EXISTS (SELECT FROM boxoffice.ticket_sales s WHERE s.platform = order_history.platform AND s.platform_order_id = order_history.platform_order_id) THEN
        RAISE EXCEPTION 'there is no order "%" of %', order_history.platform_order_id, order_history.platform USING ERRCODE = 'invalid_parameter_value',
            DETAIL = 'It is not in ticket_sales, or you may not read it.', HINT = 'SELECT platform, platform_order_id FROM boxoffice.ticket_sales lists yours.';
    END IF;
    RETURN QUERY
        WITH versions AS (
            SELECT v.*, COALESCE(lag(v.valid_until) OVER w, (SELECT s.created_at FROM boxoffice.ticket_sales s
                       WHERE s.platform = order_history.platform AND s.platform_order_id = order_history.platform_order_id)) AS recorded_at,
                   lag(v.refund_status) OVER w AS old_refund_status, lag(v.payment_status) OVER w AS old_payment_status, lag(v.total_amount) OVER w AS old_total,
                   lag(v.external_event_id) OVER w AS old_event, lag(v.ticket_quantity) OVER w AS old_quantity, lag(v.valid_quantity) OVER w AS old_valid, row_number() OVER w AS number
            FROM boxoffice._sale_versions v WHERE v.platform = order_history.platform AND v.platform_order_id = order_history.platform_order_id
            WINDOW w AS (ORDER BY v.valid_until)
        )
        SELECT v.recorded_at,
               CASE WHEN v.number = 1 THEN 'first known' WHEN v.external_event_id IS DISTINCT FROM v.old_event THEN 'moved to another event'
                    WHEN v.refund_status <> v.old_refund_status THEN v.refund_status::text
                    WHEN v.payment_status IS DISTINCT FROM v.old_payment_status THEN COALESCE(v.payment_status::text, 'payment not known')
                    WHEN v.old_quantity IS NULL AND v.ticket_quantity IS NOT NULL THEN 'quantity learned'
                    WHEN v.valid_quantity < v.old_valid THEN 'tickets cancelled' ELSE 'corrected' END,
               l.id, l.source::text, l.event_type, v.payment_status::text, v.refund_status::text, v.ticket_quantity::integer, v.valid_quantity::integer, v.currency::text,
               v.total_amount::numeric, v.refund_amount::numeric, v.kept_amount::numeric, v.net_amount::numeric
        FROM versions v
        -- Rows carry the time at which the transaction began, the log those of arrival and of the end of processing. The day
        -- before is for deliveries that were tried again.
        LEFT JOIN LATERAL (SELECT w.id, w.source, w.event_type FROM boxoffice.webhook_logs w
            WHERE w.created_at BETWEEN v.recorded_at - interval '1 day' AND v.recorded_at + interval '1 minute' AND w.platform = order_history.platform
              AND COALESCE(w.processed_at, w.created_at) BETWEEN v.recorded_at AND v.recorded_at + interval '1 minute'
              AND COALESCE(w.platform_order_id, order_history.platform_order_id) = order_history.platform_order_id
            ORDER BY w.platform_order_id IS NULL, COALESCE(w.processed_at, w.created_at), w.id LIMIT 1) l ON true
        ORDER BY v.number;
END
$$;
COMMENT ON FUNCTION boxoffice.order_history(text, text) IS 'What became of an order: each change of its numbers, when it was recorded, and the delivery or answer that made it (for those who may read the log).';
