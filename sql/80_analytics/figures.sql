-- The figures of an event and of all: each is a sum over day sheets, or over facts where days are too coarse. Where a limit may be
-- NULL, the plan is made for each call: one that fits all would read everything.

CREATE FUNCTION boxoffice._days(event_id text, show timestamptz) RETURNS SETOF boxoffice.sales_days
    LANGUAGE plpgsql STABLE ROWS 300
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    IF show IS NULL THEN
        RETURN QUERY SELECT d.platform, d.external_event_id, d.external_session_id, d.currency, d.day, d.orders, d.sold_orders, d.tickets, d.sold_tickets, d.gross, d.refunds, d.void, d.kept, d.fees, d.fees_back, d.net, d.tax,
            d.discounts, d.free_orders, d.orders_without_quantity, d.orders_without_amount, d.refunded_orders, d.partly_refunded_orders,
            d.cancelled_orders, d.kept_of_gone, d.pending_orders, d.pending_tickets
            FROM boxoffice._sale_days d WHERE d.event_id = _days.event_id;
    ELSE
        RETURN QUERY SELECT d.platform, d.external_event_id, d.external_session_id, d.currency, d.day, d.orders, d.sold_orders, d.tickets, d.sold_tickets, d.gross, d.refunds, d.void, d.kept, d.fees, d.fees_back, d.net, d.tax,
            d.discounts, d.free_orders, d.orders_without_quantity, d.orders_without_amount, d.refunded_orders, d.partly_refunded_orders,
            d.cancelled_orders, d.kept_of_gone, d.pending_orders, d.pending_tickets
            FROM boxoffice._sale_days d WHERE d.event_id = _days.event_id
              AND EXISTS (SELECT FROM boxoffice._show_members m WHERE m.event_id = _days.event_id AND m.starts_at = show
                  AND m.platform = d.platform AND m.external_event_id = d.external_event_id
                  AND (m.external_session_id IS NULL OR m.external_session_id = d.external_session_id));
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice._days(text, timestamptz) IS 'Day sheets of an event, or of one of its shows.';

CREATE FUNCTION boxoffice._capacity(event_id text, show timestamptz) RETURNS integer
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN (SELECT CASE WHEN show IS NULL THEN COALESCE(w.capacity::integer, e.capacity::integer)
        ELSE COALESCE(o.capacity::integer, w.capacity::integer, CASE WHEN (SELECT count(DISTINCT m.starts_at) FROM boxoffice._show_members m
            WHERE m.event_id = e.event_id) = 1 THEN e.capacity::integer END) END
        FROM boxoffice.ticket_events e
        LEFT JOIN boxoffice.show_settings w ON w.event_id = e.event_id AND w.starts_at = '-infinity'
        LEFT JOIN boxoffice.show_settings o ON o.event_id = e.event_id AND o.starts_at = show
        WHERE e.event_id = _capacity.event_id);
END
$$;
COMMENT ON FUNCTION boxoffice._capacity(text, timestamptz) IS 'Places of an event, or of one of its shows; NULL where nobody has said. An event''s own capacity is that of its show only where it has one.';

CREATE FUNCTION boxoffice.event_totals(event_id text, show timestamptz DEFAULT NULL, OUT currency text, OUT orders bigint, OUT free_orders bigint, OUT tickets bigint,
        OUT tickets_bought bigint, OUT gross numeric, OUT discounts numeric, OUT refunds numeric, OUT cancelled numeric, OUT kept
        numeric, OUT fees numeric, OUT tax numeric, OUT net numeric, OUT average_order numeric, OUT refunded_orders bigint, OUT
        cancelled_orders bigint, OUT orders_without_quantity bigint, OUT orders_without_amount bigint, OUT pending_orders bigint, OUT
        pending_tickets bigint, OUT capacity integer, OUT used_percent numeric, OUT goal_percent numeric, OUT first_sale timestamptz,
        OUT last_sale timestamptz) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 2
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    goal integer;
    places integer;
