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
          AND NOT EXISTS (SELECT FROM boxoffice.platform_accounts a WHERE a.platform = j.platform AND a.name = j.account)
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
    UPDATE boxoffice.platform_accounts a SET status = 'probing'
        WHERE a.platform = probe_account.platform AND a.name = probe_account.account AND a.status = 'stopped';
    IF FOUND THEN
        -- With something that every credential may see, not with what was refused.
        PERFORM boxoffice.begin_discovery(platform, account, 'manual', 0);
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
            ORDER BY a.name <> 'default', a.name LIMIT 1),
        'default')
$$;
COMMENT ON FUNCTION boxoffice.account_of(text, text) IS 'The account that can see an event of a platform: the one in whose listing it was found, else default, else the first by name.';

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
    used integer;
    room integer;
    taken integer;
    holding boolean;
BEGIN
    IF max_jobs IS NULL OR max_jobs < 1 THEN
        RAISE EXCEPTION 'max_jobs must be at least 1' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR a IN SELECT p.* FROM boxoffice.platform_accounts p
             WHERE p.status <> 'stopped' AND (p.blocked_until IS NULL OR p.blocked_until <= clock_timestamp())
               AND (accounts IS NULL OR p.platform || '/' || p.name = ANY (accounts))
               -- An idle account is not locked.
               AND EXISTS (SELECT FROM boxoffice.fetch_jobs j WHERE j.platform = p.platform AND j.account = p.name
                           AND j.status IN ('waiting', 'leased') AND j.due_at <= clock_timestamp())
             ORDER BY p.platform, p.name FOR UPDATE OF p LOOP
        EXIT WHEN remaining < 1;
        moment := clock_timestamp();
        SELECT CASE WHEN a.status = 'probing' OR a.failures >= 3 THEN 1 ELSE a.max_in_flight END - count(*) INTO room
            FROM boxoffice.fetch_jobs j
            WHERE j.platform = a.platform AND j.account = a.name AND j.status = 'leased' AND j.due_at > moment;
        SELECT COALESCE(sum(c.calls), 0) INTO used FROM boxoffice.account_calls c
            WHERE c.platform = a.platform AND c.name = a.name AND c.minute > moment - interval '61 minutes';
        room := LEAST(room, remaining, a.calls_per_hour - used);
        CONTINUE WHEN room < 1;
        holding := a.burst_until > moment;
        IF holding IS NOT TRUE AND a.platform = 'eventbrite' AND (
            SELECT count(*) FROM (SELECT FROM boxoffice.fetch_jobs j
                WHERE j.platform = a.platform AND j.account = a.name AND j.status = 'waiting' AND j.run_id IS NULL AND j.due_at <= moment
                  AND j.purpose = 'hint' AND ((j.kind = 'order' AND j.restarts = 0) OR (j.kind = 'attendee' AND j.restarts < 2))
                LIMIT a.burst_threshold + 1) waiting) > a.burst_threshold THEN
            holding := boxoffice.hold_hints(a, moment);
            -- A list that has just begun is due as well.
            moment := clock_timestamp();
        END IF;
        RETURN QUERY
            UPDATE boxoffice.fetch_jobs u SET status = 'leased', lease_id = nextval('boxoffice.fetch_lease_seq'), claimed_at = moment,
                   due_at = moment + interval '2 minutes', attempts = u.attempts + 1
            FROM (SELECT j.id FROM boxoffice.fetch_jobs j
                  WHERE j.platform = a.platform AND j.account = a.name AND j.status IN ('waiting', 'leased') AND j.due_at <= moment
                    -- What is not urgent leaves calls for hints.
                    AND (j.priority < 3 OR used < a.calls_per_hour * CASE WHEN j.priority = 3 THEN 0.8 ELSE 0.6 END)
                    AND NOT (holding IS TRUE AND j.status = 'waiting' AND j.run_id IS NULL AND j.purpose = 'hint'
                             AND ((j.kind = 'order' AND j.restarts = 0) OR (j.kind = 'attendee' AND j.restarts < 2)))
                    AND NOT (j.status = 'leased' AND j.attempts >= 10)
                    -- What has changed during a fetch is fetched after it, not beside it.
                    AND NOT (j.run_id IS NULL AND j.status = 'waiting' AND EXISTS (
                        SELECT FROM boxoffice.fetch_jobs l WHERE l.platform = j.platform AND l.account = j.account
                        AND l.path = j.path AND l.status = 'leased' AND l.due_at > moment))
                  ORDER BY j.priority, j.due_at, j.id LIMIT room FOR UPDATE SKIP LOCKED) due
            WHERE u.id = due.id
            RETURNING u.lease_id, u.platform::text, u.account, u.path;
        GET DIAGNOSTICS taken = ROW_COUNT;
        IF taken > 0 THEN
            remaining := remaining - taken;
            INSERT INTO boxoffice.account_calls AS c (platform, name, minute, calls)
                VALUES (a.platform, a.name, date_trunc('minute', moment), taken)
                ON CONFLICT ON CONSTRAINT account_calls_pkey DO UPDATE SET calls = c.calls + excluded.calls;
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
COMMENT ON FUNCTION boxoffice.claim_fetches(integer, text[]) IS 'Hands out what has to be fetched now, at most max_jobs, to a worker that holds these accounts (platform/name; NULL: all). id names the lease: give it to complete_fetch() within two minutes, or somebody else gets the job. Several workers share the jobs; limits of the account are kept.';

