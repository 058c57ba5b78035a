-- How a show sells beside comparable ones, what it may come to, and how far such forecasts were off.

CREATE FUNCTION boxoffice._likeness(one text, other text) RETURNS double precision
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'title_likeness_wrapper';
COMMENT ON FUNCTION boxoffice._likeness(text, text) IS 'How alike two titles are, from 0 to 1; 0 where one is not known.';

CREATE FUNCTION boxoffice._the_show(event_id text, show timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    found timestamptz;
BEGIN
    PERFORM boxoffice._require_show(_the_show.event_id, show);
    found := COALESCE(show,
        (SELECT min(m.starts_at) FROM boxoffice._show_members m WHERE m.event_id = _the_show.event_id AND m.active AND m.starts_at > now() - interval '6 hours'),
        (SELECT max(m.starts_at) FROM boxoffice._show_members m WHERE m.event_id = _the_show.event_id AND m.active));
    IF found IS NULL THEN
        RAISE EXCEPTION 'event "%" has no date', _the_show.event_id USING ERRCODE = 'invalid_parameter_value',
            DETAIL = 'Days before a show can only be counted when it is known when it begins.', HINT = 'Set starts_at of its row in ticket_events.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION boxoffice._the_show(text, timestamptz) IS 'The given show of an event; without one its next, else its last.';

CREATE FUNCTION boxoffice._curves(event_ids text[], starts timestamptz[], OUT event_id text, OUT starts_at timestamptz, OUT days_before integer, OUT tickets bigint)
    RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 1000
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    -- What has no time was there from the beginning.
    RETURN QUERY
        SELECT k.event_id, k.starts_at, CASE WHEN d.day = '-infinity' THEN 100000 ELSE (k.starts_at AT TIME ZONE k.zone)::date - d.day END, sum(d.tickets)::bigint
        FROM (SELECT u.event_id, u.starts_at, boxoffice._event_zone(u.event_id) AS zone FROM unnest(event_ids, starts) u (event_id, starts_at) OFFSET 0) k
        JOIN boxoffice._show_members m ON m.event_id = k.event_id AND m.starts_at = k.starts_at AND m.event_id = ANY (event_ids)
        JOIN boxoffice._sale_days d ON d.event_id = m.event_id AND d.platform = m.platform AND d.external_event_id = m.external_event_id
            AND (m.external_session_id IS NULL OR m.external_session_id = d.external_session_id) AND d.event_id = ANY (event_ids)
        WHERE d.tickets <> 0
        GROUP BY 1, 2, 3;
END
$$;
COMMENT ON FUNCTION boxoffice._curves(text[], timestamptz[]) IS 'Tickets of shows, those taken back subtracted, by days before the show.';

CREATE FUNCTION boxoffice.comparable_shows(event_id text, show timestamptz DEFAULT NULL, OUT comparable_event_id text, OUT starts_at timestamptz, OUT title text,
        OUT score numeric, OUT tickets bigint) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 30
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    its_start CONSTANT timestamptz := boxoffice._the_show(comparable_shows.event_id, show);
    zone CONSTANT text := boxoffice._event_zone(comparable_shows.event_id);
    its_local CONSTANT timestamp := its_start AT TIME ZONE zone;
    its_capacity CONSTANT integer := boxoffice._capacity(comparable_shows.event_id, its_start);
    its_event boxoffice.ticket_events;
    chosen text[];
BEGIN
    SELECT e.* INTO its_event FROM boxoffice.ticket_events e WHERE e.event_id = comparable_shows.event_id;
    SELECT o.compare_with INTO chosen FROM boxoffice.show_settings o WHERE o.event_id = comparable_shows.event_id AND o.starts_at IN (its_start, '-infinity')
        AND o.compare_with IS NOT NULL ORDER BY o.starts_at DESC LIMIT 1;
    RETURN QUERY
        WITH past AS (
            SELECT m.event_id, m.starts_at, max(m.ends_at) AS ends_at FROM boxoffice._show_members m
            WHERE m.active AND m.starts_at < now() AND m.starts_at > now() - interval '24 months' AND (m.event_id, m.starts_at) <> (comparable_shows.event_id, its_start)
              AND (chosen IS NULL OR m.event_id = ANY (chosen))
            GROUP BY m.event_id, m.starts_at
        ), scored AS (
            SELECT p.event_id, p.starts_at, e.title,
                   CASE WHEN chosen IS NOT NULL THEN 1 ELSE
                   CASE WHEN EXTRACT(isodow FROM l.at) = EXTRACT(isodow FROM its_local)
                       AND abs(EXTRACT(epoch FROM l.at::time - its_local::time)) <= 7200 THEN 0.35 ELSE 0 END
                   + CASE WHEN lower(e.venue) = lower(its_event.venue) THEN 0.25 ELSE 0 END
                   + 0.25 * boxoffice._likeness(e.title, its_event.title)::numeric
                   + CASE WHEN c.places BETWEEN its_capacity * 0.5 AND its_capacity * 2 THEN 0.15 ELSE 0 END END AS score
            FROM past p JOIN boxoffice.ticket_events e ON e.event_id = p.event_id
            CROSS JOIN LATERAL (SELECT p.starts_at AT TIME ZONE boxoffice._zone(e.time_zone, zone) AS at) l
            CROSS JOIN LATERAL (SELECT e.capacity::integer AS places) c
            WHERE COALESCE(p.ends_at, p.starts_at + interval '6 hours') < now()
        ), best AS (
            -- Some have too few tickets: those are known only from the sheets.
            SELECT s.* FROM scored s WHERE s.score >= 0.5 ORDER BY s.score DESC, s.starts_at DESC, s.event_id LIMIT 60
        ), ended AS (
            SELECT c.event_id, c.starts_at, sum(c.tickets)::bigint AS tickets
            FROM boxoffice._curves(ARRAY(SELECT b.event_id FROM best b ORDER BY b.event_id, b.starts_at), ARRAY(SELECT b.starts_at FROM best b ORDER BY b.event_id, b.starts_at)) c
            WHERE c.days_before >= 0 GROUP BY 1, 2
        )
        SELECT b.event_id, b.starts_at, b.title, round(b.score, 2), n.tickets FROM best b JOIN ended n ON n.event_id = b.event_id AND n.starts_at = b.starts_at
        WHERE n.tickets >= 10 ORDER BY b.score DESC, b.starts_at DESC, b.event_id LIMIT 30;
END
$$;
COMMENT ON FUNCTION boxoffice.comparable_shows(text, timestamptz) IS 'The shows that a show is compared with, the best first: over, not withdrawn, of the last 24 months, with ten tickets or more. 0.35 for the same weekday and a start within two hours, 0.25 for the venue, 0.25 by likeness of the title, 0.15 for half to twice the capacity; at least 0.5, at most 30. Or those of compare_with in show_settings.';

CREATE FUNCTION boxoffice._forecast(sold numeric, sold_then numeric[], sold_in_the_end numeric[], capacity integer, OUT comparables integer, OUT pace_percent numeric,
        OUT forecast integer, OUT low integer, OUT high integer, OUT sell_out_share numeric)
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    comparables := COALESCE(cardinality(sold_in_the_end), 0);
    SELECT round(100 * (sold / NULLIF(percentile_cont(0.5) WITHIN GROUP (ORDER BY c)::numeric, 0) - 1), 0) INTO pace_percent FROM unnest(sold_then) u (c);
    IF comparables < 3 THEN
        RETURN;
    END IF;
    WITH shows AS (
        SELECT c, f, c / f AS r FROM unnest(sold_then, sold_in_the_end) u (c, f) WHERE f > 0
    ), weight AS (
        SELECT LEAST(GREATEST((percentile_cont(0.5) WITHIN GROUP (ORDER BY r)::numeric - 0.10) / 0.40, 0), 1) AS w FROM shows
    ), guesses AS (
        -- Where nothing had been sold there is no share to multiply by.
        SELECT CASE WHEN r > 0 THEN w * (sold / r) + (1 - w) * (sold + f - c) ELSE sold + f - c END AS uncut FROM shows CROSS JOIN weight
    ), cut AS (
        SELECT uncut, GREATEST(sold, LEAST(uncut, COALESCE(capacity, uncut))) AS guess FROM guesses
    )
    SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY guess)::numeric),
           round(CASE WHEN count(*) >= 8 THEN percentile_cont(0.1) WITHIN GROUP (ORDER BY guess)::numeric ELSE min(guess) END),
           round(CASE WHEN count(*) >= 8 THEN percentile_cont(0.9) WITHIN GROUP (ORDER BY guess)::numeric ELSE max(guess) END),
           CASE WHEN capacity IS NOT NULL THEN round(avg(CASE WHEN uncut >= capacity THEN 1.0 ELSE 0 END), 3) END
        INTO forecast, low, high, sell_out_share FROM cut;
