-- The outbound pump: what a worker calls (announce, claim, complete, run_due_tasks), and how runs begin and end.
-- Paths come from api_listings(), the only place that knows what the platforms' calls look like.

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
    UPDATE boxoffice.ticket_platforms t SET last_attempt_at = clock_timestamp()
        WHERE t.platform = p.platform AND t.external_event_id = p.external_event_id AND NOT begin_event_sync.dry_run;
    IF boxoffice.add_lists(run, 'event', p.external_event_id,
            -- More than the time that a copy may lag behind: what was read too early then is read again now.
            CASE WHEN mode = 'changes' THEN p.last_sync_at - interval '20 minutes' END,
            p.platform_config ->> 'overrideLocation', mode = 'reconcile') = 0 THEN
        PERFORM boxoffice.fail_run(run, 'the platform''s id of the event cannot stand in a path');
    END IF;
    RETURN run;
END
$$;
COMMENT ON FUNCTION boxoffice.begin_event_sync(text, text, text, text, integer, boolean) IS 'Begins a synchronisation of one event of a platform, or joins one that has not begun to read. Use sync_event() or reconcile_event().';

CREATE FUNCTION boxoffice.fail_run(run bigint, why text) RETURNS void
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
        UPDATE boxoffice.ticket_platforms t SET last_sync_error = why
            WHERE t.platform = h.platform AND t.external_event_id = h.external_event_id;
    END IF;
    IF h.external_event_id IS NULL THEN
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
COMMENT ON FUNCTION boxoffice.fail_run(bigint, text) IS 'Ends a synchronisation that cannot go on. What it has read stays; the next one starts where the last successful one did.';

CREATE FUNCTION boxoffice.uncover(run bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    WITH shown AS (
        SELECT 'order' AS kind, o AS resource_id FROM boxoffice.sync_pages g, unnest(g.order_ids) o WHERE g.run_id = run
        UNION
        SELECT 'attendee', t FROM boxoffice.sync_pages g, unnest(g.attendee_ids) t WHERE g.run_id = run
    ), back AS (
        DELETE FROM boxoffice.fetch_jobs j WHERE j.run_id = run AND j.status = 'covered'
            AND NOT EXISTS (SELECT FROM shown s WHERE s.kind = j.kind AND s.resource_id = j.resource_id) RETURNING j.*)
    INSERT INTO boxoffice.fetch_jobs AS w (platform, account, path, kind, resource_id, external_event_id, purpose, priority, attempts, restarts, created_at)
        SELECT platform, account, path, kind, resource_id, external_event_id, purpose, priority, attempts, restarts + 1, created_at
        FROM back ORDER BY platform, path, account
        ON CONFLICT (platform, account, path) WHERE status = 'waiting' AND run_id IS NULL
        DO UPDATE SET due_at = LEAST(w.due_at, excluded.due_at), priority = LEAST(w.priority, excluded.priority), purpose = 'hint';
    UPDATE boxoffice.fetch_jobs j SET status = 'done', finished_at = clock_timestamp() WHERE j.run_id = run AND j.status = 'covered';
END
$$;
COMMENT ON FUNCTION boxoffice.uncover(bigint) IS 'Ends the stand-in of a list for hints: what it has shown is done, what it has not is fetched by itself.';

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
    IF h.mode = 'burst' THEN
        PERFORM boxoffice.uncover(run);
    ELSIF h.mode = 'discovery' THEN
        UPDATE boxoffice.platform_accounts a SET discovered_at = h.started_at WHERE a.platform = h.platform AND a.name = h.account;
    ELSIF h.external_event_id IS NULL THEN
        -- All events whose own question would have been for no more than this one.
        UPDATE boxoffice.ticket_platforms t SET last_sync_at = h.started_at, last_sync_error = NULL
            WHERE t.platform = h.platform AND t.event_id IS NOT NULL AND t.account = h.account
              AND t.last_full_sync_at IS NOT NULL AND t.last_sync_at - interval '20 minutes' >= h.since AND t.last_sync_at < h.started_at;
    ELSIF NOT h.dry_run THEN
        UPDATE boxoffice.ticket_platforms t SET last_sync_at = GREATEST(t.last_sync_at, h.started_at), last_sync_error = NULL,
                last_full_sync_at = CASE WHEN h.mode = 'changes' THEN t.last_full_sync_at ELSE GREATEST(t.last_full_sync_at, h.started_at) END,
                tickets_swept_at = CASE WHEN h.mode = 'changes' THEN t.tickets_swept_at ELSE GREATEST(t.tickets_swept_at, h.tickets_from) END
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
    IF run IS NULL THEN
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

CREATE FUNCTION boxoffice.run_due_tasks(OUT task text, OUT items integer) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 4
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    -- Several workers may ask; one does it.
    IF NOT pg_try_advisory_xact_lock(1112489048, 2) THEN
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
