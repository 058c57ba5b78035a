-- What happens by itself.

CREATE FUNCTION boxoffice.schedule_syncs() RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    e record;
    begun integer := 0;
BEGIN
    FOR e IN SELECT a.platform, a.name, a.discovered_at FROM boxoffice.platform_accounts a
             WHERE a.status <> 'stopped' AND boxoffice.is_held(a.announced_at)
               AND (a.discovered_at BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp()) IS NOT TRUE
               AND NOT EXISTS (SELECT FROM boxoffice.sync_history h
                   WHERE h.platform = a.platform AND h.account = a.name AND h.mode = 'discovery'
                   AND (h.status IN ('running', 'finishing') OR h.started_at BETWEEN
                        clock_timestamp() - CASE WHEN a.discovery_error IS NULL THEN interval '10 minutes' ELSE interval '30 minutes' END
                        AND clock_timestamp())) LOOP
        PERFORM boxoffice.begin_discovery(e.platform, e.name, CASE WHEN e.discovered_at IS NULL THEN 'first' ELSE 'schedule' END, 3);
        begun := begun + 1;
    END LOOP;
    -- The changes of many events of an organization are two lists, not two for each of them.
    FOR e IN SELECT d.platform, d.account, array_agg(d.external_event_id::text) AS events FROM boxoffice.sync_plan d
             JOIN boxoffice.platform_accounts a ON a.platform = d.platform AND a.name = d.account AND a.status <> 'stopped'
                 AND boxoffice.is_held(a.announced_at) AND cardinality(a.organization_ids) > 0
             -- Only what was found in the account's listing is certain to be in its organizations.
             JOIN boxoffice.ticket_platforms p ON p.platform = d.platform AND p.external_event_id = d.external_event_id AND p.account = d.account
                 -- One that is refused by itself is asked about by itself.
                 AND p.sync_failures = 0
             WHERE d.due_mode = 'changes' AND d.last_sync_at > clock_timestamp() - interval '1 day'
               AND NOT EXISTS (SELECT FROM boxoffice.sync_history h
                   WHERE h.platform = d.platform AND h.account = d.account AND h.mode = 'changes' AND h.external_event_id IS NULL
                     AND h.status = 'failed' AND h.finished_at BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp())
             GROUP BY d.platform, d.account HAVING count(*) > 4 LOOP
        PERFORM boxoffice.begin_account_changes(e.platform, e.account, e.events);
        begun := begun + 1;
    END LOOP;
    FOR e IN SELECT d.* FROM boxoffice.sync_plan d
             JOIN boxoffice.platform_accounts a ON a.platform = d.platform AND a.name = d.account AND a.status <> 'stopped'
                 AND boxoffice.is_held(a.announced_at)
             WHERE d.due_mode IS NOT NULL
               AND (d.due_mode <> 'changes' OR NOT EXISTS (SELECT FROM boxoffice.sync_history h
                   WHERE h.platform = d.platform AND h.account = d.account AND h.mode = 'changes' AND h.external_event_id IS NULL
                     AND h.status = 'running'))
             ORDER BY d.due_at NULLS FIRST, d.platform, d.external_event_id LIMIT 50 LOOP
        PERFORM boxoffice.begin_event_sync(e.platform, e.external_event_id, e.due_mode,
            CASE e.due_mode WHEN 'full' THEN 'first' WHEN 'reconcile' THEN 'daily' ELSE 'schedule' END,
            CASE e.due_mode WHEN 'reconcile' THEN 4 ELSE 3 END, false);
        begun := begun + 1;
    END LOOP;
    RETURN begun;
END
$$;
COMMENT ON FUNCTION boxoffice.schedule_syncs() IS 'Begins the synchronisations that are due, and lists the events of accounts once an hour. Says how many things it began.';

CREATE FUNCTION boxoffice.begin_account_changes(platform text, account text, events text[]) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    run bigint;
    from_time timestamptz;
BEGIN
    INSERT INTO boxoffice.sync_history (platform, account, mode, reason, priority)
        VALUES (platform, account, 'changes', 'schedule', 3) ON CONFLICT DO NOTHING RETURNING id INTO run;
    IF run IS NULL THEN
        RETURN NULL;
    END IF;
    UPDATE boxoffice.ticket_platforms t SET last_attempt_at = clock_timestamp()
        WHERE t.platform = begin_account_changes.platform AND t.external_event_id = ANY (events);
    SELECT min(t.last_sync_at) - interval '20 minutes' INTO from_time FROM boxoffice.ticket_platforms t
        WHERE t.platform = begin_account_changes.platform AND t.external_event_id = ANY (events);
    IF (SELECT sum(boxoffice.add_lists(run, 'organization ' || kind, organization, from_time, NULL, false))
        FROM boxoffice.platform_accounts a, unnest(a.organization_ids) organization, unnest(ARRAY['orders', 'attendees']) kind
        WHERE a.platform = begin_account_changes.platform AND a.name = begin_account_changes.account) = 0 THEN
        PERFORM boxoffice.fail_run(run, 'there is no list that can be asked for');
    END IF;
    RETURN run;
