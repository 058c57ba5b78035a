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
             WHERE a.status <> 'stopped' AND (a.discovered_at IS NULL OR a.discovered_at < clock_timestamp() - interval '1 hour')
               AND NOT EXISTS (SELECT FROM boxoffice.sync_history h
                   WHERE h.platform = a.platform AND h.account = a.name AND h.mode = 'discovery'
                   AND (h.status IN ('running', 'finishing') OR h.started_at > clock_timestamp() - interval '10 minutes')) LOOP
        PERFORM boxoffice.begin_discovery(e.platform, e.name, CASE WHEN e.discovered_at IS NULL THEN 'first' ELSE 'schedule' END, 3);
        begun := begun + 1;
    END LOOP;
    -- The changes of many events of an organization are two lists, not two for each of them.
    FOR e IN SELECT d.platform, d.account, array_agg(d.external_event_id::text) AS events FROM boxoffice.sync_plan d
             JOIN boxoffice.platform_accounts a ON a.platform = d.platform AND a.name = d.account AND a.status <> 'stopped'
                 AND cardinality(a.organization_ids) > 0
             -- Only what was found in the account's listing is certain to be in its organizations.
             JOIN boxoffice.ticket_platforms p ON p.platform = d.platform AND p.external_event_id = d.external_event_id AND p.account = d.account
             WHERE d.due_mode = 'changes' AND d.last_sync_at > clock_timestamp() - interval '1 day'
               AND NOT EXISTS (SELECT FROM boxoffice.sync_history h
                   WHERE h.platform = d.platform AND h.account = d.account AND h.mode = 'changes' AND h.external_event_id IS NULL
                     AND h.status = 'failed' AND h.finished_at > clock_timestamp() - interval '1 hour')
             GROUP BY d.platform, d.account HAVING count(*) > 4 LOOP
        PERFORM boxoffice.begin_account_changes(e.platform, e.account, e.events);
        begun := begun + 1;
    END LOOP;
    FOR e IN SELECT d.* FROM boxoffice.sync_plan d
             JOIN boxoffice.platform_accounts a ON a.platform = d.platform AND a.name = d.account AND a.status <> 'stopped'
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