END
$$;
COMMENT ON FUNCTION boxoffice._forecast(numeric, numeric[], numeric[], integer) IS 'The arithmetic of a forecast: what is sold now, what comparable shows had sold by then and in the end. Between multiplying by their share (good once a fair part is sold) and adding what they still sold (good early on).';

CREATE FUNCTION boxoffice._shares_of_day(zone text) RETURNS numeric
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
    SELECT (EXTRACT(epoch FROM now() - d.midnight) / EXTRACT(epoch FROM d.next - d.midnight))::numeric
    FROM (SELECT (now() AT TIME ZONE zone)::date::timestamp AT TIME ZONE zone AS midnight,
                 ((now() AT TIME ZONE zone)::date + 1)::timestamp AT TIME ZONE zone AS next) d
$$;
COMMENT ON FUNCTION boxoffice._shares_of_day(text) IS 'How much of today is over, in that zone: 0 to 1.';

CREATE FUNCTION boxoffice.sales_pace(event_id text, show timestamptz DEFAULT NULL, days integer DEFAULT 28, OUT days_before integer, OUT day date, OUT tickets bigint,
        OUT comparables integer, OUT typical numeric, OUT low numeric, OUT high numeric, OUT pace_percent numeric) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 30
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    its_start CONSTANT timestamptz := boxoffice._the_show(sales_pace.event_id, show);
    zone CONSTANT text := boxoffice._event_zone(sales_pace.event_id);
    show_day CONSTANT date := (its_start AT TIME ZONE zone)::date;
    today CONSTANT date := (now() AT TIME ZONE zone)::date;
    share CONSTANT numeric := boxoffice._shares_of_day(zone);