END
$$;
COMMENT ON FUNCTION boxoffice.begin_account_changes(text, text, text[]) IS 'Begins to ask for the changes of many events at once, as one list of their organization. Used by schedule_syncs().';

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

CREATE FUNCTION boxoffice.end_lost_fetches() RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    lost record;
    ended integer := 0;
BEGIN
    FOR lost IN UPDATE boxoffice.fetch_jobs j SET status = 'dead', lease_id = NULL, finished_at = clock_timestamp(),
                    last_error = 'ten workers have taken it and none has handed over an answer'
                WHERE j.id IN (SELECT k.id FROM boxoffice.fetch_jobs k
                               WHERE k.status = 'leased' AND k.due_at <= clock_timestamp() AND k.attempts >= 10
                               ORDER BY k.id FOR UPDATE SKIP LOCKED)
                RETURNING j.run_id, j.last_error LOOP
        PERFORM boxoffice.fail_run(lost.run_id, lost.last_error) WHERE lost.run_id IS NOT NULL;
        ended := ended + 1;
    END LOOP;
    RETURN ended;
END
$$;
COMMENT ON FUNCTION boxoffice.end_lost_fetches() IS 'Gives up fetches whose leases have run out ten times: whatever their answer does to whoever takes it, it is not to be repeated for ever. Says how many.';

CREATE FUNCTION boxoffice.end_stalled_runs() RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    r record;
    ended integer := 0;
BEGIN
    FOR r IN SELECT h.id, h.pages, a.status, a.stopped_reason, a.failures, a.last_error, boxoffice.is_held(a.announced_at) AS held,
                    h.platform || '/' || h.account AS credential, s.still,
                    EXISTS (SELECT FROM boxoffice.fetch_jobs j WHERE j.run_id = h.id AND j.status IN ('waiting', 'leased')) AS alive
             FROM boxoffice.sync_history h
             LEFT JOIN boxoffice.platform_accounts a ON a.platform = h.platform AND a.name = h.account
             CROSS JOIN LATERAL (
                 -- What began in the future began with a wrong clock: nobody knows how long it has been standing still.
                 SELECT COALESCE(clock_timestamp() - COALESCE(boxoffice.past(h.progress_at), boxoffice.past(h.started_at)), interval '1 day') AS still) s
             WHERE h.status = 'running' AND s.still > interval '10 minutes' ORDER BY h.id LOOP
        CONTINUE WHEN r.held AND r.alive
            -- One that has read something is worth waiting for; one that waits for its turn is not standing still.
            AND (r.still < CASE WHEN r.pages = 0 THEN interval '1 hour' ELSE interval '6 hours' END
                 OR (r.status = 'active' AND r.failures < 3));
        PERFORM boxoffice.fail_run(r.id, CASE
            WHEN r.held IS NOT TRUE THEN format('no worker holds the credential %s', r.credential)
            WHEN NOT r.alive THEN 'none of its calls is left'
            WHEN r.status = 'stopped' THEN format('the account is stopped (%s)', r.stopped_reason)
            ELSE format('no answer of the platform for %s minutes (%s)', floor(extract(epoch FROM r.still) / 60),
                        COALESCE(r.last_error, 'the account pauses')) END, false);
        ended := ended + 1;
    END LOOP;
    RETURN ended;
END
$$;
COMMENT ON FUNCTION boxoffice.end_stalled_runs() IS 'Ends synchronisations that have stood still: for an hour (six, when they have read something) while the platform gives no answer, for ten minutes while no worker holds their credential. So the reason is shown, and the next one can begin. Says how many.';

