-- How synchronisations begin and end. Paths come from api_listings(), the only place that knows the platforms' calls.

CREATE FUNCTION boxoffice.finish_sync_runs(max_orders integer) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'finish_sync_runs_wrapper';
COMMENT ON FUNCTION boxoffice.finish_sync_runs(integer) IS 'Ends synchronisations that have read all their pages: looks for orders that a complete listing did not show, and tells the others that their tickets are complete. At most that many orders in one call; says how many. run_due_tasks() calls it.';

CREATE FUNCTION boxoffice.api_listings(platform text, scope text, scope_id text, since timestamptz, location text,
        OUT kind text, OUT path text) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL SAFE ROWS 2
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'api_listings_wrapper';
COMMENT ON FUNCTION boxoffice.api_listings(text, text, text, timestamptz, text) IS 'The lists of a platform''s API to read, as first pages. scope: event (scope_id: the platform''s event), organization orders, organization attendees (the organization) or discovery (the account).';

CREATE FUNCTION boxoffice.add_lists(run bigint, scope text, scope_id text, since timestamptz, location text, one_after_the_other boolean) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    added integer;
BEGIN
    INSERT INTO boxoffice.fetch_jobs (platform, account, path, kind, external_event_id, purpose, priority, run_id, due_at, created_at)
        SELECT h.platform, h.account, l.path, l.kind, h.external_event_id, 'page', h.priority, h.id,
               -- The second list begins when the first has ended.
               CASE WHEN one_after_the_other AND l.number > 1 THEN 'infinity'::timestamptz ELSE clock_timestamp() END, clock_timestamp()
        FROM boxoffice.sync_history h
        CROSS JOIN boxoffice.api_listings(h.platform, scope, scope_id, add_lists.since, location) WITH ORDINALITY AS l (kind, path, number)
        WHERE h.id = run;
    GET DIAGNOSTICS added = ROW_COUNT;
    UPDATE boxoffice.sync_history h SET open_lists = h.open_lists + added, since = LEAST(h.since, add_lists.since) WHERE h.id = run;
    RETURN added;
END
$$;
COMMENT ON FUNCTION boxoffice.add_lists(bigint, text, text, timestamptz, text, boolean) IS 'Adds the first pages of lists to a run; says how many.';

CREATE FUNCTION boxoffice.begin_event_sync(platform text, external_event_id text, mode text, reason text, priority integer, dry_run boolean) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    p boxoffice.ticket_platforms;
    run bigint;
    whose text := boxoffice.account_of(platform, external_event_id);
BEGIN
    SELECT * INTO STRICT p FROM boxoffice.ticket_platforms t
        WHERE t.platform = begin_event_sync.platform AND t.external_event_id = begin_event_sync.external_event_id;
    -- Whoever asks wants what is there now: a run that has begun to read is too late for that.
    SELECT h.id INTO run FROM boxoffice.sync_history h
        WHERE h.platform = p.platform AND h.external_event_id = p.external_event_id AND h.account = whose AND h.status = 'running'
          AND h.mode = begin_event_sync.mode AND h.dry_run = begin_event_sync.dry_run
          AND (begin_event_sync.reason <> 'manual' OR NOT EXISTS (
              SELECT FROM boxoffice.fetch_jobs j WHERE j.run_id = h.id AND j.claimed_at IS NOT NULL))
        ORDER BY h.id LIMIT 1;
    IF run IS NOT NULL THEN
        UPDATE boxoffice.fetch_jobs j SET priority = begin_event_sync.priority
            WHERE j.run_id = run AND j.status = 'waiting' AND j.priority > begin_event_sync.priority;
        RETURN run;
    END IF;
    INSERT INTO boxoffice.sync_history (platform, account, external_event_id, mode, reason, priority, dry_run)
        VALUES (p.platform, whose, p.external_event_id, mode, reason, priority, dry_run)
        ON CONFLICT DO NOTHING RETURNING id INTO run;
    IF run IS NULL THEN
        -- Somebody else has begun it at this moment.
        RETURN NULL;
    END IF;
    UPDATE boxoffice.ticket_platforms t SET last_attempt_at = clock_timestamp(),
            last_full_attempt_at = CASE WHEN begin_event_sync.mode = 'changes' THEN t.last_full_attempt_at ELSE clock_timestamp() END
        WHERE t.platform = p.platform AND t.external_event_id = p.external_event_id AND NOT begin_event_sync.dry_run;
    IF boxoffice.add_lists(run, 'event', p.external_event_id,
            -- More than the time that a copy may lag behind: what was read too early then is read again now.
            CASE WHEN mode = 'changes' THEN boxoffice.past(p.last_sync_at) - interval '20 minutes' END,
            p.platform_config ->> 'overrideLocation', mode = 'reconcile') = 0 THEN
        PERFORM boxoffice.fail_run(run, 'the platform''s id of the event cannot stand in a path');
    END IF;
    RETURN run;
END
$$;
COMMENT ON FUNCTION boxoffice.begin_event_sync(text, text, text, text, integer, boolean) IS 'Begins a synchronisation of one event of a platform, or joins one that has not begun to read. Use sync_event() or reconcile_event().';

