-- Scheduled work.

CREATE FUNCTION boxoffice.run_due_tasks(OUT task text, OUT items integer) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 4
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    -- Several workers may ask; one does it.
    PERFORM FROM boxoffice_private.task_lock FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Each by itself: trouble with one must not keep the others from being done.
    FOREACH task IN ARRAY ARRAY['link_found_events', 'mend_times', 'end_lost_fetches', 'end_stalled_runs', 'finish_sync_runs',
                                'retry_failed_webhooks', 'schedule_syncs', 'note_deliveries', 'fold_sales', 'check_analytics', 'purge_finished_jobs'] LOOP
        BEGIN
            CASE task
                -- Waits for deliveries in flight: nothing else may be locked in the same transaction.
                WHEN 'link_found_events' THEN items := boxoffice.link_found_events(5);
                WHEN 'mend_times' THEN items := boxoffice.mend_times();
                WHEN 'end_lost_fetches' THEN items := boxoffice.end_lost_fetches();
                WHEN 'end_stalled_runs' THEN items := boxoffice.end_stalled_runs();
                WHEN 'finish_sync_runs' THEN items := boxoffice.finish_sync_runs(2000);
                -- Locks orders, as finishing does: not both in one transaction.
                WHEN 'retry_failed_webhooks' THEN
                    CONTINUE WHEN items > 0;
                    SELECT r.tried INTO items FROM boxoffice.retry_failed_webhooks(200) r;
                WHEN 'schedule_syncs' THEN items := boxoffice.schedule_syncs();
                WHEN 'note_deliveries' THEN items := boxoffice.note_deliveries();
                WHEN 'fold_sales' THEN items := boxoffice.fold_sales(50);
                WHEN 'check_analytics' THEN items := boxoffice._check_some(20);
                ELSE
                    -- Rarely enough not to be felt.
                    CONTINUE WHEN random() > 0.01;
                    items := boxoffice.purge_finished_jobs();
            END CASE;
            RETURN NEXT;
            EXIT WHEN task = 'link_found_events' AND items > 0;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'boxoffice: task % failed: % (%)', task, SQLERRM, SQLSTATE;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION boxoffice.run_due_tasks() IS 'What has to happen now and then: ends synchronisations, tries failed deliveries again, begins what is due, clears away what is old. A worker calls it every few seconds; any role with the right may. One row for each task, with how many items it dealt with.';

CREATE FUNCTION boxoffice.schedule_syncs() RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'schedule_syncs_wrapper';
COMMENT ON FUNCTION boxoffice.schedule_syncs() IS 'Begins the synchronisations that are due, and lists the events of accounts once an hour. Says how many things it began.';

CREATE FUNCTION boxoffice.link_found_events(max_events integer) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
DECLARE
    e record;
    linked integer := 0;
BEGIN
    FOR e IN SELECT p.platform, p.external_event_id FROM boxoffice.ticket_platforms p
             JOIN boxoffice.platform_accounts a ON a.platform = p.platform AND a.name = p.account AND a.auto_link
             WHERE p.event_id IS NULL AND p.source_version IS NOT NULL
             ORDER BY p.platform, p.external_event_id LIMIT max_events LOOP
        PERFORM boxoffice.link_event(e.platform, e.external_event_id);
        linked := linked + 1;
    END LOOP;
    RETURN linked;
END
$$;
COMMENT ON FUNCTION boxoffice.link_found_events(integer) IS 'Gives events found in listings of accounts with auto_link an event of ours each, at most that many. Says how many.';

CREATE FUNCTION boxoffice.configure_event_sync(platform text, external_event_id text, sync_minutes integer DEFAULT NULL,
        full_hours integer DEFAULT NULL, account text DEFAULT NULL, location text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    PERFORM boxoffice.require_platform(platform);
    IF sync_minutes NOT BETWEEN 1 AND 10080 OR full_hours NOT BETWEEN 1 AND 8760 THEN
        RAISE EXCEPTION 'sync_minutes is 1 to 10080, full_hours 1 to 8760' USING ERRCODE = 'invalid_parameter_value';
    ELSIF location !~ '^[A-Z]{2}$' THEN
        RAISE EXCEPTION 'a location is named by two capital letters' USING ERRCODE = 'invalid_parameter_value', HINT = 'For example NZ.';
    END IF;
    UPDATE boxoffice.ticket_platforms p
        SET platform_config = p.platform_config || jsonb_strip_nulls(jsonb_build_object(
                'sync_minutes', configure_event_sync.sync_minutes, 'full_hours', configure_event_sync.full_hours,
                'overrideLocation', configure_event_sync.location)),
            account = COALESCE(configure_event_sync.account, p.account)
        WHERE p.platform = configure_event_sync.platform AND p.external_event_id = configure_event_sync.external_event_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no event "%" of platform "%"', external_event_id, platform
            USING ERRCODE = 'no_data_found', HINT = 'SELECT * FROM boxoffice.ticket_platforms lists them.';
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice.configure_event_sync(text, text, integer, integer, text, text) IS 'Sets how often an event is synchronised (minutes), how often read completely (hours), with which account, and in which data region where the platform has several; what is NULL stays as it is.';
