-- Synchronisation as people ask for it.

CREATE FUNCTION boxoffice.require_account(platform text, account text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    seen timestamptz;
BEGIN
    PERFORM boxoffice.require_platform(platform);
    IF EXISTS (SELECT FROM boxoffice.platform_accounts a WHERE a.platform = require_account.platform
               AND (require_account.account IS NULL OR a.name = require_account.account) AND boxoffice.is_held(a.announced_at)) THEN
        RETURN;
    END IF;
    SELECT max(boxoffice.past(a.announced_at)) INTO seen FROM boxoffice.platform_accounts a WHERE a.platform = require_account.platform
        AND (require_account.account IS NULL OR a.name = require_account.account);
    IF account IS NULL OR account = 'default' THEN
        RAISE EXCEPTION 'no worker has announced a credential for platform "%"', platform
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = COALESCE('A worker that holds one was last heard of at ' || seen || '.', 'None was ever announced.'),
                  HINT = pg_catalog.format('Start the worker with %s set.',
                      CASE platform WHEN 'humanitix' THEN 'HUMANITIX_API_KEY' ELSE 'EVENTBRITE_OAUTH_TOKEN' END);
    END IF;
    RAISE EXCEPTION 'no worker has announced the credential "%/%"', platform, account
        USING ERRCODE = 'object_not_in_prerequisite_state',
              DETAIL = COALESCE('A worker that holds it was last heard of at ' || seen || '.', 'It was never announced.'),
              HINT = 'Start the worker with it in BOXOFFICE_CREDENTIALS_FILE, or name another account with configure_event_sync(..., account => ...).';
END
$$;
COMMENT ON FUNCTION boxoffice.require_account(text, text) IS 'Raises an error unless a worker holds the account, or (NULL) any account of the platform: see platform_accounts.announced_at.';

CREATE FUNCTION boxoffice.begin_for_event(event_id text, mode text, dry_run boolean) RETURNS SETOF bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    p boxoffice.ticket_platforms;
BEGIN
    IF event_id IS NULL THEN
        RAISE EXCEPTION 'event_id must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF NOT EXISTS (SELECT FROM boxoffice.ticket_platforms t WHERE t.event_id = begin_for_event.event_id) THEN
        RAISE EXCEPTION 'event "%" is not linked to an event of a platform', event_id
            USING ERRCODE = 'no_data_found', HINT = 'SELECT * FROM boxoffice.link_suggestions shows what it could be linked to; link_event() links.';
    END IF;
    FOR p IN SELECT * FROM boxoffice.ticket_platforms t WHERE t.event_id = begin_for_event.event_id ORDER BY t.platform, t.external_event_id LOOP
        PERFORM boxoffice.require_account(p.platform, boxoffice.account_of(p.platform, p.external_event_id));
        RETURN NEXT boxoffice.begin_event_sync(p.platform, p.external_event_id, mode, 'manual', 2, dry_run);
    END LOOP;
    PERFORM pg_catalog.pg_notify('boxoffice_fetch', '');
END
$$;
COMMENT ON FUNCTION boxoffice.begin_for_event(text, text, boolean) IS 'Begins a synchronisation of each platform''s event that one of ours is linked to. Use sync_event() or reconcile_event().';

CREATE FUNCTION boxoffice.sync_event(event_id text) RETURNS SETOF bigint
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS $$ SELECT boxoffice.begin_for_event(event_id, 'full', false) $$;
COMMENT ON FUNCTION boxoffice.sync_event(text) IS 'Asks for everything that the platforms know of one of our events, soon. Returns the numbers of the runs; sync_runs shows their progress.';

CREATE FUNCTION boxoffice.reconcile_event(event_id text, dry_run boolean DEFAULT false) RETURNS SETOF bigint
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS $$ SELECT boxoffice.begin_for_event(event_id, 'reconcile', dry_run) $$;
COMMENT ON FUNCTION boxoffice.reconcile_event(text, boolean) IS 'Compares the platforms'' complete listings of one of our events with what is here, and puts right what differs; with dry_run it only compares. Returns the numbers of the runs; reconciliation_reports has the result.';

CREATE FUNCTION boxoffice.sync_platform(platform text) RETURNS SETOF bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    a boxoffice.platform_accounts;
    p boxoffice.ticket_platforms;
BEGIN
    PERFORM boxoffice.require_account(platform);
    FOR a IN SELECT * FROM boxoffice.platform_accounts t WHERE t.platform = sync_platform.platform AND boxoffice.is_held(t.announced_at)
             ORDER BY t.name LOOP
        RETURN NEXT boxoffice.begin_discovery(a.platform, a.name, 'manual', 2);
    END LOOP;
    FOR p IN SELECT * FROM boxoffice.ticket_platforms t
             WHERE t.platform = sync_platform.platform AND t.event_id IS NOT NULL
               -- Nobody could read what no account can.
               AND EXISTS (SELECT FROM boxoffice.platform_accounts k
                   WHERE k.platform = t.platform AND k.name = boxoffice.account_of(t.platform, t.external_event_id)
                     AND boxoffice.is_held(k.announced_at))
             ORDER BY t.external_event_id LOOP
        RETURN NEXT boxoffice.begin_event_sync(p.platform, p.external_event_id, 'full', 'manual', 2, false);
    END LOOP;
    PERFORM pg_catalog.pg_notify('boxoffice_fetch', '');
END
$$;
COMMENT ON FUNCTION boxoffice.sync_platform(text) IS 'Asks for the events of a platform''s accounts, and for everything of those that are linked. Returns the numbers of the runs.';

CREATE FUNCTION boxoffice.sync_all() RETURNS SETOF bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
DECLARE
    p text;
BEGIN
    FOR p IN SELECT DISTINCT a.platform FROM boxoffice.platform_accounts a WHERE boxoffice.is_held(a.announced_at) ORDER BY 1 LOOP
        RETURN QUERY SELECT r FROM boxoffice.sync_platform(p) r;
    END LOOP;
    IF p IS NULL THEN
        RAISE EXCEPTION 'no worker has announced a credential'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Start the worker with HUMANITIX_API_KEY or EVENTBRITE_OAUTH_TOKEN set.';
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice.sync_all() IS 'sync_platform() for each platform that a worker holds a credential for.';

CREATE FUNCTION boxoffice.configure_account(platform text, name text DEFAULT 'default', calls_per_hour integer DEFAULT NULL,
        max_in_flight integer DEFAULT NULL, organization_ids text[] DEFAULT NULL, locations text[] DEFAULT NULL,
        webhook_ids text[] DEFAULT NULL, auto_link boolean DEFAULT NULL, burst_threshold integer DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM boxoffice.require_platform(platform);
    IF EXISTS (SELECT FROM unnest(organization_ids) o WHERE o IS NULL OR o !~ '^[A-Za-z0-9_-]{1,64}$')
       OR EXISTS (SELECT FROM unnest(locations) l WHERE l IS NULL OR l !~ '^[A-Z]{2}$') THEN
        RAISE EXCEPTION 'an organization is named by its id, a location by two capital letters'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For example organization_ids => ''{123456}'', locations => ''{NZ}''.';
    END IF;
    INSERT INTO boxoffice.platform_accounts AS a (platform, name, calls_per_hour, max_in_flight, organization_ids, locations, webhook_ids,
            auto_link, burst_threshold)
        VALUES (platform, name, COALESCE(calls_per_hour, boxoffice.default_calls_per_hour(platform)), COALESCE(max_in_flight, 4),
                COALESCE(organization_ids, '{}'), COALESCE(locations, '{}'), COALESCE(webhook_ids, '{}'), COALESCE(auto_link, false),
                COALESCE(burst_threshold, 20))
        ON CONFLICT ON CONSTRAINT platform_accounts_pkey DO UPDATE SET
            calls_per_hour = COALESCE(configure_account.calls_per_hour, a.calls_per_hour),
            max_in_flight = COALESCE(configure_account.max_in_flight, a.max_in_flight),
            organization_ids = COALESCE(configure_account.organization_ids, a.organization_ids),
            locations = COALESCE(configure_account.locations, a.locations),
            webhook_ids = COALESCE(configure_account.webhook_ids, a.webhook_ids),
            auto_link = COALESCE(configure_account.auto_link, a.auto_link),
            burst_threshold = COALESCE(configure_account.burst_threshold, a.burst_threshold);
END
$$;
COMMENT ON FUNCTION boxoffice.configure_account(text, text, integer, integer, text[], text[], text[], boolean, integer) IS 'Changes what an account may do; what is NULL stays as it is. See platform_accounts for the values.';

CREATE FUNCTION boxoffice.resume_account(platform text, name text DEFAULT 'default') RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    PERFORM boxoffice.require_platform(platform);
    UPDATE boxoffice.platform_accounts a SET blocked_until = NULL
        WHERE a.platform = resume_account.platform AND a.name = resume_account.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no account "%" of platform "%"', name, platform
            USING ERRCODE = 'no_data_found', HINT = 'SELECT * FROM boxoffice.platform_accounts lists them.';
    END IF;
    PERFORM boxoffice.probe_account(platform, name);
    PERFORM pg_catalog.pg_notify('boxoffice_fetch', '');
END
$$;
COMMENT ON FUNCTION boxoffice.resume_account(text, text) IS 'Lets a stopped or blocked account make one call to show that it works again. Restarting the worker does the same.';

CREATE FUNCTION boxoffice.remove_account(platform text, name text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
BEGIN
    PERFORM boxoffice.require_platform(platform);
    PERFORM boxoffice.fail_run(h.id, 'the account was removed') FROM boxoffice.sync_history h
        WHERE h.platform = remove_account.platform AND h.account = remove_account.name AND h.status IN ('running', 'finishing');
    DELETE FROM boxoffice.fetch_jobs j
        WHERE j.platform = remove_account.platform AND j.account = remove_account.name AND j.finished_at IS NULL;
    DELETE FROM boxoffice.account_calls c WHERE c.platform = remove_account.platform AND c.name = remove_account.name;
    UPDATE boxoffice.ticket_platforms p SET account = NULL
        WHERE p.platform = remove_account.platform AND p.account = remove_account.name;
    DELETE FROM boxoffice.platform_accounts a WHERE a.platform = remove_account.platform AND a.name = remove_account.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no account "%" of platform "%"', name, platform
            USING ERRCODE = 'no_data_found', HINT = 'SELECT * FROM boxoffice.platform_accounts lists them.';
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice.remove_account(text, text) IS 'Forgets an account that no worker holds any more: its runs fail, what it was to fetch is dropped. Sales, events and logs stay. A worker that still holds it makes it known again when it starts.';

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
COMMENT ON FUNCTION boxoffice.configure_event_sync(text, text, integer, integer, text, text) IS 'Sets how often an event is synchronised (minutes), how often read completely (hours), with which account and (Humanitix) in which data region; what is NULL stays as it is.';