BEGIN
    PERFORM boxoffice._require_show(event_totals.event_id, show);
    SELECT o.goal_tickets INTO goal FROM boxoffice.show_settings o
        WHERE o.event_id = event_totals.event_id AND o.starts_at IN (show, '-infinity') AND o.goal_tickets IS NOT NULL ORDER BY o.starts_at DESC LIMIT 1;
    places := boxoffice._capacity(event_totals.event_id, show);
    RETURN QUERY
        WITH sums AS MATERIALIZED (
            SELECT NULLIF(d.currency, ''), sum(d.orders)::bigint, sum(d.free_orders)::bigint, sum(d.tickets)::bigint, sum(d.sold_tickets)::bigint,
                sum(d.gross), sum(d.discounts), sum(d.refunds), sum(d.void), sum(d.kept), sum(d.fees), sum(d.tax), sum(d.net),
                round((sum(d.kept) - sum(d.kept_of_gone)) / NULLIF(sum(d.orders) - sum(d.orders_without_amount), 0), 2),
                sum(d.refunded_orders)::bigint, sum(d.cancelled_orders)::bigint, sum(d.orders_without_quantity)::bigint,
                sum(d.orders_without_amount)::bigint, sum(d.pending_orders)::bigint, sum(d.pending_tickets)::bigint
            FROM boxoffice._days(event_totals.event_id, show) d GROUP BY d.currency
        ), all_of AS (
            SELECT s.* FROM sums AS s (currency, orders, free_orders, tickets, tickets_bought, gross, discounts, refunds, cancelled, kept, fees, tax, net,
                average_order, refunded_orders, cancelled_orders, orders_without_quantity, orders_without_amount, pending_orders, pending_tickets)
            UNION ALL
            SELECT NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0, 0, 0, 0, 0, 0 WHERE NOT EXISTS (SELECT FROM sums)
        )
        SELECT a.*, places, round(100 * sum(a.tickets) OVER () / NULLIF(places, 0), 2), round(100 * sum(a.tickets) OVER () / NULLIF(goal, 0), 2), f.at, l.at
        FROM all_of a
        LEFT JOIN LATERAL (SELECT s.purchase_date AS at FROM boxoffice.ticket_sales s
            WHERE s.event_id = event_totals.event_id AND s.payment_status IS DISTINCT FROM 'unpaid' AND s.purchase_date IS NOT NULL
              AND s.currency IS NOT DISTINCT FROM a.currency AND (show IS NULL OR EXISTS (SELECT FROM boxoffice._show_members m WHERE m.event_id = event_totals.event_id AND m.starts_at = show
              AND m.platform = s.platform AND m.external_event_id = s.external_event_id
              AND (m.external_session_id IS NULL OR m.external_session_id = s.external_session_id)))
            ORDER BY s.purchase_date LIMIT 1) f ON true
        LEFT JOIN LATERAL (SELECT s.purchase_date AS at FROM boxoffice.ticket_sales s
            WHERE s.event_id = event_totals.event_id AND s.payment_status IS DISTINCT FROM 'unpaid' AND s.purchase_date IS NOT NULL
              AND s.currency IS NOT DISTINCT FROM a.currency AND (show IS NULL OR EXISTS (SELECT FROM boxoffice._show_members m WHERE m.event_id = event_totals.event_id AND m.starts_at = show
              AND m.platform = s.platform AND m.external_event_id = s.external_event_id
              AND (m.external_session_id IS NULL OR m.external_session_id = s.external_session_id)))
            ORDER BY s.purchase_date DESC LIMIT 1) l ON true
        ORDER BY a.orders DESC, a.currency;
END
$$;
COMMENT ON FUNCTION boxoffice.event_totals(text, timestamptz) IS 'Where an event, or one of its shows, stands: one row for each currency, one with zeros where nothing was sold. gross - refunds - cancelled - fees = net; used_percent and goal_percent are over all currencies. Money without a currency has NULL.';

