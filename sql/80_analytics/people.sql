-- Who came, and who is there twice.

CREATE FUNCTION boxoffice.attendance(event_id text, show timestamptz DEFAULT NULL, OUT quarter_hour timestamptz, OUT arrivals bigint, OUT arrived bigint, OUT inside bigint) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 20
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    PERFORM boxoffice._require_show(attendance.event_id, show);
    RETURN QUERY
        WITH came AS (
            SELECT to_timestamp(floor(EXTRACT(epoch FROM a.checked_in_at) / 900) * 900) AS at, count(*) AS n
            FROM boxoffice.attendees a WHERE a.event_id = attendance.event_id AND a.status = 'checked_in' AND (show IS NULL OR EXISTS (SELECT FROM boxoffice._show_members m WHERE m.event_id = attendance.event_id AND m.starts_at = show
              AND m.platform = a.platform AND m.external_event_id = a.external_event_id
              AND (m.external_session_id IS NULL OR m.external_session_id = a.external_session_id)))
            GROUP BY 1
        )
        SELECT c.at, c.n, sum(c.n) OVER (ORDER BY c.at NULLS LAST)::bigint, NULL::bigint FROM came c ORDER BY c.at NULLS LAST;
END
$$;
COMMENT ON FUNCTION boxoffice.attendance(text, timestamptz) IS 'Arrivals by the quarter of an hour, as the platforms know them; those without a time in the last row. inside is NULL: nothing here counts who goes out.';

CREATE FUNCTION boxoffice.no_shows(event_id text, show timestamptz DEFAULT NULL, OUT by text, OUT label text, OUT tickets bigint, OUT came bigint, OUT no_shows bigint, OUT no_show_percent numeric) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 20
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    zone CONSTANT text := boxoffice._event_zone(no_shows.event_id);
BEGIN
    PERFORM boxoffice._require_show(no_shows.event_id, show);
    RETURN QUERY
        WITH starts AS MATERIALIZED (
            SELECT m.platform, m.external_event_id, m.external_session_id, m.starts_at, COALESCE(m.ends_at, m.starts_at + interval '6 hours') AS ends_at
            FROM boxoffice._show_members m WHERE m.event_id = no_shows.event_id AND (show IS NULL OR m.starts_at = show)
        ), people AS MATERIALIZED (
            SELECT a.platform::text AS platform, COALESCE(a.ticket_type, 'type unknown') AS type, a.ticket_price, a.status, x.starts_at, s.purchase_date
            FROM boxoffice.attendees a
            JOIN starts x ON x.platform = a.platform AND x.external_event_id = a.external_event_id AND (x.external_session_id IS NULL OR x.external_session_id = a.external_session_id)
            LEFT JOIN boxoffice.ticket_sales s ON s.platform = a.platform AND s.platform_order_id = a.platform_order_id
            WHERE a.event_id = no_shows.event_id AND a.status <> 'cancelled' AND x.ends_at < now()
        ), labelled AS (
            SELECT 1 AS part, 'all' AS by, 'all' AS label, p.status FROM people p
            UNION ALL SELECT 2, 'platform', p.platform, p.status FROM people p
            UNION ALL SELECT 3, 'ticket type', p.type, p.status FROM people p
            UNION ALL SELECT 4, 'price', CASE WHEN p.ticket_price = 0 THEN 'free' WHEN p.ticket_price > 0 THEN 'paid' ELSE 'price unknown' END, p.status FROM people p
            UNION ALL SELECT 5, 'bought', CASE WHEN d.days IS NULL THEN 'unknown' WHEN d.days <= 0 THEN '0 on the day' WHEN d.days <= 3 THEN '1 to 3 days before'
                WHEN d.days <= 7 THEN '4 to 7 days before' WHEN d.days <= 28 THEN '8 to 28 days before' ELSE 'earlier' END, p.status
            FROM people p CROSS JOIN LATERAL (SELECT (p.starts_at AT TIME ZONE zone)::date - (p.purchase_date AT TIME ZONE zone)::date AS days) d
        )
        SELECT l.by, l.label, count(*), count(*) FILTER (WHERE l.status = 'checked_in'), count(*) FILTER (WHERE l.status <> 'checked_in'),
               round(100.0 * count(*) FILTER (WHERE l.status <> 'checked_in') / count(*), 1)
        FROM labelled l GROUP BY l.part, l.by, l.label ORDER BY l.part, l.label;
END
$$;
COMMENT ON FUNCTION boxoffice.no_shows(text, timestamptz) IS 'Who had a ticket and did not come, of shows that are over: all, by platform, ticket type, price, and by how many days before the show it was bought.';

CREATE FUNCTION boxoffice.duplicate_attendees(event_id text, OUT reason text, OUT value text, OUT platforms text, OUT tickets bigint, OUT orders text[]) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    PERFORM boxoffice._require_event(duplicate_attendees.event_id);
    RETURN QUERY
        WITH people AS MATERIALIZED (
            SELECT a.platform::text AS platform, a.platform_order_id::text AS order_id, a.platform_attendee_id, a.barcode, a.external_session_id,
                   lower(btrim(a.name)) AS name, lower(btrim(COALESCE(a.email, s.customer_email))) AS email
            FROM boxoffice.attendees a LEFT JOIN boxoffice.ticket_sales s ON s.platform = a.platform AND s.platform_order_id = a.platform_order_id
            WHERE a.event_id = duplicate_attendees.event_id AND a.status <> 'cancelled'
        )
        SELECT 'one code on several tickets', p.barcode, string_agg(DISTINCT p.platform, ' and '), count(*), array_agg(DISTINCT p.order_id)
        FROM people p WHERE p.barcode <> '' GROUP BY p.barcode HAVING count(*) > 1
        UNION ALL
        SELECT 'one person on several platforms', min(p.name) || ' <' || p.email || '>', string_agg(DISTINCT p.platform, ' and '), count(*), array_agg(DISTINCT p.order_id)
        FROM people p WHERE p.name <> '' AND p.email <> '' GROUP BY p.name, p.email HAVING count(DISTINCT p.platform) > 1
        ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION boxoffice.duplicate_attendees(text) IS 'Tickets that may be there twice: one code on several tickets, or one name and address on several platforms. Shows names and addresses, so not for analysts.';

