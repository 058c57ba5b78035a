-- Credentials by name: announced by workers, configured, stopped, resumed.

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
                USING ERRCODE = 'invalid_parameter_value', HINT = 'platform/name, for example of an account default; names have 1 to 40 of a-z, 0-9, _ and -.';
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
    PERFORM boxoffice.rehome_fetches();
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
    AS $$ SELECT COALESCE((SELECT p.calls_per_hour FROM boxoffice._platforms() p WHERE p.name = platform), 1000) $$;
COMMENT ON FUNCTION boxoffice.default_calls_per_hour(text) IS 'Most calls an hour unless configure_account() says otherwise: what platforms.calls_per_hour says.';

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
                      (SELECT p.credential_variable FROM boxoffice._platforms() p WHERE p.name = platform));
    END IF;
    RAISE EXCEPTION 'no worker has announced the credential "%/%"', platform, account
        USING ERRCODE = 'object_not_in_prerequisite_state',
              DETAIL = COALESCE('A worker that holds it was last heard of at ' || seen || '.', 'It was never announced.'),
              HINT = 'Start the worker with it in BOXOFFICE_CREDENTIALS_FILE, or name another account with configure_event_sync(..., account => ...).';
END
$$;
COMMENT ON FUNCTION boxoffice.require_account(text, text) IS 'Raises an error unless a worker holds the account, or (NULL) any account of the platform: see platform_accounts.announced_at.';

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
    PERFORM boxoffice.forget_account_fetches(platform, name);
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