CREATE FUNCTION boxoffice._days_of_span(from_time timestamptz, until_time timestamptz, platform text, event_id text, include_unlinked boolean) RETURNS SETOF boxoffice.sales_days
    LANGUAGE plpgsql STABLE ROWS 1000
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    -- Whole local days from the sheets; what lies before the first and after the last of them from the rows.
    RETURN QUERY
        WITH events AS MATERIALIZED (
            SELECT p.platform, p.external_event_id, p.event_id, p.time_zone,
                   CASE WHEN from_time IS NULL THEN NULL WHEN l.first_day::timestamp AT TIME ZONE p.time_zone >= from_time THEN l.first_day ELSE l.first_day + 1 END AS first_day,
                   CASE WHEN until_time IS NULL THEN NULL ELSE l.last_day END AS end_day
            FROM boxoffice._platform_events p
            CROSS JOIN LATERAL (SELECT (from_time AT TIME ZONE p.time_zone)::date AS first_day, (until_time AT TIME ZONE p.time_zone)::date AS last_day) l
            WHERE (_days_of_span.event_id IS NULL OR p.event_id = _days_of_span.event_id) AND (include_unlinked OR p.event_id IS NOT NULL)
              AND (_days_of_span.platform IS NULL OR p.platform = _days_of_span.platform)
        )
        SELECT d.platform, d.external_event_id, d.external_session_id, d.currency, d.day, d.orders, d.sold_orders, d.tickets, d.sold_tickets, d.gross, d.refunds, d.void, d.kept, d.fees, d.fees_back, d.net, d.tax,
            d.discounts, d.free_orders, d.orders_without_quantity, d.orders_without_amount, d.refunded_orders, d.partly_refunded_orders,
            d.cancelled_orders, d.kept_of_gone, d.pending_orders, d.pending_tickets
        FROM boxoffice._sale_days d JOIN events e ON e.platform = d.platform AND e.external_event_id = d.external_event_id
        WHERE d.day >= COALESCE(from_time::date - 2, '-infinity') AND d.day <= COALESCE(until_time::date + 2, 'infinity')
          AND (e.first_day IS NULL OR d.day >= e.first_day) AND (e.end_day IS NULL OR d.day < e.end_day)
          AND (_days_of_span.event_id IS NULL OR d.event_id = _days_of_span.event_id)
        UNION ALL
        SELECT e.platform, e.external_event_id, COALESCE(f.external_session_id, ''), COALESCE(f.currency::text, ''), (f.occurred_at AT TIME ZONE e.time_zone)::date,
            f.orders, f.sold_orders, f.tickets, f.sold_tickets, f.gross, f.refunds, f.void, f.kept, f.fees, f.fees_back, f.net, f.tax,
            f.discounts, f.free_orders, f.orders_without_quantity, f.orders_without_amount, f.refunded_orders, f.partly_refunded_orders,
            f.cancelled_orders, f.kept_of_gone, f.pending_orders, f.pending_tickets
        FROM events e
        CROSS JOIN LATERAL (VALUES (from_time, LEAST(until_time, e.first_day::timestamp AT TIME ZONE e.time_zone)),
            (GREATEST(e.end_day::timestamp AT TIME ZONE e.time_zone, from_time, e.first_day::timestamp AT TIME ZONE e.time_zone), until_time)) s (from_at, until_at)
        CROSS JOIN LATERAL (SELECT f.* FROM boxoffice.sale_facts f WHERE f.event_id = e.event_id AND f.platform = e.platform
            AND f.external_event_id = e.external_event_id AND f.occurred_at >= s.from_at AND f.occurred_at < s.until_at
            UNION ALL SELECT f.* FROM boxoffice.sale_facts f WHERE e.event_id IS NULL AND f.event_id IS NULL AND f.platform = e.platform
            AND COALESCE(f.external_event_id, '') = e.external_event_id AND f.occurred_at >= s.from_at AND f.occurred_at < s.until_at) f
        WHERE s.from_at < s.until_at;
END
$$;
COMMENT ON FUNCTION boxoffice._days_of_span(timestamptz, timestamptz, text, text, boolean) IS 'Day sheets of a span to the second, of an event or of all: whole days from the sheets, its ends from the rows. What has no time is in no span.';

CREATE FUNCTION boxoffice.organisation_totals(from_time timestamptz DEFAULT NULL, until_time timestamptz DEFAULT NULL, platform text DEFAULT NULL, include_unlinked boolean
        DEFAULT false, OUT currency text, OUT orders bigint, OUT free_orders bigint, OUT tickets bigint, OUT tickets_bought bigint, OUT
        gross numeric, OUT discounts numeric, OUT refunds numeric, OUT cancelled numeric, OUT kept numeric, OUT fees numeric, OUT tax
        numeric, OUT net numeric, OUT average_order numeric, OUT refunded_orders bigint, OUT cancelled_orders bigint, OUT
        orders_without_quantity bigint, OUT orders_without_amount bigint, OUT pending_orders bigint, OUT pending_tickets bigint, OUT
        previous_orders bigint, OUT previous_tickets bigint, OUT previous_kept numeric, OUT previous_refunds numeric, OUT previous_net
        numeric) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 2
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    days integer;
    zone text;
    before_from timestamptz;
    before_until timestamptz;