CREATE FUNCTION boxoffice.hold_hints(a boxoffice.platform_accounts, moment timestamptz) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    orders integer;
    attendees integer;
    leftover integer;
    oldest timestamptz;
    run bigint;
    scopes text[];
BEGIN
    IF cardinality(a.organization_ids) = 0 OR a.burst_off_until > moment OR a.status <> 'active' THEN
        RETURN false;
    END IF;
    -- What a list has not shown once is not asked for by another list of that kind: it may never show it.
    SELECT count(*) FILTER (WHERE j.kind = 'order'), count(*) FILTER (WHERE j.kind = 'attendee'),
           count(*) FILTER (WHERE j.kind = 'attendee' AND j.restarts > 0)
        INTO orders, attendees, leftover
        FROM boxoffice.fetch_jobs j
        WHERE j.platform = a.platform AND j.account = a.name AND j.status = 'waiting' AND j.run_id IS NULL AND j.due_at <= moment
          AND j.purpose = 'hint' AND ((j.kind = 'order' AND j.restarts = 0) OR (j.kind = 'attendee' AND j.restarts < 2));
    scopes := CASE WHEN orders > a.burst_threshold THEN ARRAY['orders'] ELSE '{}'::text[] END
        -- The lists of orders show their attendees too; those that they did not show have a list of their own.
        || CASE WHEN leftover > a.burst_threshold OR (orders <= a.burst_threshold AND attendees > a.burst_threshold)
                THEN ARRAY['attendees'] ELSE '{}'::text[] END;
    IF cardinality(scopes) = 0 THEN
        RETURN false;
    END IF;
    INSERT INTO boxoffice.sync_history (platform, account, mode, reason, priority)
        VALUES (a.platform, a.name, 'burst', 'burst', 1) RETURNING id INTO run;
    WITH covered AS (
        UPDATE boxoffice.fetch_jobs u SET status = 'covered', run_id = run
        FROM (SELECT j.id FROM boxoffice.fetch_jobs j
              WHERE j.platform = a.platform AND j.account = a.name AND j.status = 'waiting' AND j.run_id IS NULL AND j.due_at <= moment
                AND j.purpose = 'hint' AND ((j.kind = 'order' AND j.restarts = 0 AND 'orders' = ANY (scopes))
                    OR (j.kind = 'attendee' AND j.restarts < CASE WHEN 'attendees' = ANY (scopes) THEN 2 ELSE 1 END))
              ORDER BY j.id FOR UPDATE SKIP LOCKED) k
        WHERE u.id = k.id RETURNING u.created_at)
    SELECT min(created_at) INTO oldest FROM covered;
    IF oldest IS NULL THEN
        DELETE FROM boxoffice.sync_history h WHERE h.id = run;
        RETURN false;
    END IF;
    -- Clocks differ, and a hint takes a while: what is missed by this is asked for by itself afterwards.
    IF (SELECT sum(boxoffice.add_lists(run, 'organization ' || scope, organization, oldest - interval '2 minutes', NULL, false))
        FROM unnest(scopes) scope, unnest(a.organization_ids) organization) = 0 THEN
        PERFORM boxoffice.fail_run(run, 'there is no list that can be asked for');
        RETURN false;
    END IF;
    UPDATE boxoffice.platform_accounts p SET burst_until = moment + interval '60 seconds'
        WHERE p.platform = a.platform AND p.name = a.name;
    RETURN true;
END
$$;
COMMENT ON FUNCTION boxoffice.hold_hints(boxoffice.platform_accounts, timestamptz) IS 'Whether hints of orders and attendees wait for a list. Begins one when too many wait.';

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
    FOREACH task IN ARRAY ARRAY['link_found_events', 'end_lost_fetches', 'finish_sync_runs', 'retry_failed_webhooks', 'schedule_syncs',
                                'purge_finished_jobs'] LOOP
        BEGIN
            CASE task
                -- Waits for deliveries in flight: nothing else may be locked in the same transaction.
                WHEN 'link_found_events' THEN items := boxoffice.link_found_events(5);
                WHEN 'end_lost_fetches' THEN items := boxoffice.end_lost_fetches();
                WHEN 'finish_sync_runs' THEN items := boxoffice.finish_sync_runs(2000);
                -- Locks orders, as finishing does: not both in one transaction.
                WHEN 'retry_failed_webhooks' THEN
                    CONTINUE WHEN items > 0;
                    SELECT r.tried INTO items FROM boxoffice.retry_failed_webhooks(200) r;
                WHEN 'schedule_syncs' THEN items := boxoffice.schedule_syncs();
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