BEGIN
    IF days IS NULL THEN
        RAISE EXCEPTION 'days must not be null' USING ERRCODE = 'null_value_not_allowed', DETAIL = 'It says how many days before the show the curve begins.', HINT = 'The default is 28.';
    ELSIF days NOT BETWEEN 0 AND 730 THEN
        RAISE EXCEPTION 'days is 0 to 730' USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It is %s.', days), HINT = 'The default is 28.';
    END IF;
    RETURN QUERY
        WITH others AS MATERIALIZED (
            SELECT c.comparable_event_id AS event_id, c.starts_at FROM boxoffice.comparable_shows(sales_pace.event_id, its_start) c
        ), theirs AS MATERIALIZED (
            SELECT c.event_id, c.starts_at, c.days_before, c.tickets
            FROM boxoffice._curves(ARRAY(SELECT o.event_id FROM others o ORDER BY o.event_id, o.starts_at), ARRAY(SELECT o.starts_at FROM others o ORDER BY o.event_id, o.starts_at)) c
        ), own AS MATERIALIZED (
            SELECT c.days_before, c.tickets FROM boxoffice._curves(ARRAY[sales_pace.event_id], ARRAY[its_start]) c
        ), points AS (
            SELECT n.n AS days_before, show_day - n.n AS day,
                   CASE WHEN show_day - n.n <= today THEN (SELECT COALESCE(sum(w.tickets), 0) FROM own w WHERE w.days_before >= n.n) END::bigint AS tickets
            FROM generate_series(days, 0, -1) n (n)
        ), others_then AS (
            -- Today is not over: the others are taken at the same part of the day.
            SELECT p.days_before, o.event_id, o.starts_at,
                   COALESCE(sum(t.tickets) FILTER (WHERE t.days_before > p.days_before), 0)
                   + CASE WHEN p.day = today THEN share ELSE 1 END * COALESCE(sum(t.tickets) FILTER (WHERE t.days_before = p.days_before), 0) AS tickets
            FROM points p CROSS JOIN others o LEFT JOIN theirs t ON t.event_id = o.event_id AND t.starts_at = o.starts_at
            GROUP BY 1, 2, 3, p.day
        ), typical AS (
            SELECT t.days_before, count(*)::integer AS n, percentile_cont(0.5) WITHIN GROUP (ORDER BY t.tickets)::numeric AS mid,
                   CASE WHEN count(*) >= 8 THEN percentile_cont(0.1) WITHIN GROUP (ORDER BY t.tickets)::numeric ELSE min(t.tickets) END AS low,
                   CASE WHEN count(*) >= 8 THEN percentile_cont(0.9) WITHIN GROUP (ORDER BY t.tickets)::numeric ELSE max(t.tickets) END AS high
            FROM others_then t GROUP BY 1
        )
        SELECT p.days_before, p.day, p.tickets, COALESCE(y.n, 0), round(y.mid, 1), CASE WHEN y.n >= 3 THEN round(y.low, 1) END, CASE WHEN y.n >= 3 THEN round(y.high, 1) END,
               round(100 * (p.tickets / NULLIF(y.mid, 0) - 1), 0)
        FROM points p LEFT JOIN typical y ON y.days_before = p.days_before ORDER BY p.days_before DESC;
