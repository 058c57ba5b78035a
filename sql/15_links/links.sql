-- Which event of ours a platform's event is. Runs with the caller's own rights.

CREATE FUNCTION boxoffice.suggest_links(OUT platform text, OUT external_event_id text, OUT external_title text, OUT external_starts_at timestamptz,
        OUT event_id text, OUT event_title text, OUT event_starts_at timestamptz, OUT score numeric) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL SAFE ROWS 20
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'suggest_links_wrapper';
COMMENT ON FUNCTION boxoffice.suggest_links() IS 'What link_suggestions shows: for each platform event that is not linked up to three of our events that are alike, with a score of at least 0.6.';

CREATE FUNCTION boxoffice.fill_event(platform text, external_event_id text) RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
    UPDATE boxoffice.ticket_events e
    SET title = n.title, venue = n.venue, starts_at = n.starts_at, ends_at = n.ends_at, time_zone = n.time_zone,
        capacity = n.capacity, updated_at = now()
    FROM boxoffice.ticket_platforms p
    JOIN boxoffice.ticket_events o ON o.event_id = p.event_id
    -- A time of theirs next to one of ours must not make an event end before it starts.
    CROSS JOIN LATERAL (
        SELECT CASE WHEN o.starts_at IS NULL AND (o.ends_at IS NULL OR o.ends_at >= p.external_starts_at)
                    THEN p.external_starts_at ELSE o.starts_at END AS starts_at) s
    CROSS JOIN LATERAL (
        SELECT COALESCE(o.title, p.external_title) AS title, COALESCE(o.venue, p.external_venue) AS venue, s.starts_at,
               CASE WHEN o.ends_at IS NULL AND p.external_ends_at >= s.starts_at
                    THEN p.external_ends_at ELSE o.ends_at END AS ends_at,
               COALESCE(o.time_zone, p.external_time_zone) AS time_zone,
               COALESCE(o.capacity, p.external_capacity) AS capacity) n
    WHERE p.platform = fill_event.platform AND p.external_event_id = fill_event.external_event_id
      AND e.event_id = o.event_id
      AND (e.title, e.venue, e.starts_at, e.ends_at, e.time_zone, e.capacity)
          IS DISTINCT FROM (n.title, n.venue, n.starts_at, n.ends_at, n.time_zone, n.capacity)
$$;
COMMENT ON FUNCTION boxoffice.fill_event(text, text) IS 'Gives our event what the platform says of it where nothing is known yet; what people have written stays. Called whenever something becomes known.';

CREATE FUNCTION boxoffice.lock_links() RETURNS void
    LANGUAGE plpgsql VOLATILE
    -- Deliveries that come while it waits wait behind it.
    SET search_path = pg_catalog, boxoffice, pg_temp SET lock_timeout = '2s'
AS $$
BEGIN
    LOCK TABLE boxoffice_private.link_lock IN SHARE ROW EXCLUSIVE MODE;
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'sales are being written by a transaction that takes long'
        USING ERRCODE = 'lock_not_available', DETAIL = 'Events are linked and unlinked while no delivery, replay or retry is in progress.',
              HINT = 'Try again; SELECT pid, query FROM pg_stat_activity shows what runs.';
END
$$;
COMMENT ON FUNCTION boxoffice.lock_links() IS 'Waits, for two seconds at most, until no sale is being written, and keeps any from being written until the end of the transaction. Used by link_event() and unlink_event().';

CREATE FUNCTION boxoffice.link_event(platform text, external_event_id text, event_id text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    found boxoffice.ticket_platforms;
    linked text := link_event.event_id;
BEGIN
    PERFORM boxoffice.require_platform(link_event.platform);
    IF link_event.external_event_id IS NULL OR link_event.external_event_id = '' THEN
        RAISE EXCEPTION 'external_event_id must not be null or empty' USING ERRCODE = 'null_value_not_allowed';
    ELSIF linked = '' OR linked = '*' THEN
        RAISE EXCEPTION '"%" is not an event id', linked USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM boxoffice.lock_links();
    INSERT INTO boxoffice.ticket_platforms (platform, external_event_id)
        VALUES (link_event.platform, link_event.external_event_id) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT found FROM boxoffice.ticket_platforms p
        WHERE p.platform = link_event.platform AND p.external_event_id = link_event.external_event_id;
    linked := COALESCE(linked, found.event_id, pg_catalog.gen_random_uuid()::text);
    INSERT INTO boxoffice.ticket_events (event_id) VALUES (linked) ON CONFLICT DO NOTHING;
    UPDATE boxoffice.ticket_platforms p SET event_id = linked, linked_at = pg_catalog.now()
        WHERE p.platform = link_event.platform AND p.external_event_id = link_event.external_event_id
          AND p.event_id IS DISTINCT FROM linked;
    PERFORM boxoffice.fill_event(link_event.platform, link_event.external_event_id);
    UPDATE boxoffice.ticket_sales s SET event_id = linked, updated_at = pg_catalog.now()
        WHERE s.platform = link_event.platform AND s.external_event_id = link_event.external_event_id
          AND s.event_id IS NOT DISTINCT FROM found.event_id AND s.event_id IS DISTINCT FROM linked;
    UPDATE boxoffice.attendees a SET event_id = linked, updated_at = pg_catalog.now()
        WHERE a.platform = link_event.platform AND a.external_event_id = link_event.external_event_id
          AND a.event_id IS NOT DISTINCT FROM found.event_id AND a.event_id IS DISTINCT FROM linked;
    RETURN linked;
END
$$;
COMMENT ON FUNCTION boxoffice.link_event(text, text, text) IS 'Links a platform''s event to one of ours and gives its sales and attendees that event. Without event_id a new event is made from what the platform says; what is not known of an existing one is filled in. Returns the event_id.';

CREATE FUNCTION boxoffice.unlink_event(platform text, external_event_id text) RETURNS text
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    was text;
BEGIN
    PERFORM boxoffice.require_platform(unlink_event.platform);
    PERFORM boxoffice.lock_links();
    SELECT p.event_id INTO was FROM boxoffice.ticket_platforms p
        WHERE p.platform = unlink_event.platform AND p.external_event_id = unlink_event.external_event_id;
    IF was IS NULL THEN
        RAISE EXCEPTION 'event "%" of platform "%" is not linked', unlink_event.external_event_id, unlink_event.platform
            USING ERRCODE = 'no_data_found', HINT = 'SELECT * FROM boxoffice.ticket_platforms lists the links.';
    END IF;
    UPDATE boxoffice.ticket_platforms p SET event_id = NULL, linked_at = NULL
        WHERE p.platform = unlink_event.platform AND p.external_event_id = unlink_event.external_event_id;
    UPDATE boxoffice.ticket_sales s SET event_id = NULL, updated_at = pg_catalog.now()
        WHERE s.platform = unlink_event.platform AND s.external_event_id = unlink_event.external_event_id AND s.event_id = was;
    UPDATE boxoffice.attendees a SET event_id = NULL, updated_at = pg_catalog.now()
        WHERE a.platform = unlink_event.platform AND a.external_event_id = unlink_event.external_event_id AND a.event_id = was;
    RETURN was;
END
$$;
COMMENT ON FUNCTION boxoffice.unlink_event(text, text) IS 'Takes a link back; nothing is deleted. Returns the event_id that it had.';
