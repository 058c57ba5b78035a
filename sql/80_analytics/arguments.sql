-- Arguments of the functions of analytics. What a reader may not see does not exist for them.

CREATE FUNCTION boxoffice._require_event(event_id text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    IF _require_event.event_id IS NULL THEN
        RAISE EXCEPTION 'event_id must not be null' USING ERRCODE = 'null_value_not_allowed',
            DETAIL = 'The figures are those of one event.', HINT = 'SELECT event_id, title, starts_at FROM boxoffice.shows lists them.';
    ELSIF NOT EXISTS (SELECT FROM boxoffice.ticket_events e WHERE e.event_id = _require_event.event_id) THEN
        RAISE EXCEPTION 'there is no event "%"', _require_event.event_id USING ERRCODE = 'invalid_parameter_value',
            DETAIL = 'It is not in ticket_events, or you may not read it.', HINT = 'SELECT event_id, title, starts_at FROM boxoffice.shows lists yours.';
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice._require_event(text) IS 'Raises an error unless the caller can see such an event.';

CREATE FUNCTION boxoffice._require_show(event_id text, show timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    PERFORM boxoffice._require_event(_require_show.event_id);
    IF show IS NOT NULL AND NOT EXISTS (SELECT FROM boxoffice._show_members m WHERE m.event_id = _require_show.event_id AND m.starts_at = show) THEN
        RAISE EXCEPTION 'event "%" has no show at %', _require_show.event_id, show USING ERRCODE = 'invalid_parameter_value',
            DETAIL = COALESCE('Its shows begin at ' || (SELECT string_agg(DISTINCT m.starts_at::text, ', ' ORDER BY m.starts_at::text)
                FROM boxoffice._show_members m WHERE m.event_id = _require_show.event_id) || '.', 'No date of it is known.'),
            HINT = 'Leave show out for all of them.';
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice._require_show(text, timestamptz) IS 'Raises an error unless the caller can see such an event, and it has a show at that time. NULL is all of its shows.';

CREATE FUNCTION boxoffice._require_span(from_time timestamptz, until_time timestamptz) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    IF until_time <= from_time THEN
        RAISE EXCEPTION 'a span cannot end before it begins' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = format('It is from %s until %s; the end is not in it.', from_time, until_time), HINT = 'Swap from_time and until_time, or leave one out.';
    ELSIF NOT (isfinite(from_time) AND isfinite(until_time)) THEN
        RAISE EXCEPTION 'a span cannot be infinite' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = format('It is from %s until %s.', from_time, until_time), HINT = 'NULL is no limit.';
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice._require_span(timestamptz, timestamptz) IS 'Raises an error for a span that ends before it begins.';

CREATE FUNCTION boxoffice._require_zone(time_zone text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    PERFORM now() AT TIME ZONE time_zone;
    RETURN time_zone;
EXCEPTION WHEN invalid_parameter_value THEN
    RAISE EXCEPTION 'there is no time zone "%"', time_zone USING ERRCODE = 'invalid_parameter_value',
        DETAIL = 'Zones have the names of the IANA.', HINT = 'For example Australia/Sydney; SELECT name FROM pg_timezone_names lists them.';
END
$$;
COMMENT ON FUNCTION boxoffice._require_zone(text) IS 'Returns the zone, NULL for NULL, and raises an error for a name that is none.';

CREATE FUNCTION boxoffice._require_platform(platform text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    IF platform IS NOT NULL AND NOT EXISTS (SELECT FROM boxoffice._platforms() p WHERE p.name = platform) THEN
        RAISE EXCEPTION 'there is no platform "%"', platform USING ERRCODE = 'invalid_parameter_value',
            DETAIL = 'SELECT name, title FROM boxoffice.platforms shows them.', HINT = 'Leave platform out for all of them.';
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice._require_platform(text) IS 'Raises an error for the name of a platform that is none; NULL is all of them.';

CREATE FUNCTION boxoffice._event_zone(event_id text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    RETURN boxoffice._zone((SELECT e.time_zone FROM boxoffice.ticket_events e WHERE e.event_id = _event_zone.event_id),
        (SELECT p.external_time_zone FROM boxoffice.ticket_platforms p WHERE p.event_id = _event_zone.event_id AND p.external_time_zone IS NOT NULL
         ORDER BY p.platform, p.external_event_id LIMIT 1));
END
$$;
COMMENT ON FUNCTION boxoffice._event_zone(text) IS 'The zone in which an event''s times are shown.';

CREATE FUNCTION boxoffice._organisation_zone(time_zone text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    RETURN COALESCE(boxoffice._require_zone(_organisation_zone.time_zone), (SELECT c.time_zone FROM boxoffice.console_settings c), 'UTC');
END
$$;
COMMENT ON FUNCTION boxoffice._organisation_zone(text) IS 'The zone for what spans several events: the argument, else that of console_settings, else UTC.';

CREATE FUNCTION boxoffice.configure_console(organisation text DEFAULT NULL, time_zone text DEFAULT NULL, shared_addresses text[] DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    PERFORM boxoffice._require_zone(configure_console.time_zone);
    INSERT INTO boxoffice.console_settings AS c (organisation, time_zone, shared_addresses)
        VALUES (configure_console.organisation, configure_console.time_zone, configure_console.shared_addresses)
        ON CONFLICT ON CONSTRAINT console_settings_pkey DO UPDATE SET organisation = COALESCE(excluded.organisation, c.organisation),
            time_zone = COALESCE(excluded.time_zone, c.time_zone), shared_addresses = COALESCE(excluded.shared_addresses, c.shared_addresses);
END
$$;
COMMENT ON FUNCTION boxoffice.configure_console(text, text, text[]) IS 'Sets the organisation''s name, the zone for what spans several events, and addresses that are no buyers; what is NULL stays as it is.';

CREATE FUNCTION boxoffice.configure_show(event_id text, show timestamptz DEFAULT NULL, capacity integer DEFAULT NULL, doors_at timestamptz DEFAULT NULL,
        goal_tickets integer DEFAULT NULL, goal_amount numeric DEFAULT NULL, costs numeric DEFAULT NULL, currency text DEFAULT NULL,
        compare_with text[] DEFAULT NULL, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
DECLARE
    other text;
BEGIN
    PERFORM boxoffice._require_show(configure_show.event_id, show);
    IF configure_show.capacity < 0 OR configure_show.goal_tickets < 0 OR configure_show.goal_amount < 0 OR configure_show.costs < 0 THEN
        RAISE EXCEPTION 'capacity, goals and costs are not negative' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = format('Given are %s, %s, %s and %s.', COALESCE(configure_show.capacity::text, 'none'), COALESCE(configure_show.goal_tickets::text, 'none'),
                COALESCE(configure_show.goal_amount::text, 'none'), COALESCE(configure_show.costs::text, 'none')), HINT = 'NULL leaves a setting as it is.';
    ELSIF configure_show.currency !~ '^[A-Z]{3}$' THEN
        RAISE EXCEPTION '"%" is not a currency', configure_show.currency USING ERRCODE = 'invalid_parameter_value',
            DETAIL = 'Currencies have three capital letters.', HINT = 'For example AUD.';
    ELSIF configure_show.currency IS NULL AND (configure_show.goal_amount IS NOT NULL OR configure_show.costs IS NOT NULL) AND NOT EXISTS (
            SELECT FROM boxoffice.show_settings s WHERE s.event_id = configure_show.event_id AND s.starts_at = COALESCE(show, '-infinity') AND s.currency IS NOT NULL) THEN
        RAISE EXCEPTION 'an amount needs its currency' USING ERRCODE = 'null_value_not_allowed',
            DETAIL = 'No amount stands without one.', HINT = 'For example currency => ''AUD''.';
    END IF;
    FOREACH other IN ARRAY COALESCE(configure_show.compare_with, '{}') LOOP
        PERFORM boxoffice._require_event(other);
    END LOOP;
    INSERT INTO boxoffice.show_settings AS s (event_id, starts_at, capacity, doors_at, goal_tickets, goal_amount, costs, currency, compare_with, note)
        VALUES (configure_show.event_id, COALESCE(show, '-infinity'), configure_show.capacity, configure_show.doors_at, configure_show.goal_tickets,
            configure_show.goal_amount, configure_show.costs, configure_show.currency, configure_show.compare_with, configure_show.note)
        ON CONFLICT ON CONSTRAINT show_settings_pkey DO UPDATE SET capacity = COALESCE(excluded.capacity, s.capacity),
            doors_at = COALESCE(excluded.doors_at, s.doors_at), goal_tickets = COALESCE(excluded.goal_tickets, s.goal_tickets),
            goal_amount = COALESCE(excluded.goal_amount, s.goal_amount), costs = COALESCE(excluded.costs, s.costs),
            currency = COALESCE(excluded.currency, s.currency), compare_with = COALESCE(excluded.compare_with, s.compare_with),
            note = COALESCE(excluded.note, s.note), updated_at = now();
END
$$;
COMMENT ON FUNCTION boxoffice.configure_show(text, timestamptz, integer, timestamptz, integer, numeric, numeric, text, text[], text) IS 'Sets what only the organiser knows of a show, or with show => NULL of the event as a whole; what is NULL stays as it is.';