CREATE FUNCTION boxoffice.fail_run(run bigint, why text, is_its_own boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    h boxoffice.sync_history;
BEGIN
    UPDATE boxoffice.sync_history s SET status = 'failed', error = why, finished_at = clock_timestamp(), open_lists = 0
        WHERE s.id = run AND s.status IN ('running', 'finishing') RETURNING s.* INTO h;
    IF h.id IS NULL THEN
        RETURN;
    END IF;
    UPDATE boxoffice.fetch_jobs j SET status = 'dead', last_error = 'its synchronisation has failed', finished_at = clock_timestamp()
        WHERE j.run_id = run AND j.status = 'waiting' AND j.purpose = 'page';
    IF h.external_event_id IS NOT NULL THEN
        UPDATE boxoffice.ticket_platforms t SET last_sync_error = why,
                sync_failures = CASE WHEN is_its_own AND NOT h.dry_run THEN t.sync_failures + 1 ELSE t.sync_failures END
            WHERE t.platform = h.platform AND t.external_event_id = h.external_event_id;
    ELSIF h.mode = 'discovery' THEN
        UPDATE boxoffice.platform_accounts a SET last_error = why, discovery_error = why,
                -- What could be listed was.
                discovered_at = CASE WHEN EXISTS (SELECT FROM boxoffice.fetch_jobs j WHERE j.run_id = run AND j.kind = 'events' AND j.status = 'done')
                                     THEN LEAST(h.started_at, clock_timestamp()) ELSE a.discovered_at END
            WHERE a.platform = h.platform AND a.name = h.account;
    ELSE
        UPDATE boxoffice.platform_accounts a SET last_error = why WHERE a.platform = h.platform AND a.name = h.account;
    END IF;
    IF h.mode = 'burst' THEN
        PERFORM boxoffice.uncover(run);
        UPDATE boxoffice.platform_accounts a SET burst_until = NULL, burst_off_until = clock_timestamp() + interval '10 minutes'
            WHERE a.platform = h.platform AND a.name = h.account;
    END IF;
    DELETE FROM boxoffice.sync_pages g WHERE g.run_id = run;
END
$$;
COMMENT ON FUNCTION boxoffice.fail_run(bigint, text, boolean) IS 'Ends a synchronisation that cannot go on. What it has read stays; the next one starts where the last successful one did. is_its_own: the reason is one of this event, such as a refusal; each in a row lets the next one wait longer.';

CREATE FUNCTION boxoffice.close_run(run bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    h boxoffice.sync_history;
BEGIN
    UPDATE boxoffice.sync_history s SET status = 'done', finished_at = clock_timestamp()
        WHERE s.id = run AND s.status IN ('running', 'finishing') RETURNING s.* INTO h;
    IF h.id IS NULL THEN
        RETURN;
    END IF;
    -- It has ended by now, whatever clock it began by.
    h.started_at := LEAST(h.started_at, clock_timestamp());
    h.tickets_from := LEAST(h.tickets_from, clock_timestamp());
    IF h.mode = 'burst' THEN
        PERFORM boxoffice.uncover(run);
    ELSIF h.mode = 'discovery' THEN
        UPDATE boxoffice.platform_accounts a SET discovered_at = h.started_at, discovery_error = NULL WHERE a.platform = h.platform AND a.name = h.account;
    ELSIF h.external_event_id IS NULL THEN
        -- All events whose own question would have been for no more than this one.
        UPDATE boxoffice.ticket_platforms t SET last_sync_at = h.started_at, last_sync_error = NULL, sync_failures = 0
            WHERE t.platform = h.platform AND t.event_id IS NOT NULL AND t.account = h.account
              AND t.last_full_sync_at IS NOT NULL AND t.last_sync_at - interval '20 minutes' >= h.since AND t.last_sync_at < h.started_at;
    ELSIF NOT h.dry_run THEN
        UPDATE boxoffice.ticket_platforms t SET last_sync_at = GREATEST(boxoffice.past(t.last_sync_at), h.started_at),
                last_sync_error = NULL, sync_failures = 0,
                last_full_sync_at = CASE WHEN h.mode = 'changes' THEN t.last_full_sync_at
                                         ELSE GREATEST(boxoffice.past(t.last_full_sync_at), h.started_at) END,
                tickets_swept_at = CASE WHEN h.mode = 'changes' THEN t.tickets_swept_at
                                        ELSE GREATEST(boxoffice.past(t.tickets_swept_at), h.tickets_from) END
            WHERE t.platform = h.platform AND t.external_event_id = h.external_event_id;
    END IF;
    DELETE FROM boxoffice.sync_pages g WHERE g.run_id = run;
END
$$;
COMMENT ON FUNCTION boxoffice.close_run(bigint) IS 'Ends a synchronisation that has read everything.';

CREATE FUNCTION boxoffice.begin_discovery(platform text, account text, reason text, priority integer) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    run bigint;
BEGIN
    SELECT h.id INTO run FROM boxoffice.sync_history h
        WHERE h.platform = begin_discovery.platform AND h.account = begin_discovery.account AND h.mode = 'discovery' AND h.status = 'running'
          AND NOT EXISTS (SELECT FROM boxoffice.fetch_jobs j WHERE j.run_id = h.id AND j.claimed_at IS NOT NULL)
        ORDER BY h.id LIMIT 1;
    IF run IS NOT NULL THEN
        -- It may have been put off, because the credential was refused.
        UPDATE boxoffice.fetch_jobs j SET due_at = LEAST(j.due_at, clock_timestamp()), priority = LEAST(j.priority, begin_discovery.priority)
            WHERE j.run_id = run AND j.status = 'waiting' AND j.due_at < 'infinity';
    ELSE
        INSERT INTO boxoffice.sync_history (platform, account, mode, reason, priority)
            VALUES (platform, account, 'discovery', reason, priority) ON CONFLICT DO NOTHING RETURNING id INTO run;
        -- The account's own region first: what that lists needs no other.
        IF run IS NOT NULL AND boxoffice.add_lists(run, 'discovery', account, NULL, NULL, true) = 0 THEN
            PERFORM boxoffice.fail_run(run, 'there is no list that can be asked for');
        END IF;
    END IF;
    RETURN run;
END
$$;
COMMENT ON FUNCTION boxoffice.begin_discovery(text, text, text, integer) IS 'Begins to list an account''s events. Use sync_platform().';

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
