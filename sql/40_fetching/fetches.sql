-- Fetches: claimed, completed, given up.

CREATE FUNCTION boxoffice.complete_fetch(id bigint, http_status integer, headers jsonb, body bytea,
        OUT outcome text, OUT message text, OUT account_change text, OUT account_detail text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'complete_fetch_wrapper';
COMMENT ON FUNCTION boxoffice.complete_fetch(bigint, integer, jsonb, bytea) IS 'Takes the answer to a call that claim_fetches() handed out: merges it, goes on with the next page, tries again later, or gives up. Without an answer: http_status and body NULL, headers {":error": "connect, tls, timeout, too_large, broken, path or stopping"}. Outcome: done, retry, gone, dead, stopped (the account is), released or lost (the lease has gone to somebody else). account_change: what the answer has changed about the account, once: troubled, well, resumed or paused.';

CREATE FUNCTION boxoffice.claim_fetches(max_jobs integer, accounts text[] DEFAULT NULL,
        OUT id bigint, OUT platform text, OUT account text, OUT path text) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    a boxoffice.platform_accounts;
    moment timestamptz;
    remaining integer := max_jobs;
    room integer;
    step smallint;
    most integer;
    taken integer;
    unsure integer;
    is_doubtful boolean;
    holding boolean;
    -- Calls of the last hour, and of them those for hints, for hints of what nobody has heard of, and of the schedule.
    used integer;
    hints integer;
    doubts integer;
    planned integer;
    more_hints integer;
    more_doubts integer;
    more_planned integer;
    threshold integer;
    total integer;
BEGIN
    IF max_jobs IS NULL OR max_jobs < 1 THEN
        RAISE EXCEPTION 'max_jobs must be at least 1' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM boxoffice.stay_announced(accounts);
    moment := clock_timestamp();
    FOR a IN SELECT p.* FROM boxoffice.platform_accounts p
             WHERE p.status <> 'stopped'
               -- A pause lasts a day at most: what is later was written by a clock that was ahead.
               AND (p.blocked_until BETWEEN moment AND moment + interval '25 hours') IS NOT TRUE
               AND (accounts IS NULL OR p.platform || '/' || p.name = ANY (accounts))
               -- An idle account is not locked.
               AND EXISTS (SELECT FROM boxoffice.fetch_jobs j WHERE j.platform = p.platform AND j.account = p.name
                           AND j.status IN ('waiting', 'leased') AND j.due_at <= moment)
             ORDER BY p.platform, p.name FOR UPDATE OF p LOOP
        EXIT WHEN remaining < 1;
        moment := clock_timestamp();
        SELECT CASE WHEN a.status = 'probing' OR a.failures >= 3 THEN 1 ELSE a.max_in_flight END - count(*) INTO room
            FROM boxoffice.fetch_jobs j
            WHERE j.platform = a.platform AND j.account = a.name AND j.status = 'leased' AND j.due_at > moment;
        SELECT COALESCE(sum(c.calls), 0), COALESCE(sum(c.hint_calls), 0), COALESCE(sum(c.doubtful_calls), 0), COALESCE(sum(c.scheduled_calls), 0)
            INTO used, hints, doubts, planned FROM boxoffice.account_calls c
            WHERE c.platform = a.platform AND c.name = a.name AND c.minute > moment - interval '61 minutes' AND c.minute <= moment;
        room := LEAST(room, remaining, a.calls_per_hour - used);
        CONTINUE WHEN room < 1;
        holding := a.burst_until BETWEEN moment AND moment + interval '1 minute';
        IF holding IS NOT TRUE AND cardinality(a.organization_ids) > 0 THEN
            -- When the share of single calls is used up, a few that wait for long are enough for a list.
            threshold := CASE WHEN hints < a.calls_per_hour * 0.8 AND doubts < a.calls_per_hour * 0.25 THEN a.burst_threshold ELSE 0 END;
            IF (SELECT count(*) FROM (SELECT FROM boxoffice.fetch_jobs j
                    WHERE j.platform = a.platform AND j.account = a.name AND j.status = 'waiting' AND j.run_id IS NULL AND j.priority = 0
                      AND j.due_at <= moment AND j.purpose = 'hint'
                      AND ((j.kind = 'order' AND j.restarts = 0) OR (j.kind = 'attendee' AND j.restarts < 2))
                      AND (threshold > 0 OR j.created_at < moment - interval '30 seconds')
                    LIMIT threshold + 1) waiting) > threshold THEN
                holding := boxoffice.hold_hints(a, moment, threshold);
                -- A list that has just begun is due as well.
                moment := clock_timestamp();
            END IF;
        END IF;
        IF holding IS TRUE AND a.burst_until > moment AND (
            SELECT count(*) FROM (SELECT FROM boxoffice.fetch_jobs j
                WHERE j.platform = a.platform AND j.account = a.name AND j.status = 'waiting' AND j.run_id IS NULL AND j.priority = 0
                  AND j.due_at <= moment AND j.purpose = 'hint' LIMIT 1001) waiting) > 1000 THEN
            -- A flood that comes in meanwhile is not to be read by every claim.
            UPDATE boxoffice.fetch_jobs u SET due_at = a.burst_until
                FROM (SELECT j.id FROM boxoffice.fetch_jobs j
                      WHERE j.platform = a.platform AND j.account = a.name AND j.status = 'waiting' AND j.run_id IS NULL AND j.priority = 0
                        AND j.due_at <= moment AND j.purpose = 'hint'
                        AND ((j.kind = 'order' AND j.restarts = 0) OR (j.kind = 'attendee' AND j.restarts < 2))
                      ORDER BY j.id LIMIT 20000 FOR UPDATE SKIP LOCKED) k
                WHERE u.id = k.id;
        END IF;
        more_hints := 0;
        more_doubts := 0;
        more_planned := 0;
        total := 0;
        FOREACH step IN ARRAY '{-1,0,1,2,3,4,5,6}'::smallint[] LOOP
            EXIT WHEN room < 1;
            -- Hints leave a fifth of the calls to what somebody or the schedule asks for, and those of what nobody has heard of
            -- three quarters to the others. What is not urgent leaves calls for hints, but for a tenth that is its own.
            most := CASE
                WHEN step = 0 THEN LEAST(room, ceil(a.calls_per_hour * 0.8) - hints - more_hints)
                WHEN step = 6 AND used < a.calls_per_hour * 0.6 THEN
                    LEAST(room, ceil(a.calls_per_hour * 0.25) - doubts - more_doubts, ceil(a.calls_per_hour * 0.8) - hints - more_hints)
                WHEN step = 6 THEN 0
                WHEN step IN (3, 4, 5) AND used >= a.calls_per_hour * CASE WHEN step = 3 THEN 0.8 ELSE 0.6 END THEN
                    LEAST(room, ceil(a.calls_per_hour * 0.1) - planned - more_planned)
                ELSE room END;
            CONTINUE WHEN most < 1;
            taken := 0;
            unsure := 0;
            FOR id, platform, account, path, is_doubtful IN
                UPDATE boxoffice.fetch_jobs u SET status = 'leased', lease_id = nextval('boxoffice.fetch_lease_seq'), claimed_at = moment,
                       due_at = moment + interval '2 minutes', attempts = u.attempts + 1, doubtful = u.doubtful OR NOT due.known
                FROM (SELECT j.id,
                             CASE WHEN step IN (0, 6) AND j.purpose = 'hint' AND j.run_id IS NULL AND NOT j.doubtful
                                  THEN boxoffice.has_heard_of(j.platform, j.kind, j.resource_id, j.external_event_id) ELSE true END AS known
                      FROM boxoffice.fetch_jobs j
                      WHERE j.platform = a.platform AND j.account = a.name AND j.status IN ('waiting', 'leased') AND j.priority = step
                        AND j.due_at <= moment
                        AND NOT (holding IS TRUE AND j.status = 'waiting' AND j.run_id IS NULL AND j.purpose = 'hint'
                                 AND ((j.kind = 'order' AND j.restarts = 0) OR (j.kind = 'attendee' AND j.restarts < 2)))
                        AND NOT (j.status = 'leased' AND j.attempts >= 10)
                        AND (step <> 0 OR doubts + more_doubts < a.calls_per_hour * 0.25
                             OR NOT j.doubtful AND boxoffice.has_heard_of(j.platform, j.kind, j.resource_id, j.external_event_id))
                        -- What has changed during a fetch is fetched after it, not beside it.
                        AND NOT (j.run_id IS NULL AND j.status = 'waiting' AND EXISTS (
                            SELECT FROM boxoffice.fetch_jobs l WHERE l.platform = j.platform AND l.account = j.account
                            AND l.path = j.path AND l.status = 'leased' AND l.due_at > moment))
                      ORDER BY j.due_at, j.id LIMIT most FOR UPDATE SKIP LOCKED) due
                WHERE u.id = due.id
                RETURNING u.lease_id, u.platform::text, u.account, u.path, u.doubtful LOOP
                taken := taken + 1;
                unsure := unsure + is_doubtful::integer;
                RETURN NEXT;
            END LOOP;
            room := room - taken;
            remaining := remaining - taken;
            used := used + taken;
            more_hints := more_hints + CASE WHEN step IN (0, 6) THEN taken ELSE 0 END;
            more_doubts := more_doubts + CASE WHEN step IN (0, 6) THEN unsure ELSE 0 END;
            more_planned := more_planned + CASE WHEN step IN (3, 4, 5) THEN taken ELSE 0 END;
            total := total + taken;
        END LOOP;
        IF total > 0 THEN
            INSERT INTO boxoffice.account_calls AS c (platform, name, minute, calls, hint_calls, doubtful_calls, scheduled_calls)
                VALUES (a.platform, a.name, date_trunc('minute', moment), total, more_hints, more_doubts, more_planned)
                ON CONFLICT ON CONSTRAINT account_calls_pkey DO UPDATE SET calls = c.calls + excluded.calls,
                    hint_calls = c.hint_calls + excluded.hint_calls, doubtful_calls = c.doubtful_calls + excluded.doubtful_calls,
                    scheduled_calls = c.scheduled_calls + excluded.scheduled_calls;
        END IF;
    END LOOP;
    -- A worker with nothing to fetch has time for what is left of synchronisations.
    IF remaining = max_jobs AND EXISTS (SELECT FROM boxoffice.sync_history h WHERE h.status = 'finishing') THEN
        BEGIN
            PERFORM boxoffice.finish_sync_runs(2000);
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'boxoffice: finishing synchronisations failed: % (%)', SQLERRM, SQLSTATE;
        END;
        IF EXISTS (SELECT FROM boxoffice.sync_history h WHERE h.status = 'finishing') THEN
            PERFORM pg_notify('boxoffice_fetch', '');
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice.claim_fetches(integer, text[]) IS 'Hands out what has to be fetched now, at most max_jobs, to a worker that holds these accounts (platform/name; NULL: all). id names the lease: give it to complete_fetch() within two minutes, or somebody else gets the job. Several workers share the jobs; limits of the account are kept. Of the calls of an hour single hints have four fifths at most, those of what nobody has heard of a quarter; the schedule yields at four fifths, comparisons and second looks at three fifths, but a tenth is theirs.';

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

CREATE FUNCTION boxoffice.retry_dead_fetches(platform text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
DECLARE
    revived integer;
BEGIN
    IF platform IS NOT NULL THEN
        PERFORM boxoffice.require_platform(platform);
    END IF;
    WITH dead AS (
        DELETE FROM boxoffice.fetch_jobs j
        WHERE j.status = 'dead' AND j.run_id IS NULL AND (retry_dead_fetches.platform IS NULL OR j.platform = retry_dead_fetches.platform)
        RETURNING j.*)
    INSERT INTO boxoffice.fetch_jobs (platform, account, path, kind, resource_id, external_event_id, purpose, priority, last_error)
        SELECT d.platform, d.account, d.path, d.kind, d.resource_id, d.external_event_id, d.purpose, d.priority, d.last_error
        FROM dead d ORDER BY d.platform, d.path, d.account
        ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS revived = ROW_COUNT;
    PERFORM pg_catalog.pg_notify('boxoffice_fetch', '');
    RETURN revived;
END
$$;
COMMENT ON FUNCTION boxoffice.retry_dead_fetches(text) IS 'Lets fetches that were given up begin anew, of one platform or of all. Pages of failed runs are not among them: the next run reads them. Says how many.';