CREATE FUNCTION boxoffice.buying_hours(event_id text DEFAULT NULL, weeks integer DEFAULT 12, OUT weekday integer, OUT hour integer, OUT tickets bigint) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 168
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    IF buying_hours.event_id IS NOT NULL THEN
        PERFORM boxoffice._require_event(buying_hours.event_id);
    END IF;
    IF weeks IS NULL THEN
        RAISE EXCEPTION 'weeks must not be null' USING ERRCODE = 'null_value_not_allowed', DETAIL = 'It says how far back to look.', HINT = 'The default is 12.';
    ELSIF weeks NOT BETWEEN 1 AND 104 THEN
        RAISE EXCEPTION 'weeks is 1 to 104' USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It is %s.', weeks), HINT = 'The default is 12.';
    END IF;
    RETURN QUERY
        WITH sold AS (
            SELECT EXTRACT(isodow FROM l.at)::integer AS weekday, EXTRACT(hour FROM l.at)::integer AS hour, sum(f.sold_tickets)::bigint AS tickets
            FROM boxoffice.ticket_events e
            CROSS JOIN LATERAL (SELECT boxoffice._event_zone(e.event_id) AS zone OFFSET 0) z
            CROSS JOIN LATERAL (SELECT s.occurred_at, s.sold_tickets FROM boxoffice.sale_facts s WHERE s.event_id = e.event_id AND s.occurred_at >= now() - weeks * interval '7 days' AND s.kind = 'sold') f
            CROSS JOIN LATERAL (SELECT f.occurred_at AT TIME ZONE z.zone AS at) l
            WHERE buying_hours.event_id IS NULL OR e.event_id = buying_hours.event_id GROUP BY 1, 2
        )
        SELECT d.day, h.hour, COALESCE(s.tickets, 0) FROM generate_series(1, 7) d (day) CROSS JOIN generate_series(0, 23) h (hour)
        LEFT JOIN sold s ON s.weekday = d.day AND s.hour = h.hour ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION boxoffice.buying_hours(text, integer) IS 'When people buy: tickets by weekday (1 is Monday) and hour, each in the zone of its event, over the last weeks; of an event or with NULL of all linked ones.';

CREATE FUNCTION boxoffice.customer_summary(event_id text DEFAULT NULL, from_time timestamptz DEFAULT NULL, until_time timestamptz DEFAULT NULL, OUT buyers bigint, OUT
        new_buyers bigint, OUT returning_buyers bigint, OUT returning_percent numeric, OUT orders_per_buyer numeric, OUT
        tickets_per_buyer numeric, OUT opted_in bigint, OUT orders_without_address bigint) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    IF customer_summary.event_id IS NOT NULL THEN
        PERFORM boxoffice._require_event(customer_summary.event_id);
    END IF;
    PERFORM boxoffice._require_span(from_time, until_time);
    RETURN QUERY
        WITH mine AS MATERIALIZED (
            SELECT b.buyer, count(*) AS orders, sum(b.tickets) AS tickets, bool_or(b.opted_in) AS opted_in, min(b.purchase_date) AS first_at
            FROM boxoffice._buyers b
            WHERE (customer_summary.event_id IS NULL AND b.event_id IS NOT NULL OR b.event_id = customer_summary.event_id)
              AND (from_time IS NULL OR b.purchase_date >= from_time) AND (until_time IS NULL OR b.purchase_date < until_time)
            GROUP BY b.buyer
        ), ever AS MATERIALIZED (
            SELECT b.buyer, min(b.purchase_date) AS first_at, count(*) AS orders FROM boxoffice._buyers b WHERE b.event_id IS NOT NULL GROUP BY b.buyer
        ), known AS MATERIALIZED (
            SELECT m.*, e.first_at < m.first_at OR customer_summary.event_id IS NULL AND e.orders > 1 AS returns
            FROM mine m JOIN ever e ON e.buyer = m.buyer
        )
        SELECT count(*), count(*) FILTER (WHERE k.returns IS NOT TRUE), count(*) FILTER (WHERE k.returns), round(100.0 * count(*) FILTER (WHERE k.returns) / NULLIF(count(*), 0), 1),
            round(avg(k.orders), 2), round(avg(k.tickets), 2), count(*) FILTER (WHERE k.opted_in), COALESCE((SELECT m.orders FROM mine m WHERE m.buyer IS NULL), 0)
        FROM known k;
END
$$;
COMMENT ON FUNCTION boxoffice.customer_summary(text, timestamptz, timestamptz) IS 'Buyers of an event, or with NULL of all linked ones, by their address, which never leaves the function. Returning are those who had bought before, for any event that the caller may read; with NULL all who have bought more than once. Orders that stand only; those without an address, or with one that the platform gives to everybody, are counted apart.';