BEGIN
    PERFORM boxoffice._require_span(from_time, until_time), boxoffice._require_platform(organisation_totals.platform);
    IF include_unlinked IS NULL THEN
        RAISE EXCEPTION 'include_unlinked must not be null' USING ERRCODE = 'null_value_not_allowed', DETAIL = 'It says whether sales of events that are not linked count.', HINT = 'false leaves them out.';
    ELSIF from_time > COALESCE(until_time, now()) THEN
        RAISE EXCEPTION 'a span cannot begin in the future' USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It begins at %s and ends now.', from_time), HINT = 'Give until_time as well.';
    END IF;
    IF from_time IS NOT NULL THEN
        -- Whole days back, so that both spans end at the same time of day.
        days := GREATEST(1, ceil(EXTRACT(epoch FROM COALESCE(until_time, now()) - from_time) / 86400)::integer);
        zone := boxoffice._organisation_zone();
        before_from := (from_time AT TIME ZONE zone - make_interval(days => days)) AT TIME ZONE zone;
        before_until := (COALESCE(until_time, now()) AT TIME ZONE zone - make_interval(days => days)) AT TIME ZONE zone;
    END IF;
    RETURN QUERY
        WITH sums AS MATERIALIZED (
            SELECT NULLIF(d.currency, ''), sum(d.orders)::bigint, sum(d.free_orders)::bigint, sum(d.tickets)::bigint, sum(d.sold_tickets)::bigint,
                sum(d.gross), sum(d.discounts), sum(d.refunds), sum(d.void), sum(d.kept), sum(d.fees), sum(d.tax), sum(d.net),
                round((sum(d.kept) - sum(d.kept_of_gone)) / NULLIF(sum(d.orders) - sum(d.orders_without_amount), 0), 2),
                sum(d.refunded_orders)::bigint, sum(d.cancelled_orders)::bigint, sum(d.orders_without_quantity)::bigint,
                sum(d.orders_without_amount)::bigint, sum(d.pending_orders)::bigint, sum(d.pending_tickets)::bigint
            FROM boxoffice._days_of_span(from_time, until_time, organisation_totals.platform, NULL, include_unlinked) d GROUP BY d.currency
        ), previous AS MATERIALIZED (
            SELECT NULLIF(d.currency, '') AS currency, sum(d.orders)::bigint AS orders, sum(d.tickets)::bigint AS tickets, sum(d.kept) AS kept, sum(d.refunds) AS refunds, sum(d.net) AS net
            FROM boxoffice._days_of_span(before_from, before_until, organisation_totals.platform, NULL, include_unlinked) d WHERE before_from IS NOT NULL GROUP BY d.currency
        ), all_of AS (
            SELECT s.*, true AS known FROM sums AS s (currency, orders, free_orders, tickets, tickets_bought, gross, discounts, refunds, cancelled, kept, fees, tax, net,
                average_order, refunded_orders, cancelled_orders, orders_without_quantity, orders_without_amount, pending_orders, pending_tickets)
            UNION ALL
            SELECT p.currency, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0, 0, 0, 0, 0, 0, false
            FROM (SELECT q.currency FROM previous q UNION SELECT NULL WHERE NOT EXISTS (SELECT FROM sums) AND NOT EXISTS (SELECT FROM previous)) p
            WHERE NOT EXISTS (SELECT FROM sums AS s (currency) WHERE s.currency IS NOT DISTINCT FROM p.currency)
        )
        SELECT a.currency, a.orders, a.free_orders, a.tickets, a.tickets_bought, a.gross, a.discounts, a.refunds, a.cancelled, a.kept, a.fees, a.tax, a.net,
            a.average_order, a.refunded_orders, a.cancelled_orders, a.orders_without_quantity, a.orders_without_amount, a.pending_orders, a.pending_tickets,
            CASE WHEN from_time IS NOT NULL THEN COALESCE(p.orders, 0) END, CASE WHEN from_time IS NOT NULL THEN COALESCE(p.tickets, 0) END,
            CASE WHEN from_time IS NOT NULL THEN COALESCE(p.kept, 0) END, CASE WHEN from_time IS NOT NULL THEN COALESCE(p.refunds, 0) END,
            CASE WHEN from_time IS NOT NULL THEN COALESCE(p.net, 0) END
        FROM all_of a LEFT JOIN previous p ON p.currency IS NOT DISTINCT FROM a.currency
        ORDER BY a.gross DESC, a.currency;
