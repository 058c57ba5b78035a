-- The last delivery of each event.

CREATE FUNCTION boxoffice.note_deliveries() RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    -- What arrives is committed within seconds; what is younger may have older rows still to come.
    young constant timestamptz := clock_timestamp() - interval '1 minute';
    seen boxoffice.deliveries_noted;
    since timestamptz;
    newest record;
    known integer;
    noted integer;
BEGIN
    SELECT * INTO seen FROM boxoffice.deliveries_noted n WHERE n.until <= clock_timestamp();
    since := COALESCE(seen.until, young - interval '30 days');
    SELECT l.created_at, l.id INTO newest FROM (
        SELECT w.created_at, w.id FROM boxoffice.webhook_logs w
        WHERE w.created_at >= since AND w.created_at < young
          AND (seen.last_id IS NULL OR (w.created_at, w.id) > (seen.until, seen.last_id))
        ORDER BY w.created_at, w.id LIMIT 10000) l
        ORDER BY l.created_at DESC, l.id DESC LIMIT 1;
    IF newest.id IS NULL THEN
        RETURN 0;
    END IF;
    WITH about AS MATERIALIZED (
        SELECT w.platform, COALESCE(w.external_event_id, s.external_event_id) AS external_event_id, max(w.created_at) AS at
        FROM boxoffice.webhook_logs w
        LEFT JOIN boxoffice.ticket_sales s ON s.platform = w.platform AND s.platform_order_id = w.platform_order_id
        WHERE w.created_at >= since AND w.created_at <= newest.created_at
          AND w.source <> 'api'
        GROUP BY 1, 2
    ), changed AS MATERIALIZED (
        SELECT t.platform, t.external_event_id, b.at FROM boxoffice.ticket_platforms t
        JOIN about b ON b.platform = t.platform AND b.external_event_id = t.external_event_id
        WHERE t.last_delivery_at IS NULL OR t.last_delivery_at < b.at OR t.last_delivery_at > clock_timestamp()
    ), locked AS MATERIALIZED (
        SELECT t.platform, t.external_event_id FROM boxoffice.ticket_platforms t
        WHERE (t.platform, t.external_event_id) IN (SELECT c.platform, c.external_event_id FROM changed c)
        ORDER BY t.platform, t.external_event_id FOR UPDATE SKIP LOCKED
    ), written AS (
        UPDATE boxoffice.ticket_platforms t SET last_delivery_at = c.at FROM changed c JOIN locked k USING (platform, external_event_id)
        WHERE t.platform = c.platform AND t.external_event_id = c.external_event_id RETURNING 1
    )
    SELECT (SELECT count(*) FROM changed), (SELECT count(*) FROM written) INTO known, noted;
    -- What somebody else is changing is left for the next time.
    IF noted = known THEN
        INSERT INTO boxoffice.deliveries_noted (until, last_id) VALUES (newest.created_at, newest.id)
            ON CONFLICT ON CONSTRAINT deliveries_noted_pkey DO UPDATE SET until = excluded.until, last_id = excluded.last_id;
    END IF;
    RETURN noted;
END
$$;
COMMENT ON FUNCTION boxoffice.note_deliveries() IS 'Takes the newest deliveries of each event from the log into ticket_platforms.last_delivery_at, where deliveries themselves write nothing. At most ten thousand rows of the log in one call; says how many events it changed.';
