-- Synchronisation on request.

CREATE FUNCTION boxoffice.sync_event(event_id text) RETURNS SETOF bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'sync_event_wrapper';
COMMENT ON FUNCTION boxoffice.sync_event(text) IS 'Asks for everything that the platforms know of one of our events, soon. Returns the numbers of the runs; sync_runs shows their progress.';

CREATE FUNCTION boxoffice.sync_platform(platform text) RETURNS SETOF bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'sync_platform_wrapper';
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
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Start the worker with a credential: platforms.credential_variable names the variables.';
    END IF;
END
$$;
COMMENT ON FUNCTION boxoffice.sync_all() IS 'sync_platform() for each platform that a worker holds a credential for.';

CREATE FUNCTION boxoffice.withdraw_runs(ids bigint[]) RETURNS SETOF bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'withdraw_runs_wrapper';
COMMENT ON FUNCTION boxoffice.withdraw_runs(bigint[]) IS 'Takes back synchronisations that have not ended, with all their calls, as if they had never been asked for. Returns the numbers of those.';