END
$$;
COMMENT ON FUNCTION boxoffice.organisation_totals(timestamptz, timestamptz, text, boolean) IS 'What changed in a span, over all events that the caller may read: one row for each currency. Without from_time everything up to until_time. The previous columns are of the span of equal length before, in whole days, so that both end at the same time of day. Sales of events that are not linked count with include_unlinked only. Sales whose time is not known are in no span with a begin.';

CREATE FUNCTION boxoffice.sales_timeline(event_id text DEFAULT NULL, from_time timestamptz DEFAULT NULL, until_time timestamptz DEFAULT NULL, bucket text DEFAULT 'auto',
        time_zone text DEFAULT NULL, platform text DEFAULT NULL, show timestamptz DEFAULT NULL, OUT bucket_start timestamptz, OUT
        bucket_end timestamptz, OUT currency text, OUT orders bigint, OUT tickets bigint, OUT gross numeric, OUT refunds numeric, OUT
        tickets_void bigint, OUT kept numeric, OUT running_tickets bigint, OUT running_kept numeric, OUT is_partial boolean) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 100
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    own_zone text := '';
    zone text;
    step text;
    begins timestamptz;
    ends timestamptz;
    first_bucket timestamp;
BEGIN
    PERFORM boxoffice._require_span(from_time, until_time), boxoffice._require_platform(sales_timeline.platform);
    IF sales_timeline.event_id IS NOT NULL THEN
        PERFORM boxoffice._require_show(sales_timeline.event_id, show);
        own_zone := boxoffice._event_zone(sales_timeline.event_id);
        zone := COALESCE(boxoffice._require_zone(sales_timeline.time_zone), own_zone);
    ELSIF show IS NOT NULL THEN
        RAISE EXCEPTION 'a show is one of an event' USING ERRCODE = 'invalid_parameter_value', DETAIL = 'event_id is NULL, which is all events.', HINT = 'Give event_id together with show.';
    ELSE
        zone := boxoffice._organisation_zone(sales_timeline.time_zone);
    END IF;
    IF bucket IS NULL THEN
        RAISE EXCEPTION 'bucket must not be null' USING ERRCODE = 'null_value_not_allowed', DETAIL = 'It is hour, day, week, month or auto.', HINT = 'auto chooses by the length of the span.';
    ELSIF bucket NOT IN ('auto', 'hour', 'day', 'week', 'month') THEN
        RAISE EXCEPTION 'there is no bucket "%"', bucket USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It is hour, day, week, month or auto.', HINT = 'auto chooses by the length of the span.';
    END IF;
    IF from_time IS NULL OR until_time IS NULL THEN
        SELECT COALESCE(from_time, min(d.day)::timestamp AT TIME ZONE zone),
               COALESCE(until_time, GREATEST(now(), (max(d.day) + 1)::timestamp AT TIME ZONE zone)) INTO begins, ends
        FROM boxoffice._sale_days d WHERE d.day > '-infinity' AND (d.event_id = sales_timeline.event_id OR sales_timeline.event_id IS NULL AND d.event_id IS NOT NULL);
        begins := COALESCE(begins, (now() AT TIME ZONE zone)::date::timestamp AT TIME ZONE zone);
        ends := COALESCE(ends, now());
        IF until_time IS NULL AND ends > now() AND begins < now() THEN
            ends := now() + interval '1 microsecond';
        END IF;
        PERFORM boxoffice._require_span(begins, ends);
    ELSE
        begins := from_time;
        ends := until_time;
    END IF;
    step := CASE WHEN bucket <> 'auto' THEN bucket WHEN ends - begins <= interval '2 days' THEN 'hour' WHEN ends - begins <= interval '92 days' THEN 'day'
                 WHEN ends - begins <= interval '550 days' THEN 'week' ELSE 'month' END;
    IF step = 'hour' AND ends - begins > interval '14 days' THEN
        RAISE EXCEPTION 'hours are told for 14 days at most' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = format('The span is from %s until %s.', begins, ends), HINT = 'Take a shorter span, or days.';
    ELSIF ends - begins > interval '40 years' THEN
        RAISE EXCEPTION 'a timeline has 40 years at most' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = format('The span is from %s until %s.', begins, ends), HINT = 'Give from_time and until_time.';
    END IF;
    -- Local time, except for hours: those are counted in UTC, in which no hour is missing or comes twice, beginning with a local one.
    IF step = 'hour' THEN
        first_bucket := date_trunc('hour', begins AT TIME ZONE zone);
        RETURN QUERY
            WITH buckets AS MATERIALIZED (
                SELECT b.at AS starts, b.at + interval '1 hour' AS stops FROM generate_series(date_trunc('hour', begins, zone), ends - interval '1 microsecond', interval '1 hour') b (at)
            ), facts AS MATERIALIZED (
                SELECT date_trunc('hour', f.occurred_at, zone) AS at, COALESCE(f.currency::text, '') AS currency, sum(f.orders) AS orders, sum(f.tickets) AS tickets, sum(f.sold_tickets) AS sold_tickets, sum(f.gross) AS gross, sum(f.refunds) AS refunds, sum(f.kept) AS kept
                FROM boxoffice.sale_facts f
                WHERE f.occurred_at >= date_trunc('hour', begins, zone) AND f.occurred_at < (SELECT max(b.stops) FROM buckets b)
                  AND (f.event_id = sales_timeline.event_id OR sales_timeline.event_id IS NULL AND f.event_id = ANY (ARRAY(SELECT e.event_id FROM boxoffice.ticket_events e)))
                  AND (sales_timeline.platform IS NULL OR f.platform = sales_timeline.platform) AND (show IS NULL OR EXISTS (SELECT FROM boxoffice._show_members m WHERE m.event_id = sales_timeline.event_id AND m.starts_at = show
              AND m.platform = f.platform AND m.external_event_id = f.external_event_id
              AND (m.external_session_id IS NULL OR m.external_session_id = f.external_session_id)))
                GROUP BY 1, 2
            ), before AS MATERIALIZED (
                SELECT d.currency, sum(d.tickets) AS tickets, sum(d.kept) AS kept FROM boxoffice._days_of_span(NULL, date_trunc('hour', begins, zone), sales_timeline.platform, sales_timeline.event_id, false) d
                WHERE (show IS NULL OR EXISTS (SELECT FROM boxoffice._show_members m WHERE m.event_id = sales_timeline.event_id AND m.starts_at = show
              AND m.platform = d.platform AND m.external_event_id = d.external_event_id
              AND (m.external_session_id IS NULL OR m.external_session_id = d.external_session_id))) GROUP BY 1
            ), currencies AS (
                SELECT f.currency FROM facts f UNION SELECT b.currency FROM before b UNION SELECT '' WHERE NOT EXISTS (SELECT FROM facts) AND NOT EXISTS (SELECT FROM before)
            )
            SELECT b.starts, b.stops, NULLIF(c.currency, ''), COALESCE(f.orders, 0)::bigint, COALESCE(f.tickets, 0)::bigint, COALESCE(f.gross, 0), COALESCE(f.refunds, 0),
                COALESCE(f.sold_tickets - f.tickets, 0)::bigint, COALESCE(f.kept, 0),
                (COALESCE(p.tickets, 0) + sum(COALESCE(f.tickets, 0)) OVER w)::bigint, COALESCE(p.kept, 0) + sum(COALESCE(f.kept, 0)) OVER w,
                now() >= b.starts AND now() < b.stops
            FROM buckets b CROSS JOIN currencies c LEFT JOIN facts f ON f.at = b.starts AND f.currency = c.currency LEFT JOIN before p ON p.currency = c.currency
            WINDOW w AS (PARTITION BY c.currency ORDER BY b.starts) ORDER BY c.currency, b.starts;
    ELSE
        first_bucket := date_trunc(step, begins AT TIME ZONE zone);
        RETURN QUERY
            WITH buckets AS MATERIALIZED (
                SELECT b.at::date AS starts, (b.at + ('1 ' || step)::interval)::date AS stops
                FROM generate_series(first_bucket, (ends - interval '1 microsecond') AT TIME ZONE zone, ('1 ' || step)::interval) b (at)
            ), days AS MATERIALIZED (
                -- An event's days in another zone than its own are made of its rows.
                SELECT d.currency, d.day, sum(d.orders) AS orders, sum(d.tickets) AS tickets, sum(d.sold_tickets) AS sold_tickets, sum(d.gross) AS gross, sum(d.refunds) AS refunds, sum(d.kept) AS kept
                FROM boxoffice._sale_days d
                WHERE (sales_timeline.event_id IS NULL AND d.event_id IS NOT NULL OR zone = own_zone AND d.event_id = sales_timeline.event_id)
                  AND d.day > '-infinity' AND d.day < (ends AT TIME ZONE zone)::date + 31
                  AND (sales_timeline.platform IS NULL OR d.platform = sales_timeline.platform) AND (show IS NULL OR EXISTS (SELECT FROM boxoffice._show_members m WHERE m.event_id = sales_timeline.event_id AND m.starts_at = show
              AND m.platform = d.platform AND m.external_event_id = d.external_event_id
              AND (m.external_session_id IS NULL OR m.external_session_id = d.external_session_id)))
                GROUP BY 1, 2
                UNION ALL
                SELECT COALESCE(f.currency::text, ''), (f.occurred_at AT TIME ZONE zone)::date, sum(f.orders), sum(f.tickets), sum(f.sold_tickets), sum(f.gross), sum(f.refunds), sum(f.kept)
                FROM boxoffice.sale_facts f
                WHERE zone <> own_zone AND f.event_id = sales_timeline.event_id AND f.occurred_at IS NOT NULL
                  AND (sales_timeline.platform IS NULL OR f.platform = sales_timeline.platform) AND (show IS NULL OR EXISTS (SELECT FROM boxoffice._show_members m WHERE m.event_id = sales_timeline.event_id AND m.starts_at = show
              AND m.platform = f.platform AND m.external_event_id = f.external_event_id
              AND (m.external_session_id IS NULL OR m.external_session_id = f.external_session_id)))
                GROUP BY 1, 2
            ), facts AS MATERIALIZED (
                SELECT d.currency, date_trunc(step, d.day::timestamp)::date AS at, sum(d.orders) AS orders, sum(d.tickets) AS tickets, sum(d.sold_tickets) AS sold_tickets, sum(d.gross) AS gross,
                    sum(d.refunds) AS refunds, sum(d.kept) AS kept
                FROM days d GROUP BY 1, 2
            ), before AS MATERIALIZED (
                SELECT f.currency, sum(f.tickets) AS tickets, sum(f.kept) AS kept FROM facts f WHERE f.at < first_bucket::date GROUP BY 1
            ), currencies AS (
                SELECT f.currency FROM facts f WHERE f.at < (SELECT max(b.stops) FROM buckets b) UNION SELECT '' WHERE NOT EXISTS (SELECT FROM facts f WHERE f.at < (SELECT max(b.stops) FROM buckets b))
            )
            SELECT b.starts::timestamp AT TIME ZONE zone, b.stops::timestamp AT TIME ZONE zone, NULLIF(c.currency, ''), COALESCE(f.orders, 0)::bigint, COALESCE(f.tickets, 0)::bigint,
                COALESCE(f.gross, 0), COALESCE(f.refunds, 0), COALESCE(f.sold_tickets - f.tickets, 0)::bigint, COALESCE(f.kept, 0),
                (COALESCE(p.tickets, 0) + sum(COALESCE(f.tickets, 0)) OVER w)::bigint, COALESCE(p.kept, 0) + sum(COALESCE(f.kept, 0)) OVER w,
                (now() AT TIME ZONE zone)::date >= b.starts AND (now() AT TIME ZONE zone)::date < b.stops
            FROM buckets b CROSS JOIN currencies c LEFT JOIN facts f ON f.at = b.starts AND f.currency = c.currency LEFT JOIN before p ON p.currency = c.currency
            WINDOW w AS (PARTITION BY c.currency ORDER BY b.starts) ORDER BY c.currency, b.starts;
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice.sales_timeline(text, timestamptz, timestamptz, text, text, text, timestamptz) IS 'Sales over time, of an event, one of its shows, or with NULL of all linked events: one row for each bucket and each currency, without gaps; the span is widened to whole buckets. Days are local: by default those of the event''s zone, and of several events each by its own. A refund is in the bucket of the refund. running_ columns count from the very first sale. Sales whose time is not known are in no bucket.';