CREATE FUNCTION boxoffice.mend_times(ahead interval DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz := clock_timestamp();
    mended integer;
    more integer;
BEGIN
    -- No wait is longer than an hour and a fifth, no lease than two minutes.
    UPDATE boxoffice.fetch_jobs u SET due_at = GREATEST(moment, u.due_at - COALESCE(mend_times.ahead, interval '100 years')),
            created_at = LEAST(u.created_at, moment)
        WHERE u.id IN (SELECT j.id FROM boxoffice.fetch_jobs j
            WHERE j.status IN ('waiting', 'leased') AND j.due_at < 'infinity'
              AND j.due_at > moment + CASE WHEN mend_times.ahead IS NOT NULL THEN interval '0' WHEN j.status = 'leased' THEN interval '5 minutes'
                                           ELSE interval '2 hours' END
            ORDER BY j.id FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS mended = ROW_COUNT;
    UPDATE boxoffice.platform_accounts a SET
            blocked_until = CASE WHEN mend_times.ahead IS NOT NULL THEN a.blocked_until - mend_times.ahead
                                 WHEN a.blocked_until <= moment + interval '25 hours' THEN a.blocked_until END,
            burst_until = CASE WHEN a.burst_until <= moment + interval '2 minutes' THEN a.burst_until END,
            burst_off_until = CASE WHEN a.burst_off_until <= moment + interval '1 hour' THEN a.burst_off_until END,
            discovered_at = boxoffice.past(a.discovered_at),
            troubled_at = LEAST(a.troubled_at, moment)
        WHERE a.blocked_until > moment + CASE WHEN mend_times.ahead IS NULL THEN interval '25 hours' ELSE interval '0' END
           OR a.burst_until > moment + interval '2 minutes' OR a.burst_off_until > moment + interval '1 hour'
           OR a.discovered_at > moment OR a.troubled_at > moment;
    GET DIAGNOSTICS more = ROW_COUNT;
    mended := mended + more;
    IF mend_times.ahead IS NOT NULL THEN
        -- What was really synchronised, by the right clock.
        UPDATE boxoffice.ticket_platforms t SET
                last_sync_at = CASE WHEN t.last_sync_at > moment THEN t.last_sync_at - mend_times.ahead ELSE t.last_sync_at END,
                last_full_sync_at = CASE WHEN t.last_full_sync_at > moment THEN t.last_full_sync_at - mend_times.ahead ELSE t.last_full_sync_at END,
                last_attempt_at = boxoffice.past(t.last_attempt_at), last_full_attempt_at = boxoffice.past(t.last_full_attempt_at),
                tickets_swept_at = CASE WHEN t.tickets_swept_at > moment THEN t.tickets_swept_at - mend_times.ahead ELSE t.tickets_swept_at END
            WHERE GREATEST(t.last_sync_at, t.last_full_sync_at, t.last_attempt_at, t.last_full_attempt_at, t.tickets_swept_at) > moment;
        GET DIAGNOSTICS more = ROW_COUNT;
        mended := mended + more;
    END IF;
    DELETE FROM boxoffice.account_calls c WHERE c.minute > moment + interval '1 minute';
    -- A delivery is tried again after seven hours and a fifth at most.
    UPDATE boxoffice.webhook_logs l SET next_attempt_at = moment
        WHERE l.next_attempt_at > moment + interval '8 hours';
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN mended + more;
END
$$;
COMMENT ON FUNCTION boxoffice.mend_times(interval) IS 'Puts right what a clock that was ahead has left behind: times to wait for that are later than any wait can be. ahead: how far it was, when that is known. Says how many rows it changed.';

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

CREATE FUNCTION boxoffice.purge_finished_jobs() RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
DECLARE
    removed integer;
BEGIN
    DELETE FROM boxoffice.fetch_jobs j
        WHERE j.id IN (SELECT k.id FROM boxoffice.fetch_jobs k
                       WHERE k.finished_at < clock_timestamp() - CASE WHEN k.status = 'dead' THEN interval '30 days' ELSE interval '2 days' END
                       LIMIT 10000 FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS removed = ROW_COUNT;
    DELETE FROM boxoffice.account_calls c WHERE c.minute < clock_timestamp() - interval '2 hours';
    DELETE FROM boxoffice.sync_history h
        WHERE h.finished_at < clock_timestamp() - CASE WHEN h.mode = 'reconcile' THEN interval '400 days'
                                                       WHEN h.status = 'done' AND h.mode <> 'full' THEN interval '2 days'
                                                       ELSE interval '30 days' END;
    DELETE FROM boxoffice.sync_pages g
        WHERE NOT EXISTS (SELECT FROM boxoffice.sync_history h WHERE h.id = g.run_id AND h.status IN ('running', 'finishing'));
    DELETE FROM boxoffice.reconciliation_differences d WHERE NOT EXISTS (SELECT FROM boxoffice.sync_history h WHERE h.id = d.run_id);
    RETURN removed;
END
$$;
COMMENT ON FUNCTION boxoffice.purge_finished_jobs() IS 'Deletes finished jobs and runs after two days, dead jobs and failed or full runs after thirty, reports of reconciliations after 400. Says how many jobs.';
