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
