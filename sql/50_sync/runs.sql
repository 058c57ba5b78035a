-- How synchronisations begin and end.

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

CREATE FUNCTION boxoffice.begin_discovery(platform text, account text, reason text, priority integer) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'begin_discovery_wrapper';
COMMENT ON FUNCTION boxoffice.begin_discovery(text, text, text, integer) IS 'Begins to list an account''s events. Use sync_platform().';

CREATE FUNCTION boxoffice.fail_run(run bigint, why text, is_its_own boolean DEFAULT true) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'fail_run_wrapper';
COMMENT ON FUNCTION boxoffice.fail_run(bigint, text, boolean) IS 'Ends a synchronisation that cannot go on. What it has read stays; the next one starts where the last successful one did. is_its_own: the reason is one of this event, such as a refusal; each in a row lets the next one wait longer.';

CREATE FUNCTION boxoffice.end_stalled_runs() RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'end_stalled_runs_wrapper';
COMMENT ON FUNCTION boxoffice.end_stalled_runs() IS 'Ends synchronisations that have stood still: for an hour (six, when they have read something) while the platform gives no answer, for ten minutes while no worker holds their credential. So the reason is shown, and the next one can begin. Says how many.';