END
$$;
COMMENT ON FUNCTION boxoffice.sales_pace(text, timestamptz, integer) IS 'Tickets of a show by days before it, beside those of comparable shows: median, and the range of most of them (from the 10th to the 90th of a hundred; with less than eight all, with less than three none). pace_percent is how far it is ahead of the median; today the others are taken at the same time of day. Days to come have no tickets yet.';

CREATE FUNCTION boxoffice.sales_forecast(event_id text, show timestamptz DEFAULT NULL, OUT starts_at timestamptz, OUT days_left integer, OUT tickets bigint, OUT capacity integer,
        OUT comparables integer, OUT pace_percent numeric, OUT forecast integer, OUT low integer, OUT high integer, OUT sell_out text, OUT sell_out_day date, OUT remark text)
    RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    zone CONSTANT text := boxoffice._event_zone(sales_forecast.event_id);
    share numeric := boxoffice._shares_of_day(zone);
    sold_then numeric[];
    sold_in_the_end numeric[];
    chance numeric;
BEGIN
    starts_at := boxoffice._the_show(sales_forecast.event_id, show);
    days_left := GREATEST(0, (starts_at AT TIME ZONE zone)::date - (now() AT TIME ZONE zone)::date);
    capacity := boxoffice._capacity(sales_forecast.event_id, starts_at);
    SELECT COALESCE(sum(d.tickets), 0) INTO tickets FROM boxoffice._days(sales_forecast.event_id, starts_at) d;
    IF starts_at < now() THEN
        remark := 'It has begun: tickets is what it came to.';
        RETURN NEXT;
        RETURN;
    END IF;
        WITH others AS MATERIALIZED (
            SELECT c.comparable_event_id AS event_id, c.starts_at FROM boxoffice.comparable_shows(sales_forecast.event_id, sales_forecast.starts_at) c
        ), theirs AS MATERIALIZED (
            SELECT c.event_id, c.starts_at, c.days_before, c.tickets
            FROM boxoffice._curves(ARRAY(SELECT o.event_id FROM others o ORDER BY o.event_id, o.starts_at), ARRAY(SELECT o.starts_at FROM others o ORDER BY o.event_id, o.starts_at)) c
        ), sums AS (
            SELECT t.event_id, t.starts_at, COALESCE(sum(t.tickets) FILTER (WHERE t.days_before > days_left), 0)
                       + share * COALESCE(sum(t.tickets) FILTER (WHERE t.days_before = days_left), 0) AS sold_then,
                   sum(t.tickets) FILTER (WHERE t.days_before >= 0) AS in_the_end
            FROM theirs t GROUP BY 1, 2
        ), whole_days AS (
            -- How much the others still sold until the end of each day that is left.
            SELECT n.n AS days_before, percentile_cont(0.5) WITHIN GROUP (ORDER BY (SELECT COALESCE(sum(t.tickets), 0) FROM theirs t
                       WHERE t.event_id = s.event_id AND t.starts_at = s.starts_at AND t.days_before >= n.n) - s.sold_then)::numeric AS more
            FROM sums s CROSS JOIN generate_series(0, LEAST(days_left, 730)) n (n) WHERE sales_forecast.capacity IS NOT NULL GROUP BY 1
        )
        SELECT array_agg(s.sold_then), array_agg(s.in_the_end),
               (SELECT (sales_forecast.starts_at AT TIME ZONE zone)::date - max(w.days_before) FROM whole_days w WHERE sales_forecast.tickets + w.more >= sales_forecast.capacity)
            INTO sold_then, sold_in_the_end, sell_out_day FROM sums s;
    SELECT f.comparables, f.pace_percent, f.forecast, f.low, f.high, f.sell_out_share INTO comparables, pace_percent, forecast, low, high, chance
        FROM boxoffice._forecast(tickets, sold_then, sold_in_the_end, capacity) f;
    IF comparables < 3 THEN
        sell_out_day := NULL;
        remark := format('A forecast needs three earlier shows like this one; there %s.', CASE comparables WHEN 0 THEN 'is none' WHEN 1 THEN 'is one' ELSE 'are two' END);
    ELSIF tickets >= capacity THEN
        sell_out := 'sold out';
    ELSE
        sell_out := CASE WHEN chance < 0.2 THEN 'unlikely' WHEN chance <= 0.8 THEN 'possible' WHEN chance > 0.8 THEN 'likely' END;
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION boxoffice.sales_forecast(text, timestamptz) IS 'What a show may come to, by comparable_shows: the middle of their forecasts, and the range of most of them. sell_out says in words how many of them reach the capacity: unlikely (less than a fifth), possible, likely (more than four fifths). forecast_accuracy() says how far such forecasts were off.';