CREATE FUNCTION boxoffice.sales_velocity(event_id text, show timestamptz DEFAULT NULL, OUT tickets_24h bigint, OUT tickets_7d bigint, OUT tickets_previous_7d bigint, OUT
        per_day numeric, OUT change_percent numeric, OUT is_change boolean, OUT tickets bigint, OUT goal_tickets integer, OUT capacity
        integer, OUT days_left integer, OUT needed_per_day_to_goal numeric, OUT needed_per_day_to_capacity numeric) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    zone text;
    starts timestamptz;
BEGIN
    PERFORM boxoffice._require_show(sales_velocity.event_id, show);
    zone := boxoffice._event_zone(sales_velocity.event_id);
    starts := COALESCE(show, (SELECT min(m.starts_at) FROM boxoffice._show_members m WHERE m.event_id = sales_velocity.event_id AND m.active AND m.starts_at > now()),
        (SELECT e.starts_at FROM boxoffice.ticket_events e WHERE e.event_id = sales_velocity.event_id));
    SELECT COALESCE(sum(f.tickets) FILTER (WHERE f.occurred_at >= now() - interval '24 hours'), 0),
           COALESCE(sum(f.tickets) FILTER (WHERE f.occurred_at >= now() - interval '7 days'), 0),
           COALESCE(sum(f.tickets) FILTER (WHERE f.occurred_at < now() - interval '7 days'), 0)
        INTO tickets_24h, tickets_7d, tickets_previous_7d
        FROM boxoffice.sale_facts f WHERE f.event_id = sales_velocity.event_id AND f.occurred_at >= now() - interval '14 days' AND f.occurred_at < now()
          AND (show IS NULL OR EXISTS (SELECT FROM boxoffice._show_members m WHERE m.event_id = sales_velocity.event_id AND m.starts_at = show
              AND m.platform = f.platform AND m.external_event_id = f.external_event_id
              AND (m.external_session_id IS NULL OR m.external_session_id = f.external_session_id)));
    SELECT COALESCE(sum(d.tickets), 0) INTO tickets FROM boxoffice._days(sales_velocity.event_id, show) d;
    SELECT o.goal_tickets INTO goal_tickets FROM boxoffice.show_settings o
        WHERE o.event_id = sales_velocity.event_id AND o.starts_at IN (show, '-infinity') AND o.goal_tickets IS NOT NULL ORDER BY o.starts_at DESC LIMIT 1;
    capacity := boxoffice._capacity(sales_velocity.event_id, show);
    per_day := round(tickets_7d / 7.0, 1);
    change_percent := round(100.0 * (tickets_7d - tickets_previous_7d) / NULLIF(GREATEST(tickets_previous_7d, 0), 0), 1);
    -- Twice the noise of two counts.
    is_change := abs(tickets_7d - tickets_previous_7d) > 2 * sqrt(GREATEST(tickets_7d, 0) + GREATEST(tickets_previous_7d, 0));
    days_left := GREATEST(0, (starts AT TIME ZONE zone)::date - (now() AT TIME ZONE zone)::date);
    needed_per_day_to_goal := round(GREATEST(0, goal_tickets - tickets)::numeric / NULLIF(days_left, 0), 1);
    needed_per_day_to_capacity := round(GREATEST(0, capacity - tickets)::numeric / NULLIF(days_left, 0), 1);
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION boxoffice.sales_velocity(text, timestamptz) IS 'How fast an event, or one of its shows, sells at present; tickets taken back are subtracted. is_change: the last seven days differ from the seven before by more than chance would explain. days_left and what is needed a day count to the show, else to the next one.';
