-- The outbound pump: what a worker calls. complete_fetch() is in Rust.

CREATE FUNCTION boxoffice.announce_accounts(accounts text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
DECLARE
    entry text;
BEGIN
    IF accounts IS NULL THEN
        RAISE EXCEPTION 'accounts must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF cardinality(accounts) > 100 OR (SELECT count(*) FROM boxoffice.platform_accounts) > 1000 THEN
        RAISE EXCEPTION 'too many accounts'
            USING ERRCODE = 'program_limit_exceeded', HINT = 'remove_account() removes those that nobody uses any more.';
    END IF;
    FOR entry IN SELECT DISTINCT a FROM unnest(accounts) a ORDER BY a LOOP
        IF entry IS NULL OR entry !~ '^[a-z]+/[a-z0-9_-]{1,40}$' THEN
            RAISE EXCEPTION 'an account is written platform/name'
                USING ERRCODE = 'invalid_parameter_value', HINT = 'For example eventbrite/default; names have 1 to 40 of a-z, 0-9, _ and -.';
        END IF;
        PERFORM boxoffice.require_platform(split_part(entry, '/', 1));
        INSERT INTO boxoffice.platform_accounts AS a (platform, name, calls_per_hour, announced_at)
            VALUES (split_part(entry, '/', 1), split_part(entry, '/', 2),
                    boxoffice.default_calls_per_hour(split_part(entry, '/', 1)), clock_timestamp())
            -- A worker that starts may have a new credential: it gets a call to show it.
            ON CONFLICT ON CONSTRAINT platform_accounts_pkey DO UPDATE SET announced_at = excluded.announced_at,
                status = a.status;
        PERFORM boxoffice.probe_account(split_part(entry, '/', 1), split_part(entry, '/', 2));
    END LOOP;
    -- What was asked for before anybody had a credential, under a name that nobody has.
    UPDATE boxoffice.fetch_jobs j SET account = boxoffice.account_of(j.platform, j.external_event_id)
        WHERE j.status = 'waiting' AND j.run_id IS NULL
          AND NOT EXISTS (SELECT FROM boxoffice.platform_accounts a
                          WHERE a.platform = j.platform AND a.name = j.account AND a.announced_at IS NOT NULL)
          AND NOT EXISTS (SELECT FROM boxoffice.fetch_jobs k WHERE k.platform = j.platform AND k.path = j.path
                          AND k.account = boxoffice.account_of(j.platform, j.external_event_id) AND k.status = 'waiting' AND k.run_id IS NULL);
END
$$;
COMMENT ON FUNCTION boxoffice.announce_accounts(text[]) IS 'A worker says which credentials it holds, as platform/name. Makes them known, and lets a stopped one make one call to show that it works again.';

CREATE FUNCTION boxoffice.probe_account(platform text, account text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    UPDATE boxoffice.platform_accounts a SET status = 'probing', resumed_at = clock_timestamp()
        WHERE a.platform = probe_account.platform AND a.name = probe_account.account AND a.status = 'stopped';
    IF FOUND THEN
        -- With something that every credential may see, not with what was refused.
        PERFORM boxoffice.begin_discovery(platform, account, 'manual', -1);
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice.probe_account(text, text) IS 'Lets a stopped account make one call at a time until one succeeds, its listing of events first. Used by announce_accounts() and resume_account().';

CREATE FUNCTION boxoffice.default_calls_per_hour(platform text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT CASE platform WHEN 'eventbrite' THEN 1900 ELSE 7200 END $$;
COMMENT ON FUNCTION boxoffice.default_calls_per_hour(text) IS 'Most calls an hour unless configure_account() says otherwise: a little below Eventbrite''s 2000 for a token, and two a second for Humanitix, which publishes no limit.';

CREATE FUNCTION boxoffice.account_of(platform text, external_event_id text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
    SELECT COALESCE(
        (SELECT p.account FROM boxoffice.ticket_platforms p
            WHERE p.platform = account_of.platform AND p.external_event_id = account_of.external_event_id),
        (SELECT a.name FROM boxoffice.platform_accounts a WHERE a.platform = account_of.platform
            -- One that no worker has ever announced comes last.
            ORDER BY a.announced_at IS NULL, a.name <> 'default', a.name LIMIT 1),
        'default')
$$;
COMMENT ON FUNCTION boxoffice.account_of(text, text) IS 'The account that can see an event of a platform: the one in whose listing it was found, else default, else the first by name.';

CREATE FUNCTION boxoffice.is_held(announced_at timestamptz) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    -- A time that has not come yet was written by a clock that was ahead.
    AS $$ SELECT COALESCE(announced_at BETWEEN clock_timestamp() - interval '5 minutes' AND clock_timestamp() + interval '1 minute', false) $$;
COMMENT ON FUNCTION boxoffice.is_held(timestamptz) IS 'Whether an account that was last announced then counts as held by a worker now: within five minutes.';

CREATE FUNCTION boxoffice.stay_announced(accounts text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    latest timestamptz;
    stale integer;
BEGIN
    -- Once a minute, not with each claim.
    SELECT max(p.announced_at), count(*) INTO latest, stale FROM boxoffice.platform_accounts p
        WHERE (accounts IS NULL OR p.platform || '/' || p.name = ANY (accounts))
          AND (p.announced_at NOT BETWEEN moment - interval '1 minute' AND moment
               -- Whoever claims for all of them does not hold those that nobody has announced.
               OR (p.announced_at IS NULL AND accounts IS NOT NULL));
    IF stale = 0 THEN
        RETURN;
    END IF;
    IF latest > moment + interval '1 minute' THEN
        PERFORM boxoffice.mend_times(latest - moment);
    END IF;
    UPDATE boxoffice.platform_accounts u SET announced_at = moment
        FROM (SELECT p.platform, p.name FROM boxoffice.platform_accounts p
              WHERE (accounts IS NULL OR p.platform || '/' || p.name = ANY (accounts))
                AND (p.announced_at NOT BETWEEN moment - interval '1 minute' AND moment OR (p.announced_at IS NULL AND accounts IS NOT NULL))
              ORDER BY p.platform, p.name FOR UPDATE SKIP LOCKED) k
        WHERE u.platform = k.platform AND u.name = k.name;
END
$$;
COMMENT ON FUNCTION boxoffice.stay_announced(text[]) IS 'Remembers that a worker still holds these accounts. Used by claim_fetches(); writes once a minute.';

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
        IF holding IS NOT TRUE AND a.platform = 'eventbrite' THEN
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
                                'retry_failed_webhooks', 'schedule_syncs', 'note_deliveries', 'purge_finished_jobs'] LOOP
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
