-- Fetches: claimed, completed, given up.

CREATE FUNCTION boxoffice.complete_fetch(id bigint, http_status integer, headers jsonb, body bytea,
        OUT outcome text, OUT message text, OUT account_change text, OUT account_detail text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'complete_fetch_wrapper';
COMMENT ON FUNCTION boxoffice.complete_fetch(bigint, integer, jsonb, bytea) IS 'Takes the answer to a call that claim_fetches() handed out: merges it, goes on with the next page, tries again later, or gives up. Without an answer: http_status and body NULL, headers {":error": "connect, tls, timeout, too_large, broken, path or stopping"}. Outcome: done, retry, gone, dead, stopped (the account is), released or lost (the lease has gone to somebody else). account_change: what the answer has changed about the account, once: troubled, well, resumed or paused.';

CREATE FUNCTION boxoffice.claim_fetches(max_jobs integer, accounts text[] DEFAULT NULL,
        OUT id bigint, OUT platform text, OUT account text, OUT path text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'claim_fetches_wrapper';
COMMENT ON FUNCTION boxoffice.claim_fetches(integer, text[]) IS 'Hands out what has to be fetched now, at most max_jobs, to a worker that holds these accounts (platform/name; NULL: all). id names the lease: give it to complete_fetch() within two minutes, or somebody else gets the job. Several workers share the jobs; limits of the account are kept. Of the calls of an hour single hints have four fifths at most, those of what nobody has heard of a quarter; the schedule yields at four fifths, comparisons and second looks at three fifths, but a tenth is theirs.';

CREATE FUNCTION boxoffice.end_lost_fetches() RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'end_lost_fetches_wrapper';
COMMENT ON FUNCTION boxoffice.end_lost_fetches() IS 'Gives up fetches whose leases have run out ten times: whatever their answer does to whoever takes it, it is not to be repeated for ever. Says how many.';

CREATE FUNCTION boxoffice.purge_finished_jobs() RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'purge_finished_jobs_wrapper';
COMMENT ON FUNCTION boxoffice.purge_finished_jobs() IS 'Deletes finished jobs and runs after two days, dead jobs and failed or full runs after thirty, reports of reconciliations after 400. Says how many jobs.';

CREATE FUNCTION boxoffice.retry_dead_fetches(platform text DEFAULT NULL) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'retry_dead_fetches_wrapper';
COMMENT ON FUNCTION boxoffice.retry_dead_fetches(text) IS 'Lets fetches that were given up begin anew, of one platform or of all. Pages of failed runs are not among them: the next run reads them. Says how many.';

CREATE FUNCTION boxoffice.rehome_fetches() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'rehome_fetches_wrapper';
COMMENT ON FUNCTION boxoffice.rehome_fetches() IS 'Gives fetches that were asked for before anybody had a credential to an account that somebody has. Used by announce_accounts().';

CREATE FUNCTION boxoffice.forget_account_fetches(platform text, account text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'forget_account_fetches_wrapper';
COMMENT ON FUNCTION boxoffice.forget_account_fetches(text, text) IS 'Ends the runs of an account and drops what it was to fetch. Used by remove_account().';
