-- Day sheets: made from the rows, folded, checked.

CREATE FUNCTION boxoffice._zone(ours text, theirs text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
DECLARE
    zone text;
BEGIN
    FOREACH zone IN ARRAY ARRAY[ours, theirs] LOOP
        BEGIN
            IF now() AT TIME ZONE zone IS NOT NULL THEN
                RETURN zone;
            END IF;
        EXCEPTION WHEN invalid_parameter_value THEN
            -- Words of people and platforms.
            NULL;
        END;
    END LOOP;
    RETURN 'UTC';
END
$$;
COMMENT ON FUNCTION boxoffice._zone(text, text) IS 'The zone of an event: ours when it is one, else the platform''s, else UTC.';

CREATE FUNCTION boxoffice._local_days(utc_days timestamptz[], time_zone text) RETURNS date[]
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
    SELECT array_agg(DISTINCT COALESCE((e.at AT TIME ZONE time_zone)::date, '-infinity'))
    FROM unnest(utc_days) u (day)
    CROSS JOIN LATERAL (VALUES (u.day), (u.day + interval '24 hours' - interval '1 microsecond')) e (at)
$$;
COMMENT ON FUNCTION boxoffice._local_days(timestamptz[], text) IS 'The local days that lie, in part or whole, in these days of UTC; -infinity for what has no time.';

CREATE FUNCTION boxoffice._days_from_rows(platform text, external_event_id text, event_id text, time_zone text, covered boolean,
        days date[], OUT external_session_id text, OUT currency text, OUT day date,
        OUT orders integer, OUT sold_orders integer, OUT tickets bigint, OUT sold_tickets bigint, OUT gross numeric, OUT refunds
        numeric, OUT void numeric, OUT kept numeric, OUT fees numeric, OUT fees_back numeric, OUT net numeric, OUT tax numeric, OUT
        discounts numeric, OUT free_orders integer, OUT orders_without_quantity integer, OUT orders_without_amount integer, OUT
        refunded_orders integer, OUT partly_refunded_orders integer, OUT cancelled_orders integer, OUT kept_of_gone numeric, OUT
        pending_orders integer, OUT pending_tickets bigint) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 30
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    -- The names that facts have.
    of_platform CONSTANT text := platform;
    of_event CONSTANT text := NULLIF(external_event_id, '');
    ours CONSTANT text := event_id;
    wanted CONSTANT date[] := days;
    one date;
    from_at timestamptz;
    until_at timestamptz;
BEGIN
    IF NOT covered AND ours IS NOT NULL THEN
        RETURN QUERY SELECT COALESCE(f.external_session_id, ''), COALESCE(f.currency::text, ''), COALESCE((f.occurred_at AT TIME ZONE time_zone)::date, '-infinity'),
            sum(f.orders)::integer, sum(f.sold_orders)::integer, sum(f.tickets)::bigint, sum(f.sold_tickets)::bigint, sum(f.gross),
            sum(f.refunds), sum(f.void), sum(f.kept), sum(f.fees), sum(f.fees_back), sum(f.net), sum(f.tax), sum(f.discounts),
            sum(f.free_orders)::integer, sum(f.orders_without_quantity)::integer, sum(f.orders_without_amount)::integer,
            sum(f.refunded_orders)::integer, sum(f.partly_refunded_orders)::integer, sum(f.cancelled_orders)::integer,
            sum(f.kept_of_gone), sum(f.pending_orders)::integer, sum(f.pending_tickets)::bigint
            FROM boxoffice.sale_facts f
            WHERE f.event_id = ours AND f.platform = of_platform AND f.external_event_id = of_event
            GROUP BY 1, 2, 3;
    ELSIF NOT covered THEN
        RETURN QUERY SELECT COALESCE(f.external_session_id, ''), COALESCE(f.currency::text, ''), COALESCE((f.occurred_at AT TIME ZONE time_zone)::date, '-infinity'),
            sum(f.orders)::integer, sum(f.sold_orders)::integer, sum(f.tickets)::bigint, sum(f.sold_tickets)::bigint, sum(f.gross),
            sum(f.refunds), sum(f.void), sum(f.kept), sum(f.fees), sum(f.fees_back), sum(f.net), sum(f.tax), sum(f.discounts),
            sum(f.free_orders)::integer, sum(f.orders_without_quantity)::integer, sum(f.orders_without_amount)::integer,
            sum(f.refunded_orders)::integer, sum(f.partly_refunded_orders)::integer, sum(f.cancelled_orders)::integer,
            sum(f.kept_of_gone), sum(f.pending_orders)::integer, sum(f.pending_tickets)::bigint
            FROM boxoffice.sale_facts f
            WHERE f.event_id IS NULL AND f.platform = of_platform AND f.external_event_id IS NOT DISTINCT FROM of_event
            GROUP BY 1, 2, 3;
    ELSE
        FOREACH one IN ARRAY wanted LOOP
            from_at := one::timestamp AT TIME ZONE time_zone;
            until_at := (one + 1)::timestamp AT TIME ZONE time_zone;
            IF one = '-infinity' THEN
                RETURN QUERY SELECT COALESCE(f.external_session_id, ''), COALESCE(f.currency::text, ''), COALESCE((f.occurred_at AT TIME ZONE time_zone)::date, '-infinity'),
            sum(f.orders)::integer, sum(f.sold_orders)::integer, sum(f.tickets)::bigint, sum(f.sold_tickets)::bigint, sum(f.gross),
            sum(f.refunds), sum(f.void), sum(f.kept), sum(f.fees), sum(f.fees_back), sum(f.net), sum(f.tax), sum(f.discounts),
            sum(f.free_orders)::integer, sum(f.orders_without_quantity)::integer, sum(f.orders_without_amount)::integer,
            sum(f.refunded_orders)::integer, sum(f.partly_refunded_orders)::integer, sum(f.cancelled_orders)::integer,
            sum(f.kept_of_gone), sum(f.pending_orders)::integer, sum(f.pending_tickets)::bigint
            FROM boxoffice.sale_facts f
            WHERE (f.event_id = ours OR ours IS NULL AND f.event_id IS NULL) AND f.platform = of_platform AND f.external_event_id IS NOT DISTINCT FROM of_event AND f.occurred_at IS NULL
            GROUP BY 1, 2, 3;
            ELSIF ours IS NOT NULL THEN
                RETURN QUERY SELECT COALESCE(f.external_session_id, ''), COALESCE(f.currency::text, ''), COALESCE((f.occurred_at AT TIME ZONE time_zone)::date, '-infinity'),
            sum(f.orders)::integer, sum(f.sold_orders)::integer, sum(f.tickets)::bigint, sum(f.sold_tickets)::bigint, sum(f.gross),
            sum(f.refunds), sum(f.void), sum(f.kept), sum(f.fees), sum(f.fees_back), sum(f.net), sum(f.tax), sum(f.discounts),
            sum(f.free_orders)::integer, sum(f.orders_without_quantity)::integer, sum(f.orders_without_amount)::integer,
            sum(f.refunded_orders)::integer, sum(f.partly_refunded_orders)::integer, sum(f.cancelled_orders)::integer,
            sum(f.kept_of_gone), sum(f.pending_orders)::integer, sum(f.pending_tickets)::bigint
            FROM boxoffice.sale_facts f
            WHERE f.event_id = ours AND f.platform = of_platform AND f.external_event_id = of_event AND f.occurred_at >= from_at AND f.occurred_at < until_at
            GROUP BY 1, 2, 3;
            ELSE
                RETURN QUERY SELECT COALESCE(f.external_session_id, ''), COALESCE(f.currency::text, ''), COALESCE((f.occurred_at AT TIME ZONE time_zone)::date, '-infinity'),
            sum(f.orders)::integer, sum(f.sold_orders)::integer, sum(f.tickets)::bigint, sum(f.sold_tickets)::bigint, sum(f.gross),
            sum(f.refunds), sum(f.void), sum(f.kept), sum(f.fees), sum(f.fees_back), sum(f.net), sum(f.tax), sum(f.discounts),
            sum(f.free_orders)::integer, sum(f.orders_without_quantity)::integer, sum(f.orders_without_amount)::integer,
            sum(f.refunded_orders)::integer, sum(f.partly_refunded_orders)::integer, sum(f.cancelled_orders)::integer,
            sum(f.kept_of_gone), sum(f.pending_orders)::integer, sum(f.pending_tickets)::bigint
            FROM boxoffice.sale_facts f
            WHERE f.event_id IS NULL AND f.platform = of_platform AND f.external_event_id IS NOT DISTINCT FROM of_event AND f.occurred_at >= from_at AND f.occurred_at < until_at
            GROUP BY 1, 2, 3;
            END IF;
        END LOOP;
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice._days_from_rows(text, text, text, text, boolean, date[]) IS 'Day sheets of a platform event, made from its rows: all of them, or with covered the given days.';

CREATE FUNCTION boxoffice._lock_fold() RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'sheets can only be folded in a transaction of level READ COMMITTED'
            USING ERRCODE = 'invalid_transaction_state',
                  DETAIL = 'With an older snapshot, sheets would be written as they were before others folded.',
                  HINT = 'Call it outside of a transaction, or begin one with ISOLATION LEVEL READ COMMITTED.';
    END IF;
    LOCK TABLE boxoffice_private.fold_lock IN EXCLUSIVE MODE NOWAIT;
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION boxoffice._lock_fold() IS 'Keeps others from folding until the end of the transaction; false when somebody does.';

CREATE FUNCTION boxoffice.fold_sales(max_events integer DEFAULT 100) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    written integer;
BEGIN
    IF max_events IS NULL THEN
        RAISE EXCEPTION 'max_events must not be null' USING ERRCODE = 'null_value_not_allowed',
            DETAIL = 'It bounds how many events get sheets in one call.', HINT = 'The default is 100.';
    ELSIF max_events < 0 THEN
        RAISE EXCEPTION 'max_events must not be negative' USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It is %s.', max_events),
            HINT = '0 builds none, and only folds what has changed.';
    ELSIF NOT boxoffice._lock_fold() THEN
        RETURN 0;
    END IF;
    -- One statement, so one snapshot: the marks that are deleted are those whose changes are seen.
    WITH todo AS MATERIALIZED (
        (SELECT p.* FROM boxoffice._platform_events p WHERE NOT p.covered ORDER BY p.platform, p.external_event_id LIMIT max_events)
        UNION ALL
        SELECT p.* FROM boxoffice._platform_events p WHERE p.covered AND p.local_days IS NOT NULL
    ), marks AS (
        -- Sheets made with another zone than today's keep their marks: it may become theirs again.
        DELETE FROM boxoffice.sheet_marks m
        WHERE EXISTS (SELECT FROM todo t WHERE t.platform = m.platform AND t.external_event_id = m.external_event_id)
           OR NOT EXISTS (SELECT FROM boxoffice.sheet_coverage c WHERE c.platform = m.platform AND c.external_event_id = m.external_event_id)
    ), made AS MATERIALIZED (
        SELECT t.platform, t.external_event_id, t.covered, u.*
        FROM todo t CROSS JOIN LATERAL boxoffice._days_from_rows(t.platform, t.external_event_id, t.event_id, t.time_zone, t.covered,
            CASE WHEN t.covered THEN t.local_days END) u
    ), stale AS (
        DELETE FROM boxoffice.sales_days s USING todo t
        WHERE s.platform = t.platform AND s.external_event_id = t.external_event_id AND (NOT t.covered OR s.day = ANY (t.local_days))
          AND NOT EXISTS (SELECT FROM made m WHERE m.platform = s.platform AND m.external_event_id = s.external_event_id
              AND m.external_session_id = s.external_session_id AND m.currency = s.currency AND m.day = s.day)
    ), sheets AS (
        INSERT INTO boxoffice.sales_days AS s (platform, external_event_id, external_session_id, currency, day,
            orders, sold_orders, tickets, sold_tickets, gross, refunds, void, kept, fees, fees_back, net, tax, discounts, free_orders,
            orders_without_quantity, orders_without_amount, refunded_orders, partly_refunded_orders, cancelled_orders, kept_of_gone,
            pending_orders, pending_tickets)
        SELECT m.platform, m.external_event_id, m.external_session_id, m.currency, m.day,
            m.orders, m.sold_orders, m.tickets, m.sold_tickets, m.gross, m.refunds, m.void, m.kept, m.fees, m.fees_back, m.net, m.tax,
            m.discounts, m.free_orders, m.orders_without_quantity, m.orders_without_amount, m.refunded_orders, m.partly_refunded_orders,
            m.cancelled_orders, m.kept_of_gone, m.pending_orders, m.pending_tickets
        FROM made m
        ON CONFLICT ON CONSTRAINT sales_days_pkey DO UPDATE SET
            (orders, sold_orders, tickets, sold_tickets, gross, refunds, void, kept, fees, fees_back, net, tax, discounts, free_orders,
             orders_without_quantity, orders_without_amount, refunded_orders, partly_refunded_orders, cancelled_orders, kept_of_gone,
             pending_orders, pending_tickets) =
            (excluded.orders, excluded.sold_orders, excluded.tickets, excluded.sold_tickets, excluded.gross, excluded.refunds,
             excluded.void, excluded.kept, excluded.fees, excluded.fees_back, excluded.net, excluded.tax, excluded.discounts,
             excluded.free_orders, excluded.orders_without_quantity, excluded.orders_without_amount, excluded.refunded_orders,
             excluded.partly_refunded_orders, excluded.cancelled_orders, excluded.kept_of_gone, excluded.pending_orders,
             excluded.pending_tickets)
    ), coverage AS (
        INSERT INTO boxoffice.sheet_coverage AS c (platform, external_event_id, zones, time_zone)
        SELECT t.platform, t.external_event_id, t.zones, t.time_zone FROM todo t WHERE NOT t.covered
        ON CONFLICT ON CONSTRAINT sheet_coverage_pkey DO UPDATE SET zones = excluded.zones, time_zone = excluded.time_zone, built_at = now(),
            differences = 0
    )
    SELECT (SELECT count(*) FROM todo t WHERE NOT t.covered) + (SELECT count(*) FROM made m WHERE m.covered) INTO written;
    RETURN written;
END
$$;
COMMENT ON FUNCTION boxoffice.fold_sales(integer) IS 'Recomputes the day sheets of which sales have changed, and makes those of at most so many events that have none. Nobody need wait for it: until then the functions read the rows. Says how many events and days it wrote; 0 also while another session folds.';

CREATE FUNCTION boxoffice.rebuild_analytics(event_id text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
DECLARE
    built integer := 0;
    more integer;
BEGIN
    IF rebuild_analytics.event_id IS NOT NULL THEN
        PERFORM boxoffice._require_event(rebuild_analytics.event_id);
    END IF;
    IF NOT boxoffice._lock_fold() THEN
        RAISE EXCEPTION 'another session folds sheets' USING ERRCODE = 'lock_not_available',
            DETAIL = 'Only one at a time may write them.', HINT = 'Try again in a moment.';
    END IF;
    DELETE FROM boxoffice.sheet_coverage c USING boxoffice.ticket_platforms p
        WHERE p.platform = c.platform AND p.external_event_id = c.external_event_id
          AND p.event_id = rebuild_analytics.event_id AND rebuild_analytics.event_id IS NOT NULL;
    IF rebuild_analytics.event_id IS NULL THEN
        DELETE FROM boxoffice.sheet_coverage;
        DELETE FROM boxoffice.sales_days s WHERE NOT EXISTS (SELECT FROM boxoffice.ticket_platforms p
            WHERE p.platform = s.platform AND p.external_event_id = s.external_event_id) AND s.external_event_id <> '';
    END IF;
    LOOP
        more := boxoffice.fold_sales(500);
        built := built + more;
        EXIT WHEN NOT EXISTS (SELECT FROM boxoffice._platform_events p WHERE NOT p.covered);
    END LOOP;
    RETURN built;
END
$$;
COMMENT ON FUNCTION boxoffice.rebuild_analytics(text) IS 'Makes all day sheets of an event anew, or with NULL all that there are: after rows were changed by hand, or after check_analytics() found something.';
