-- The functions written in Rust. Those that write are not STRICT, so that a NULL is an error and not a silent nothing.
-- Their plans are kept for the life of a connection; without a forced generic plan each call would plan them again.
-- lock_timeout is for what every delivery needs: the links of events, the log. What a single order needs is waited for less
-- long, and does not end the call (extension/src/patience.rs).

CREATE FUNCTION boxoffice.version(OUT library_version text, OUT sql_version text) RETURNS SETOF record
    LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 1 AS 'MODULE_PATHNAME', 'version_wrapper';
COMMENT ON FUNCTION boxoffice.version() IS 'Version of the loaded library and of the installed SQL.';

CREATE FUNCTION boxoffice.ingest_webhook(platform text, headers jsonb, body bytea,
        OUT log_id bigint, OUT outcome text, OUT http_status integer, OUT message text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '3s'
    AS 'MODULE_PATHNAME', 'ingest_webhook_wrapper';
COMMENT ON FUNCTION boxoffice.ingest_webhook(text, jsonb, bytea) IS 'Takes one delivery: verifies the raw body, keeps it, applies it. Outcome: processed, duplicate, ignored, queued, invalid, failed or rejected; http_status is what the platform should be answered.';

CREATE FUNCTION boxoffice.ingest_webhook(platform text, headers jsonb, body text,
        OUT log_id bigint, OUT outcome text, OUT http_status integer, OUT message text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '3s'
    AS 'MODULE_PATHNAME', 'ingest_webhook_text_wrapper';
COMMENT ON FUNCTION boxoffice.ingest_webhook(text, jsonb, text) IS 'The same for a body given as text; its UTF-8 bytes are what was signed.';

CREATE FUNCTION boxoffice.ingest_webhooks(platforms text[], headers jsonb[], bodies bytea[],
        OUT log_id bigint, OUT outcome text, OUT http_status integer, OUT message text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 64
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '3s'
    AS 'MODULE_PATHNAME', 'ingest_webhooks_wrapper';
COMMENT ON FUNCTION boxoffice.ingest_webhooks(text[], jsonb[], bytea[]) IS 'Takes many deliveries in one transaction; one row each, in their order. A delivery that fails does not affect the others.';

CREATE FUNCTION boxoffice.body_bytes(body text, body_encoding text) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    CASE body_encoding
        WHEN 'text' THEN RETURN pg_catalog.convert_to(body, 'UTF8');
        WHEN 'base64' THEN RETURN pg_catalog.decode(body, 'base64');
    END CASE;
EXCEPTION
    WHEN case_not_found THEN
        RAISE EXCEPTION 'unknown body_encoding "%"', body_encoding
            USING ERRCODE = 'invalid_parameter_value', HINT = 'It is text, or base64 for the exact bytes.';
    WHEN invalid_parameter_value THEN
        RAISE EXCEPTION 'body is not base64' USING ERRCODE = 'invalid_parameter_value', HINT = 'Nothing was stored.';
END
$$;
COMMENT ON FUNCTION boxoffice.body_bytes(text, text) IS 'The bytes of a body given as text or as base64.';

CREATE FUNCTION boxoffice.ingest_webhook_rpc(platform text, headers jsonb, body text, body_encoding text DEFAULT 'text',
        OUT log_id bigint, OUT outcome text, OUT http_status integer, OUT message text) RETURNS SETOF record
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS $$ SELECT * FROM boxoffice.ingest_webhook(platform, headers, boxoffice.body_bytes(body, body_encoding)) $$;
COMMENT ON FUNCTION boxoffice.ingest_webhook_rpc(text, jsonb, text, text) IS 'ingest_webhook() for callers that choose a function by the names of its arguments, such as PostgREST: it has no other form. body_encoding: text (its UTF-8 bytes are what was signed) or base64 (the exact bytes).';

CREATE FUNCTION boxoffice.process_webhook(platform text, event_type text, data jsonb,
        OUT log_id bigint, OUT outcome text, OUT http_status integer, OUT message text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '3s'
    AS 'MODULE_PATHNAME', 'process_webhook_wrapper';
COMMENT ON FUNCTION boxoffice.process_webhook(text, text, jsonb) IS 'Applies an event by hand, without a signature: for trusted callers. data is the inner object of a Humanitix envelope, or the whole body of an Eventbrite delivery.';

CREATE FUNCTION boxoffice.apply_resource(platform text, kind text, body bytea, fetched_at timestamptz DEFAULT NULL,
        OUT log_id bigint, OUT items integer, OUT orders_changed integer, OUT attendees_changed integer, OUT events_changed integer, OUT notes text[]) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '3s'
    AS 'MODULE_PATHNAME', 'apply_resource_wrapper';
COMMENT ON FUNCTION boxoffice.apply_resource(text, text, bytea, timestamptz) IS 'Applies an answer of a platform''s API: order, orders, ticket, tickets, attendee, attendees, event or events (plural: a page as the API sends it). fetched_at: when it was asked for; NULL when not known.';

CREATE FUNCTION boxoffice.apply_resource(platform text, kind text, body text, fetched_at timestamptz DEFAULT NULL,
        OUT log_id bigint, OUT items integer, OUT orders_changed integer, OUT attendees_changed integer, OUT events_changed integer, OUT notes text[]) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '3s'
    AS 'MODULE_PATHNAME', 'apply_resource_text_wrapper';
COMMENT ON FUNCTION boxoffice.apply_resource(text, text, text, timestamptz) IS 'The same for a body given as text.';

CREATE FUNCTION boxoffice.apply_resource_rpc(platform text, kind text, body text, body_encoding text DEFAULT 'text', fetched_at timestamptz DEFAULT NULL,
        OUT log_id bigint, OUT items integer, OUT orders_changed integer, OUT attendees_changed integer, OUT events_changed integer, OUT notes text[]) RETURNS SETOF record
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS $$ SELECT * FROM boxoffice.apply_resource(platform, kind, boxoffice.body_bytes(body, body_encoding), fetched_at) $$;
COMMENT ON FUNCTION boxoffice.apply_resource_rpc(text, text, text, text, timestamptz) IS 'apply_resource() for callers that choose a function by the names of its arguments, such as PostgREST. body_encoding: text or base64.';

CREATE FUNCTION boxoffice.explain_webhook(platform text, headers jsonb, body bytea,
        OUT step text, OUT passed boolean, OUT detail text) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'explain_webhook_wrapper';
COMMENT ON FUNCTION boxoffice.explain_webhook(text, jsonb, bytea) IS 'What would become of a delivery: each check, why it fails, and what would change. Writes nothing.';

CREATE FUNCTION boxoffice.explain_webhook(platform text, headers jsonb, body text,
        OUT step text, OUT passed boolean, OUT detail text) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'explain_webhook_text_wrapper';
COMMENT ON FUNCTION boxoffice.explain_webhook(text, jsonb, text) IS 'The same for a body given as text.';

CREATE FUNCTION boxoffice.explain_webhook_rpc(platform text, headers jsonb, body text, body_encoding text DEFAULT 'text',
        OUT step text, OUT passed boolean, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS $$ SELECT * FROM boxoffice.explain_webhook(platform, headers, boxoffice.body_bytes(body, body_encoding)) $$;
COMMENT ON FUNCTION boxoffice.explain_webhook_rpc(text, jsonb, text, text) IS 'explain_webhook() for callers that choose a function by the names of its arguments, such as PostgREST. body_encoding: text or base64.';

CREATE FUNCTION boxoffice.replay_webhook(log_id bigint,
        OUT outcome text, OUT message text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'replay_webhook_wrapper';
COMMENT ON FUNCTION boxoffice.replay_webhook(bigint) IS 'Applies a kept delivery again, from its bytes. Changes nothing that has already been learned from it.';

CREATE FUNCTION boxoffice.retry_failed_webhooks(max_deliveries integer DEFAULT 1000, include_dead boolean DEFAULT false,
        platform text DEFAULT NULL, event_type text DEFAULT NULL, error_code text DEFAULT NULL,
        OUT tried integer, OUT succeeded integer, OUT failed integer, OUT dead integer) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'retry_failed_webhooks_wrapper';
COMMENT ON FUNCTION boxoffice.retry_failed_webhooks(integer, boolean, text, text, text) IS 'Tries the failed deliveries that are due again, oldest first; with include_dead also the dead ones, due or not; only those of a platform, an event type or an error code, where one is given. Several sessions share the work.';

CREATE FUNCTION boxoffice.replay_webhooks(from_time timestamptz, until_time timestamptz DEFAULT NULL, platform text DEFAULT NULL,
        OUT replayed integer, OUT changed integer, OUT failed integer) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'replay_webhooks_wrapper';
COMMENT ON FUNCTION boxoffice.replay_webhooks(timestamptz, timestamptz, text) IS 'Applies all kept deliveries and API bodies of a time again, from their bytes. What was applied before changes nothing, whatever the order. until_time NULL: until now.';

CREATE FUNCTION boxoffice.replay_diff(from_time timestamptz, until_time timestamptz DEFAULT NULL, platform text DEFAULT NULL,
        OUT log_id bigint, OUT platform_order_id text, OUT change text) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'replay_diff_wrapper';
COMMENT ON FUNCTION boxoffice.replay_diff(timestamptz, timestamptz, text) IS 'What replay_webhooks() would change: one row for each delivery and order that would look different. Changes nothing.';

CREATE FUNCTION boxoffice.complete_fetch(id bigint, http_status integer, headers jsonb, body bytea,
        OUT outcome text, OUT message text, OUT account_change text, OUT account_detail text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp SET plan_cache_mode = force_generic_plan
    AS 'MODULE_PATHNAME', 'complete_fetch_wrapper';
COMMENT ON FUNCTION boxoffice.complete_fetch(bigint, integer, jsonb, bytea) IS 'Takes the answer to a call that claim_fetches() handed out: merges it, goes on with the next page, tries again later, or gives up. Without an answer: http_status and body NULL, headers {":error": "connect, tls, timeout, too_large, broken, path or stopping"}. Outcome: done, retry, gone, dead, stopped (the account is), released or lost (the lease has gone to somebody else). account_change: what the answer has changed about the account, once: troubled, well, resumed or paused.';

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

CREATE FUNCTION boxoffice.suggest_links(OUT platform text, OUT external_event_id text, OUT external_title text, OUT external_starts_at timestamptz,
        OUT event_id text, OUT event_title text, OUT event_starts_at timestamptz, OUT score numeric) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL SAFE ROWS 20
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'suggest_links_wrapper';
COMMENT ON FUNCTION boxoffice.suggest_links() IS 'What link_suggestions shows: for each platform event that is not linked up to three of our events that are alike, with a score of at least 0.6.';

CREATE FUNCTION boxoffice.sample_webhook(platform text, event_type text,
        OUT path text, OUT headers jsonb, OUT body text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, boxoffice, pg_temp
    AS 'MODULE_PATHNAME', 'sample_webhook_wrapper';
COMMENT ON FUNCTION boxoffice.sample_webhook(text, text) IS 'A realistic delivery, correctly signed with the present secret, to try things with: ingest_webhook(platform, headers, body), or POST it to path.';

CREATE FUNCTION boxoffice.check_ready(OUT problem text, OUT library_version text, OUT sql_version text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    -- The disk of the tables is the one to be tried, not one for temporary files.
    SET search_path = pg_catalog, boxoffice, pg_temp SET lock_timeout = '1s' SET temp_tablespaces = ''
    AS 'MODULE_PATHNAME', 'check_ready_wrapper';
COMMENT ON FUNCTION boxoffice.check_ready() IS 'Whether a delivery could be kept now: takes the locks of a delivery, writes, and takes the writing back. Fails with what a delivery would fail with; problem says what is wrong besides, NULL when nothing is. Leaves nothing behind.';

CREATE FUNCTION boxoffice.hide_statement() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'hide_statement_wrapper';
COMMENT ON FUNCTION boxoffice.hide_statement() IS 'Keeps the text of the running statement out of the server''s log should it fail, until the end of the function that calls it.';