CREATE FUNCTION boxoffice.forecast_accuracy(days integer[] DEFAULT '{28,14,7,3,1}', shows integer DEFAULT 20, OUT days_before integer, OUT shows_compared integer,
        OUT median_error_percent numeric, OUT bias_percent numeric) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 5
    SET search_path = pg_catalog, boxoffice, pg_temp SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    IF days IS NULL OR shows IS NULL OR array_position(days, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'days and shows must not be null' USING ERRCODE = 'null_value_not_allowed', DETAIL = 'They say how many days before, and of how many shows.', HINT = 'The defaults are {28,14,7,3,1} and 20.';
    ELSIF cardinality(days) = 0 OR NOT (0 <= ALL (days)) OR NOT (730 >= ALL (days)) OR shows NOT BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION 'days are 0 to 730, shows 1 to 200' USING ERRCODE = 'invalid_parameter_value', DETAIL = format('They are %s and %s.', days, shows), HINT = 'The defaults are {28,14,7,3,1} and 20.';
    END IF;
    RETURN QUERY
        WITH past AS MATERIALIZED (
            SELECT m.event_id, m.starts_at FROM boxoffice._show_members m
            WHERE m.active AND COALESCE(m.ends_at, m.starts_at + interval '6 hours') < now() AND m.starts_at > now() - interval '24 months'
            GROUP BY 1, 2 ORDER BY 2 DESC, 1 LIMIT shows
        ), pairs AS MATERIALIZED (
            SELECT p.event_id, p.starts_at, c.comparable_event_id AS other, c.starts_at AS other_start
            FROM past p CROSS JOIN LATERAL boxoffice.comparable_shows(p.event_id, p.starts_at) c
        ), wanted AS MATERIALIZED (
            SELECT p.event_id, p.starts_at FROM past p UNION SELECT p.other, p.other_start FROM pairs p
        ), curves AS MATERIALIZED (
            SELECT c.* FROM boxoffice._curves(ARRAY(SELECT w.event_id FROM wanted w ORDER BY w.event_id, w.starts_at), ARRAY(SELECT w.starts_at FROM wanted w ORDER BY w.event_id, w.starts_at)) c
        ), sums AS MATERIALIZED (
            SELECT c.event_id, c.starts_at, d.d, COALESCE(sum(c.tickets) FILTER (WHERE c.days_before >= d.d), 0)::numeric AS then, sum(c.tickets) FILTER (WHERE c.days_before >= 0)::numeric AS in_the_end
            FROM curves c CROSS JOIN unnest(days) d (d) GROUP BY 1, 2, 3
        ), errors AS (
            SELECT s.d, 100 * (f.forecast - s.in_the_end) / s.in_the_end AS error
            FROM past p JOIN sums s ON s.event_id = p.event_id AND s.starts_at = p.starts_at
            JOIN LATERAL (SELECT array_agg(o.then) AS thens, array_agg(o.in_the_end) AS ends FROM pairs q
                JOIN sums o ON o.event_id = q.other AND o.starts_at = q.other_start AND o.d = s.d
                WHERE q.event_id = p.event_id AND q.starts_at = p.starts_at) a ON true
            CROSS JOIN LATERAL boxoffice._forecast(s.then, a.thens, a.ends, boxoffice._capacity(p.event_id, p.starts_at)) f
            WHERE s.in_the_end >= 10 AND f.forecast IS NOT NULL
        )
        SELECT d.d, count(e.error)::integer, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(e.error))::numeric, 1), round(percentile_cont(0.5) WITHIN GROUP (ORDER BY e.error)::numeric, 1)
        FROM unnest(days) d (d) LEFT JOIN errors e ON e.d = d.d GROUP BY 1 ORDER BY 1 DESC;
END
$$;
COMMENT ON FUNCTION boxoffice.forecast_accuracy(integer[], integer) IS 'How far forecasts would have been off on the last shows, each forecast from the others: the median of the error, of a hundred tickets in the end, and the bias (more than 0: too many were promised).';
